"""The phases of a start: what is claimed first, what clients see meanwhile, and that nothing starts before the end."""

import contextlib
import os
import signal
import socket
import sqlite3
import unittest

from daemon import Daemon, lines, odd_seconds, process_task, sleepers, wait_until
import seen
import wire


class StartTest(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon("--pool", "default=1")
        self.addCleanup(self.daemon.remove)

    def crash_with_a_queue(self, queued=5):
        """A daemon that was killed while one task ran and `queued` waited; the group."""
        self.daemon.start()
        seconds = odd_seconds()
        tasks = [process_task("sleep", seconds), *[process_task("true")] * queued]
        result = self.daemon.covey("run", "--detach", "--policy", "settled", "-f", "-", stdin=lines(*tasks))
        self.assertEqual(0, result.code, result)
        wait_until(lambda: sleepers(seconds), "the first task runs")
        self.daemon.kill()
        return result.out.strip()

    def assertWentOn(self, group):
        """Nothing but what ran at the crash is lost."""
        self.daemon.covey("wait", group)
        states = [task["state"].removeprefix("TASK_STATE_") for task in seen.rows(self.daemon, "tasks", group)]
        self.assertEqual(["FAILED"] + ["SUCCEEDED"] * 5, states)
        self.assertEqual(0, self.daemon.stop())

    @contextlib.contextmanager
    def held_recovery(self):
        """Nobody can write to the journal meanwhile: a daemon that starts comes as far as its recovery."""
        with contextlib.closing(sqlite3.connect(f"{self.daemon.data}/journal.db", isolation_level=None)) as journal:
            journal.execute("BEGIN IMMEDIATE")
            yield
            journal.execute("ROLLBACK")

    @unittest.skipIf(wire.WHY_NOT, wire.WHY_NOT)
    def test_clients_are_told_that_it_starts(self):
        group = self.crash_with_a_queue()
        os.remove(self.daemon.socket)
        with self.held_recovery():
            self.daemon.spawn()
            wait_until(lambda: os.path.exists(self.daemon.socket), "it listens")
            client = wire.Wire(self.daemon.address)
            self.addCleanup(client.close)
            health = client.channel.unary_unary("/grpc.health.v1.Health/Check")
            self.assertEqual(wire.NOT_SERVING, health(b"", timeout=30))
            self.assertEqual(("UNAVAILABLE", "the server is starting"),
                             wire.code_of(lambda: client.unary("GroupService/CreateGroup", b"")))
            early = self.daemon.covey_start("info")
            self.addCleanup(early.communicate)
            self.addCleanup(early.kill)
            self.assertNotIn("is ready", self.daemon.log().partition("is ready")[2])
        out, err = early.communicate(timeout=30)
        self.assertEqual(0, early.returncode, err)
        self.assertEqual(wire.SERVING, health(b"", timeout=30))
        self.assertWentOn(group)

    def test_told_to_stop_before_it_ran_it_starts_nothing(self):
        group = self.crash_with_a_queue()
        os.remove(self.daemon.socket)
        with self.held_recovery():
            self.daemon.spawn()
            wait_until(lambda: os.path.exists(self.daemon.socket), "it listens")
            self.daemon.signal(signal.SIGTERM)
        self.assertEqual(0, self.daemon.wait(), self.daemon.log())
        self.assertIn("stopped before anything ran", self.daemon.log())
        self.daemon.start()
        self.assertWentOn(group)

    def test_a_start_that_fails_leaves_the_rest_of_the_machine_alone(self):
        """Whatever it is that cannot be had, the queue and what others have stay as they are."""
        group = self.crash_with_a_queue()
        left = sorted(os.listdir(self.daemon.folder))
        with socket.create_server(("127.0.0.1", 0)) as taken:
            busy = f"127.0.0.1:{taken.getsockname()[1]}"
            for flags in (["--insecure-listen", "--listen", busy], ["--listen", f"unix:{self.daemon.log_path}"]):
                with self.subTest(flags=flags):
                    self.daemon.spawn(*flags)
                    self.assertEqual(73, self.daemon.wait(), self.daemon.log())
                    self.assertEqual([], self.daemon.task_processes())
        self.assertEqual(left, sorted(name for name in os.listdir(self.daemon.folder) if name != "log.lock"))
        self.daemon.start()
        self.assertWentOn(group)


if __name__ == "__main__":
    unittest.main()
