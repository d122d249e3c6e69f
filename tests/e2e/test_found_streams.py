"""Streams and clients: no message is taken for another, no follower is left behind or left over."""

import json
import os
import re
import signal
import subprocess
import unittest

from daemon import COVEY, Daemon, DaemonTest, function_task, lines, odd_seconds, process_task, sleepers, wait_until
from grpcurl import GRPCURL, Grpcurl
from grpcurl import WHY_NOT as NO_GRPCURL
import seen
import wire


@unittest.skipIf(wire.WHY_NOT, wire.WHY_NOT)
class UnparsableTest(DaemonTest):
    """The second message of a stream has a word that is not UTF-8."""

    def setUp(self):
        self.wire = wire.Wire(self.daemon.address)
        self.addCleanup(self.wire.close)

    def tasks(self):
        touch = [wire.process_spec(name, "true") for name in ("first", "third")]
        return touch[0], wire.process_spec("second", b"touch", b"caf\xe9"), touch[1]

    def test_run_group(self):
        first, second, third = self.tasks()
        options = wire.field(1, wire.field(1, "unparsable-run") + wire.field(2, b""))
        messages = [options + wire.field(2, first), wire.field(2, second), wire.field(2, third)]
        code, words = wire.code_of(lambda: self.wire.stream("GroupService/RunGroup", messages))
        self.assertEqual("INVALID_ARGUMENT", code, words)
        self.covey("wait", "unparsable-run")
        self.assertNotEqual("GROUP_STATE_SUCCEEDED", seen.group(self.daemon, "unparsable-run")["state"])

    def test_submit_task_stream(self):
        """What came before it was accepted, nothing behind it."""
        self.covey("create", "--id", "unparsable-submit")
        messages = [wire.field(1, "unparsable-submit") + wire.field(2, number + 1) + wire.field(3, task)
                    for number, task in enumerate(self.tasks())]
        code, words = wire.code_of(lambda: self.wire.collect("GroupService/SubmitTaskStream", messages))
        self.assertEqual("INVALID_ARGUMENT", code, words)
        self.assertEqual({"first"}, set(seen.tasks(self.daemon, "unparsable-submit")))

    def test_unary(self):
        """The code tells whose fault it is."""
        _, second, _ = self.tasks()
        code, words = wire.code_of(lambda: self.wire.unary("GroupService/CreateGroup", wire.field(4, second)))
        self.assertEqual("INVALID_ARGUMENT", code, words)

    def test_where_an_invalid_task_stands(self):
        """Behind the first message the place in the message alone does not say which task is meant."""
        def words(*tasks):
            options = wire.field(1, wire.field(2, b""))
            return wire.code_of(lambda: self.wire.stream("GroupService/RunGroup", [
                options, *[wire.field(2, task) for task in tasks]]))[1]
        valid, invalid = wire.process_spec("valid", "true"), wire.process_spec("invalid")
        first, second = words(invalid, valid), words(valid, invalid)
        self.assertNotEqual("", first)
        self.assertNotEqual(first, second)


@unittest.skipIf(GRPCURL is None, NO_GRPCURL)
class WaitTest(DaemonTest):
    def test_a_wait_whose_deadline_passed_has_changed_nothing(self):
        """seal_when_idle is gone with the call that asked for it."""
        go = os.path.join(self.daemon.folder, "go")
        group = self.covey("create").out.strip()
        self.covey("submit", group, "--", "sh", "-c", f"until [ -e {go} ]; do sleep 0.02; done")
        status = Grpcurl(self.daemon).error("covey.v1.GroupService/WaitGroup", {"groupId": group, "sealWhenIdle": True},
                                            flags=("-max-time", "0.5"))
        self.assertEqual(4, status["code"], status)  # DEADLINE_EXCEEDED
        open(go, "w").close()
        self.covey("wait", f"{group}/sh")
        self.assertExit(0, self.covey("submit", group, "-f", "-", stdin=lines(function_task("covey.noop"))))


class FollowTest(unittest.TestCase):
    """A graceful restart is bridged as a crash is."""

    def setUp(self):
        self.daemon = Daemon("--drain-timeout", "200ms")
        self.addCleanup(self.daemon.remove)
        self.daemon.start()

    def follow(self, *arguments):
        client = self.daemon.covey_start(*arguments)
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        return client

    def detach(self, *tasks):
        return self.daemon.covey("run", "--detach", "-f", "-", stdin=lines(*tasks)).out.strip()

    def restart(self):
        self.daemon.stop()
        self.daemon.start()

    def test_events(self):
        """Four in a row: a call that crosses the daemon's goodbye is a race."""
        followers = [self.follow("--output", "json", "events", "--follow") for _ in range(4)]
        for number in range(4):
            group = self.detach(function_task("covey.noop", name=f"round-{number}"))
            self.daemon.covey("wait", group)
            for follower in followers:
                found = [json.loads(follower.stdout.readline() or '{"kind": "the end"}')]
                while found[-1]["kind"] not in ("EVENT_KIND_GROUP_COMPLETED", "the end"):
                    found.append(json.loads(follower.stdout.readline() or '{"kind": "the end"}'))
                self.assertEqual("EVENT_KIND_GROUP_COMPLETED", found[-1]["kind"], f"round {number}")
                self.assertEqual({group}, {event["groupId"] for event in found})
            self.restart()

    def sockets(self):
        """How many the daemon has open: those that it listens on, and its connections."""
        folder = f"/proc/{self.daemon.pid}/fd"
        return sum(os.readlink(f"{folder}/{number}").startswith("socket:") for number in os.listdir(folder)
                   if os.path.islink(f"{folder}/{number}"))

    def test_a_stream_without_a_message_yet(self):
        """Three times: nothing tells from outside whether a call is under way on a connection."""
        for number in range(3):
            followers = [self.follow("--output", "json", "events", "--follow", "--label", f"such={number}")
                         for _ in range(4)]
            wait_until(lambda: self.sockets() >= 1 + 4, "the followers are connected")
            group = self.daemon.covey("create").out.strip()
            self.daemon.covey("wait", "--timeout", "500ms", group)
            self.restart()
            self.daemon.covey("create", "--label", f"such={number}")
            for follower in followers:
                self.assertIn("GROUP_CREATED", follower.stdout.readline())
                follower.kill()
                follower.wait()

    def unread(self, *arguments):
        """The command, once it has printed a line and nobody reads on."""
        client = subprocess.Popen([COVEY, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=self.daemon.env())
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        self.assertNotEqual(b"", client.stdout.readline(), arguments)
        client.stdout.close()
        return client

    def test_whoever_has_nobody_to_write_to_ends(self):
        """As `tail -f FILE | head -1` does, though nothing more happens."""
        seconds = odd_seconds()
        group = self.detach(process_task("sh", "-c", f"echo here; sleep {seconds}", name="t"))
        other = self.detach(function_task("covey.noop"))
        wait_until(lambda: sleepers(seconds), "the task runs")
        for arguments in (("events", "--follow", group), ("events", "--follow"), ("logs", "--follow", group + "/t"),
                          ("logs", "--follow", group), ("wait", group, other)):
            self.assertEqual(141, self.unread(*arguments).wait(timeout=5), arguments)
        self.assertTrue(sleepers(seconds), "whoever looks on changes nothing")

    def test_a_run_that_nobody_reads_is_cancelled(self):
        """It does not wait for the next line, which may never come."""
        seconds = odd_seconds()
        client = self.unread("run", "--", "sh", "-c", f"echo here; sleep {seconds}")
        self.assertEqual(141, client.wait(timeout=5))
        self.assertFalse(sleepers(seconds), "it returns when nothing runs any more")

    def test_a_listing_that_nobody_reads(self):
        """The exit code is that of a shell also where the signal would end the program."""
        for name in ("a", "b"):
            self.daemon.covey("create", "--id", name)
        for arguments in (("ps",), ("--output", "json", "ps"), ("top",), ("help",)):
            read, write = os.pipe()
            os.close(read)
            done = subprocess.run([COVEY, *arguments], stdin=subprocess.DEVNULL, stdout=write, env=self.daemon.env(), timeout=10)
            os.close(write)
            self.assertEqual(141, done.returncode, arguments)


class FrozenClientTest(unittest.TestCase):
    def test_its_groups_are_cancelled(self):
        """It answers no ping, as a machine that has gone without a word: noticed within 30 s."""
        daemon = Daemon("--insecure-listen", "--listen", "127.0.0.1:0")
        self.addCleanup(daemon.remove)
        daemon.start()
        port = re.search(r"serving on (127\S+)", daemon.log())[1]
        clients = {odd_seconds(): address for address in (daemon.address, port)}
        frozen = [subprocess.Popen([COVEY, "--address", address, "run", "--", "sleep", seconds],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                  for seconds, address in clients.items()]
        for client in frozen:
            self.addCleanup(client.wait)
            self.addCleanup(client.kill)
        wait_until(lambda: all(len(sleepers(seconds)) == 1 for seconds in clients), "both tasks run")
        for client in frozen:
            client.send_signal(signal.SIGSTOP)
        wait_until(lambda: not any(sleepers(seconds) for seconds in clients), "both are missed", limit=40)
        self.assertEqual(["GROUP_STATE_CANCELLED"] * 2,
                         [row["state"] for row in seen.rows(daemon, "ps", "--all")])


if __name__ == "__main__":
    unittest.main()
