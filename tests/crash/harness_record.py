"""What the clients of a crash run asked for and were told: the record that the daemon is held against."""

import dataclasses
import os
import threading

YES, MAYBE, NO = "yes", "maybe", "no"  # acknowledged; the answer was lost; refused or not asked


@dataclasses.dataclass
class Task:
    name: str
    rerun: bool
    marks: str | None  # file that its runs write to, if it is a process
    said: str  # what it prints
    acknowledged: str = MAYBE
    cancelled: str = NO


@dataclasses.dataclass
class Group:
    name: str  # chosen by the client, unique
    policy: str
    attached: bool
    id: str | None = None
    created: str = MAYBE
    sealed: str = NO
    cancelled: str = NO
    deleted: str = NO
    tasks: dict[str, Task] = dataclasses.field(default_factory=dict)
    events: list[dict] = dataclasses.field(default_factory=list)  # as they were last seen

    def over(self):
        return self.created == YES and bool(self.events) and self.events[-1]["kind"].endswith("GROUP_COMPLETED")

    def retire(self):
        """It was deleted, and all that is wanted of it has been seen: that it stays deleted is what remains."""
        self.deleted, self.events = YES, []

    def asked_to_stop(self):
        return self.cancelled != NO or any(task.cancelled != NO for task in self.tasks.values())


@dataclasses.dataclass
class Down:
    """A time without a daemon, in wall-clock time: told to end, ended, the next one ready."""
    begin: float
    died: float = 0
    ready: float = float("inf")


class Record:
    """Of all clients. Groups are added under the lock; each is changed by the client that made it, or while all rest."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.groups = {}
        self.downs = []
        self.failed_starts = []  # within them
        self.full = []  # (from, until) of a full disk
        self.counts = {}
        self._lock = threading.Lock()

    def add(self, group):
        with self._lock:
            self.groups[group.name] = group
        return group

    def count(self, what, number=1):
        with self._lock:
            self.counts[what] = self.counts.get(what, 0) + number

    def alive(self):
        """Groups that are, or may be, there."""
        return [group for group in self.groups.values() if group.created != NO and group.deleted == NO]

    def marks_of(self, group, task):
        return os.path.join(self.folder, f"{group}.{task}")


def marks(task):
    """(starts, ends, whether two ran at once) of a task's runs, as they told themselves."""
    try:
        with open(task.marks) as file:
            told = file.read().split()
    except FileNotFoundError:
        told = []
    return told.count("start"), told.count("end"), "twice" in told
