"""What a daemon makes of the data directory that it finds: a copy, one of somebody else's, one that is open to all."""

import os
import shutil
import subprocess
import tarfile
import unittest

from daemon import AS_ROOT, Daemon, lines, odd_seconds, process_task, sleepers, wait_until
import seen
import wire

PARKED = "is a copy"


class CopyCase(unittest.TestCase):
    """An original in which one task runs and one waits, and copies of it."""

    def setUp(self):
        self.original = self.daemon()
        self.original.start()
        self.seconds = odd_seconds()
        self.mark = os.path.join(self.original.folder, "mark")
        tasks = lines(process_task("sleep", self.seconds, name="running"),
                      process_task("sh", "-c", f"echo run >>{self.mark}", name="queued"))
        result = self.original.covey("run", "--detach", "--policy", "settled", "--limit", "1", "-f", "-", stdin=tasks)
        self.assertEqual(0, result.code, result)
        self.group = result.out.strip()
        wait_until(lambda: sleepers(self.seconds), "the task runs")
        self.running = sleepers(self.seconds)

    def daemon(self):
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        return daemon

    def states(self, daemon):
        return {row["name"]: row["state"].removeprefix("TASK_STATE_") for row in seen.rows(daemon, "tasks", self.group)}

    def runs(self):
        return len(open(self.mark).readlines()) if os.path.exists(self.mark) else 0

    def assertParked(self, daemon):
        """It reads, and does nothing else; the original notices nothing."""
        health = daemon.covey("health")
        self.assertEqual(1, health.code, health)
        self.assertIn(PARKED, health.out)
        self.assertIn("--adopt", daemon.log())
        self.assertEqual({"running": "RUNNING", "queued": "QUEUED"}, self.states(daemon))
        for call in (("create",), ("run", "--detach", "--", "true"), ("cancel", "--no-wait", self.group),
                     ("cancel", "--no-wait", f"{self.group}/queued"), ("pools", "create", "more", "--max", "3"),
                     ("delete", self.group)):
            result = daemon.covey(*call)
            self.assertNotEqual(0, result.code, f"{call}: {result}")
        self.assertIn(PARKED, daemon.covey("create").err)
        self.assertEqual({"running": "RUNNING", "queued": "QUEUED"}, self.states(daemon))
        self.assertEqual(0, daemon.stop(), daemon.log())
        self.assertEqual(self.running, sleepers(self.seconds))
        self.assertEqual(0, self.runs())
        self.assertEqual({"running": "RUNNING", "queued": "QUEUED"}, self.states(self.original))

    def assertParksAlways(self, daemon):
        for _ in range(2):
            daemon.start()
            self.assertParked(daemon)

    def assertGoesOn(self, daemon):
        self.assertEqual(0, daemon.covey("health").code)
        self.assertEqual(1, daemon.covey("wait", self.group).code)
        self.assertEqual({"running": "FAILED", "queued": "SUCCEEDED"}, self.states(daemon))
        self.assertEqual(1, self.runs())


class CopyTest(CopyCase):
    def test_cp(self):
        for flags in ("-a", "-r"):
            copy = self.daemon()
            subprocess.run(["cp", flags, self.original.data, copy.data], check=True)
            os.chmod(copy.data, 0o700)
            self.assertParksAlways(copy)

    @unittest.skipUnless(shutil.which("rsync"), "there is no rsync")
    def test_rsync(self):
        copy = self.daemon()
        subprocess.run(["rsync", "-a", self.original.data + "/", copy.data], check=True)
        self.assertParksAlways(copy)

    def test_tar(self):
        copy = self.daemon()
        archive = os.path.join(copy.folder, "archive.tar")
        with tarfile.open(archive, "w") as tar:
            tar.add(self.original.data, "data")
        with tarfile.open(archive) as tar:
            tar.extractall(copy.folder)
        self.assertParksAlways(copy)

    def test_a_part_of_it(self):
        """The journal without the file that says whose it is."""
        copy = self.daemon()
        os.mkdir(copy.data, 0o700)
        for name in ("journal.db", "journal.db-wal"):
            shutil.copy(os.path.join(self.original.data, name), copy.data)
        self.assertParksAlways(copy)

    def test_a_copy_in_the_place_of_the_original(self):
        """A restore: the original is gone, and nobody but the operator knows it for good."""
        saved = self.original.data + "-saved"
        shutil.copytree(self.original.data, saved)
        self.original.kill()
        shutil.rmtree(self.original.data)
        os.rename(saved, self.original.data)
        self.original.start()
        self.assertIn(PARKED, self.original.covey("health").out)
        self.original.stop()
        self.original.start("--adopt")
        self.assertGoesOn(self.original)

    def test_adopt(self):
        copy = self.daemon()
        subprocess.run(["cp", "-a", self.original.data, copy.data], check=True)
        copy.start("--adopt")
        self.assertGoesOn(copy)
        copy.kill()
        copy.start()  # and is a copy no more
        self.assertEqual(0, copy.covey("health").code)
        self.assertEqual(self.running, sleepers(self.seconds), "the original's task was killed")

    def test_a_copy_of_an_adopted_copy(self):
        first, second = self.daemon(), self.daemon()
        subprocess.run(["cp", "-a", self.original.data, first.data], check=True)
        first.start("--adopt")
        first.kill()
        subprocess.run(["cp", "-a", first.data, second.data], check=True)
        second.start()
        self.assertIn(PARKED, second.covey("health").out)


class NoCopyTest(CopyCase):
    def assertIsTheOriginal(self):
        self.original.start()
        self.assertEqual([], sleepers(self.seconds), "what the killed daemon had left still runs")
        self.assertGoesOn(self.original)

    def test_a_renamed_directory(self):
        self.original.kill()
        moved = self.original.data + "-moved"
        os.rename(self.original.data, moved)
        self.original.data = moved
        self.assertIsTheOriginal()

    def test_a_link_to_it(self):
        self.original.kill()
        link = self.original.data + "-link"
        os.symlink(self.original.data, link)
        self.original.data = link
        self.assertIsTheOriginal()

    @AS_ROOT
    def test_a_bind_mount(self):
        self.original.kill()
        mounted = self.original.data + "-mounted"
        os.mkdir(mounted)
        if subprocess.run(["mount", "--bind", self.original.data, mounted], check=False).returncode != 0:
            self.skipTest("nothing can be mounted")
        self.addCleanup(subprocess.run, ["umount", "-l", mounted], check=False)
        self.original.data = mounted
        self.assertIsTheOriginal()

    def test_one_of_an_earlier_version(self):
        """Its file said the id alone."""
        self.original.kill()
        path = os.path.join(self.original.data, "id")
        with open(path) as file:
            id_ = file.readline()
        with open(path, "w") as file:
            file.write(id_)
        self.assertIsTheOriginal()


class PermissionTest(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.remove)

    def assertRefused(self, *words):
        before = len(self.daemon.log()) if os.path.exists(self.daemon.log_path) else 0
        self.daemon.spawn()
        self.assertEqual(73, self.daemon.wait(), self.daemon.log())
        for word in (self.daemon.data, *words):
            self.assertIn(word, self.daemon.log()[before:])

    def test_open_to_others(self):
        os.mkdir(self.daemon.data)
        for mode in (0o777, 0o770, 0o755, 0o701):
            os.chmod(self.daemon.data, mode)
            self.assertRefused(f"{mode:04o}", "chmod 700")
            self.assertEqual([], os.listdir(self.daemon.data))
        os.chmod(self.daemon.data, 0o700)
        self.daemon.start()

    @AS_ROOT
    def test_of_somebody_else(self):
        os.mkdir(self.daemon.data, 0o700)
        os.chown(self.daemon.data, 65534, 65534)
        self.assertRefused("chown", "belongs to")
        self.assertEqual([], os.listdir(self.daemon.data))

    def test_no_directory(self):
        with open(self.daemon.data, "w") as file:
            file.write("precious")
        self.assertRefused("is no directory")
        with open(self.daemon.data) as file:
            self.assertEqual("precious", file.read())


class GoneTest(unittest.TestCase):
    """The directory goes while the daemon runs: nothing is acknowledged that is nowhere."""

    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.away = self.daemon.data + "-away"

    def assertRefuses(self):
        wait_until(lambda: self.daemon.covey("health").code == 1, "the daemon has noticed", limit=10)
        self.assertIn("removed or replaced", self.daemon.covey("health").out)
        for call in (("create",), ("run", "--detach", "--", "true"), ("run", "--", "true"),
                     ("pools", "create", "more", "--max", "3")):
            result = self.daemon.covey(*call)
            self.assertEqual(69, result.code, f"{call}: {result}")
            self.assertIn("removed or replaced", result.err)
        told = [line for line in self.daemon.log().splitlines() if " error " in line and "was removed or replaced" in line]
        self.assertEqual(1, len(told), told)

    def test_removed(self):
        self.assertEqual(0, self.daemon.covey("create", "--id", "before").code)
        shutil.rmtree(self.daemon.data)
        self.assertRefuses()
        self.assertEqual(0, self.daemon.covey("show", "before").code, "reads go on")
        self.assertFalse(os.path.exists(self.daemon.data))
        self.assertEqual(0, self.daemon.stop())

    def test_replaced(self):
        os.rename(self.daemon.data, self.away)
        shutil.copytree(self.away, self.daemon.data)
        before = {name: os.stat(os.path.join(self.daemon.data, name)).st_size for name in os.listdir(self.daemon.data)}
        self.assertRefuses()
        self.assertEqual(before, {name: os.stat(os.path.join(self.daemon.data, name)).st_size
                                  for name in os.listdir(self.daemon.data)})

    def test_a_successor_in_its_place(self):
        os.rename(self.daemon.data, self.away)
        successor = Daemon()
        self.addCleanup(successor.remove)
        successor.data = self.daemon.data
        successor.start()
        self.assertRefuses()
        self.assertEqual(0, successor.covey("create", "--id", "its-own").code)
        self.assertEqual(["its-own"], [row["id"] for row in seen.rows(successor, "ps", "--all")])

    def test_the_journal_alone(self):
        for name in ("journal.db", "journal.db-wal", "lock"):
            path = os.path.join(self.daemon.data, name)
            os.rename(path, path + "-away")
            self.assertNotEqual(0, self.daemon.covey("create").code, name)
            os.rename(path + "-away", path)
            self.assertEqual(0, self.daemon.covey("create").code, name)

    @unittest.skipIf(wire.WHY_NOT, wire.WHY_NOT)
    def test_it_comes_back_to_a_daemon_that_drains(self):
        client = wire.Wire(self.daemon.address)
        self.addCleanup(client.close)
        health = client.channel.unary_unary("/grpc.health.v1.Health/Check")
        self.assertEqual(wire.SERVING, health(b"", timeout=30))
        self.assertEqual(0, self.daemon.covey("drain").code)
        os.rename(self.daemon.data, self.away)
        wait_until(lambda: "was removed or replaced" in self.daemon.log(), "the daemon has noticed", limit=10)
        os.rename(self.away, self.daemon.data)
        wait_until(lambda: "is there again" in self.daemon.log(), "the daemon has noticed that too", limit=10)
        self.assertEqual(wire.NOT_SERVING, health(b"", timeout=30))
        self.assertEqual(0, self.daemon.covey("undrain").code)
        wait_until(lambda: health(b"", timeout=30) == wire.SERVING, "it serves, once its journal was tried", limit=10)

    def test_it_comes_back(self):
        os.rename(self.daemon.data, self.away)
        self.assertRefuses()
        os.rename(self.away, self.daemon.data)
        wait_until(lambda: self.daemon.covey("health").code == 0, "the daemon serves again", limit=10)
        self.assertEqual(0, self.daemon.covey("create", "--id", "again").code)
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual(["again"], [row["id"] for row in seen.rows(self.daemon, "ps", "--all")])


if __name__ == "__main__":
    unittest.main()
