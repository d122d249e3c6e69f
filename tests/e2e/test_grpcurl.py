"""The daemon as an administrator sees it who has grpcurl and the README."""

import json
import os
import signal
import tempfile
import unittest

from daemon import DaemonTest, odd_seconds, sleepers, wait_until
from grpcurl import GRPCURL, WHY_NOT, Grpcurl

GROUPS = "covey.v1.GroupService/"
EVENTS = "covey.v1.EventService/StreamEvents"


def process(*argv, **fields):
    return {"process": {"argv": list(argv)}, **fields}


def detail(status, kind):
    """The one detail of google.rpc.<kind> of a status."""
    found = [entry for entry in status.get("details", []) if entry["@type"].endswith("google.rpc." + kind)]
    if len(found) != 1:
        raise AssertionError(f"one {kind} expected in {status}")
    return found[0]


@unittest.skipIf(GRPCURL is None, WHY_NOT)
class GrpcurlTest(DaemonTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.grpcurl = Grpcurl(cls.daemon)

    def create(self, *tasks, seal=True, **fields):
        answer, = self.grpcurl.call(GROUPS + "CreateGroup", {"tasks": list(tasks), "seal": seal, **fields})
        return answer["group"]["id"]


class ReflectionTest(GrpcurlTest):
    def test_list(self):
        result = self.assertExit(0, self.grpcurl.run("list"))
        for service in ("covey.v1.GroupService", "covey.v1.TaskService", "covey.v1.EventService",
                        "covey.v1.AdminService", "grpc.health.v1.Health"):
            self.assertIn(service, result.out.split())

    def test_describe(self):
        result = self.assertExit(0, self.grpcurl.run("describe", "covey.v1.GroupService"))
        self.assertIn("rpc RunGroup ( stream .covey.v1.RunGroupRequest )", result.out)
        result = self.assertExit(0, self.grpcurl.run("describe", "covey.v1.TaskSpec"))
        self.assertIn("rerun_on_restart", result.out)

    def test_health(self):
        for service in ("", "covey.v1.GroupService"):
            answer, = self.grpcurl.call("grpc.health.v1.Health/Check", {"service": service})
            self.assertEqual("SERVING", answer["status"])
        self.assertEqual("NotFound", code_name(self.grpcurl.error("grpc.health.v1.Health/Check",
                                                                  {"service": "no.such.Service"})))

    def test_server_info(self):
        info, = self.grpcurl.call("covey.v1.AdminService/GetServerInfo", {})
        self.assertEqual("sqlite", info["journal"]["backend"])
        self.assertTrue(info["journal"]["durable"])
        self.assertEqual(self.daemon.pid, info["pid"])
        self.assertIn(info["processControl"], ("cgroup", "subreaper"))
        self.assertIn("covey.noop", info["functions"])


class RunGroupTest(GrpcurlTest):
    def test_failure_takes_the_rest_down(self):
        """Issue: as with the command line, no sleep is left."""
        seconds = odd_seconds()
        *_, last = self.grpcurl.call(GROUPS + "RunGroup", {
            "options": {"spec": {"name": "trio"}, "events": True},
            "tasks": [process("sleep", seconds),
                      process("sh", "-c", f"setsid sleep {seconds} & sleep {seconds}"),
                      process("sh", "-c", "echo the reason >&2; exit 7", name="bad")]})
        failure = last["result"]["firstFailure"]
        self.assertEqual(("bad", "FAILURE_KIND_EXIT", 7), (failure["task"], failure["kind"], failure["code"]))
        self.assertIn("the reason", failure["detail"])
        self.assertEqual("GROUP_STATE_FAILED", last["result"]["group"]["state"])
        self.assertEqual([], sleepers(seconds))

    def test_messages_in_order(self):
        messages = self.grpcurl.call(GROUPS + "RunGroup", {
            "options": {"spec": {}, "events": True, "output": True}, "tasks": [process("echo", "hello", name="a")]},
            {"tasks": [process("echo", "again", name="b")]})
        self.assertIn("created", messages[0])
        self.assertIn("result", messages[-1])
        numbers = [int(event["number"]) for message in messages for event in message.get("events", [])]
        self.assertEqual(list(range(1, len(numbers) + 1)), numbers)
        ended = messages[-1]["result"]["group"]
        self.assertEqual(("GROUP_STATE_SUCCEEDED", 2, True),
                         (ended["state"], ended["tasks"]["succeeded"], ended["attached"]))
        self.assertEqual(int(ended["lastEvent"]), numbers[-1])
        chunks = [message["output"] for message in messages if "output" in message]
        self.assertEqual({"a", "b"}, {chunk["task"] for chunk in chunks if chunk.get("data")})

    def test_interrupted_client_leaves_no_process(self):
        """Issue: within two seconds."""
        seconds = odd_seconds()
        client = self.grpcurl.start(GROUPS + "RunGroup")
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        client.stdin.write(json.dumps({"options": {"spec": {}}, "tasks": [
            process("sleep", seconds), process("sh", "-c", f"setsid sleep {seconds} & sleep {seconds}")]}))
        client.stdin.flush()
        wait_until(lambda: len(sleepers(seconds)) == 3, "the tasks run")
        client.send_signal(signal.SIGINT)
        wait_until(lambda: not sleepers(seconds), "the tasks are gone", 2)

    def test_deadline_of_the_call_ends_the_group(self):
        seconds = odd_seconds()
        result = self.grpcurl.call_raw(GROUPS + "RunGroup", {
            "options": {"spec": {}}, "tasks": [process("sleep", seconds)]}, flags=("-max-time", "1"))
        self.assertNotEqual(0, result.code)
        wait_until(lambda: not sleepers(seconds), "the task is gone")


class GroupTest(GrpcurlTest):
    def test_life_of_a_group(self):
        group = self.create(seal=False)
        answer, = self.grpcurl.call(GROUPS + "SubmitTasks", {
            "groupId": group, "tasks": [process("true"), {"function": {"name": "covey.echo",
                                                                       "payload": {"text": "hi"}}, "name": "echo"}]})
        self.assertEqual(2, answer["count"])
        self.grpcurl.call(GROUPS + "SealGroup", {"groupId": group})
        refused = self.grpcurl.error(GROUPS + "SubmitTasks", {"groupId": group, "tasks": [process("true")]})
        self.assertEqual("FailedPrecondition", code_name(refused))
        self.assertTrue(detail(refused, "ErrorInfo")["reason"])
        ended, = self.grpcurl.call(GROUPS + "WaitGroup", {"groupId": group})
        self.assertEqual("GROUP_STATE_SUCCEEDED", ended["result"]["group"]["state"])
        task, = self.grpcurl.call("covey.v1.TaskService/GetTask", {"groupId": group, "task": "echo"})
        self.assertEqual("hi", task["task"]["result"]["text"])

    def test_wait_with_an_error(self):
        group = self.create(process("sh", "-c", "echo last words >&2; kill -KILL $$", name="bad"))
        ended, = self.grpcurl.call(GROUPS + "WaitGroup", {"groupId": group})
        failure = ended["result"]["firstFailure"]
        self.assertEqual(("bad", "FAILURE_KIND_SIGNAL", 9, 1),
                         (failure["task"], failure["kind"], failure["code"], failure["attempt"]))
        self.assertIn("last words", failure["detail"])

    def test_deadline_of_a_wait_changes_nothing(self):
        seconds = odd_seconds()
        group = self.create(process("sleep", seconds))
        error = self.grpcurl.call_raw(GROUPS + "WaitGroup", {"groupId": group}, flags=("-max-time", "0.3"))
        self.assertNotEqual(0, error.code)
        answer, = self.grpcurl.call(GROUPS + "GetGroup", {"groupId": group})
        self.assertEqual("GROUP_STATE_RUNNING", answer["group"]["state"])
        self.grpcurl.call(GROUPS + "CancelGroup", {"groupId": group, "wait": True})

    def test_cancel_that_waits(self):
        seconds = odd_seconds()
        group = self.create(process("sleep", seconds), process("sh", "-c", f"setsid sleep {seconds} & wait"))
        wait_until(lambda: len(sleepers(seconds)) == 2, "the tasks run")
        answer, = self.grpcurl.call(GROUPS + "CancelGroup", {"groupId": group, "reason": "enough", "wait": True})
        self.assertEqual([], sleepers(seconds))
        self.assertEqual("GROUP_STATE_CANCELLED", answer["group"]["state"])
        self.assertIn("enough", answer["group"]["failure"]["message"])
        events = [event for message in self.grpcurl.call(EVENTS, {"groupId": group})
                  for event in message.get("events", [])]
        of_first = [event["kind"].removeprefix("EVENT_KIND_") for event in events if event.get("task") == "0"]
        self.assertEqual(["TASK_SUBMITTED", "TASK_STARTED", "CANCEL_DELIVERED"], of_first[:3])
        self.assertIn("CANCEL_GONE", of_first)

    def test_retried_create_and_submit(self):
        request = {"requestId": "once", "spec": {"name": "n"}, "tasks": [process("true")]}
        first, = self.grpcurl.call(GROUPS + "CreateGroup", request)
        again, = self.grpcurl.call(GROUPS + "CreateGroup", request)
        self.assertEqual(first["group"]["id"], again["group"]["id"])
        other = self.grpcurl.error(GROUPS + "CreateGroup", {**request, "spec": {"name": "other"}})
        self.assertEqual("InvalidArgument", code_name(other))
        group = first["group"]["id"]
        submit = {"groupId": group, "requestId": "r", "tasks": [process("true"), process("true")]}
        first, = self.grpcurl.call(GROUPS + "SubmitTasks", submit)
        again, = self.grpcurl.call(GROUPS + "SubmitTasks", submit)
        self.assertEqual(first, again)
        self.grpcurl.call(GROUPS + "WaitGroup", {"groupId": group, "sealWhenIdle": True})

    def test_chosen_id_in_use(self):
        self.create(groupId="mine")
        error = self.grpcurl.error(GROUPS + "CreateGroup", {"groupId": "mine"})
        self.assertEqual("AlreadyExists", code_name(error))

    def test_list_groups(self):
        ids = [self.create(spec={"name": f"listed-{index}", "labels": {"in": "list"}}) for index in range(3)]
        answer, = self.grpcurl.call(GROUPS + "ListGroups", {"labels": {"in": "list"}, "pageSize": 2})
        rest, = self.grpcurl.call(GROUPS + "ListGroups", {"labels": {"in": "list"}, "pageSize": 2,
                                                          "pageToken": answer["nextPageToken"]})
        self.assertEqual(ids[::-1], [group["id"] for group in answer["groups"] + rest["groups"]])


class EventsTest(GrpcurlTest):
    def test_resumed_after_a_number(self):
        group = self.create(process("true"), process("true"))
        self.grpcurl.call(GROUPS + "WaitGroup", {"groupId": group})
        everything = self.events(groupId=group)
        numbers = [int(event["number"]) for event in everything]
        self.assertEqual(list(range(1, len(numbers) + 1)), numbers)
        self.assertEqual(everything[4:], self.events(groupId=group, after=4))
        self.assertEqual([], self.events(groupId=group, after=numbers[-1]))

    def test_filtered_by_kind(self):
        group = self.create(process("true"))
        self.grpcurl.call(GROUPS + "WaitGroup", {"groupId": group})
        messages = self.grpcurl.call(EVENTS, {"groupId": group, "kinds": ["EVENT_KIND_TASK_EXITED"]})
        events = [event for message in messages for event in message.get("events", [])]
        self.assertEqual(["EVENT_KIND_TASK_EXITED"], [event["kind"] for event in events])
        last = self.events(groupId=group)[-1]["number"]
        self.assertEqual(last, messages[-1]["through"])

    def test_many_groups_resume_by_cursor(self):
        first = self.create(spec={"labels": {"in": "cursor"}})
        messages = self.grpcurl.call(EVENTS, {"labels": {"in": "cursor"}})
        self.assertEqual({first}, {event["groupId"] for message in messages for event in message.get("events", [])})
        second = self.create(spec={"labels": {"in": "cursor"}})
        rest = self.grpcurl.call(EVENTS, {"labels": {"in": "cursor"}, "cursor": messages[-1]["cursor"]})
        self.assertEqual({second}, {event["groupId"] for message in rest for event in message.get("events", [])})

    def test_followed_to_the_end(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkfifo(f"{folder}/gate")
            group = self.create(process("cat", f"{folder}/gate"))
            client = self.grpcurl.start(EVENTS)
            self.addCleanup(client.kill)
            client.stdin.write(json.dumps({"groupId": group, "follow": True}))
            client.stdin.close()
            client.stdin = None
            self.assertTrue(client.stdout.readline())
            with open(f"{folder}/gate", "w"):
                pass
            out, _ = client.communicate(timeout=30)
            self.assertEqual(0, client.returncode)
            self.assertIn("EVENT_KIND_GROUP_COMPLETED", out)

    def events(self, **request):
        return [event for message in self.grpcurl.call(EVENTS, request) for event in message.get("events", [])]


class ErrorTest(GrpcurlTest):
    def test_not_found(self):
        for method in ("GetGroup", "WaitGroup", "CancelGroup", "SealGroup"):
            error = self.grpcurl.error(GROUPS + method, {"groupId": "nobody"})
            self.assertEqual("NotFound", code_name(error), method)
            self.assertIn("nobody", error["message"])
            info = detail(error, "ErrorInfo")
            self.assertEqual("covey", info["domain"])
            self.assertTrue(info["reason"])

    def test_bad_fields_are_named(self):
        error = self.grpcurl.error(GROUPS + "CreateGroup", {
            "spec": {"limit": 70000, "policy": "POLICY_ANY", "maxFailures": 1}, "tasks": [{"name": "idle"}]})
        self.assertEqual("InvalidArgument", code_name(error))
        fields = {violation["field"] for violation in detail(error, "BadRequest")["fieldViolations"]}
        self.assertIn("spec.limit", fields)
        self.assertIn("spec.max_failures", fields)
        self.assertTrue([field for field in fields if field.startswith("tasks[0]")], fields)

    def test_unknown_function_is_refused_or_fails(self):
        error = self.grpcurl.error(GROUPS + "CreateGroup", {"tasks": [{"function": {"name": "nobody.knows"}}]})
        self.assertIn("nobody.knows", json.dumps(error))


def code_name(status):
    names = {3: "InvalidArgument", 4: "DeadlineExceeded", 5: "NotFound", 6: "AlreadyExists", 8: "ResourceExhausted",
             9: "FailedPrecondition", 14: "Unavailable"}
    return names.get(status.get("code", 0), status)


if __name__ == "__main__":
    unittest.main()
