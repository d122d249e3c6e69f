"""Every RPC of the contract, called by grpcurl, its answer checked. What reflection lists and no step calls is a failure."""

import base64
import io
import os
import tarfile
import unittest

from daemon import Daemon, odd_seconds, sleepers, wait_until
from grpcurl import GRPCURL, WHY_NOT, Grpcurl

GROUP, TASK, POOL = "covey.v1.GroupService/", "covey.v1.TaskService/", "covey.v1.PoolService/"
ADMIN, EVENTS = "covey.v1.AdminService/", "covey.v1.EventService/"


def process(*argv, **fields):
    return {"process": {"argv": list(argv)}, **fields}


def function(name, text="", **fields):
    return {"function": {"name": name, "payload": {"text": text}}, **fields}


class Recorder(Grpcurl):
    """Remembers what was called."""

    def __init__(self, daemon):
        super().__init__(daemon)
        self.called = set()

    def call_raw(self, method, *messages, flags=()):
        self.called.add(method)
        return super().call_raw(method, *messages, flags=flags)


@unittest.skipIf(GRPCURL is None, WHY_NOT)
class ContractTest(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.remove)
        self.config = os.path.join(self.daemon.folder, "coveyd.toml")
        with open(self.config, "w"):
            self.daemon.flags += ["--config", self.config]
        self.start()

    def start(self):
        self.daemon.start()
        self.grpcurl = Recorder(self.daemon)

    def one(self, method, request):
        answer, = self.grpcurl.call(method, request)
        return answer

    def reason(self, method, request):
        """The stable reason that a call is refused with."""
        error = self.grpcurl.error(method, request)
        return next(each["reason"] for each in error["details"] if each["@type"].endswith("ErrorInfo"))

    def create(self, *tasks, seal=True, **fields):
        return self.one(GROUP + "CreateGroup", {"tasks": list(tasks), "seal": seal, **fields})["group"]["id"]

    def wait(self, group):
        return self.one(GROUP + "WaitGroup", {"groupId": group})["result"]

    def test_every_rpc(self):
        for step in (self.pools, self.closing, self.groups, self.stream_of_tasks, self.stream_again, self.tasks, self.output, self.results, self.events,
                     self.explained, self.lists, self.info, self.diagnosed, self.backup, self.pruned, self.reloaded, self.drained):
            with self.subTest(step.__name__):
                step()
        listed = set()
        for service in self.grpcurl.run("list").out.split():
            if service.startswith("covey."):
                methods = self.grpcurl.run("list", service).out.split()
                listed |= {"/".join(method.rsplit(".", 1)) for method in methods}
        self.assertEqual(set(), listed - self.grpcurl.called)
        self.assertEqual(0, self.daemon.stop())

    def pools(self):
        made = self.one(POOL + "CreatePool", {"name": "batch", "spec": {"max": 2}})["pool"]
        self.assertEqual(("batch", 2), (made["name"], made["spec"]["max"]))
        self.assertEqual("POOL_EXISTS", self.reason(POOL + "CreatePool", {"name": "batch", "spec": {"max": 3}}))
        error = self.grpcurl.error(POOL + "CreatePool", {"name": "other", "spec": {"max": 70000}})
        self.assertIn("max must be 1..65536, got 70000", str(error))
        self.assertEqual("POOL_NOT_FOUND", self.reason(POOL + "GetPool", {"name": "none"}))
        group = self.create(function("covey.sleep", "1h"), function("covey.sleep", "1h"), function("covey.noop"),
                            spec={"pool": "batch"})
        pool = wait_until(lambda: (pool := self.one(POOL + "GetPool", {"name": "batch"})["pool"]).get("waiting") and pool,
                          "a task waits")
        self.assertEqual((2, "1", 1), (pool["running"], pool["waiting"], pool["groups"]))
        self.assertEqual(5, self.one(POOL + "UpdatePool", {
            "name": "batch", "spec": {"max": 5}, "updateMask": {"paths": ["max"]}})["pool"]["spec"]["max"])
        wait_until(lambda: self.one(TASK + "GetTask", {"groupId": group, "task": "2"})["task"]["state"]
                   == "TASK_STATE_SUCCEEDED", "the larger pool runs the third task")
        self.one(GROUP + "CancelGroup", {"groupId": group, "wait": True})
        self.one(POOL + "UpdatePool", {"name": "default", "spec": {"max": 32}})
        self.daemon.kill()
        called = self.grpcurl.called
        self.start()
        self.grpcurl.called |= called
        pools = {pool["name"]: pool["spec"]["max"] for pool in self.one(POOL + "ListPools", {})["pools"]}
        self.assertEqual({"batch": 5, "default": 32}, pools)
        first = self.one(POOL + "ListPools", {"pageSize": 1})
        second = self.one(POOL + "ListPools", {"pageSize": 1, "pageToken": first["nextPageToken"]})
        self.assertEqual(["batch", "default"], [page["pools"][0]["name"] for page in (first, second)])
        self.assertNotIn("nextPageToken", second)

    def closing(self):
        self.assertEqual("POOL_DEFAULT", self.reason(POOL + "ClosePool", {"name": "default"}))
        group = self.create(function("covey.sleep", "1h"), spec={"pool": "batch"})
        late = self.one(POOL + "ClosePool", {"name": "batch", "timeout": "0.1s"})
        self.assertTrue(late["pool"]["closing"])
        self.assertTrue(self.one(POOL + "GetPool", {"name": "batch"})["pool"]["closing"])
        self.assertEqual("POOL_CLOSING", self.reason(GROUP + "CreateGroup", {"spec": {"pool": "batch"}}))
        self.one(GROUP + "CancelGroup", {"groupId": group, "wait": True})
        wait_until(lambda: len(self.one(POOL + "ListPools", {})["pools"]) == 1, "the pool is gone")

    def groups(self):
        *_, last = self.grpcurl.call(GROUP + "RunGroup", {"options": {"spec": {"name": "run"}},
                                                          "tasks": [function("covey.noop")]})
        self.assertEqual("GROUP_STATE_SUCCEEDED", last["result"]["group"]["state"])
        group = self.create(seal=False, spec={"name": "life", "annotations": {"owner": "somebody"}})
        running = self.one(GROUP + "WaitGroup", {"groupId": group, "timeout": "0.1s"})["result"]["group"]
        self.assertEqual("GROUP_STATE_RUNNING", running["state"])
        self.assertNotIn("endTime", running)
        self.assertEqual({"owner": "somebody"}, self.one(GROUP + "GetGroup", {"groupId": group})["group"]["spec"]["annotations"])
        for view, notes in (("VIEW_UNSPECIFIED", False), ("VIEW_BASIC", False), ("VIEW_FULL", True)):
            listed = self.one(GROUP + "ListGroups", {"namePrefix": "life", "view": view})["groups"]
            self.assertEqual(notes, "annotations" in listed[0]["spec"])
        self.assertEqual(1, self.one(GROUP + "SubmitTasks", {"groupId": group, "tasks": [process("true")]})["count"])
        self.assertEqual("GROUP_NOT_OVER", self.reason(GROUP + "DeleteGroup", {"groupId": group}))
        self.assertIn("name must not be digits alone", str(self.grpcurl.error(
            GROUP + "SubmitTasks", {"groupId": group, "tasks": [process("true", name="7")]})))
        self.assertTrue(self.one(GROUP + "SealGroup", {"groupId": group})["group"]["sealed"])
        self.assertEqual("GROUP_STATE_SUCCEEDED", self.wait(group)["group"]["state"])
        self.assertEqual("life", self.one(GROUP + "GetGroup", {"groupId": group})["group"]["spec"]["name"])
        self.assertEqual({}, self.one(GROUP + "DeleteGroup", {"groupId": group}))
        self.assertEqual("GROUP_NOT_FOUND", self.reason(GROUP + "GetGroup", {"groupId": group}))

    def stream_of_tasks(self):
        group = self.create(seal=False)
        answer = self.grpcurl.call(GROUP + "SubmitTaskStream",
                                   {"groupId": group, "number": 1, "tasks": [function("covey.noop")] * 3},
                                   {"number": 2, "tasks": [function("covey.noop")]},
                                   {"number": 4, "tasks": [function("covey.noop")]})[0]
        self.assertEqual(("2", "4"), (answer["lastNumber"], answer["count"]))
        self.assertIn("number must be 3, got 4", answer["failure"]["message"])
        self.assertEqual("ERROR_REASON_BAD_REQUEST", answer["reason"])
        result = self.one(GROUP + "WaitGroup", {"groupId": group, "sealWhenIdle": True})["result"]
        self.assertEqual(4, result["group"]["tasks"]["succeeded"])

    def stream_again(self):
        """A stream that broke off is sent again: what was accepted stays, also by a daemon that was killed."""
        group = self.create(seal=False)
        first = {"groupId": group, "requestId": "nightly", "number": 1, "tasks": [function("covey.noop")] * 3}
        second = {"number": 2, "tasks": [function("covey.noop")]}
        answer, = self.grpcurl.call(GROUP + "SubmitTaskStream", first)
        self.assertEqual(("1", "3"), (answer["lastNumber"], answer["count"]))
        for task in "012":  # one that is lost would fail the group
            self.one(TASK + "WaitTask", {"groupId": group, "task": task})
        called = self.grpcurl.called
        self.daemon.kill()
        self.start()
        self.grpcurl.called |= called
        for _ in range(2):
            answer, = self.grpcurl.call(GROUP + "SubmitTaskStream", first, second)
            self.assertEqual(("2", "4"), (answer["lastNumber"], answer["count"]), answer)
        self.assertEqual(4, self.one(GROUP + "GetGroup", {"groupId": group})["group"]["tasks"]["submitted"])
        answer, = self.grpcurl.call(GROUP + "SubmitTaskStream", first, {"number": 2, "tasks": [process("true")]})
        self.assertEqual(("1", "ERROR_REASON_REQUEST_ID_REUSED"), (answer["lastNumber"], answer["reason"]))
        self.one(GROUP + "SealGroup", {"groupId": group})

    def tasks(self):
        seconds = odd_seconds()
        group = self.create(process("sleep", seconds, name="nap"), function("covey.noop"), spec={"maxFailures": 1})
        wait_until(lambda: sleepers(seconds), "the nap")
        waiting = self.one(TASK + "WaitTask", {"groupId": group, "task": "nap", "timeout": "0.1s"})["task"]
        self.assertNotIn("endTime", waiting)
        running = self.one(TASK + "ListTasks", {"groupId": group, "states": ["TASK_STATE_RUNNING"]})["tasks"]
        self.assertEqual(["nap"], [task["name"] for task in running])
        page = self.one(TASK + "ListTasks", {"groupId": group, "pageSize": 1})
        rest = self.one(TASK + "ListTasks", {"groupId": group, "pageSize": 1, "pageToken": page["nextPageToken"]})
        self.assertEqual(["nap", "1"], [task["name"] for task in page["tasks"] + rest["tasks"]])
        for other in ({"states": ["TASK_STATE_RUNNING"]}, {"groupId": self.create(function("covey.noop"))}):
            self.assertEqual("BAD_PAGE_TOKEN", self.reason(TASK + "ListTasks", {
                "groupId": group, "pageToken": page["nextPageToken"], **other}))
        task = self.one(TASK + "CancelTask", {"groupId": group, "task": "nap", "reason": "morning", "wait": True})["task"]
        self.assertEqual(("TASK_STATE_FAILED", "FAILURE_KIND_CANCELLED"), (task["state"], task["failure"]["kind"]))
        self.assertEqual([], sleepers(seconds))
        over = self.one(TASK + "WaitTask", {"groupId": group, "task": "nap"})["task"]
        self.assertIn("morning", over["failure"]["message"])
        self.assertEqual("GROUP_STATE_SUCCEEDED", self.wait(group)["group"]["state"])
        self.assertEqual("TASK_NOT_FOUND", self.reason(TASK + "GetTask", {"groupId": group, "task": "none"}))

    def output(self):
        group = self.create(process("sh", "-c", "printf 0123456789; printf err >&2"))
        self.wait(group)
        chunk = self.one(TASK + "ReadOutput", {"groupId": group, "task": "0", "offset": 4})["chunk"]
        self.assertEqual(("4", "NDU2Nzg5", True), (chunk["offset"], chunk["data"], chunk["end"]))
        chunk = self.one(TASK + "ReadOutput", {"groupId": group, "task": "0", "stream": "OUTPUT_STREAM_STDERR"})["chunk"]
        self.assertEqual("ZXJy", chunk["data"])
        chunks = [message["chunk"] for message in self.grpcurl.call(GROUP + "StreamOutput", {"groupId": group}) if "chunk" in message]
        written = {chunk["stream"]: chunk["data"] for chunk in chunks if chunk.get("data")}
        self.assertEqual({"OUTPUT_STREAM_STDOUT": "MDEyMzQ1Njc4OQ==", "OUTPUT_STREAM_STDERR": "ZXJy"}, written)

    def diagnosed(self):
        findings = self.one(ADMIN + "Diagnose", {})["findings"]
        self.assertIn(("FINDING_LEVEL_OK", "configuration"), [(each["level"], each["check"]) for each in findings])
        for each in findings:
            self.assertTrue(each["level"] == "FINDING_LEVEL_OK" or each["advice"], each)

    def backup(self):
        pieces = self.grpcurl.call(ADMIN + "Backup", {})
        archive = b"".join(base64.b64decode(piece["data"]) for piece in pieces)
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            self.assertIn("journal.db", [os.path.basename(name) for name in tar.getnames()])

    def pruned(self):
        group = self.create(function("covey.echo", "x"), spec={"labels": {"step": "pruned"}})
        self.wait(group)
        request = {"olderThan": "0s", "labels": {"step": "pruned"}}
        look = self.one(ADMIN + "Prune", {**request, "dryRun": True})
        self.assertEqual((group, "GROUP_STATE_SUCCEEDED"), (look["first"][0]["id"], look["first"][0]["state"]))
        self.assertEqual(look, self.one(ADMIN + "Prune", request))
        self.assertNotIn("groups", self.one(ADMIN + "Prune", request))
        self.assertEqual("GROUP_NOT_FOUND", self.reason(GROUP + "GetGroup", {"groupId": group}))
        self.assertGreater(int(self.one(ADMIN + "GetServerInfo", {})["retention"]["maxGroups"]), 0)

    def results(self):
        group = self.create(function("covey.echo", "what it answered"))
        self.wait(group)
        events = [event for message in self.grpcurl.call(EVENTS + "StreamEvents", {"groupId": group})
                  for event in message.get("events", [])]
        self.assertEqual([str(number + 1) for number in range(len(events))], [event["number"] for event in events])
        results = [event["result"]["text"] for event in events if "result" in event]
        self.assertEqual(["what it answered"], results)
        task = self.one(TASK + "WaitTask", {"groupId": group, "task": "0"})["task"]
        self.assertEqual("what it answered", task["result"]["text"])
        listed, = self.one(TASK + "ListTasks", {"groupId": group})["tasks"]
        self.assertNotIn("result", listed)
        self.assertNotIn("payload", listed["spec"]["function"])
        listed, = self.one(TASK + "ListTasks", {"groupId": group, "view": "VIEW_FULL"})["tasks"]
        self.assertEqual("what it answered", listed["result"]["text"])

    def events(self):
        start, *_ = self.grpcurl.call(EVENTS + "StreamEvents", {"latest": True})
        self.assertNotIn("events", start)
        group = self.create(process("printf", "out", labels={"kind": "shell"}), spec={"name": "watched"})
        ended = self.wait(group)["group"]["endTime"]
        by_cursor = self.told({"cursor": start["cursor"]})
        created = next(event for event in by_cursor if event["kind"] == "EVENT_KIND_GROUP_CREATED")
        self.assertEqual((group, "watched"), (created["groupId"], created["groupSpec"]["name"]))
        submitted = next(event for event in by_cursor if event["kind"] == "EVENT_KIND_TASK_SUBMITTED")
        self.assertEqual({"kind": "shell"}, submitted["labels"])
        by_time = self.told({"time": ended})
        self.assertIn("EVENT_KIND_GROUP_COMPLETED", [event["kind"] for event in by_time])
        self.assertNotIn("EVENT_KIND_GROUP_CREATED", [event["kind"] for event in by_time])

    def told(self, start):
        return [event for message in self.grpcurl.call(EVENTS + "StreamEvents", start)
                for event in message.get("events", [])]

    def explained(self):
        group = self.create(function("covey.sleep", "1h"), function("covey.noop"), seal=False, spec={"limit": 1})
        wait_until(lambda: self.one(GROUP + "Explain", {"groupId": group, "task": "0"})["summary"]
                   == "task 0 runs, as attempt 1", "the first task runs")
        wait, = self.one(GROUP + "Explain", {"groupId": group, "task": "1"})["waits"]
        self.assertEqual(("WAIT_REASON_LIMIT", 1, 1), (wait["reason"], wait["max"], wait["running"]))
        waits = self.one(GROUP + "Explain", {"groupId": group})["waits"]
        self.assertEqual(["WAIT_REASON_TASKS", "WAIT_REASON_LIMIT"], [wait["reason"] for wait in waits])
        self.one(GROUP + "CancelGroup", {"groupId": group, "reason": "shown", "wait": True})
        cause, = self.one(GROUP + "Explain", {"groupId": group, "task": "1"})["causes"]
        self.assertIn("shown", cause["message"])
        self.assertEqual("FAILURE_KIND_CANCELLED", cause["failure"]["kind"])
        self.assertEqual("GROUP_NOT_FOUND", self.reason(GROUP + "Explain", {"groupId": "nobody"}))

    def lists(self):
        groups = [self.create(function("covey.noop"), spec={"name": f"list-{index}", "labels": {"in": "lists"}})
                  for index in range(3)]
        for group in groups:
            self.wait(group)
        found = self.one(GROUP + "ListGroups", {"namePrefix": "list-", "labels": {"in": "lists"},
                                                "states": ["GROUP_STATE_SUCCEEDED"]})["groups"]
        self.assertEqual(groups[::-1], [group["id"] for group in found])
        before = self.one(GROUP + "ListGroups", {"labels": {"in": "lists"}, "createdBefore": found[0]["createTime"]})
        self.assertEqual(groups[1::-1], [group["id"] for group in before["groups"]])
        page = self.one(GROUP + "ListGroups", {"labels": {"in": "lists"}, "pageSize": 2})
        error = self.grpcurl.error(GROUP + "ListGroups", {"pageSize": 2, "pageToken": page["nextPageToken"]})
        self.assertIn("page_token", str(error))

    def info(self):
        info = self.one(ADMIN + "GetServerInfo", {})
        self.assertEqual(self.daemon.pid, info["pid"])
        self.assertIn("covey.noop", info["functions"])
        self.assertEqual(self.config, info["configFile"])

    def reloaded(self):
        self.assertEqual({}, self.one(ADMIN + "Reload", {}))  # nothing has changed
        with open(self.config, "w") as file:
            file.write('queues = 2\n[pools]\nreloaded = 3\n')
        self.assertEqual({"changed": [{"key": "pools.reloaded", "after": "3"}],
                          "needsRestart": [{"key": "queues", "before": "1", "after": "2"}]}, self.one(ADMIN + "Reload", {}))
        self.assertEqual(3, self.one(POOL + "GetPool", {"name": "reloaded"})["pool"]["spec"]["max"])

    def drained(self):
        group = self.create(function("covey.sleep", "1h"))
        self.assertEqual({"runningGroups": 1}, self.one(ADMIN + "Drain", {"timeout": "0.1s"}))
        self.one(GROUP + "CancelGroup", {"groupId": group, "wait": True, "timeout": "60s"})
        self.assertEqual({}, self.one(ADMIN + "Drain", {}))
        self.assertEqual("DRAINING", self.reason(GROUP + "CreateGroup", {}))
        self.assertTrue(self.one(ADMIN + "GetServerInfo", {})["draining"])
        self.assertEqual({}, self.one(ADMIN + "Undrain", {}))
        self.create()
        self.assertNotIn("draining", self.one(ADMIN + "GetServerInfo", {}))


if __name__ == "__main__":
    unittest.main()
