"""The load of a crash run: clients that use the command line, each in a thread of its own, and write down its answers."""

import json
import random
import threading

from daemon import function_task, lines, process_task
from harness_record import MAYBE, NO, YES, Group, Task

# Answers that leave no doubt. All others may mean that it was done.
REFUSALS = ("NOT_FOUND", "ALREADY_EXISTS", "INVALID_ARGUMENT", "FAILED_PRECONDITION", "RESOURCE_EXHAUSTED")
POLICIES = ("all", "settled", "any")


def answer(result):
    """(YES, None), (NO, code) or (MAYBE, code)."""
    if result.code == 0:
        return YES, None
    try:
        code = json.loads(result.err.splitlines()[-1])["error"]["code"]
    except (IndexError, ValueError, KeyError):
        code = f"exit {result.code}"
    return (NO if code in REFUSALS else MAYBE), code


class Client(threading.Thread):
    """Makes calls while the gate is open."""

    def __init__(self, daemon, record, seed, index, surprises):
        super().__init__(name=f"client-{index}", daemon=True)
        self._daemon, self._record, self._index, self._surprises = daemon, record, index, surprises
        self._random = random.Random(f"{seed}/{index}")
        self._gate, self._resting, self._ended = threading.Event(), threading.Event(), False
        self._made = []
        self._count = 0

    def open(self):
        self._resting.clear()
        self._gate.set()

    def close(self):
        self._gate.clear()

    def rested(self, limit):
        return self._resting.wait(limit)

    def end(self):
        self._ended = True
        self._gate.set()

    def run(self):
        steps = [self.detach] * 5 + [self.in_pieces] * 3
        steps += [self.attach, self.cancel, self.cancel_task, self.delete, self.read]
        while True:
            if not self._gate.is_set():
                self._resting.set()
                self._gate.wait()
            if self._ended:
                return
            try:
                self._random.choice(steps)()
            except Exception as error:  # a fault of the harness, or a call that hangs
                self._surprises.append(f"{self.name}: {type(error).__name__}: {error}")

    def call(self, *arguments, stdin=None):
        self._record.count("calls")
        return self._daemon.covey("--output", "json", *arguments, stdin=stdin, limit=90)

    # What is asked for.

    def new_group(self, attached=False):
        self._count += 1
        group = Group(f"g{self._index}-{self._count}", self._random.choice(POLICIES), attached)
        self._made.append(group)
        return self._record.add(group)

    def new_tasks(self, group, count):
        """Lines for the command line; the tasks are recorded as asked for."""
        found = []
        for _ in range(count):
            name = f"t{len(group.tasks)}"
            rerun = self._random.random() < 0.4 and not group.attached
            if self._random.random() < 0.3:
                found.append(self.function(group, name, rerun))
            else:
                found.append(self.process(group, name, rerun))
        return lines(*found)

    def function(self, group, name, rerun):
        kind, text = self._random.choice([("noop", None), ("echo", f"said by {name}"), ("sleep", "150ms"),
                                          ("fail", "asked to")])
        said = text if kind == "echo" else ""
        group.tasks[name] = Task(name, rerun, None, said)
        return function_task(f"covey.{kind}", text, name=name, rerunOnRestart=rerun)

    def process(self, group, name, rerun):
        """Leaves marks when it starts and ends; a run that finds another one of its kind says so. A copy of the data
        directory under another address leaves none."""
        marks, said = self._record.marks_of(group.name, name), f"said by {name}"
        stubborn = "trap '' TERM; " if self._random.random() < 0.15 else ""
        length, code = self._random.choice([0, 0.05, 0.2, 0.6]), 3 if self._random.random() < 0.08 else 0
        script = (f'[ "$COVEY_ADDRESS" = {self._daemon.address} ] || exit 0; {stubborn}exec 9>>{marks}.lock; '
                  f'flock -n 9 || echo twice >>{marks}; echo start >>{marks}; echo "{said}"; '
                  f"sleep {length} 9>&-; echo end >>{marks}; exit {code}")
        group.tasks[name] = Task(name, rerun, marks, said + "\n")
        return process_task("sh", "-c", script, name=name, rerunOnRestart=rerun, process={"grace": "0.2s"})

    def options(self, group):
        found = ["--name", group.name, "--policy", group.policy]
        if self._random.random() < 0.5:
            found += ["--limit", str(self._random.randint(1, 4))]
        return found

    # The calls.

    def detach(self):
        """A group at once: when its id is printed all of it is acknowledged."""
        group = self.new_group()
        tasks = self.new_tasks(group, self._random.choice([1, 3, 8, 20]))
        result = self.call("run", "--detach", *self.options(group), "-f", "-", stdin=tasks)
        if result.code == 0:
            group.id = json.loads(result.out.splitlines()[0])["id"]
            group.created = group.sealed = YES
            for task in group.tasks.values():
                task.acknowledged = YES
        else:
            group.sealed = MAYBE  # some of it may be there, as an open group

    def in_pieces(self):
        """A group of a chosen id, filled by several calls; now and then left open."""
        group = self.new_group()
        group.created, code = answer(self.call("create", "--id", group.name, *self.options(group)))
        if code == "ALREADY_EXISTS":
            self._surprises.append(f"{group.name} was made once and is told to exist already")
        if group.created == NO:
            return
        group.id = group.name
        for _ in range(self._random.randint(1, 3)):
            known = set(group.tasks)
            tasks = self.new_tasks(group, self._random.choice([1, 4, 10]))
            acknowledged, _ = answer(self.call("submit", group.id, "-f", "-", stdin=tasks))
            for name, task in group.tasks.items():
                if name not in known:
                    task.acknowledged = acknowledged
        if self._random.random() < 0.8:
            group.sealed, _ = answer(self.call("seal", group.id))

    def attach(self):
        group = self.new_group(attached=True)
        tasks = self.new_tasks(group, self._random.choice([1, 4]))
        self.call("run", *self.options(group), "-f", "-", stdin=tasks)

    def own(self, *conditions):
        found = [group for group in self._made if group.id and group.created == YES and group.deleted == NO
                 and not group.attached and all(condition(group) for condition in conditions)]
        return self._random.choice(found) if found else None

    def cancel(self):
        group = self.own(lambda group: group.cancelled == NO)
        if group and self._random.random() < 0.5:
            group.cancelled = MAYBE
            group.cancelled = answer(self.call("cancel", *self._random.choice([[], ["--no-wait"]]), group.id))[0]

    def cancel_task(self):
        group = self.own(lambda group: group.tasks)
        if group:
            task = self._random.choice(list(group.tasks.values()))
            task.cancelled = MAYBE
            task.cancelled = answer(self.call("cancel", "--no-wait", f"{group.id}/{task.name}"))[0]

    def delete(self):
        """One that is not over is refused."""
        group = self.own()
        if group and self._random.random() < 0.5:
            group.deleted = MAYBE
            group.deleted = answer(self.call("delete", group.id))[0]

    def read(self):
        group = self.own()
        if group:
            self.call(self._random.choice(["show", "events", "tasks"]), group.id)
