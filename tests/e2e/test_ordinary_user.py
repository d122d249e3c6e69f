"""coveyd as an ordinary user, whom wrong modes lock out, and under any umask."""

import os
import stat
import unittest

from daemon import AS_ROOT, Daemon, lines, process_task, sleepers, odd_seconds, wait_until


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


@AS_ROOT
class OrdinaryUserTest(unittest.TestCase):
    def daemon(self, *flags, umask=0o022):
        daemon = Daemon("--no-cgroups", *flags).become_nobody()
        daemon.umask = umask
        self.addCleanup(daemon.remove)
        return daemon

    def test_output_of_what_was_queued_at_a_restart(self):
        """Tasks write as soon as the daemon is there again, while it may still be about its sockets."""
        tasks = 30
        seconds = odd_seconds()
        daemon = self.daemon("--pool", "default=1").start()
        blocker = daemon.covey("run", "--detach", "--", "sleep", seconds)
        self.assertEqual(0, blocker.code, blocker)
        wait_until(lambda: sleepers(seconds), "the first task holds the slot")
        result = daemon.covey("run", "--detach", "--policy", "settled", "-f", "-", stdin=lines(*[
            process_task("sh", "-c", "echo out; echo more", name=f"t{index}") for index in range(tasks)]))
        self.assertEqual(0, result.code, result)
        group = result.out.strip()
        daemon.kill()
        daemon.start("--pool", f"default={tasks}")
        self.assertEqual(0, daemon.covey("wait", group).code)
        self.assertEqual("out\nmore\n" * tasks,
                         "".join(daemon.covey("logs", f"{group}/t{index}").out for index in range(tasks)))
        self.assertEqual(0o700, mode(f"{daemon.data}/output/{group}"))
        self.assertEqual(0, daemon.stop())

    def test_every_mode_is_what_is_meant(self):
        for umask in (0o000, 0o022, 0o077, 0o177):
            with self.subTest(umask=f"{umask:03o}"):
                daemon = self.daemon("--socket-mode", "0660", umask=umask)
                daemon.socket = f"{daemon.folder}/run/deep/s"
                daemon.address = f"unix:{daemon.socket}"
                daemon.start()
                result = daemon.covey("run", "--detach", "--", "sh", "-c", "echo out; umask")
                self.assertEqual(0, result.code, result)
                group = result.out.strip()
                self.assertEqual(0, daemon.covey("wait", group).code)
                self.assertEqual("out\n0022\n", daemon.covey("logs", f"{group}/sh").out)
                self.assertEqual(0o660, mode(daemon.socket))
                for path, wanted in ((f"{daemon.folder}/run", 0o755), (f"{daemon.folder}/run/deep", 0o755),
                                     (daemon.data, 0o700), (f"{daemon.data}/output", 0o700),
                                     (f"{daemon.data}/output/{group}", 0o700)):
                    self.assertEqual(f"{wanted:o}", f"{mode(path):o}", path)
                for name in os.listdir(daemon.data):
                    if os.path.isfile(f"{daemon.data}/{name}"):
                        self.assertEqual("600", f"{mode(f'{daemon.data}/{name}'):o}", name)
                self.assertEqual(0, daemon.stop())


if __name__ == "__main__":
    unittest.main()
