"""A disk that is full: nothing is pretended, all goes on when there is room again."""

import json
import os
import unittest

from daemon import Daemon, lines, odd_seconds, process_task, sleepers, wait_until
from small_disk import SmallDisk
import seen


class FullDiskTest(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon("--drain-timeout", "100ms", "--stop-timeout", "3s")
        self.addCleanup(self.daemon.remove)
        self.disk = SmallDisk(os.path.join(self.daemon.folder, "disk"))
        self.addCleanup(self.disk.remove)
        if self.disk.why_not:
            self.skipTest(self.disk.why_not)
        self.daemon.data = os.path.join(self.disk.path, "data")
        self.addCleanup(lambda: self.daemon.process and self.daemon.kill())

    def detach(self, *tasks):
        result = self.daemon.covey("run", "--detach", "-f", "-", stdin=lines(*tasks))
        self.assertEqual(0, result.code, result)
        return result.out.strip()

    def fill(self):
        """Returns when the daemon cannot write any more."""
        def full():
            self.disk.fill()
            return self.daemon.covey("create").code != 0
        wait_until(full, "nothing can be written")

    def sleeping(self):
        """(group, seconds) of a task that sleeps, and will for long."""
        seconds = odd_seconds()
        group = self.detach(process_task("sleep", seconds, name="t"))
        wait_until(lambda: sleepers(seconds), "the task runs")
        return group, seconds

    def test_work_goes_on_when_there_is_room_again(self):
        self.daemon.start()
        group, _ = self.sleeping()
        self.fill()
        self.disk.empty()
        wait_until(lambda: self.daemon.covey("create").code == 0, "groups are made again")
        self.assertEqual(0, self.daemon.covey("cancel", group).code)

    def test_output_that_was_lost_is_counted(self):
        self.daemon.start()
        go = os.path.join(self.daemon.folder, "go")
        script = f"until [ -e {go} ]; do sleep 0.02; done; seq 5000; echo end"
        group = self.detach(process_task("sh", "-c", script, name="t"))
        wait_until(self.daemon.task_processes, "the task runs")
        self.fill()
        open(go, "w").close()
        wait_until(lambda: not self.daemon.task_processes(), "the task has ended")
        self.disk.empty()
        self.daemon.covey("wait", group)
        size = sum(len(f"{number}\n") for number in range(1, 5001)) + len("end\n")
        pieces = seen.output(self.daemon, group, "t", 1).get("stdout", [])
        self.assertEqual(size, sum(piece if isinstance(piece, int) else len(piece) for _, piece in pieces))
        self.assertEqual(str(size), seen.task(self.daemon, group, "t")["stdoutBytes"])

    def test_what_cancel_answers_is_so(self):
        """Either it is cancelled, now or later, or nothing was changed."""
        self.daemon.start()
        group, seconds = self.sleeping()
        self.fill()
        result = self.daemon.covey("cancel", "--no-wait", group)
        if result.code == 0:
            self.disk.empty()
            wait_until(lambda: "endTime" in seen.group(self.daemon, group), "the group is over")
            self.assertEqual("GROUP_STATE_CANCELLED", seen.group(self.daemon, group)["state"])
            return
        for _ in range(20):  # some calls later
            self.daemon.covey("info")
            self.assertTrue(sleepers(seconds), f"{result}\n… but its process is gone")

    def test_one_code_for_all_calls(self):
        self.daemon.start()
        group, _ = self.sleeping()
        open_ = self.daemon.covey("create").out.strip()
        self.fill()
        codes = {}
        for call in ("create", f"submit {open_} -- true", f"seal {open_}", f"cancel --no-wait {open_}",
                     f"cancel --no-wait {group}/t", "pools create more --max 3"):
            result = self.daemon.covey("--output", "json", *call.split())
            codes[call] = json.loads(result.err.splitlines()[-1])["error"]["code"] if result.code else "OK"
        self.assertNotIn("OK", codes.values(), codes)
        self.assertEqual(1, len(set(codes.values())), codes)

    def test_health_says_so(self):
        self.daemon.start()
        self.fill()
        self.assertEqual(1, self.daemon.covey("health").code)
        self.disk.empty()
        wait_until(lambda: self.daemon.covey("health").code == 0, "the daemon serves again")

    def test_delete_makes_room(self):
        self.daemon.start()
        group = self.detach(process_task("sh", "-c", "seq 200000", name="t"))
        self.daemon.covey("wait", group)
        self.fill()
        result = self.daemon.covey("delete", group)
        self.assertEqual(0, result.code, result)
        wait_until(lambda: self.daemon.covey("create").code == 0, "there is room")

    def test_a_stop_tells_no_untruth(self):
        self.daemon.start()
        _, seconds = self.sleeping()
        self.fill()
        self.daemon.stop()
        self.assertEqual([], sleepers(seconds))
        self.assertNotIn("ignored its cancel", self.daemon.log())

    def test_a_start_names_the_path(self):
        self.daemon.start()
        self.fill()
        self.daemon.kill()
        self.disk.fill()
        before = len(self.daemon.log())
        self.daemon.spawn()
        self.assertEqual(73, self.daemon.wait())
        self.assertIn(self.daemon.data, self.daemon.log()[before:])


if __name__ == "__main__":
    unittest.main()
