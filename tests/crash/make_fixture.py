#!/usr/bin/env python3
"""Makes a data directory as a killed coveyd leaves it, and a record of what every later build must show of it.

    COVEY_BIN_DIR=…/bin tests/crash/make_fixture.py NAME       writes tests/crash/fixtures/NAME.tar.xz and NAME.json

Run once for a build whose data directories later ones must open; test_fixture.py holds them to it. COVEY_GRPCURL is
needed: request ids are chosen. The record has, for each group, what was seen before the kill (`before`) and what is to
come of it when it is opened (`after`: state of the group; state, attempts and kind of failure of each task, null when
it does not matter).
"""

import io
import json
import os
import sys
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))
sys.dont_write_bytecode = True

import seen  # noqa: E402
from daemon import Daemon, function_task, lines, process_task, wait_until  # noqa: E402
from grpcurl import Grpcurl  # noqa: E402

OVER = ("SUCCEEDED", "FAILED", "CANCELLED")
SLEEP = "exec sleep 600"
# Runs on at the daemon that made it, ends at any other.
AGAIN = f'echo "$COVEY_TASK"; case $COVEY_ADDRESS in *covey-fixture-*) {SLEEP};; esac; echo again'


class Maker:
    def __init__(self):
        self.daemon = Daemon("--output-limit", "4096", prefix="covey-fixture-")
        self.groups = {}  # by the name in the record: {"id", "after"}

    def keep(self, name, id_, after):
        self.groups[name] = {"id": id_, "after": after}
        return id_

    def detach(self, name, *tasks, after, flags=()):
        """A sealed group. Its tasks run in /: it is there on every machine."""
        result = self.daemon.covey("run", "--detach", "--cwd", "/", "--name", name, *flags, "-f", "-", stdin=lines(*tasks))
        assert result.code == 0, result
        return self.keep(name, result.out.strip(), after)

    def create(self, name, *flags, after):
        result = self.daemon.covey("create", "--id", name, "--name", name, *flags)
        assert result.code == 0, result
        return self.keep(name, name, after)

    def submit(self, id_, *tasks):
        result = self.daemon.covey("submit", "--cwd", "/", id_, "-f", "-", stdin=lines(*tasks))
        assert result.code == 0, result

    def until(self, id_, task, state):
        wait_until(lambda: seen.task(self.daemon, id_, task)["state"] == f"TASK_STATE_{state}", f"{id_}/{task} is {state}")

    def over(self, id_):
        self.daemon.covey("wait", id_)

    # What was over before the kill.

    def earlier_crash(self):
        mark = os.path.join(self.daemon.folder, "mark")
        id_ = self.detach(
            "earlier-crash", process_task("sh", "-c", f"echo begun; {SLEEP}", name="lost"),
            process_task("sh", "-c", f"[ ! -e {mark} ] || {{ echo second; exit 0; }}; echo first; echo >{mark}; {SLEEP}",
                         name="again", rerunOnRestart=True),
            flags=("--policy", "settled"), after={"state": "FAILED", "tasks": {
                "lost": ["FAILED", 1, "LOST"], "again": ["SUCCEEDED", 2, ""]}})
        wait_until(lambda: os.path.exists(mark), "both run")
        self.until(id_, "lost", "RUNNING")
        self.daemon.kill()
        self.daemon.start()
        self.over(id_)

    def finished(self):
        exit_7 = process_task("sh", "-c", "echo out; echo 'the reason' >&2; exit 7", name="bad")
        self.over(self.detach(
            "succeeded", process_task("sh", "-c", "echo ünï; echo err >&2", name="one",
                                      labels={"kind": "process", "leer": ""}),
            function_task("covey.echo", "a result", name="two", labels={"kind": "function"}),
            function_task("covey.noop"), flags=("--label", "team=birds", "--label", "path/to:x=a b", "--timeout", "1h"),
            after={"state": "SUCCEEDED", "tasks": {}}))
        self.over(self.detach("failed", process_task("sleep", "600", name="stopped"), exit_7,
                              flags=("--label", "team=birds"),
                              after={"state": "FAILED", "tasks": {"stopped": ["STOPPED", 1, None],
                                                                 "bad": ["FAILED", 1, "EXIT"]}}))
        self.over(self.detach("tolerated", exit_7, process_task("true", name="good"), flags=("--max-failures", "1"),
                              after={"state": "SUCCEEDED", "tasks": {}}))
        self.over(self.detach(
            "settled", exit_7, process_task("sh", "-c", "kill -KILL $$", name="signal"),
            process_task("sleep", "600", name="timeout", timeout="0.050s"),
            function_task("covey.fail", "no luck", name="error"),
            function_task("covey.panic", "oh no", name="panic"), process_task("/does/not/exist", name="missing"),
            process_task("true", name="good"), flags=("--policy", "settled", "--limit", "2"),
            after={"state": "FAILED", "tasks": {"bad": ["FAILED", 1, "EXIT"], "signal": ["FAILED", 1, "SIGNAL"],
                                               "timeout": ["FAILED", 1, "TIMEOUT"], "error": ["FAILED", 1, "ERROR"],
                                               "panic": ["FAILED", 1, "PANIC"], "good": ["SUCCEEDED", 1, ""]}}))
        self.over(self.detach("any", process_task("sleep", "600", name="loser"), process_task("true", name="winner"),
                              flags=("--policy", "any"), after={"state": "SUCCEEDED", "tasks": {}}))
        self.over(self.detach("any-failed", exit_7, function_task("covey.fail", name="second"), flags=("--policy", "any"),
                              after={"state": "FAILED", "tasks": {}}))
        self.over(self.detach("late", process_task("sleep", "600", name="t"), flags=("--timeout", "50ms"),
                              after={"state": "FAILED", "tasks": {}}))
        id_ = self.detach("cancelled", process_task("sleep", "600", name="t"), process_task("true", name="never"),
                          flags=("--limit", "1"), after={"state": "CANCELLED", "tasks": {"never": ["STOPPED", 0, None]}})
        self.until(id_, "t", "RUNNING")
        assert self.daemon.covey("cancel", "--reason", "enough of it", id_).code == 0
        id_ = self.detach("task-cancelled", process_task("sleep", "600", name="t"), process_task("true", name="other"),
                          flags=("--policy", "settled"),
                          after={"state": "FAILED", "tasks": {"t": ["FAILED", 1, "CANCELLED"]}})
        self.until(id_, "t", "RUNNING")
        assert self.daemon.covey("cancel", "--reason", "this one", f"{id_}/t").code == 0
        self.over(id_)
        self.over(self.detach("much-output", process_task("sh", "-c", "seq 5000; seq 5000 >&2", name="seq"),
                              after={"state": "SUCCEEDED", "tasks": {}}))
        self.over(self.detach("many", *[function_task("covey.noop")] * 200, after={"state": "SUCCEEDED", "tasks": {}}))
        self.daemon.covey("seal", self.create("empty", after={"state": "SUCCEEDED", "tasks": {}}))

    def purged(self):
        self.daemon.covey("create", "--id", "purged", "--label", "team=birds")
        self.submit("purged", process_task("echo", "gone"))
        self.daemon.covey("cancel", "purged")
        assert self.daemon.covey("delete", "purged").code == 0

    def pools(self):
        for arguments in (("create", "narrow", "--max", "1"), ("create", "wide", "--max", "2"),
                          ("set", "wide", "--max", "5"), ("create", "leaving", "--max", "3"), ("set", "default", "--max", "40")):
            assert self.daemon.covey("pools", *arguments).code == 0

    # What the kill interrupts.

    def requested(self):
        """Repeated with the same request ids these calls must get their first answers again."""
        calls = {"create": {"requestId": "fixture-create", "groupId": "requested",
                            "spec": {"name": "requested", "labels": {"team": "bees"}},
                            "tasks": [{"name": "one", "function": {"name": "covey.noop"}}]},
                 "submit": {"requestId": "fixture-submit", "groupId": "requested", "tasks": [
                     {"name": "two", "process": {"argv": ["true"], "workingDir": "/"}}]}}
        rpc = Grpcurl(self.daemon)
        rpc.call("covey.v1.GroupService/CreateGroup", calls["create"])
        answer, = rpc.call("covey.v1.GroupService/SubmitTasks", calls["submit"])
        self.keep("requested", "requested", {"state": "RUNNING", "tasks": {}})
        self.until("requested", "two", "SUCCEEDED")
        return {**calls, "submitAnswer": answer}

    def interrupted(self):
        plain = process_task("sh", "-c", f"echo begun; {SLEEP}", name="plain")
        again = process_task("sh", "-c", AGAIN, name="again", rerunOnRestart=True)
        queued = [process_task("echo", name, name=name) for name in ("first", "second", "third")]
        ran = {name: ["SUCCEEDED", 1, ""] for name in ("first", "second", "third")}
        lost = ["FAILED", 1, "LOST"]
        self.create("open", "--policy", "settled", "--limit", "1", "--label", "team=bees",
                    after={"state": "RUNNING", "tasks": {"plain": lost, **ran}})
        self.submit("open", plain, *queued)
        self.create("open-empty", after={"state": "RUNNING", "tasks": {}})
        started = [
            (self.detach("running", process_task("true", name="done"), plain, again, flags=("--policy", "settled"),
                         after={"state": "FAILED", "tasks": {"done": ["SUCCEEDED", 1, ""], "plain": lost,
                                                            "again": ["SUCCEEDED", 2, ""]}}), "again"),
            (self.detach("lost", plain, queued[0], flags=("--limit", "1"),
                         after={"state": "FAILED", "tasks": {"plain": lost, "first": ["STOPPED", 0, None]}}), "plain"),
            (self.detach("rerun", again, queued[0], flags=("--pool", "narrow"),
                         after={"state": "SUCCEEDED", "tasks": {"again": ["SUCCEEDED", 2, ""], "first": ran["first"]}}),
             "again"),
            (self.detach("any-open", plain, queued[0], flags=("--policy", "any", "--limit", "1"),
                         after={"state": "SUCCEEDED", "tasks": {"plain": lost, "first": ran["first"]}}), "plain"),
            (self.detach("in-leaving", plain, flags=("--pool", "leaving"),
                         after={"state": "FAILED", "tasks": {"plain": lost}}), "plain"),
            (self.detach("cancelling", process_task("sh", "-c", "trap '' TERM; while :; do sleep 0.1; done",
                                                    name="stubborn", rerunOnRestart=True, process={"grace": "600s"}),
                         after={"state": "CANCELLED", "tasks": {}}), "stubborn"),
        ]
        for id_, task in (("open", "plain"), *started):
            self.until(id_, task, "RUNNING")
        self.until(started[0][0], "done", "SUCCEEDED")
        self.daemon.covey("cancel", "--no-wait", "--reason", "too long", started[-1][0])
        closing = self.daemon.covey_start("pools", "close", "leaving")
        wait_until(lambda: any(pool.get("closing") for pool in seen.rows(self.daemon, "pools")), "the pool is closing")
        attached = self.daemon.covey_start("run", "--name", "attached", "--", "sleep", "600")
        wait_until(lambda: self.named("attached"), "the attached group is there")
        id_ = self.keep("attached", self.named("attached"), {"state": "CANCELLED", "tasks": {}})
        self.until(id_, "sleep", "RUNNING")
        return closing, attached

    def named(self, name):
        return next((row["id"] for row in seen.rows(self.daemon, "ps", "--all") if row["spec"].get("name") == name), None)

    def make(self):
        self.daemon.start()
        self.pools()
        self.earlier_crash()
        self.finished()
        self.purged()
        requests = self.requested()
        clients = self.interrupted()
        pools = seen.rows(self.daemon, "pools")
        for group in self.groups.values():
            group["before"] = seen.whole(self.daemon, group["id"])
        # Last, so that its time is over only after the kill.
        id_ = self.detach("overdue", process_task("sleep", "600", name="t", rerunOnRestart=True), flags=("--timeout", "3s"),
                          after={"state": "FAILED", "tasks": {}})
        self.until(id_, "t", "RUNNING")
        self.groups["overdue"]["before"] = seen.whole(self.daemon, id_)
        self.daemon.kill()
        for client in clients:
            client.kill()
            client.communicate()
        return {"pools": pools, "purged": ["purged"], "requests": requests, "groups": self.groups}


def pack(folder, path):
    """Without what belongs to one machine: the mapping of the log, which SQLite makes again."""
    assert os.path.getsize(os.path.join(folder, "journal.db-wal")) > 0, "there is a log to recover"
    with tarfile.open(path, "w:xz", preset=9, format=tarfile.PAX_FORMAT) as archive:
        for base, folders, files in os.walk(folder):
            folders.sort()
            for file in [".", *sorted(files)]:
                if file == "journal.db-shm":
                    continue
                full = os.path.normpath(os.path.join(base, file))
                entry = archive.gettarinfo(full, os.path.join("data", os.path.relpath(full, folder)))
                entry.uid = entry.gid = entry.mtime = 0
                entry.uname = entry.gname = ""
                if entry.isfile():
                    with open(full, "rb") as source:
                        archive.addfile(entry, io.BytesIO(source.read()))
                else:
                    archive.addfile(entry)


def text(record):
    """JSON with a line for each group."""
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(group, sort_keys=True, ensure_ascii=False)}"
                      for name, group in sorted(record["groups"].items()))
    rest = [f" {json.dumps(key)}: {json.dumps(value, sort_keys=True)}" for key, value in record.items() if key != "groups"]
    return "{\n" + ",\n".join(rest) + ",\n \"groups\": {\n" + rows + "\n }\n}\n"


def main():
    target = os.path.join(HERE, "fixtures", sys.argv[1])
    maker = Maker()
    try:
        record = maker.make()
        pack(maker.daemon.data, target + ".tar.xz")
    finally:
        maker.daemon.remove()
    with open(target + ".json", "w") as file:
        file.write(text(record))
    print(f"{len(record['groups'])} groups, {os.path.getsize(target + '.tar.xz')} bytes of data")


if __name__ == "__main__":
    main()
