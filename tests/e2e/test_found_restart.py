"""A stop is never worse than a crash (promise 15): how a daemon ends, starts and leaves what others have."""

import fcntl
import os
import signal
import socket
import subprocess
import unittest

from daemon import ROOT, Daemon, lines, odd_seconds, process_task, sleepers, wait_until
from marking import MarkingCase


class SuspendTest(MarkingCase):
    flags = ("--drain-timeout", "1s", "--stop-timeout", "4s", "--pool", "default=2")

    def start_with_a_queue(self):
        """Two tasks run, one of which may run again, and eight wait."""
        self.daemon.start()
        seconds = odd_seconds()
        mark = f"{self.marks}/again"
        rerun = f"[ ! -e {mark} ] || {{ echo run >>{mark}; exit; }}; echo run >{mark}; exec sleep {seconds}"
        group = self.detach(process_task("sh", "-c", rerun, name="again", rerunOnRestart=True),
                            process_task("sleep", seconds, name="plain"),
                            *[self.marking(f"queued-{index}") for index in range(8)])
        wait_until(lambda: len(sleepers(seconds)) == 2, "two tasks run")
        return group

    def assertWentOn(self, group):
        expected = {"again": "SUCCEEDED", "plain": "LOST", **{f"queued-{index}": "SUCCEEDED" for index in range(8)}}
        self.assertEqual(expected, self.ends(group))
        self.assertEqual([1] * 8, [self.runs(f"queued-{index}") for index in range(8)])
        self.assertEqual(2, self.runs("again"))

    def test_sigterm_keeps_the_queue(self):
        group = self.start_with_a_queue()
        self.daemon.stop()
        self.daemon.start()
        self.assertWentOn(group)

    def test_sigkill_keeps_the_queue(self):
        group = self.start_with_a_queue()
        self.daemon.kill()
        self.daemon.start()
        self.assertWentOn(group)

    def test_a_start_that_fails_starts_nothing(self):
        group = self.start_with_a_queue()
        self.daemon.kill()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            for _ in range(3):
                self.daemon.spawn("--insecure-listen", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
                self.assertEqual(73, self.daemon.wait(), self.daemon.log())
        self.daemon.start()
        self.assertWentOn(group)


class EndTest(MarkingCase):
    def test_sigterm_at_the_very_start(self):
        """While it opens its configuration it is in main, and nothing is set up. It ends well, or has refused the FIFO
        before it looked for signals; the signal does not end it."""
        config = os.path.join(self.daemon.folder, "config.toml")
        os.mkfifo(config)
        self.daemon.spawn("--config", config)
        with open(config, "w"):  # returns when the daemon has opened its end
            self.daemon.signal(signal.SIGTERM)
        self.assertIn(self.daemon.wait(), (0, 78), self.daemon.log())

    def test_user_signals_do_not_end_it(self):
        self.daemon.start()
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            self.daemon.signal(number)
        try:
            self.assertEqual(0, self.daemon.covey("info").code)
        finally:
            if self.daemon.process.poll() is not None:
                self.daemon.process = None

    def test_a_connected_client_does_not_hold_the_stop(self):
        self.daemon.start()
        client = socket.socket(socket.AF_UNIX)
        self.addCleanup(client.close)
        client.connect(self.daemon.socket)
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")  # the preface and empty settings
        self.assertTrue(client.recv(9))
        process = self.daemon.process
        self.daemon.signal(signal.SIGTERM)
        self.daemon.process = None
        try:
            self.assertEqual(0, process.wait(timeout=1.5))
        finally:
            process.wait(timeout=30)

    def test_no_child_holds_the_locks_of_a_killed_daemon(self):
        """The locks are free once the daemon has been reaped, however many processes it was starting."""
        for _ in range(40):
            self.daemon.start()
            self.detach(*[process_task("true")] * 300)
            self.daemon.kill()
            for path in (os.path.join(self.daemon.data, "lock"), self.daemon.socket + ".lock"):
                with open(path, "rb") as lock:
                    try:
                        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError:
                        self.fail(f"{path} of the killed daemon is still held")

    def test_a_restart_at_once(self):
        """Neither locks, nor the socket, nor the port of the killed daemon keep the next one from starting."""
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.daemon.flags += ["--insecure-listen", "--listen", f"127.0.0.1:{port}"]
        self.daemon.start()
        for _ in range(20):
            self.detach(*[process_task("true")] * 300)
            self.daemon.kill()
            self.daemon.start()

    def test_drain_can_be_taken_back(self):
        self.daemon.start()
        self.assertEqual(0, self.daemon.covey("drain").code)
        self.assertEqual(69, self.daemon.covey("create").code)
        self.assertEqual(0, self.daemon.covey("undrain").code)
        self.assertEqual(0, self.daemon.covey("create").code)

    def test_drain_is_not_repeated_on_the_next_daemon(self):
        self.daemon.start()
        seconds = odd_seconds()
        self.detach(process_task("sleep", seconds, name="t"))
        drain = self.daemon.covey_start("drain")
        self.addCleanup(drain.communicate)
        self.addCleanup(drain.kill)
        wait_until(lambda: self.daemon.covey("create").code == 69, "the daemon drains")
        self.daemon.kill()
        self.daemon.spawn()
        drain.wait(timeout=30)
        wait_until(lambda: self.daemon.covey("info").code == 0, "the daemon answers")
        self.assertEqual(0, self.daemon.covey("create").code)


class UnitTest(unittest.TestCase):
    def test_what_passes_by_itself_is_tried_again(self):
        """An address that is not there yet at boot, the lock of a daemon that is just being reaped: exit 73."""
        with open(os.path.join(ROOT, "deploy", "coveyd.service.in")) as file:
            prevented = [line for line in file if line.startswith("RestartPreventExitStatus=")]
        self.assertNotIn("73", "".join(prevented).replace("=", " ").split())


class LeavesTest(MarkingCase):
    """What belongs to others, or is no longer there."""

    def test_the_socket_of_a_successor(self):
        self.daemon.start()
        for path in (self.daemon.socket, self.daemon.socket + ".lock"):
            if os.path.exists(path):
                os.remove(path)
        successor = Daemon()
        self.addCleanup(successor.remove)
        successor.socket, successor.address = self.daemon.socket, self.daemon.address
        successor.start()
        self.daemon.stop()
        self.assertEqual(0, successor.covey("health").code)

    def test_a_copy_beside_the_original(self):
        """A restore drill: the original goes on, and nothing runs a second time."""
        self.daemon.start()
        seconds = odd_seconds()
        group = self.detach(process_task("sleep", seconds, name="running"), self.marking("queued"),
                            flags=("--policy", "settled", "--limit", "1"))
        wait_until(lambda: sleepers(seconds), "the task runs")
        running = sleepers(seconds)
        copy = Daemon()
        self.addCleanup(copy.remove)
        subprocess.run(["cp", "-a", self.daemon.data, copy.data], check=True)
        copy.spawn()
        wait_until(lambda: copy.covey("info").code == 0 or copy.process.poll() is not None,
                   "the copy has started, or refused")
        if copy.process.poll() is None:
            copy.stop()
        self.assertEqual(running, sleepers(seconds))
        self.assertEqual(0, self.runs("queued"))
        self.daemon.covey("cancel", f"{group}/running")
        self.assertEqual({"running": "CANCELLED", "queued": "SUCCEEDED"}, self.ends(group))

    def test_the_data_directory_is_removed(self):
        """Nothing is acknowledged that is nowhere."""
        self.daemon.start()
        os.rename(self.daemon.data, self.daemon.data + "-removed")
        wait_until(lambda: self.daemon.covey("health").code != 0, "the daemon has noticed", limit=10)
        self.assertNotEqual(0, self.daemon.covey("create").code)

    def test_output_of_a_lost_journal_is_not_shown(self):
        """The journal is gone, the output is there; a group of the same id is another group."""
        def create(*argv):
            self.assertEqual(0, self.daemon.covey("create", "--id", "nightly").code)
            task = lines(process_task(*argv, name="t"))
            result = self.daemon.covey("submit", "--seal", "nightly", "-f", "-", stdin=task)
            self.assertEqual(0, result.code, result)
            self.daemon.covey("wait", "nightly")
        self.daemon.start()
        create("echo", "the old run")
        self.daemon.stop()
        for file in os.listdir(self.daemon.data):
            if file.startswith("journal"):
                os.remove(os.path.join(self.daemon.data, file))
        self.daemon.start()
        create("true")
        self.assertEqual("", self.daemon.covey("logs", "nightly/t").out)

    def test_the_id_of_a_deleted_group_is_free(self):
        """Promise 13: at once, and the log takes it for nobody else's."""
        self.daemon.start()
        for _ in range(2):
            result = self.daemon.covey("create", "--id", "nightly")
            self.assertEqual(0, result.code, result)
            self.daemon.covey("cancel", "nightly")
            self.assertEqual(0, self.daemon.covey("delete", "nightly").code)
        self.assertNotIn("another owner", self.daemon.log())


if __name__ == "__main__":
    unittest.main()
