"""What is large, and what runs short: answers fit every client, a shortage of the daemon is no task's failure."""

import json
import os
import unittest

from daemon import COVEYD, Daemon, DaemonTest, function_task, lines, process_task, wait_until
from grpcurl import GRPCURL, WHY_NOT, Grpcurl
import seen
import wire

MIB = 1_000_000


class LargeAnswersTest(DaemonTest):
    def group(self, count, function="covey.echo", policy="all"):
        tasks = lines(*[function_task(function, "z" * MIB)] * count)
        group = self.assertExit(0, self.covey("run", "--detach", "--policy", policy, "-f", "-", stdin=tasks)).out.strip()
        wait_until(lambda: any(row["id"] == group and "endTime" in row for row in seen.rows(self.daemon, "ps", "--all")),
                   "the group is over")
        return group

    def test_our_own_client(self):
        """17 results of 1 MB: more than the daemon sends in one message."""
        group = self.group(17)
        for command in (("events", group), ("tasks", group), ("logs", group), ("show", group), ("events",)):
            result = self.covey("--output", "json", *command)
            self.assertEqual((0, ""), (result.code, result.err[-300:]), command)

    @unittest.skipIf(GRPCURL is None, WHY_NOT)
    def test_a_client_with_defaults(self):
        """Five results of 1 MB: more than gRPC's 4 MiB."""
        group, rpc = self.group(5), Grpcurl(self.daemon)
        events = rpc.call("covey.v1.EventService/StreamEvents", {"groupId": group})
        self.assertEqual("EVENT_KIND_GROUP_COMPLETED", events[-1]["events"][-1]["kind"])
        page, = rpc.call("covey.v1.TaskService/ListTasks", {"groupId": group})
        found = len(page["tasks"])
        while page.get("nextPageToken"):
            page, = rpc.call("covey.v1.TaskService/ListTasks", {"groupId": group, "pageToken": page["nextPageToken"]})
            found += len(page["tasks"])
        self.assertEqual(5, found)
        rpc.call("covey.v1.GroupService/WaitGroup", {"groupId": group})

    @unittest.skipIf(wire.WHY_NOT, wire.WHY_NOT)
    def test_python_with_defaults(self):
        """Events of one group and of all, tasks in full, waits, a run: each message fits 4 MiB, and none is missing."""
        group, channel = self.group(5), wire.Wire(self.daemon.address)
        self.addCleanup(channel.close)
        self.assertEqual(5, self.results(channel.watch("EventService/StreamEvents", wire.field(1, group))))
        self.assertLessEqual(5, self.results(channel.watch("EventService/StreamEvents", b"")))
        tasks, token = 0, b""
        while True:
            page = channel.unary("TaskService/ListTasks", wire.field(1, group) + wire.field(2, 1000) + wire.field(3, token)
                                 + wire.field(5, 2))
            self.assertLess(len(page), 4 * 2**20)
            tasks += sum(number == 1 for number, _ in wire.fields(page))
            token = next((value for number, value in wire.fields(page) if number == 2), b"")
            if not token:
                break
        self.assertEqual(5, tasks)
        channel.unary("GroupService/WaitGroup", wire.field(1, group))
        channel.unary("TaskService/GetTask", wire.field(1, group) + wire.field(2, "3"))
        echo = wire.field(2, wire.field(1, "covey.echo") + wire.field(2, wire.field(1, "z" * MIB)))
        run = [wire.field(1, wire.field(2, b"") + wire.field(3, 1)) + 5 * wire.field(2, echo)]
        self.assertEqual(5, self.results(channel.stream("GroupService/RunGroup", run), events=5))

    def results(self, messages, events=1):
        """How many results of the full size the events of these messages have."""
        count = 0
        for message in messages:
            self.assertLess(len(message), 4 * 2**20)
            count += sum(number == events and len(value) > MIB for number, value in wire.fields(message))
        return count

    @unittest.skipIf(wire.WHY_NOT, wire.WHY_NOT)
    def test_a_cursor_within_an_append(self):
        """One append of many tasks with large labels takes several messages: each cursor goes on where it ended."""
        self.covey("create", "--id", "labelled")
        labels = b"".join(wire.field(5, wire.field(1, f"{number:063}") + wire.field(2, "v" * 255)) for number in range(64))
        task = wire.field(2, wire.field(1, "covey.noop")) + labels
        channel = wire.Wire(self.daemon.address)
        self.addCleanup(channel.close)
        channel.unary("GroupService/SubmitTasks", wire.field(1, "labelled") + 200 * wire.field(3, task) + wire.field(4, 1))
        self.covey("wait", "labelled")
        def events(message):
            """(group, number) of each."""
            for number, event in wire.fields(message):
                if number == 1:
                    about = dict(wire.fields(event))
                    yield about[1], about[2]
        whole = [event for message in channel.watch("EventService/StreamEvents", b"") for event in events(message)]
        found, cursor, ends = [], b"", set()
        while messages := channel.watch("EventService/StreamEvents", wire.field(3, cursor), most=1):
            found += events(messages[0])
            ends.add(found[-1])
            cursor = next(value for number, value in wire.fields(messages[0]) if number == 3)
        self.assertEqual(whole, found)
        self.assertGreater(sum(group == b"labelled" for group, _ in ends), 3)

    def test_tasks_with_long_command_lines(self):
        tasks = lines(*[process_task("true", "x" * 17_000)] * 1000)
        group = self.covey("run", "--detach", "-f", "-", stdin=tasks).out.strip()
        self.assertEqual(1000, len(seen.rows(self.daemon, "tasks", group)))

    @unittest.skipIf(wire.WHY_NOT, wire.WHY_NOT)
    def test_groups_with_the_largest_labels(self):
        """300 groups of 20 kB each: a client with defaults lists them."""
        labels = b"".join(wire.field(2, wire.field(1, f"{number:063}") + wire.field(2, "v" * 255)) for number in range(64))
        channel = wire.Wire(self.daemon.address)
        self.addCleanup(channel.close)
        for _ in range(300):
            channel.unary("GroupService/CreateGroup", wire.field(3, labels))
        self.assertGreaterEqual(len(seen.rows(self.daemon, "ps", "--all")), 300)
        code, words = wire.code_of(lambda: channel.unary("GroupService/ListGroups", wire.field(1, 1000)))
        self.assertEqual("OK", code, words)

    def test_the_message_of_a_failure_is_bounded(self):
        group = self.group(20, function="covey.fail", policy="settled")
        result = self.covey("--output", "json", "wait", group)
        self.assertExit(1, result)
        failures = json.loads(result.out)["failures"]
        self.assertEqual(20, len(failures))
        self.assertLessEqual(max(len(failure["message"]) for failure in failures), 4096)


class ShortageTest(unittest.TestCase):
    def start(self, files):
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        daemon.command = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", COVEYD]
        return daemon

    def test_tasks_wait_for_descriptors(self):
        daemon = self.start(160).start()
        group = daemon.covey("run", "--detach", "--policy", "settled", "-f", "-",
                             stdin=lines(*[process_task("sleep", "0.5")] * 64)).out.strip()
        result = daemon.covey("wait", group)
        self.assertEqual(0, result.code, result)

    def test_tasks_wait_for_processes(self):
        """As under TasksMax= of a unit: room for six more processes and threads than the daemon has."""
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        place = f"/sys/fs/cgroup/pids/covey-test-{os.getpid()}"
        try:
            os.mkdir(place)
        except OSError as error:
            self.skipTest(f"no cgroup with the controller pids can be made: {error}")
        self.addCleanup(os.rmdir, place)
        self.addCleanup(daemon.remove)
        daemon.command = ["sh", "-c", f'echo $$ >{place}/cgroup.procs; exec "$@"', "sh", COVEYD]
        daemon.start()
        with open(f"{place}/pids.current") as current, open(f"{place}/pids.max", "w") as most:
            most.write(str(int(current.read()) + 6))
        group = daemon.covey("run", "--detach", "--policy", "settled", "-f", "-",
                             stdin=lines(*[process_task("sleep", "0.1")] * 40)).out.strip()
        result = daemon.covey("wait", group)
        self.assertEqual(0, result.code, result)
        self.assertEqual(1, daemon.log().count("processes wait until they can be started"), daemon.log())

    def test_too_few_to_serve_is_said(self):
        """Refused with a reason, or told in the log: never just closed connections."""
        daemon = self.start(64)
        daemon.spawn()
        wait_until(lambda: daemon.process.poll() is not None or "is ready" in daemon.log(), "it has started, or refused")
        if daemon.covey("info").code != 0:
            self.assertRegex(daemon.log(), "descriptor|open files|RLIMIT_NOFILE")


class SecretsTest(unittest.TestCase):
    def test_what_was_deleted_is_overwritten(self):
        """In the journal's file and in its log, once that has been taken over."""
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        daemon.start()
        secret = "correct-horse-battery-staple"
        group = daemon.covey("run", "--detach", "--env", f"SECRET={secret}", "--", "true").out.strip()
        daemon.covey("wait", group)
        self.assertEqual(0, daemon.covey("delete", group).code)
        wait_until(lambda: not self.files_with(daemon.data, secret.encode()), "no file has it", limit=120)

    @staticmethod
    def files_with(folder, word):
        found = []
        for base, _, files in os.walk(folder):
            for file in files:
                with open(os.path.join(base, file), "rb") as content:
                    if word in content.read():
                        found.append(file)
        return found


if __name__ == "__main__":
    unittest.main()
