"""Output: every byte once (promise 17), and what is lost is told."""

import fcntl
import os
import struct
import subprocess
import termios
import unittest

from daemon import COVEY, DaemonTest, lines, process_task, wait_until
import seen


def unread(pipe):
    """Bytes that wait in a pipe."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"))[0]


class OutputTest(DaemonTest):
    def tearDown(self):
        self.covey("cancel", "--all", "--yes")
        super().tearDown()

    def test_what_outlives_the_leader_for_a_moment_is_kept(self):
        result = self.covey("run", "--raw", "--", "sh", "-c", "(sleep 0.2; echo late) & echo early")
        self.assertEqual((0, "early\nlate\n"), (result.code, result.out), result)

    def test_a_reader_that_begins_late_misses_nothing(self):
        """8 MiB, four times what the daemon keeps of a detached group."""
        size = 8 << 20
        dd = ["dd", "if=/dev/zero", "bs=8192", f"count={size // 8192}"]
        client = subprocess.Popen([COVEY, "run", "--raw", "--name", "late", "--", *dd], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=self.daemon.env())
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        wait_until(lambda: unread(client.stdout) > 0 and self.at_rest(), "nothing moves while nobody reads")
        count = 0
        while (piece := client.stdout.read1(1 << 16)):
            count += len(piece)
        self.assertEqual((size, 0), (count, client.wait()))

    def at_rest(self, rounds=20):
        """The task has ended, or has written nothing over some looks at it."""
        group = seen.rows(self.daemon, "ps", "--all", "--name", "late")[0]["id"]
        sizes = []
        for _ in range(rounds):
            task = seen.task(self.daemon, group, "dd")
            if "endTime" in task:
                return True
            sizes.append(task.get("stdoutBytes"))
        return sizes[0] is not None and len(set(sizes)) == 1

    def test_attached_output_comes_once(self):
        tasks = lines(*[process_task("sh", "-c", f"echo {index}") for index in range(60)])
        for _ in range(40):
            result = self.covey("run", "--raw", "-f", "-", stdin=tasks)
            self.assertEqual(sorted(map(str, range(60))), sorted(result.out.split()))

    def test_detached_output_comes_once(self):
        tasks = lines(*[process_task("sh", "-c", f"echo {index}") for index in range(60)])
        group = self.assertExit(0, self.covey("run", "--detach", "-f", "-", stdin=tasks)).out.strip()
        self.covey("wait", group)
        found = [line.rpartition("| ")[2] for line in self.covey("logs", group).out.splitlines()]
        self.assertEqual(sorted(map(str, range(60))), sorted(found))


if __name__ == "__main__":
    unittest.main()
