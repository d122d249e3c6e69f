"""Clients that read and write on while the daemon is killed, or stopped, and started again: no gap, no duplicate."""

import json
import os
import subprocess
import threading
import unittest

from daemon import DaemonTest, function_task, lines, process_task, wait_until


class Follower:
    """A running command whose lines are collected."""

    def __init__(self, process):
        self.process, self.lines = process, []
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def wait_for(self, count):
        wait_until(lambda: len(self.lines) >= count or self.process.poll() is not None, f"{count} lines were printed")

    def end(self, limit=30):
        code = self.process.wait(timeout=limit)
        self.thread.join()
        return code, self.process.stderr.read()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()
        self.process.stderr.close()


class RestartBase(DaemonTest):
    def tearDown(self):
        self.covey("cancel", "--all", "--yes")
        super().tearDown()

    def follow(self, *arguments, **options):
        follower = Follower(self.daemon.covey_start(*arguments, **options))
        self.addCleanup(follower.kill)
        return follower

    def detach(self, *tasks, options=()):
        result = self.assertExit(0, self.covey("run", "--detach", "--policy", "settled", *options, "-f", "-",
                                               stdin=lines(*tasks)))
        return result.out.strip()


class RestartTest(RestartBase):
    def restart(self):
        self.daemon.kill()
        self.daemon.start()

    def test_events_of_a_group(self):
        """The first task is lost with the daemon, the second one runs after the restart."""
        group = self.detach(process_task("sleep", "60"), process_task("true"), options=("--limit", "1"))
        follower = self.follow("--output", "json", "events", "--follow", group)
        follower.wait_for(3)
        self.restart()
        self.assertEqual((0, ""), follower.end())
        events = [json.loads(line) for line in follower.lines]
        self.assertEqual(list(range(1, len(events) + 1)), [int(event["number"]) for event in events])
        self.assertEqual("EVENT_KIND_GROUP_COMPLETED", events[-1]["kind"])

    def test_events_of_many_groups(self):
        follower = self.follow("--output", "json", "events", "--follow", "--label", "test=many")
        options = ("--label", "test=many")
        groups = [self.detach(process_task("true"), options=options) for _ in range(3)]
        for group in groups:
            self.covey("wait", group)
        follower.wait_for(1)
        self.restart()
        groups += [self.detach(process_task("true"), options=options) for _ in range(3)]
        done = lambda: sum("GROUP_COMPLETED" in line for line in list(follower.lines))
        wait_until(lambda: done() == 6 or follower.process.poll() is not None, "every group has completed")
        numbers = {}
        for line in follower.lines:
            event = json.loads(line)
            numbers.setdefault(event["groupId"], []).append(int(event["number"]))
        self.assertEqual(set(groups), set(numbers))
        for seen in numbers.values():
            self.assertEqual(list(range(1, len(seen) + 1)), seen)

    def test_output_of_a_task(self):
        """What the task had written is there once, then its attempt is over: it was lost with the daemon."""
        script = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.01; done"
        group = self.detach(process_task("sh", "-c", script, name="t"))
        follower = self.follow("logs", "--follow", f"{group}/t")
        follower.wait_for(5)
        self.restart()
        self.assertEqual((1, ""), follower.end())  # as its task ended: lost
        self.assertEqual([f"{index}\n" for index in range(len(follower.lines))], follower.lines)
        whole = self.assertExit(0, self.covey("logs", "--attempt", "1", f"{group}/t")).out
        self.assertEqual("".join(follower.lines), whole)

    def test_wait_goes_on_waiting(self):
        group = self.detach(process_task("sleep", "60"), process_task("true"), options=("--limit", "1"))
        over = self.detach(process_task("true"))
        waiter = self.follow("wait", over, group)
        wait_until(lambda: "running" in self.covey("tasks", group).out, "the first task runs")
        # Nothing tells from outside that the call is open; the restart is bridged also when it comes first, but a daemon
        # that has never answered is not waited for.
        waiter.wait_for(1)
        self.restart()
        code, err = waiter.end()
        self.assertEqual(1, code, err)
        self.assertIn("lost", waiter.lines[1])

    def test_run_says_how_its_group_ended(self):
        """It is lost with the daemon, which ends the group when it is back."""
        runner = self.follow("run", "--", "sh", "-c", "echo here; exec sleep 60")
        runner.wait_for(1)
        self.restart()
        code, err = runner.end()
        self.assertEqual(69, code, err)
        self.assertIn("owner_lost", err)

    def test_submit_adds_each_task_once(self):
        group = self.assertExit(0, self.covey("create", "--policy", "settled")).out.strip()
        client = self.daemon.covey_start("submit", group, "-f", "-", "--seal", stdin=subprocess.PIPE)
        submit = Follower(client)
        self.addCleanup(submit.kill)
        count = lambda: json.loads(self.covey("--output", "json", "show", group).out.splitlines()[0])["tasks"]
        client.stdin.write(lines(*[function_task("covey.noop")] * 2500))
        client.stdin.flush()
        wait_until(lambda: count().get("submitted", 0) > 1000, "some were accepted")
        self.daemon.kill()
        client.stdin.write(lines(*[function_task("covey.noop")] * 2500))
        client.stdin.close()
        self.daemon.start()
        code, err = submit.end()
        self.assertEqual((0, ""), (code, err))
        self.assertEqual(5000, count()["submitted"])
        self.covey("wait", group)


class GracefulRestartTest(RestartBase):
    """SIGTERM: the daemon says that it goes, and a call may meet it on its way out."""

    flags = ("--drain-timeout", "100ms")

    def restart(self):
        self.assertEqual(0, self.daemon.stop())
        self.daemon.start()

    def connections(self):
        """How many sockets the daemon has open."""
        folder = f"/proc/{self.daemon.pid}/fd"
        count = 0
        for entry in os.listdir(folder):
            try:
                count += os.readlink(os.path.join(folder, entry)).startswith("socket:")
            except FileNotFoundError:
                pass  # closed meanwhile
        return count

    def test_events_of_many_groups(self):
        """A call that comes while the daemon goes is answered CANCELLED by gRPC itself, mostly: so several times."""
        options = ("--label", "test=graceful")
        follower = self.follow("--output", "json", "events", "--follow", *options)
        groups = []
        for _ in range(5):
            groups.append(self.detach(process_task("true"), options=options))
            done = lambda: sum("GROUP_COMPLETED" in line for line in list(follower.lines))
            wait_until(lambda: done() == len(groups) or follower.process.poll() is not None, "the group has completed")
            self.assertIsNone(follower.process.poll(), "the follower has ended")
            self.restart()
        groups.append(self.detach(process_task("true"), options=options))
        wait_until(lambda: done() == len(groups) or follower.process.poll() is not None, "the last one has completed")
        numbers = {}
        for line in list(follower.lines):
            event = json.loads(line)
            numbers.setdefault(event["groupId"], []).append(int(event["number"]))
        self.assertEqual(set(groups), set(numbers))
        for seen in numbers.values():
            self.assertEqual(list(range(1, len(seen) + 1)), seen)

    def test_a_stream_that_has_told_nothing_yet(self):
        """What the daemon answers while it goes shows as well that it was there."""
        options = ("--label", "test=silent")
        before = self.connections()
        follower = self.follow("--output", "json", "events", "--follow", *options)
        wait_until(lambda: self.connections() > before, "the follower is connected")
        self.assertExit(0, self.covey("info"))  # behind the follower's call
        self.restart()
        group = self.detach(process_task("true"), options=options)
        wait_until(lambda: any("GROUP_COMPLETED" in line for line in list(follower.lines))
                   or follower.process.poll() is not None, "the group has completed")
        self.assertIsNone(follower.process.poll(), "the follower has ended")
        self.assertEqual({group}, {json.loads(line)["groupId"] for line in list(follower.lines)})

    def test_wait_goes_on_waiting(self):
        """The stop ends the first task, and with it how the group ends; whoever waits is told that, not of the stop."""
        group = self.detach(process_task("sleep", "60"), process_task("true"), options=("--limit", "1"))
        waiter = self.follow("wait", group)
        wait_until(lambda: "running" in self.covey("tasks", group).out, "the first task runs")
        self.restart()
        self.assertEqual((1, ""), waiter.end())
        self.assertEqual(1, len(waiter.lines))

    def test_run_says_how_its_group_ended(self):
        runner = self.follow("run", "--", "sh", "-c", "echo here; exec sleep 60")
        runner.wait_for(1)
        self.restart()
        code, err = runner.end()
        self.assertEqual(69, code, err)
        self.assertIn("cancelled", err)

    def test_a_detached_run_is_submitted_once(self):
        client = self.daemon.covey_start("run", "--detach", "-f", "-", stdin=subprocess.PIPE)
        submit = Follower(client)
        self.addCleanup(submit.kill)
        client.stdin.write(lines(*[function_task("covey.noop")] * 2500))
        client.stdin.flush()
        wait_until(lambda: self.covey("--output", "json", "ps", "--all", "--limit", "1").out.count("submitted"),
                   "some were accepted")
        self.restart()
        client.stdin.write(lines(*[function_task("covey.noop")] * 500))
        client.stdin.close()
        code, err = submit.end()
        self.assertEqual((0, ""), (code, err))
        group = submit.lines[0].strip()
        self.covey("wait", group)
        shown = json.loads(self.covey("--output", "json", "show", group).out.splitlines()[0])
        self.assertEqual(3000, shown["tasks"]["submitted"])

    def test_output_of_a_task(self):
        """The stop ends the task: all that it wrote is told once, and then the end."""
        script = "i=0; while :; do echo $i; i=$((i+1)); sleep 0.01; done"
        group = self.detach(process_task("sh", "-c", script, name="t"))
        follower = self.follow("logs", "--follow", f"{group}/t")
        follower.wait_for(5)
        self.restart()
        self.assertEqual((1, ""), follower.end())  # as its task ended: lost
        self.assertEqual([f"{index}\n" for index in range(len(follower.lines))], follower.lines)
        whole = self.assertExit(0, self.covey("logs", "--attempt", "1", f"{group}/t")).out
        self.assertEqual("".join(follower.lines), whole)


if __name__ == "__main__":
    unittest.main()
