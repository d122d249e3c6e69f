"""The configuration of coveyd: its file, its flags, and what a reload changes while tasks run."""

import json
import os
import re
import signal
import stat
import subprocess
import unittest

import grpcurl
from daemon import COVEYD, LIMIT, ROOT, Daemon, run, wait_until

EXAMPLE = os.path.join(ROOT, "deploy", "coveyd.toml")


def settings(text):
    """{key: value as TOML} of what `coveyd --print-config` prints."""
    found, table = {}, ""
    for line in text.splitlines():
        if line.startswith("["):
            table = line.strip("[]") + "."
        elif match := re.match(r'"?([\w.-]+)"? = (.*?)(?:  # .*)?$', line):
            found[table + match[1]] = match[2]
    return found


class ConfigCase(unittest.TestCase):
    def daemon(self, text, *flags):
        """A daemon with a configuration file of this text."""
        daemon = Daemon(*flags)
        self.addCleanup(daemon.remove)
        self.path = os.path.join(daemon.folder, "coveyd.toml")
        daemon.flags += ["--config", self.path]
        self.write(text)
        return daemon

    def write(self, text):
        with open(self.path, "w") as file:
            file.write(text)


class FileTest(ConfigCase):
    def test_it_is_used_and_flags_win(self):
        daemon = self.daemon('log_format = "json"\n[pools]\nbatch = 3\nnarrow = 1\n', "--pool", "narrow=2").start()
        pools = {pool["name"]: pool for pool in map(json.loads, daemon.covey("--output", "json", "pools").out.splitlines())}
        self.assertEqual((3, 2), (pools["batch"]["spec"]["max"], pools["narrow"]["spec"]["max"]))
        self.assertEqual(self.path, daemon.covey_json("info")["configFile"])
        self.assertRegex(daemon.covey("info").out, rf"(?m)^config +{re.escape(self.path)}$")
        self.assertEqual(0, daemon.stop())
        for line in daemon.log().splitlines():
            json.loads(line)

    def test_a_bad_file_starts_nothing(self):
        daemon = self.daemon('drain_timout = "5s"\n\nqueues = 65\n')
        daemon.spawn()
        self.assertEqual(78, daemon.wait())
        lines = daemon.log().splitlines()
        self.assertEqual(2, len(lines), lines)
        self.assertIn(f"{self.path}:1: drain_timout", lines[0])
        self.assertIn("the nearest is drain_timeout", lines[0])
        self.assertIn(f"{self.path}:3: queues must be 1..64, got the number 65", lines[1])
        self.assertFalse(os.path.exists(daemon.data))

    def test_check_config(self):
        daemon = self.daemon("queues = 2\n")
        self.assertEqual(0, run([COVEYD, "--config", self.path, "--check-config"]).code)
        self.write("queues = 0\n")
        result = run([COVEYD, "--config", self.path, "--check-config"])
        self.assertEqual(78, result.code, result)
        self.assertIn("1..64", result.err)
        self.assertEqual(64, run([COVEYD, "--queues", "0", "--check-config"]).code)
        self.assertEqual(78, run([COVEYD, "--config", self.path + "x", "--check-config"]).code)
        self.assertFalse(os.path.exists(daemon.data))

    def test_print_config_reads_back(self):
        self.daemon('stop_timeout = "1500ms"\n[pools]\nbatch = 3\n')
        first = run([COVEYD, "--config", self.path, "--print-config", "--queues", "2"])
        self.assertEqual(0, first.code, first)
        self.assertIn(f'stop_timeout = "1500ms"  # {self.path}:1\n', first.out)
        self.assertIn("queues = 2  # --queues\n", first.out)
        self.write(first.out)
        second = run([COVEYD, "--config", self.path, "--print-config"])
        self.assertEqual(settings(first.out), settings(second.out))

    def test_the_example_has_every_key_with_its_default(self):
        with open(EXAMPLE) as file:
            example = file.read()
        self.daemon(example)
        plain = run([COVEYD, "--config", self.path, "--print-config"])
        self.assertEqual(0, plain.code, plain)
        self.assertNotIn(self.path, plain.out)  # nothing but comments
        self.write(re.sub(r"^#(\w+ = )", r"\1", example, flags=re.MULTILINE).replace('"covey"', '"0"'))
        full = run([COVEYD, "--config", self.path, "--print-config"])
        self.assertEqual(0, full.code, full)
        self.assertNotIn("# default", full.out)
        said, default = settings(full.out), settings(plain.out)
        self.assertEqual({"socket_group", "http_listen", "log_levels", "pools.default", "pools.batch"}, set(said) - set(default))
        for key in default:
            if key not in ("listen", "data_dir") or os.geteuid() == 0:
                self.assertEqual(default[key], said[key], key)


class ReloadTest(ConfigCase):
    def pools(self, daemon):
        lines = daemon.covey("--output", "json", "pools").out.splitlines()
        return {pool["name"]: pool["spec"]["max"] for pool in map(json.loads, lines)}

    def test_hangup_changes_what_can_change(self):
        daemon = self.daemon("[pools]\ngoing = 1\n").start()
        group = daemon.covey("run", "--detach", "--pool", "going", "--", "sleep", "60").out.strip()
        self.write('socket_mode = "0660"\nlog_level = "debug"\nqueues = 2\n[pools]\nbatch = 5\n')
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: "batch" in self.pools(daemon), "the new pool is there")
        wait_until(lambda: "queues will be 2 after a restart, is 1" in daemon.log(), "it tells what waits")
        self.assertEqual(0o660, stat.S_IMODE(os.stat(daemon.socket).st_mode))
        self.assertIn('log_level is "debug" now, was "info"', daemon.log())
        refused = daemon.covey("run", "--pool", "going", "--", "true")
        self.assertEqual(1, refused.code, refused)
        self.assertIn("closed", refused.err)
        self.assertEqual(0, daemon.covey("cancel", group).code)
        wait_until(lambda: set(self.pools(daemon)) == {"batch", "default"}, "the old pool goes with its group")
        self.assertEqual(0, daemon.stop())

    def test_more_slots_start_what_waits(self):
        daemon = self.daemon("[pools]\ndefault = 1\n").start()
        group = daemon.covey("run", "--detach", "-f", "-",
                             stdin='{"process":{"argv":["sleep","60"]}}\n' * 3).out.strip()
        running = lambda: len(daemon.covey("tasks", "--state", "running", group).out.splitlines()) - 1
        wait_until(lambda: running() == 1, "one runs")
        self.write("[pools]\ndefault = 3\n")
        self.assertEqual(0, daemon.covey("reload").code)
        wait_until(lambda: running() == 3, "all run")
        self.assertEqual(0, daemon.covey("cancel", group).code)
        self.assertEqual(0, daemon.stop())

    def test_a_pool_that_was_set_goes_back_to_the_file(self):
        daemon = self.daemon("[pools]\nbatch = 3\n").start()
        self.assertEqual(0, daemon.covey("pools", "set", "batch", "--max", "9").code)
        answer = daemon.covey_json("reload")
        self.assertEqual([{"key": "pools.batch", "before": "9", "after": "3"}], answer["changed"])
        self.assertEqual(3, self.pools(daemon)["batch"])
        self.assertEqual(0, daemon.stop())

    def test_max_queued_holds_at_once(self):
        daemon = self.daemon("[pools]\ndefault = 1\n").start()
        group = daemon.covey("create").out.strip()
        self.assertEqual(0, daemon.covey("submit", group, "--", "sleep", "60").code)
        three = '{"process":{"argv":["true"]}}\n' * 3
        self.write("max_queued = 2\n[pools]\ndefault = 1\n")
        self.assertEqual(0, daemon.covey("reload").code)
        waiting = daemon.covey_start("submit", group, "-f", "-", stdin=subprocess.PIPE)
        self.addCleanup(waiting.kill)
        waiting.stdin.write(three)
        waiting.stdin.close()
        waiting.stdin = None
        wait_until(lambda: daemon.covey_json("info").get("queuedTasks") == "2", "as many wait as may")
        self.assertIsNone(waiting.poll(), "the third waits for room")
        self.assertEqual(0, daemon.covey("cancel", group).code)
        _, told = waiting.communicate(timeout=LIMIT)
        self.assertIn("2 tasks accepted", told)
        self.assertEqual(0, daemon.stop())

    def test_max_queued_bytes_holds_at_once(self):
        daemon = self.daemon("[pools]\ndefault = 1\n").start()
        group = daemon.covey("create").out.strip()
        self.assertEqual(0, daemon.covey("submit", group, "--", "sleep", "60").code)
        large = json.dumps({"process": {"argv": ["true", "x" * 700000], "env": {"A": "y" * 700000}}})
        self.write("max_queued_bytes = 1048576\n[pools]\ndefault = 1\n")
        self.assertEqual(0, daemon.covey("reload").code)
        refused = daemon.covey("submit", group, "-f", "-", stdin=large)
        self.assertNotEqual(0, refused.code, refused)
        self.assertIn("at most 1048576 bytes of tasks may wait for a slot, got 1400005 at once", refused.err)
        self.assertIn("(max_queued_bytes)", refused.err)
        self.assertEqual(0, daemon.covey("cancel", group).code)
        self.assertEqual(0, daemon.stop())

    def test_timeouts_of_the_stop(self):
        """A wait of an hour would hang the test."""
        daemon = self.daemon('drain_timeout = "1h"\nstop_timeout = "2h"\n').start()
        daemon.covey("run", "--detach", "--", "sleep", "60")
        self.write('drain_timeout = "0s"\nstop_timeout = "2h"\n')
        self.assertEqual(0, daemon.covey("reload").code)
        self.assertEqual(0, daemon.stop())

    def test_output_limit_of_new_streams(self):
        daemon = self.daemon("").start()
        self.write("output_limit = 4096\n")
        self.assertEqual(0, daemon.covey("reload").code)
        group = daemon.covey("run", "--detach", "--", "head", "-c", "100000", "/dev/zero").out.strip()
        self.assertEqual(0, daemon.covey("wait", group).code)
        self.assertLess(len(daemon.covey("logs", "--raw", group).out), 20000)
        self.assertEqual(0, daemon.stop())

    def test_a_bad_file_changes_nothing(self):
        daemon = self.daemon("[pools]\nbatch = 3\n").start()
        self.write('[pools]\nbatch = 0\nother = 4\n')
        result = daemon.covey("reload")
        self.assertEqual(64, result.code, result)
        self.assertEqual(f"covey: {self.path}:2: pools.batch must be 1..65536, got the number 0\n", result.err)
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: daemon.log().count("the configuration stays as it is") == 2, "it tells of both")
        self.assertEqual(3, self.pools(daemon)["batch"])
        self.assertNotIn("other", self.pools(daemon))
        os.remove(self.path)
        self.assertIn("No such file", daemon.covey("reload").err)
        self.assertEqual(0, daemon.stop())

    def test_permissions_that_cannot_be_had_change_nothing(self):
        if os.geteuid() != 0:
            self.skipTest("needs root: to start a daemon that may not give its socket away")
        daemon = self.daemon("")
        daemon.become_nobody().start()
        self.write('socket_group = "root"\n[pools]\nbatch = 2\n')
        result = daemon.covey("reload")
        self.assertEqual(1, result.code, result)
        self.assertIn("cannot give", result.err)
        self.assertEqual(0o600, stat.S_IMODE(os.stat(daemon.socket).st_mode))
        self.assertNotIn("batch", self.pools(daemon))
        self.assertEqual(0, daemon.stop())

    def test_one_socket_that_cannot_be_changed_leaves_the_others_as_they_were(self):
        daemon = self.daemon("")
        second = daemon.socket + "2"
        daemon.flags += ["--listen", "unix:" + second]
        daemon.start()
        os.rename(second, second + "-away")
        self.write('socket_mode = "0660"\n[pools]\nbatch = 2\n')
        result = daemon.covey("reload")
        self.assertEqual(1, result.code, result)
        self.assertIn(second, result.err)
        self.assertEqual(0o600, stat.S_IMODE(os.stat(daemon.socket).st_mode))
        self.assertNotIn("batch", self.pools(daemon))
        os.rename(second + "-away", second)
        self.assertEqual(0, daemon.covey("reload").code)
        self.assertEqual([0o660] * 2, [stat.S_IMODE(os.stat(path).st_mode) for path in (daemon.socket, second)])
        self.assertEqual(0, daemon.stop())

    @unittest.skipIf(grpcurl.GRPCURL is None, grpcurl.WHY_NOT)
    def test_what_is_wrong_is_told_field_by_field(self):
        daemon = self.daemon("").start()
        self.write("queues = 0\nbogus = 1\n")
        error = grpcurl.Grpcurl(daemon).error("covey.v1.AdminService/Reload", {})
        self.assertEqual(3, error["code"])  # INVALID_ARGUMENT
        info, bad = error["details"]
        self.assertEqual("CONFIG_INVALID", info["reason"])
        self.assertEqual(["queues", "bogus"], [violation["field"] for violation in bad["fieldViolations"]])
        self.assertEqual(0, daemon.stop())

    def test_without_a_file(self):
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        daemon.start()
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: "no file to read again" in daemon.log(), "it tells of the signal")
        self.assertIn("no file to read again", daemon.covey("reload").err)
        self.assertEqual(0, daemon.stop())


if __name__ == "__main__":
    unittest.main()
