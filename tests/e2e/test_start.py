"""The phases of a start: what is claimed first, what clients see meanwhile, and that nothing starts before the end."""

import contextlib
import os
import signal
import socket
import sqlite3
import unittest

from daemon import COVEY, Daemon, lines, odd_seconds, process_task, run, sleepers, wait_until


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

    def kinds(self, group):
        """(kind of event, task) of the group, from its beginning on."""
        out = self.daemon.covey("events", group).out
        return [line.split()[2:4] for line in out.splitlines()]

    def states(self, group):
        return [task["state"].removeprefix("TASK_STATE_")
                for task in self.daemon.covey_json("tasks", group).get("tasks", [])]

    @contextlib.contextmanager
    def held_recovery(self):
        """Nobody can write to the journal meanwhile: a daemon that starts comes as far as its recovery."""
        with contextlib.closing(sqlite3.connect(f"{self.daemon.data}/journal.db", isolation_level=None)) as journal:
            journal.execute("BEGIN IMMEDIATE")
            yield
            journal.execute("ROLLBACK")

    def health(self):
        return run([COVEY, "health"], env=self.daemon.env())

    def test_clients_are_told_that_it_starts(self):
        group = self.crash_with_a_queue()
        with self.held_recovery():
            self.daemon.spawn()
            wait_until(lambda: "NOT_SERVING" in (told := self.health()).out + told.err, "it says that it is not serving")
            early = self.daemon.covey_start("info")
            self.addCleanup(early.communicate)
            self.addCleanup(early.kill)
            self.assertNotIn("is ready", self.daemon.log())
        out, err = early.communicate(timeout=30)
        self.assertEqual(0, early.returncode, err)
        self.assertEqual(0, self.health().code)
        self.assertEqual(1, self.daemon.covey("wait", group).code)
        self.assertEqual(["FAILED"] + ["SUCCEEDED"] * 5, self.states(group))
        self.assertEqual(0, self.daemon.stop())

    def test_told_to_stop_before_it_ran_it_starts_nothing(self):
        group = self.crash_with_a_queue()
        with self.held_recovery():
            self.daemon.spawn()
            wait_until(lambda: os.path.exists(self.daemon.socket) and self.health().code != 69, "it listens")
            self.daemon.signal(signal.SIGTERM)
        self.assertEqual(0, self.daemon.wait(), self.daemon.log())
        self.assertIn("stopped before anything ran", self.daemon.log())
        self.daemon.start()
        self.daemon.covey("wait", group)
        self.assertEqual(["FAILED"] + ["SUCCEEDED"] * 5, self.states(group))
        self.assertEqual(0, self.daemon.stop())

    def test_a_start_that_fails_leaves_the_rest_of_the_machine_alone(self):
        """Address, permissions, data directory: whatever it is, the queue and what others have stay as they are."""
        group = self.crash_with_a_queue()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            busy = f"127.0.0.1:{taken.getsockname()[1]}"
            for flags in (["--insecure-listen", "--listen", busy], ["--socket-group", "no-such-group"],
                          ["--listen", f"unix:{self.daemon.folder}/data/lock"]):
                with self.subTest(flags=flags):
                    self.daemon.spawn(*flags)
                    self.assertEqual(73, self.daemon.wait(), self.daemon.log())
                    self.assertEqual([], self.daemon.task_processes())
        self.assertEqual(["data", "log"], sorted(name for name in os.listdir(self.daemon.folder)
                                                 if not name.startswith("s")))
        self.daemon.start()
        self.daemon.covey("wait", group)
        self.assertEqual(["FAILED"] + ["SUCCEEDED"] * 5, self.states(group))
        self.assertEqual(0, self.daemon.stop())


if __name__ == "__main__":
    unittest.main()
