"""coveyd as a program: its flags, its socket, its way to the end."""

import json
import os
import signal
import socket
import stat
import unittest

from daemon import COVEY, COVEYD, Daemon, odd_seconds, run, sleepers, wait_until


class DaemonCase(unittest.TestCase):
    def daemon(self, *flags):
        daemon = Daemon(*flags)
        self.addCleanup(daemon.remove)
        return daemon


class FlagsTest(DaemonCase):
    def test_version(self):
        for program in (COVEYD, COVEY):
            result = run([program, "--version"])
            self.assertEqual(0, result.code, result)
            self.assertRegex(result.out, r"^covey\w* \d+\.\d+\.\d+")

    def test_help(self):
        result = run([COVEYD, "--help"])
        self.assertEqual(0, result.code, result)
        for flag in ("--listen", "--data-dir", "--[no-]insecure-listen", "--drain-timeout", "--journal", "--log-format"):
            self.assertIn(flag, result.out)

    def test_bad_values_are_named(self):
        """Flag, value, and what would be right; and nothing is started."""
        for flags in (["--drain-timeout", "soon"], ["--journal", "paper"], ["--log-format", "xml"],
                      ["--log-level", "loud"], ["--pool", "small=0"], ["--pool", "small=65537"],
                      ["--listen", "nowhere"], ["--socket-mode", "999"], ["--no-such-flag", "x"]):
            with self.subTest(flags=flags):
                daemon = self.daemon()
                result = run([COVEYD, "--data-dir", daemon.data, *flags])
                self.assertNotEqual(0, result.code, result)
                self.assertIn(flags[0].lstrip("-"), result.err)
                self.assertIn(flags[1] if flags[0] != "--no-such-flag" else flags[0], result.err)
                self.assertFalse(os.path.exists(daemon.data))

    def test_tcp_needs_insecure_listen(self):
        daemon = self.daemon()
        result = run([COVEYD, "--data-dir", daemon.data, "--listen", "127.0.0.1:0"])
        self.assertNotEqual(0, result.code, result)
        self.assertIn("--insecure-listen", result.err)

    def test_tcp(self):
        daemon = self.daemon("--insecure-listen", "--listen", "127.0.0.1:0").start()
        addresses = daemon.covey_json("info")["listen"]
        tcp, = [address for address in addresses if not address.startswith("unix:")]
        self.assertNotEqual("0", tcp.rpartition(":")[2])
        result = run([COVEY, "--address", tcp, "run", "--", "true"])
        self.assertEqual(0, result.code, result)
        self.assertEqual(0, daemon.stop())


class SocketTest(DaemonCase):
    def test_socket_is_the_owners_alone(self):
        daemon = self.daemon().start()
        self.assertEqual(0o600, stat.S_IMODE(os.stat(daemon.socket).st_mode))
        self.assertEqual(0, daemon.stop())

    def test_mode_widens_it(self):
        daemon = self.daemon("--socket-mode", "0660").start()
        self.assertEqual(0o660, stat.S_IMODE(os.stat(daemon.socket).st_mode))
        self.assertEqual(0, daemon.stop())

    def test_second_daemon_on_the_same_data_is_refused(self):
        daemon = self.daemon().start()
        result = run([COVEYD, "--data-dir", daemon.data, "--listen", f"unix:{daemon.folder}/other"])
        self.assertNotEqual(0, result.code, result)
        self.assertIn(daemon.data, result.err)
        self.assertEqual(0, daemon.covey("info").code)
        self.assertEqual(0, daemon.stop())

    def test_second_daemon_on_the_same_socket_is_refused(self):
        daemon = self.daemon().start()
        result = run([COVEYD, "--data-dir", daemon.data + "2", "--listen", daemon.address])
        self.assertNotEqual(0, result.code, result)
        self.assertEqual(0, daemon.covey("info").code)
        self.assertEqual(0, daemon.stop())

    def test_socket_that_a_crash_left_is_replaced(self):
        daemon = self.daemon().start()
        daemon.kill()
        self.assertTrue(os.path.exists(daemon.socket))
        daemon.start()
        self.assertEqual(0, daemon.stop())


class PathTest(DaemonCase):
    """What is not ours stays: a wrong word in the configuration costs nobody a file."""

    def refused(self, path, why):
        daemon = self.daemon()
        result = run([COVEYD, "--data-dir", daemon.data, "--listen", f"unix:{path}"])
        self.assertEqual(73, result.code, result)
        self.assertIn(why, result.err)

    def test_ordinary_file_stays(self):
        path = os.path.join(self.daemon().folder, "precious")
        with open(path, "w") as file:
            file.write("data\n")
        self.refused(path, f"{path} exists and is no socket")
        with open(path) as file:
            self.assertEqual("data\n", file.read())

    def test_link_stays(self):
        path = os.path.join(self.daemon().folder, "link")
        os.symlink("/dev/null", path)
        self.refused(path, f"{path} exists and is no socket")
        self.assertTrue(os.path.islink(path))

    def test_socket_of_another_program_stays(self):
        path = os.path.join(self.daemon().folder, "other")
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(path)
            other.listen()
            self.refused(path, f"another program serves {path}")
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(path)

    def test_socket_of_a_successor_stays(self):
        """Somebody removes the socket and its lock by hand, and a second daemon takes the path."""
        first = self.daemon().start()
        for path in (first.socket, first.socket + ".lock"):
            os.remove(path)
        second = self.daemon()
        second.socket, second.address = first.socket, first.address
        second.start()
        self.assertEqual(0, first.stop())
        self.assertEqual(0, second.covey("info").code)
        self.assertEqual(0, second.stop())
        self.assertFalse(os.path.exists(first.socket))


class EndTest(DaemonCase):
    def test_running_group_may_finish(self):
        """SIGTERM: new groups are refused, the running one ends as it would have."""
        daemon = self.daemon("--drain-timeout", "30s", "--stop-timeout", "60s").start()
        gate = os.path.join(daemon.folder, "gate")
        os.mkfifo(gate)
        client = daemon.covey_start("run", "--", "cat", gate)
        self.addCleanup(client.kill)
        wait_until(daemon.task_processes, "the task runs")
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: daemon.covey("run", "--", "true").code == 69, "new groups are refused")
        with open(gate, "w") as file:
            file.write("through the gate\n")
        out, err = client.communicate(timeout=30)
        self.assertEqual(0, client.returncode, err)
        self.assertIn("through the gate", out)
        self.assertEqual(0, daemon.wait())

    def test_group_that_does_not_finish_is_cancelled(self):
        daemon = self.daemon("--drain-timeout", "200ms").start()
        seconds = odd_seconds()
        client = daemon.covey_start("run", "--", "sleep", seconds)
        self.addCleanup(client.kill)
        wait_until(lambda: sleepers(seconds), "the task runs")
        self.assertEqual(0, daemon.stop())
        self.assertEqual([], sleepers(seconds))
        client.communicate(timeout=30)
        self.assertNotEqual(0, client.returncode)

    def test_streams_end_with_it(self):
        daemon = self.daemon().start()
        group = daemon.covey("run", "--detach", "--", "true").out.strip()
        client = daemon.covey_start("events", group, "--follow")  # not sealed: it goes on
        self.addCleanup(client.kill)
        self.assertTrue(client.stdout.readline())
        self.assertEqual(0, daemon.stop())
        client.communicate(timeout=30)

    def test_hangup_does_not_end_it(self):
        daemon = self.daemon().start()
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: "Hangup: " in daemon.log(), "it tells of the signal")
        self.assertEqual(0, daemon.covey("info").code)
        self.assertEqual(0, daemon.stop())

    def test_interrupt_ends_it_too(self):
        daemon = self.daemon().start()
        daemon.signal(signal.SIGINT)
        self.assertEqual(0, daemon.wait())

    def test_nothing_is_left_behind(self):
        daemon = self.daemon().start()
        self.assertEqual(0, daemon.stop())
        self.assertFalse(os.path.exists(daemon.socket))


class LogTest(DaemonCase):
    def test_json_log_is_json(self):
        daemon = self.daemon("--log-format", "json", "--log-level", "debug").start()
        self.assertEqual(0, daemon.covey("run", "--", 'echo', 'quo"te').code)
        self.assertEqual(0, daemon.stop())
        log = daemon.log().splitlines()
        self.assertTrue(log)
        for line in log:
            self.assertIsInstance(json.loads(line), dict)

    def test_environment_and_stdin_are_never_logged_nor_read(self):
        daemon = self.daemon("--log-level", "debug").start()
        task = {"process": {"argv": ["cat"], "env": {"TOKEN": "secret-in-env"}, "standardInput": "c2VjcmV0LWluLXN0ZGlu"}}
        result = daemon.covey("run", "--detach", "-f", "-", stdin=json.dumps(task) + "\n")
        group = result.out.strip()
        self.assertEqual(0, daemon.covey("wait", group).code)
        shown = daemon.covey("--output", "json", "show", group).out + daemon.covey("show", group).out
        for secret in ("secret-in-env", "c2VjcmV0LWluLXN0ZGlu"):
            self.assertNotIn(secret, shown)
            self.assertNotIn(secret, daemon.log())
        self.assertEqual(0, daemon.stop())

    def test_memory_journal(self):
        daemon = self.daemon("--journal", "memory").start()
        self.assertEqual("memory", daemon.covey_json("info")["journal"]["backend"])
        self.assertEqual(0, daemon.covey("run", "--", "true").code)
        self.assertEqual(0, daemon.stop())

    def test_pool_bounds_what_runs(self):
        daemon = self.daemon("--pool", "narrow=1").start()
        task = json.dumps({"process": {"argv": [
            "sh", "-c", f"mkdir {daemon.folder}/busy && sleep 0.02 && rmdir {daemon.folder}/busy"]}})
        result = daemon.covey("run", "--pool", "narrow", "-f", "-", stdin=(task + "\n") * 10)
        self.assertEqual(0, result.code, result)
        self.assertEqual(0, daemon.stop())


if __name__ == "__main__":
    unittest.main()
