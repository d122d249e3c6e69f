"""covey doctor and coveyd --doctor: what is wrong, and what to do."""

import json
import os
import stat
import unittest

from daemon import COVEYD, Daemon, run
from small_disk import SmallDisk


class DoctorTest(unittest.TestCase):
    def daemon(self, *flags):
        daemon = Daemon(*flags)
        self.addCleanup(daemon.remove)
        return daemon

    def place(self, daemon, *flags):
        """Exit code and findings by what was looked at, without a daemon."""
        result = run([COVEYD, "--doctor=json", "--listen", daemon.address, "--data-dir", daemon.data, *daemon.flags, *flags])
        return result.code, self.by_check(result.out)

    def diagnosis(self, daemon):
        result = daemon.covey("--output", "json", "doctor")
        return result.code, self.by_check(result.out)

    def by_check(self, text):
        findings = {}
        for each in json.loads(text)["findings"]:
            level = each["level"].removeprefix("FINDING_LEVEL_")
            self.assertTrue(level == "OK" or each["advice"], each)
            findings.setdefault(each["check"], []).append((level, each["message"]))
        return findings

    def test_a_daemon_that_is_well(self):
        daemon = self.daemon().start()
        code, found = self.diagnosis(daemon)
        wrong = {check: said for check, said in found.items() if any(level in ("WARNING", "ERROR") for level, _ in said)}
        self.assertEqual(bool(wrong), code == 1, found)  # of the machine of this test something may be
        for check in ("versions", "configuration", "serving", "addresses", "journal", "data_dir"):
            self.assertEqual(["OK"], [level for level, _ in found[check]], found)
        for check in ("file_system", "free_space", "sync", "descriptors", "cgroups", "clock", "retention"):
            self.assertIn(check, found)
        text = daemon.covey("doctor")
        self.assertEqual(code, text.code)
        self.assertIn("sqlite, durable", text.out)
        self.assertFalse([name for name in os.listdir(daemon.data) if "doctor" in name])

    def test_faults_of_a_daemon_that_runs(self):
        daemon = self.daemon("--durability", "none", "--socket-mode", "0666")
        path = os.path.join(daemon.folder, "c.toml")
        with open(path, "w") as file:
            file.write("retain_age = \"0s\"\n")
        daemon.flags += ["--config", path]
        daemon.start()
        with open(path, "w") as file:
            file.write("queues = 2\n")
        os.chmod(path, 0o666)
        code, found = self.diagnosis(daemon)
        self.assertEqual(1, code)
        self.assertIn("WARNING", dict(found["journal"]))
        self.assertIn("0666", dict(found["addresses"])["WARNING"])
        said = dict(found["configuration"])
        self.assertIn("0666", said["WARNING"])
        self.assertIn("queues", said["NOTE"])
        with open(path, "w") as file:
            file.write("queues = 99\n")
        _, found = self.diagnosis(daemon)
        self.assertIn("queues must be 1..64", dict(found["configuration"])["ERROR"])
        daemon.covey("drain", "--timeout", "0s")
        _, found = self.diagnosis(daemon)
        self.assertIn("NOTE", dict(found["serving"]))

    def test_what_retention_will_do(self):
        daemon = self.daemon("--retain-groups", "0", "--retain-age", "3650d").start()
        daemon.covey("run", "--", "true")
        _, found = self.diagnosis(daemon)
        self.assertIn("1 group, ", found["retention"][0][1])

    def test_without_a_daemon(self):
        daemon = self.daemon().start()
        daemon.stop()
        unreachable = daemon.covey("doctor")
        self.assertEqual(69, unreachable.code)
        self.assertIn("coveyd --doctor", unreachable.err)
        _, found = self.place(daemon)
        self.assertEqual("OK", found["data_dir"][0][0])
        os.chmod(daemon.data, 0o755)
        code, found = self.place(daemon)
        self.assertEqual((1, "ERROR"), (code, found["data_dir"][0][0]), found)
        self.assertEqual(0o755, stat.S_IMODE(os.stat(daemon.data).st_mode), "it only looks")
        code, found = self.place(self.daemon(), "--journal", "memory")
        self.assertEqual("WARNING", found["journal"][0][0])
        refused = run([COVEYD, "--doctor=xml"])
        self.assertEqual(64, refused.code)
        self.assertIn("--doctor takes json or nothing, got xml", refused.err)

    def test_a_file_that_is_wrong_is_an_answer(self):
        daemon = self.daemon()
        path = os.path.join(daemon.folder, "c.toml")
        with open(path, "w") as file:
            file.write("queues = 99\nnonsense = 1\n")
        code, found = self.place(daemon, "--config", path)
        self.assertEqual(1, code)
        self.assertEqual(["ERROR", "ERROR"], [level for level, _ in found["configuration"]])

    def test_a_disk_that_is_full_and_gone_with_the_machine(self):
        daemon = self.daemon()
        disk = SmallDisk(daemon.data)
        self.addCleanup(disk.remove)
        if disk.why_not:
            self.skipTest(disk.why_not)
        os.chmod(daemon.data, 0o700)
        _, found = self.place(daemon)
        self.assertEqual("WARNING", found["file_system"][0][0])
        disk.fill()
        code, found = self.place(daemon)
        self.assertEqual((1, "ERROR", "ERROR"), (code, found["free_space"][0][0], found["sync"][0][0]), found)


if __name__ == "__main__":
    unittest.main()
