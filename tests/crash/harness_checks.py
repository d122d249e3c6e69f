"""The promises of a crash run: what the daemon shows is held against the record of the clients.

A finding is (rule, group or "", words). One look needs two calls, however many groups there are: `ps --all` and the
events of all groups.
"""

import datetime

import seen
from harness_record import MAYBE, NO, YES, marks


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def short(event):
    return event["kind"].removeprefix("EVENT_KIND_")


def failure(event):
    return event.get("failure", {}).get("kind", "").removeprefix("FAILURE_KIND_")


def look(daemon, record):
    """All findings; also takes note of what was seen, for the next look."""
    runs = {(group.name, task.name): marks(task) for group in record.alive()
            for task in list(group.tasks.values()) if task.marks}  # before the events: what ran by then is recorded
    rows, by_name = {}, {}
    for row in seen.rows(daemon, "ps", "--all"):
        rows[row["id"]] = row
        by_name.setdefault(row["spec"].get("name", ""), []).append(row["id"])
    events = {}
    for event in seen.rows(daemon, "events"):
        events.setdefault(event["groupId"], []).append(event)
    found = []
    for group in list(record.groups.values()):
        ids = by_name.get(group.name, [])
        found += [(rule, group.name, words) for rule, words in _existence(group, ids)]
        if len(ids) != 1 or group.created == NO or group.deleted == YES:
            continue
        if group.deleted == MAYBE:
            group.deleted = NO  # it is there: the answer that was lost was a refusal
        group.id, group.created = ids[0], YES
        history = events.get(group.id, [])
        found += [(rule, group.name, words) for rule, words in _group(record, group, rows[group.id], history, runs)]
        group.events = history
    found += [("unknown-group", name, "nobody asked for it") for name in by_name if name not in record.groups]
    return found


def _existence(group, ids):
    if len(ids) > 1:
        yield "made-twice", f"{len(ids)} groups: {ids}"
    elif not ids and group.created == YES and group.deleted == NO:
        yield "lost-group", "it was acknowledged and is not there"
    elif ids and group.deleted == YES:
        yield "deleted-shown", "it was deleted and is there"
    elif ids and group.created == NO:
        yield "refused-shown", "its creation was refused and it is there"
    elif not ids and group.created == MAYBE:
        group.created = NO
    elif not ids and group.deleted == MAYBE:
        group.deleted = YES


def _group(record, group, row, history, runs):
    yield from _history(group, row, history)
    decided = [event for event in history if short(event) == "GROUP_DECIDED"]
    state = row["state"].removeprefix("GROUP_STATE_")
    if group.cancelled == YES and not decided:
        yield "cancel-lost", "its cancel was acknowledged and it is not decided"
    if decided and decided[0]["outcome"].endswith("CANCELLED") and group.cancelled == NO and not group.attached:
        yield "cancelled-by-nobody", decided[0].get("failure", {}).get("message", "")
    if decided and "endTime" in row and decided[0]["outcome"] != row["state"]:
        yield "outcome-changed", f"decided {decided[0]['outcome']}, shown {state}"
    for task in list(group.tasks.values()):
        own = [event for event in history if event.get("task") == task.name]
        for rule, words in _task(record, group, task, own, runs.get((group.name, task.name))):
            yield rule, f"{task.name}: {words}"


def _history(group, row, history):
    numbers = [int(event["number"]) for event in history]
    if numbers != list(range(1, len(numbers) + 1)):
        yield "gap", f"events are numbered {numbers}"
    if group.events != history[:len(group.events)]:
        yield "history-changed", f"{len(group.events)} events were seen, now others"
    kinds = [short(event) for event in history]
    for kind in ("GROUP_CREATED", "GROUP_SEALED", "GROUP_DECIDED", "GROUP_COMPLETED"):
        if kinds.count(kind) > 1:
            yield "told-twice", kind
    if "GROUP_COMPLETED" in kinds and kinds[-1] != "GROUP_COMPLETED":
        yield "after-the-end", kinds[-1]
    if "endTime" in row and "GROUP_COMPLETED" not in kinds:
        yield "state-differs", f"{row['state']} after {kinds[-1]}"
    if "GROUP_DECIDED" in kinds and "TASK_STARTED" in kinds[kinds.index("GROUP_DECIDED"):]:
        yield "started-after-decision", "a task"
    known = {event["task"] for event in history if short(event) == "TASK_SUBMITTED"}
    if known - set(group.tasks):
        yield "unknown-task", f"{sorted(known - set(group.tasks))}"


def _task(record, group, task, events, run):
    kinds = [short(event) for event in events]
    started = [event for event in events if short(event) == "TASK_STARTED"]
    exited = [event for event in events if short(event) == "TASK_EXITED"]
    if task.acknowledged == YES and kinds.count("TASK_SUBMITTED") != 1:
        yield "lost-task", f"acknowledged, submitted {kinds.count('TASK_SUBMITTED')} times"
    if task.acknowledged == NO and kinds:
        yield "refused-task", "it was refused and is there"
    attempts = [event["attempt"] for event in started]
    if attempts != list(range(1, len(attempts) + 1)) or len(attempts) > 1 and not task.rerun:
        yield "started-twice", f"attempts {attempts}"
    ended = [event.get("attempt", 0) for event in exited]
    if len(set(ended)) != len(ended):
        yield "ended-twice", f"attempts {ended}"
    for event in started:
        when = seconds(event["time"])
        if any(failed.begin <= when <= failed.died for failed in record.failed_starts):
            yield "started-by-a-failed-start", f"attempt {event['attempt']}"
        submitted = seconds(events[0]["time"])
        if group.attached and any(submitted < down.begin and down.died < when for down in record.downs):
            yield "attached-after-a-crash", f"attempt {event['attempt']}"
    failed = exited and exited[-1]["taskState"].endswith("FAILED")
    if failed and failure(exited[-1]) == "SIGNAL" and not group.asked_to_stop() and not group.attached:
        yield "stopped-by-nobody", f"signal {exited[-1]['failure'].get('code')}"
    if failed and failure(exited[-1]) == "LOST" and not _killed_while(record, started, exited):
        yield "lost-by-nobody", "no daemon died while it ran"
    if run:
        yield from _marks(task, started, exited, run)


def _killed_while(record, started, exited):
    """Whether a daemon died, or was not there, between the last start and the end."""
    if not started:
        return False
    begin, end = seconds(started[-1]["time"]), seconds(exited[-1]["time"])
    return any(down.begin <= end and begin <= down.ready for down in record.downs)


def _marks(task, started, exited, run):
    starts, _, twice = run
    _, ends, _ = marks(task)
    if starts > len(started):
        yield "started-unrecorded", f"it ran {starts} times, {len(started)} starts are recorded"
    if starts > 1 and not task.rerun:
        yield "ran-twice", f"{starts} times"
    if twice:
        yield "two-at-once", "an attempt found another one running"
    if exited and exited[-1]["taskState"].endswith("SUCCEEDED") and ends == 0:
        yield "not-run", "it succeeded without having run to its end"


def look_at_outputs(daemon, record, sample):
    """What tasks said, of some: whole if they succeeded, a part of it else; what is missing must be told."""
    for group in sample:
        tasks = seen.tasks(daemon, group.id)
        for name, value in tasks.items():
            if name not in group.tasks or value.get("attempt", 0) == 0:
                continue
            said = group.tasks[name].said
            pieces = seen.output(daemon, group.id, name, value["attempt"]).get("stdout", [])
            told = "".join(piece if isinstance(piece, str) else "?" * piece for _, piece in pieces)
            whole = value["state"] == "TASK_STATE_SUCCEEDED"
            other = len(told) > len(said) or any(one not in ("?", wanted) for one, wanted in zip(told, said))
            if other or whole and len(told) != len(said):
                rule = "output-on-a-full-disk" if _ran_during(record.full, value) else "output"
                yield rule, group.name, f"{name}: {said!r} was said, {told!r} is shown"


def _ran_during(times, task):
    begin, end = seconds(task["startTime"]), seconds(task["endTime"])
    return any(first <= end and begin <= last for first, last in times)
