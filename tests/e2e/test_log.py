"""The daemon's log: what people ask it, and machines; whoever reads it, and whether or not anybody does."""

import json
import os
import subprocess
import unittest

from daemon import LIMIT, Daemon, process_task, run, wait_until
import wire


def parsed(log):
    """Its lines, each of which is a JSON object."""
    return [json.loads(line) for line in log.splitlines()]


class LogTest(unittest.TestCase):
    def start(self, *flags):
        daemon = Daemon(*flags)
        self.addCleanup(daemon.remove)
        return daemon.start()

    def of_kind(self, daemon, kind):
        return [line for line in parsed(daemon.log()) if line.get("kind") == kind]

    @unittest.skipIf(wire.WHY_NOT, wire.WHY_NOT)
    def test_every_line_is_json(self):
        """Also what libraries write: here about a word that is not UTF-8."""
        daemon = self.start("--log-format", "json")
        channel = wire.Wire(daemon.address)
        self.addCleanup(channel.close)
        message = wire.field(4, wire.process_spec("bad", b"caf\xe9"))
        wire.code_of(lambda: channel.unary("GroupService/CreateGroup", message))
        wire.code_of(lambda: channel.stream("GroupService/RunGroup", [wire.field(1, b""), wire.field(2, b"\xff\xff")]))
        parsed(daemon.log())
        self.assertTrue(self.of_kind(daemon, "protobuf"), daemon.log())

    def test_it_tells_of_groups(self):
        """Which failed, at the level that is the default; of others at `debug`."""
        daemon = self.start()
        failed = daemon.covey("run", "--detach", "--", "false").out.strip()
        succeeded = daemon.covey("run", "--detach", "--", "true").out.strip()
        daemon.covey("wait", failed, succeeded)
        self.assertIn(failed, daemon.log())
        self.assertNotIn(succeeded, daemon.log())
        daemon.stop()
        daemon.start("--log-levels", "groups=debug")
        succeeded = daemon.covey("run", "--detach", "--", "true").out.strip()
        daemon.covey("wait", succeeded)
        self.assertIn(succeeded, daemon.log())

    def test_a_failure_by_its_fields(self):
        daemon = self.start("--log-format", "json")
        name = "a b/c"
        tasks = process_task("sh", "-c", "echo secret-output >&2; exit 3", name=name,
                             process={"env": {"KEY": "secret-value"}}) + "\n" + process_task("sleep", "60") + "\n"
        group = daemon.covey("run", "--detach", "-f", "-", stdin=tasks).out.strip()
        daemon.covey("wait", group)
        [line] = self.of_kind(daemon, "group_decided")
        expected = {"level": "info", "part": "groups", "message": "group failed", "group": group, "pool": "default",
                    "caller": "unix:", "reason": "exit", "why": "exited with code 3", "task": name, "attempt": 1,
                    "tasks": 2, "failed": 1}
        self.assertEqual(expected, {key: line.get(key) for key in expected})
        self.assertLess(line["milliseconds"], 1000 * LIMIT)
        self.assertNotIn("secret", daemon.log())

    def test_who_cancelled_and_what_was_killed(self):
        daemon = self.start("--log-format", "json")
        task = process_task("sh", "-c", "trap '' TERM; echo on; while :; do sleep 60; done", name="stubborn",
                            process={"grace": "0.1s"})
        group = daemon.covey("run", "--detach", "-f", "-", stdin=task + "\n").out.strip()
        wait_until(lambda: "on" in daemon.covey("logs", group).out, "it ignores its signal")
        daemon.covey("cancel", "--reason", "a\nb", group)
        daemon.covey("wait", group)
        [asked] = self.of_kind(daemon, "cancel_requested")
        self.assertEqual((group, "a\nb", "unix:"), (asked["group"], asked["reason"], asked["caller"]))
        [killed] = self.of_kind(daemon, "task_killed")
        self.assertEqual((group, "stubborn", 1), (killed["group"], killed["task"], killed["attempt"]))
        [decided] = self.of_kind(daemon, "group_decided")
        self.assertEqual("group was cancelled", decided["message"])

    def test_leftovers_and_lost_tasks(self):
        daemon = self.start("--log-format", "json")
        self.assertEqual(0, daemon.covey("run", "--", "sh", "-c", "setsid sleep 60 & exit 0").code)
        [left] = self.of_kind(daemon, "leftovers_killed")
        self.assertEqual(1, left["processes"])
        self.assertTrue(left["group"])
        group = daemon.covey("run", "--detach", "--", "sleep", "60").out.strip()
        wait_until(lambda: daemon.covey_json("info").get("runningTasks") == 1, "it runs")
        daemon.kill()
        daemon.start()
        daemon.covey("wait", group)
        [lost] = self.of_kind(daemon, "task_lost")
        self.assertEqual(("warning", group, 1), (lost["level"], lost["group"], lost["attempt"]))

    def test_a_kind_beyond_its_rate_is_counted(self):
        daemon = self.start("--log-format", "json")
        groups = [daemon.covey("run", "--detach", "--", "false").out.strip() for _ in range(15)]
        daemon.covey("wait", *groups)
        self.assertEqual(0, daemon.stop())  # which tells the rest
        lines = self.of_kind(daemon, "group_decided")
        told = sum(line.get("left_out", 1) for line in lines)
        self.assertEqual(15, told, lines)

    def test_drain_and_stop_say_what_is_left(self):
        daemon = self.start("--log-format", "json", "--pool", "default=1", "--stop-timeout", "1s")
        tasks = (process_task("sleep", "60", rerun_on_restart=True) + "\n") * 3
        daemon.covey("run", "--detach", "-f", "-", stdin=tasks)
        daemon.covey("drain", "--timeout", "0s")
        [drain] = self.of_kind(daemon, "drain")
        self.assertEqual((1, 1, 2), (drain["groups"], drain["running"], drain["queued"]))
        daemon.covey("undrain")
        self.assertEqual(1, len(self.of_kind(daemon, "undrain")))
        self.assertEqual(0, daemon.stop())
        stopped = parsed(daemon.log())[-1]
        self.assertEqual(("stopped", 1, 3), (stopped["message"], stopped["open_groups"], stopped["queued_tasks"]))

    def test_levels_change_while_it_runs(self):
        daemon = Daemon("--config")
        self.addCleanup(daemon.remove)
        path = os.path.join(daemon.folder, "coveyd.toml")

        def write(text):
            with open(path, "w") as file:
                file.write(text)
        write('log_level = "error"\n')
        daemon.flags.append(path)
        daemon.start()
        daemon.covey("run", "--", "false")
        write('log_level = "error"\nlog_levels = ["groups=info"]\n')
        self.assertIn("log_levels", daemon.covey("reload").out)
        failed = daemon.covey("run", "--detach", "--", "false").out.strip()
        daemon.covey("wait", failed)
        [line] = daemon.log().splitlines()
        self.assertIn(failed, line)

    def test_bad_levels_are_usage_errors(self):
        for bad in ("groups", "groups=loud", "nobody=info", "=info"):
            refused = run([Daemon().command[0], "--check-config", "--log-levels", bad])
            self.assertEqual(64, refused.code)
            self.assertIn("must be PART=LEVEL", refused.err)


class SinkTest(unittest.TestCase):
    """Nobody reads the log, or nobody can."""

    def start_with(self, stderr):
        daemon = Daemon("--log-level", "debug")
        self.addCleanup(daemon.remove)
        daemon.process = subprocess.Popen(
            [*daemon.command, "--listen", daemon.address, "--data-dir", daemon.data, *daemon.flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr)
        wait_until(lambda: daemon.covey("info").code == 0, "coveyd answers `covey info`")
        return daemon

    def use(self, daemon):
        """Long enough lines to fill any pipe."""
        name = "n" * 100
        tasks = (process_task("true", name="%s") + "\n").replace("%s", name)
        for _ in range(5):
            self.assertEqual(0, daemon.covey("run", "-f", "-", stdin=tasks).code)

    def test_a_reader_that_does_not_read(self):
        read, write = os.pipe()
        self.addCleanup(os.close, read)
        os.set_blocking(write, False)
        try:
            while True:
                os.write(write, b"x" * 4096)
        except BlockingIOError:
            pass
        os.set_blocking(write, True)
        daemon = self.start_with(write)
        os.close(write)
        self.use(daemon)
        self.assertEqual(0, daemon.stop())

    def test_a_reader_that_has_gone(self):
        read, write = os.pipe()
        daemon = self.start_with(write)
        os.close(write)
        os.close(read)
        self.use(daemon)
        self.assertEqual(0, daemon.stop())

    def test_a_disk_that_is_full(self):
        with open("/dev/full", "wb") as full:
            daemon = self.start_with(full)
        self.use(daemon)
        self.assertEqual(0, daemon.stop())


if __name__ == "__main__":
    unittest.main()
