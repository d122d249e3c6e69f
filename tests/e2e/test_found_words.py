"""What people type and read: groups found by more than their whole id, and never two truths."""

import fcntl
import os
import pty
import select
import subprocess
import termios
import time
import unittest

from daemon import COVEY, Daemon, DaemonTest, function_task, lines, odd_seconds, process_task, sleepers, wait_until
from expected import mended_by
import seen


class WordsTest(DaemonTest):
    def tearDown(self):
        self.covey("cancel", "--all", "--yes")
        super().tearDown()

    def detach(self, *tasks, flags=()):
        return self.assertExit(0, self.covey("run", "--detach", *flags, "-f", "-", stdin=lines(*tasks))).out.strip()

    def sleeping(self, *flags):
        """(group, seconds) of a task that sleeps for long."""
        seconds = odd_seconds()
        group = self.detach(process_task("sleep", seconds, name="t"), flags=flags)
        wait_until(lambda: sleepers(seconds), "the task runs")
        return group, seconds


class FindTest(WordsTest):
    def test_ids_differ_in_their_first_eight_digits(self):
        ids = {self.covey("create").out[:8] for _ in range(20)}
        self.assertEqual(20, len(ids))

    def test_by_prefix_name_and_last(self):
        group = self.detach(function_task("covey.noop"), flags=("--name", "nightly"))
        self.covey("wait", group)
        for word in (group[:-1], "nightly", "@last"):
            self.assertEqual(group, seen.rows(self.daemon, "show", word)[0]["id"])

    def test_times_as_people_write_them(self):
        self.covey("create", "--name", "since")
        for since in ("00:00", "2026-11-27", "yesterday", "2h"):
            self.assertExit(0, self.covey("ps", "--all", "--since", since))

    def test_ps_tells_the_command(self):
        group, seconds = self.sleeping()
        self.assertIn(f"sleep {seconds}", self.covey("ps", "-o", "wide").out)


class StopTest(WordsTest):
    def test_cancel_all_needs_a_yes(self):
        _, seconds = self.sleeping()
        result = self.covey("cancel", "--all")
        self.assertEqual(64, result.code, result)
        self.assertTrue(sleepers(seconds))

    def test_the_terminal_is_left_whole(self):
        """Two Ctrl-C: the shell's prompt begins a line."""
        for terminal, runs, stops in (("xterm", b"running", b"stopping"), ("dumb", b"", b"Ctrl-C again")):
            with self.subTest(terminal):
                self.leave_twice(terminal, runs, stops)

    def leave_twice(self, terminal, runs, stops):
        master, slave = pty.openpty()
        seconds = odd_seconds()
        client = subprocess.Popen([COVEY, "run", "--", "sh", "-c", f"trap '' TERM; while :; do sleep {seconds}; done"],
                                  stdin=slave, stdout=slave, stderr=slave, env={**self.daemon.env(), "TERM": terminal}, start_new_session=True,
                                  preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        os.close(slave)
        self.addCleanup(os.close, master)
        printed = b""

        def read_until(word):
            nonlocal printed
            end = time.monotonic() + 10
            while word not in printed and time.monotonic() < end:
                if select.select([master], [], [], 0.1)[0]:
                    printed += os.read(master, 65536)
        wait_until(lambda: sleepers(seconds), "the task runs")
        read_until(runs)
        os.write(master, b"\x03")
        read_until(stops)
        self.assertIn(stops, printed)
        os.write(master, b"\x03")
        client.wait(timeout=10)
        while select.select([master], [], [], 0.2)[0]:
            try:
                printed += os.read(master, 65536)
            except OSError:
                break
        self.assertTrue(printed.endswith((b"\n", b"\r\x1b[K")), printed[-80:])


class FollowTest(WordsTest):
    def test_the_logs_of_a_group_come_as_they_are_written(self):
        """The first task still runs and writes nothing; the second one's line is there."""
        seconds = odd_seconds()
        group = self.detach(process_task("sleep", seconds, name="first"),
                            process_task("sh", "-c", f"echo hello; sleep {seconds}", name="second"))
        follower = self.daemon.covey_start("logs", "--follow", group)
        self.addCleanup(follower.communicate)
        self.addCleanup(follower.kill)
        ready, _, _ = select.select([follower.stdout], [], [], 5)
        self.assertTrue(ready, "nothing was printed")
        self.assertIn("hello", follower.stdout.readline())

    def test_events_from_now_on(self):
        self.detach(function_task("covey.noop"))
        follower = self.daemon.covey_start("--output", "json", "events", "--follow", "--new")
        self.addCleanup(follower.communicate)
        self.addCleanup(follower.kill)
        wait_until(lambda: self.detach(function_task("covey.noop", name="new")) and
                   (follower.poll() is not None or select.select([follower.stdout], [], [], 0.1)[0]),
                   "something is printed")
        self.assertIn("GROUP_CREATED", follower.stdout.readline())

    def test_one_task_has_no_name_before_its_output(self):
        self.assertEqual("hello\n", self.covey("run", "--", "echo", "hello").out)


class TruthTest(WordsTest):
    def test_a_task_that_never_ran_was_not_lost_while_it_ran(self):
        daemon = Daemon("--pool", "default=1")
        self.addCleanup(daemon.remove)
        daemon.start()
        seconds = odd_seconds()
        group = daemon.covey("run", "--detach", "-f", "-", stdin=lines(
            process_task("sleep", seconds, name="ran"), process_task("true", name="never"))).out.strip()
        wait_until(lambda: sleepers(seconds), "the first task runs")
        daemon.kill()
        daemon.start()
        daemon.covey("wait", group)
        self.assertEqual("TASK_STATE_STOPPED", seen.task(daemon, group, "never")["state"])
        for command in (("show", f"{group}/never"), ("explain", f"{group}/never")):
            self.assertNotIn("while it ran", daemon.covey(*command).out)

    def test_nothing_is_said_twice(self):
        group = self.detach(process_task("sh", "-c", "exit 3", name="t10"))
        self.covey("wait", group)
        out = self.covey("explain", f"{group}/t10").out
        self.assertEqual(1, out.count("exit 3") + out.count("exited with code 3"), out)
        tasks = lines(function_task("covey.noop", name="same"), function_task("covey.noop", name="same"))
        err = self.covey("run", "-f", "-", stdin=tasks).err
        self.assertEqual(1, err.count("name"), err)

    def test_a_decided_group_takes_no_further_tasks(self):
        """It is not said in one line that it does, in another that it does not."""
        group = self.covey("create").out.strip()
        self.covey("submit", group, "--", "false")
        wait_until(lambda: "decideTime" in seen.group(self.daemon, group), "the group has failed")
        said = self.covey("explain", group).out + self.covey("submit", group, "--", "true").err
        self.assertFalse("takes further" in said and "accepts no" in said, said)

    def test_a_group_that_was_never_sealed_says_so(self):
        group = self.covey("create").out.strip()
        self.covey("submit", group, "-f", "-", stdin=lines(function_task("covey.noop", name="t")))
        self.covey("wait", f"{group}/t")
        row = next(line for line in self.covey("ps").out.splitlines() if group in line)
        self.assertRegex(row, "open|seal")

    @unittest.skipIf(os.geteuid() != 0, "only root can become somebody else")
    def test_no_permission_is_said(self):
        daemon = self.daemon
        os.chmod(daemon.folder, 0o755)
        result = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", COVEY, "info"],
                                capture_output=True, text=True, env=daemon.env(), timeout=30)
        if result.returncode in (126, 127):
            self.skipTest("others may not execute the program here")
        self.assertEqual(69, result.returncode, result)
        self.assertIn("ermission", result.stderr)
        self.assertNotIn("start it with coveyd", result.stderr)


if __name__ == "__main__":
    unittest.main()
