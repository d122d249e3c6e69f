"""A night of faults: each is in the log once, or counted there, and in a metric."""

import json
import os
import subprocess
import unittest

from daemon import Daemon, process_task, sleepers, odd_seconds, wait_until
from small_disk import SmallDisk
from test_metrics import get, http_address, samples


class NightTest(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon("--log-format", "json", "--http-listen", "127.0.0.1:0")
        self.addCleanup(self.daemon.remove)
        self.seen = 0  # bytes of the log that an earlier run of the daemon has written

    def start(self, *flags):
        self.seen = len(self.daemon.log()) if os.path.exists(self.daemon.log_path) else 0
        self.daemon.start(*flags)
        self.address = wait_until(self.address_of_this_run, "HTTP is served")

    def address_of_this_run(self):
        said = [line["message"] for line in self.lines() if line["message"].startswith("serving HTTP on ")]
        return said and said[0].split()[-1]

    def lines(self, kind=None):
        """Of this run of the daemon."""
        lines = [json.loads(line) for line in self.daemon.log()[self.seen:].splitlines()]
        return [line for line in lines if kind is None or line.get("kind") == kind]

    def metric(self, series):
        return samples(get(self.address, "/metrics")[1]).get(series, 0)

    def detach(self, *argv, stdin=None):
        result = self.daemon.covey("run", "--detach", *argv, stdin=stdin)
        self.assertEqual(0, result.code, result)
        return result.out.strip()

    def test_a_disk_that_fills_up(self):
        disk = SmallDisk(self.daemon.data)
        self.addCleanup(disk.remove)
        if disk.why_not:
            self.skipTest(disk.why_not)
        os.chmod(self.daemon.data, 0o700)
        self.start()
        disk.fill()
        refused = 'covey_calls_refused_total{reason="JOURNAL_FULL"}'
        for _ in range(5):  # who try again until they have given up
            client = self.daemon.covey_start("run", "--detach", "--", "true")
            self.addCleanup(client.communicate)
            self.addCleanup(client.kill)
        wait_until(lambda: self.metric(refused) >= 15, "they were refused many times")
        full = [line for line in self.lines() if line["message"].startswith("the journal cannot be written")]
        self.assertEqual(1, len(full), full)
        self.assertEqual(("error", "journal"), (full[0]["level"], full[0]["part"]))
        self.assertGreater(self.metric("covey_journal_errors_total"), 0)
        self.assertEqual(0, self.metric("covey_serving"))
        disk.empty()
        wait_until(lambda: self.metric("covey_serving") == 1, "it serves again")
        self.assertEqual(1, len([line for line in self.lines() if line["message"] == "the journal can be written again"]))
        self.daemon.covey("wait", self.detach("--", "true"))
        count = self.metric(refused)
        self.assertEqual(0, self.daemon.stop())  # which tells what was left out
        lines = self.lines("call_refused")
        self.assertEqual({"JOURNAL_FULL"}, {line.get("reason", line.get("variant")) for line in lines})
        self.assertEqual(count, sum(line.get("left_out", 1) for line in lines))
        self.assertLess(len(lines), 10, "one in ten seconds, and how many more")

    def test_a_daemon_that_is_killed(self):
        self.start()
        seconds = odd_seconds()
        lost = self.detach("--", "sleep", seconds)
        wait_until(lambda: sleepers(seconds), "it runs")
        self.daemon.kill()
        self.start()
        self.daemon.covey("wait", lost)
        [line] = self.lines("task_lost")
        self.assertEqual((lost, "sleep", 1), (line["group"], line["task"], line["attempt"]))
        [decided] = self.lines("group_decided")
        self.assertEqual((lost, "lost"), (decided["group"], decided["reason"]))
        self.assertEqual(1, self.metric('covey_tasks_ended_total{pool="default",kind="process",outcome="failed",failure="lost"}'))
        self.assertEqual(1, self.metric("covey_recovered_groups"))
        left = sum(line["processes"] for line in self.lines("leftovers_killed"))
        self.assertEqual(left, self.metric('covey_leftovers_killed_total{of="earlier_run"}'))
        self.assertFalse(sleepers(seconds))

    def test_tasks_that_do_not_stop_and_leave_what_they_should_not(self):
        self.start()
        stubborn = process_task("sh", "-c", "trap '' TERM; echo on; while :; do sleep 60; done", process={"grace": "0.1s"})
        group = self.detach("-f", "-", stdin=stubborn + "\n")
        wait_until(lambda: "on" in self.daemon.covey("logs", group).out, "it ignores its signal")
        self.daemon.covey("cancel", group)
        self.daemon.covey("wait", group)
        self.assertEqual([group], [line["group"] for line in self.lines("task_killed")])
        self.assertEqual([group], [line["group"] for line in self.lines("cancel_requested")])
        self.assertEqual(1, self.metric('covey_groups_ended_total{pool="default",outcome="cancelled",failure="cancelled"}'))
        careless = self.detach("--", "sh", "-c", "setsid sleep 60 & setsid sleep 60 & exit 0")
        self.daemon.covey("wait", careless)
        [line] = self.lines("leftovers_killed")
        self.assertEqual((careless, 2), (line["group"], line["processes"]))
        self.assertEqual(2, self.metric('covey_leftovers_killed_total{of="task"}'))

    def test_a_reader_that_reads_nothing(self):
        self.start("--reader-timeout", "1s")
        client = subprocess.Popen([os.path.join(os.path.dirname(self.daemon.command[0]), "covey"), "run", "--", "yes"],
                                  env=self.daemon.env(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL)
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        wait_until(lambda: self.metric('covey_streams_behind{kind="attached"}') == 1, "the reader is behind")
        wait_until(lambda: self.metric('covey_stream_lag_seconds{kind="attached"}') > 0.5, "and stays so")
        wait_until(lambda: self.lines("group_decided"), "its group is cancelled")
        [line] = self.lines("group_decided")
        self.assertEqual("cancelled", line["reason"])
        self.assertIn("the client has taken no output", line["why"])
        wait_until(lambda: self.metric('covey_groups_ended_total{pool="default",outcome="cancelled",failure="cancelled"}') == 1,
                   "it is counted")

    def test_a_queue_that_is_full(self):
        self.start("--pool", "default=1", "--max-queued", "5")
        tasks = (process_task("sleep", "60") + "\n") * 20
        waiting = self.daemon.covey_start("run", "--detach", "-f", "-", stdin=subprocess.PIPE)
        self.addCleanup(waiting.communicate)
        self.addCleanup(waiting.kill)
        waiting.stdin.write(tasks)
        waiting.stdin.flush()
        waiting.stdin.close()
        waiting.stdin = None
        wait_until(lambda: self.lines("bound_reached"), "a call waits for room")
        self.assertEqual(5, self.metric('covey_bound_used{bound="max_queued"}'))
        self.assertEqual(5, self.metric('covey_bound_limit{bound="max_queued"}'))
        self.assertGreater(self.metric('covey_calls_refused_total{reason="QUEUE_FULL"}'), 0)
        [line] = [each for each in self.lines("bound_reached") if "left_out" not in each]
        self.assertEqual(("QUEUE_FULL", "warning"), (line["reason"], line["level"]))
        self.assertIn("0 of 5 are free", line["why"])


if __name__ == "__main__":
    unittest.main()
