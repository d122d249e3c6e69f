"""What a user sees of groups, as plain values: taken from one daemon, held against another."""

import base64
import json

GROUP = ("id", "state", "sealed", "attached", "tasks", "failure", "createTime", "decideTime", "endTime", "lastEvent")
GROUP_SPEC = ("name", "labels", "pool", "limit", "policy", "maxFailures", "timeout")
TASK = ("name", "state", "attempt", "failure", "submitTime", "startTime", "endTime", "stdoutBytes",
        "stderrBytes", "result")
TASK_SPEC = ("labels", "timeout", "rerunOnRestart")
EVENT = ("number", "time", "kind", "task", "attempt", "taskState", "outcome", "failure", "signal",
         "stoppedTasks", "result")


def pick(value, names):
    return {name: value[name] for name in names if name in value}


def rows(daemon, *arguments):
    """The objects that a command prints with --output json, one a line."""
    result = daemon.covey("--output", "json", *arguments)
    if result.code != 0:
        raise AssertionError(f"covey {' '.join(arguments)}: {result}")
    return [json.loads(line) for line in result.out.splitlines()]


def group(daemon, id_):
    found = rows(daemon, "show", id_)[0]
    return {**pick(found, GROUP), "spec": pick(found["spec"], GROUP_SPEC)}


def tasks(daemon, id_, singly=20):
    """By name. Up to `singly` tasks as `show GROUP/TASK` has each; of more what a list has, in one call."""
    found = rows(daemon, "tasks", id_)
    if len(found) > singly:
        return {row["name"]: pick(row, TASK) for row in found}
    return {row["name"]: task(daemon, id_, row["name"]) for row in found}


def task(daemon, id_, name):
    found = rows(daemon, "show", f"{id_}/{name}")[0]
    spec, work = found.get("spec", {}), {}
    if "process" in spec:
        work = {"process": pick(spec["process"], ("argv",))}
    elif "function" in spec:
        work = {"function": pick(spec["function"], ("name",))}
    return {**pick(found, TASK), "spec": {**pick(spec, TASK_SPEC), **work}}


def events(daemon, id_):
    return [pick(row, EVENT) for row in rows(daemon, "events", id_)]


def output(daemon, id_, name, attempt):
    """{stream: [[offset, text or "dropped", …], …]}: neighbouring pieces are one."""
    found = {}
    for row in rows(daemon, "logs", "--attempt", str(attempt), f"{id_}/{name}"):
        pieces = found.setdefault(row["stream"].removeprefix("OUTPUT_STREAM_").lower(), [])
        offset = int(row.get("offset", 0))
        if int(row.get("dropped", 0)):
            pieces.append([offset, int(row["dropped"])])
            offset += int(row["dropped"])
        text = base64.b64decode(row.get("data", "")).decode()
        if not text:
            continue
        if pieces and isinstance(pieces[-1][1], str) and pieces[-1][0] + len(pieces[-1][1].encode()) == offset:
            pieces[-1][1] += text
        else:
            pieces.append([offset, text])
    return found


def outputs(daemon, id_, found):
    """{task: {attempt: output}} of those of `found` that were started and wrote anything."""
    return {name: {str(attempt): output(daemon, id_, name, attempt) for attempt in range(1, one["attempt"] + 1)}
            for name, one in found.items()
            if one.get("attempt", 0) > 1 or int(one.get("stdoutBytes", 0)) + int(one.get("stderrBytes", 0)) > 0}


def whole(daemon, id_):
    """Everything of one group."""
    found = tasks(daemon, id_)
    return {"group": group(daemon, id_), "tasks": found, "events": events(daemon, id_),
            "outputs": outputs(daemon, id_, found)}


def differences(expected, actual, path=""):
    """Where `actual` lacks or contradicts what `expected` says; more than that it may have."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for key, value in expected.items():
            place = f"{path}.{key}" if path else key
            if key in actual:
                yield from differences(value, actual[key], place)
            else:
                yield f"{place}: {value!r} is not there"
    elif isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            yield f"{path}: {len(expected)} entries expected, {len(actual)} found"
        for index, (one, other) in enumerate(zip(expected, actual)):
            yield from differences(one, other, f"{path}[{index}]")
    elif expected != actual:
        yield f"{path}: {expected!r} expected, {actual!r} found"
