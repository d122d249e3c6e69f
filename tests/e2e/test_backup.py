"""covey backup and coveyd --restore: what was acknowledged before the backup is in it, whatever went on meanwhile."""

import os
import stat
import subprocess
import tarfile
import threading
import unittest

from daemon import COVEY, COVEYD, Daemon, lines, odd_seconds, process_task, run, sleepers, wait_until
import seen


class BackupTest(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.file = os.path.join(self.daemon.folder, "backup.tar")

    def backup(self):
        result = self.daemon.covey("backup", self.file)
        self.assertEqual(0, result.code, result)

    def restored(self):
        """A daemon on what the backup makes; not started."""
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        result = run([COVEYD, "--restore", self.file, "--data-dir", daemon.data])
        self.assertEqual(0, result.code, result)
        self.assertIn("--adopt", result.out)
        return daemon

    def test_a_drill(self):
        """Beside the original, which goes on: nothing runs twice, and all is there."""
        over = self.daemon.covey("run", "--detach", "--", "echo", "hello").out.strip()
        self.daemon.covey("wait", over)
        seconds = odd_seconds()
        mark = os.path.join(self.daemon.folder, "mark")
        tasks = lines(process_task("sleep", seconds, name="running"),
                      process_task("sh", "-c", f"echo run >>{mark}", name="queued"))
        group = self.daemon.covey("run", "--detach", "--policy", "settled", "--limit", "1", "-f", "-", stdin=tasks).out.strip()
        wait_until(lambda: sleepers(seconds), "the task runs")
        running = sleepers(seconds)
        self.backup()
        self.assertEqual(0o600, stat.S_IMODE(os.stat(self.file).st_mode))
        drill = self.restored()
        drill.start()
        health = drill.covey("health")
        self.assertEqual(1, health.code)
        self.assertIn("is a copy", health.out)
        for id_ in (over, group):
            self.assertEqual([], list(seen.differences(seen.whole(self.daemon, id_), seen.whole(drill, id_))))
        self.assertEqual("hello\n", drill.covey("logs", f"{over}/echo").out)
        self.assertEqual(0, drill.stop())
        self.assertEqual(running, sleepers(seconds))
        self.assertFalse(os.path.exists(mark))
        drill.start("--adopt")
        drill.covey("wait", group)
        ends = {row["name"]: row["state"].removeprefix("TASK_STATE_") for row in seen.rows(drill, "tasks", group)}
        self.assertEqual({"running": "FAILED", "queued": "SUCCEEDED"}, ends)
        self.assertEqual(running, sleepers(seconds))

    def test_under_load(self):
        """Each backup holds all that was acknowledged before it began."""
        stop = threading.Event()
        acknowledged = []

        def load(number):
            while not stop.is_set():
                result = self.daemon.covey("run", "--detach", "--", "sh", "-c", f"seq {number} 3000")
                if result.code == 0:
                    acknowledged.append(result.out.strip())
        clients = [threading.Thread(target=load, args=(number,)) for number in range(3)]
        for client in clients:
            client.start()
        try:
            for _ in range(3):
                wait_until(lambda count=len(acknowledged): len(acknowledged) > count + 10, "groups are made")
                before = list(acknowledged)
                self.backup()
                drill = self.restored()
                drill.start()
                there = {row["id"] for row in seen.rows(drill, "ps", "--all")}
                self.assertEqual(set(), set(before) - there)
                for id_ in before[-3:]:
                    events = seen.events(drill, id_)
                    self.assertEqual(events, seen.events(self.daemon, id_)[:len(events)])
                drill.remove()
                os.remove(self.file)
        finally:
            stop.set()
            for client in clients:
                client.join()

    def test_tar_can_read_it(self):
        self.daemon.covey("run", "--", "echo", "hello")
        self.backup()
        with tarfile.open(self.file) as tar:
            names = tar.getnames()
        self.assertEqual("journal.db", names[0])
        self.assertEqual("COMPLETE", names[-1])

    def test_what_was_cut_off(self):
        self.backup()
        os.truncate(self.file, os.path.getsize(self.file) - 2048)
        target = os.path.join(self.daemon.folder, "restored")
        result = run([COVEYD, "--restore", self.file, "--data-dir", target])
        self.assertEqual(65, result.code, result)
        self.assertIn("cut off", result.err)
        self.assertFalse(os.path.exists(target))

    def test_a_daemon_that_dies_leaves_no_file(self):
        for _ in range(20):
            self.daemon.covey("run", "--", "seq", "200000")
        client = subprocess.Popen([COVEY, "backup", "/dev/full"], env=self.daemon.env(), stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        self.assertIn(b"exists", client.communicate()[1])  # nothing of others is written to
        self.daemon.kill()
        self.assertEqual(69, self.daemon.covey("backup", self.file).code)
        self.assertFalse(os.path.exists(self.file))

    def test_a_file_that_is_there(self):
        with open(self.file, "w") as file:
            file.write("precious")
        result = self.daemon.covey("backup", self.file)
        self.assertEqual(1, result.code, result)
        self.assertIn(self.file, result.err)
        with open(self.file) as file:
            self.assertEqual("precious", file.read())

    def test_a_directory_that_is_there(self):
        self.backup()
        before = sorted(os.listdir(self.daemon.data))
        result = run([COVEYD, "--restore", self.file, "--data-dir", self.daemon.data])
        self.assertEqual(73, result.code, result)
        self.assertIn(self.daemon.data, result.err)
        self.assertEqual(before, sorted(os.listdir(self.daemon.data)))


if __name__ == "__main__":
    unittest.main()
