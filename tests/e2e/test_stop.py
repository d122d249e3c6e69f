"""SIGTERM suspends (promise 15): what a daemon does with its groups when it stops, and what the next one finds."""

import itertools
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

from daemon import ROOT, lines, odd_seconds, process_task, sleepers, wait_until
from grpcurl import WHY_NOT, Grpcurl
from marking import MarkingCase
from small_disk import SmallDisk
import seen


class StopCase(MarkingCase):
    def setUp(self):
        super().setUp()
        self.seconds = odd_seconds()
        self.addCleanup(lambda: [os.kill(pid, signal.SIGKILL) for pid in sleepers(self.seconds)])

    def until_asleep(self, count):
        wait_until(lambda: len(sleepers(self.seconds)) == count, f"{count} tasks sleep")

    def state(self, group):
        return seen.group(self.daemon, group)["state"].removeprefix("GROUP_STATE_")


class DrillTest(StopCase):
    """A deployment that goes wrong: a stop, three starts that fail, one that does not."""

    flags = ("--pool", "default=20", "--drain-timeout", "3s", "--stop-timeout", "8s")

    def test_drill(self):
        self.daemon.start()
        go_on = os.path.join(self.daemon.folder, "go-on")
        names = {kind: [f"{kind}-{index}" for index in range(count)]
                 for kind, count in (("ends", 10), ("rerun", 5), ("plain", 5), ("queued", 200))}
        # One that is run again ends at once the second time.
        again = f"[ $(wc -l <{self.marks}/{{}}) -gt 1 ] || exec sleep {self.seconds}"
        group = self.detach(
            *[self.marking(name, f"until [ -e {go_on} ]; do sleep 0.02; done") for name in names["ends"]],
            *[self.marking(name, again.format(name), rerunOnRestart=True) for name in names["rerun"]],
            *[self.marking(name, f"exec sleep {self.seconds}") for name in names["plain"]],
            *[self.marking(name) for name in names["queued"]])
        self.until_asleep(10)
        wait_until(lambda: all(self.runs(name) for name in names["ends"]), "twenty tasks run")

        self.daemon.signal(signal.SIGTERM)
        wait_until(lambda: self.daemon.covey("health").code == 1, "the daemon is stopping")
        with open(go_on, "w"):
            pass
        self.assertEqual(0, self.daemon.wait(), self.daemon.log())
        self.assertEqual([], sleepers(self.seconds))
        self.assertIn("205 tasks stay queued, 5 of which will run again; 5 lost", self.daemon.log())
        with socket.create_server(("127.0.0.1", 0)) as taken:
            for _ in range(3):
                self.daemon.spawn("--insecure-listen", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
                self.assertEqual(73, self.daemon.wait(), self.daemon.log())
        self.assertEqual([0] * 200, [self.runs(name) for name in names["queued"]])
        self.daemon.start()

        self.assertEqual({**{name: "SUCCEEDED" for kind in ("ends", "rerun", "queued") for name in names[kind]},
                          **{name: "LOST" for name in names["plain"]}}, self.ends(group))
        self.assertEqual({**{name: 1 for kind in ("ends", "plain", "queued") for name in names[kind]},
                          **{name: 2 for name in names["rerun"]}},
                         {name: self.runs(name) for kind in names.values() for name in kind})
        self.assertEqual(0, self.daemon.stop())


class SuspendTest(StopCase):
    flags = ("--pool", "default=2", "--drain-timeout", "200ms", "--stop-timeout", "4s")

    def test_what_ends_well_when_it_is_told_is_lost_all_the_same(self):
        """It was told to stop: that it exits with 0 does not mean that its work is done."""
        self.daemon.start()
        polite = "trap 'exit 0' TERM; echo up; while :; do sleep 0.02; done"
        group = self.detach(process_task("sh", "-c", polite, name="polite"), self.marking("queued"),
                            flags=("--policy", "settled", "--limit", "1"))
        wait_until(lambda: "up" in self.daemon.covey("logs", f"{group}/polite").out, "its trap is set")
        self.assertEqual(0, self.daemon.stop())
        self.daemon.start()
        self.assertEqual({"polite": "LOST", "queued": "SUCCEEDED"}, self.ends(group))
        self.assertEqual("up\n", self.daemon.covey("logs", f"{group}/polite").out)

    def test_under_all_the_group_fails_and_the_log_names_it(self):
        self.daemon.start()
        group = self.detach(process_task("sleep", self.seconds, name="plain"), self.marking("queued"),
                            flags=("--limit", "1"))
        self.until_asleep(1)
        self.assertEqual(0, self.daemon.stop())
        told = [line for line in self.daemon.log().splitlines() if group in line and "has failed" in line]
        self.assertEqual(1, len(told), self.daemon.log())
        self.assertIn("lost plain", told[0])
        self.assertIn("rerun_on_restart", self.daemon.log())
        self.daemon.start()
        self.assertEqual("FAILED", self.state(group))
        self.assertEqual(0, self.runs("queued"))

    def test_under_all_with_rerun_it_goes_on(self):
        self.daemon.start()
        once = f"[ $(wc -l <{self.marks}/again) -gt 1 ] || exec sleep {self.seconds}"
        group = self.detach(self.marking("again", once, rerunOnRestart=True), self.marking("queued"),
                            flags=("--limit", "1"))
        self.until_asleep(1)
        self.assertEqual(0, self.daemon.stop())
        self.assertNotIn("has failed", self.daemon.log())
        self.daemon.start()
        self.assertEqual({"again": "SUCCEEDED", "queued": "SUCCEEDED"}, self.ends(group))
        self.assertEqual(2, self.runs("again"))

    def test_open_groups_stay_open(self):
        self.daemon.start()
        group = self.daemon.covey("create").out.strip()
        self.daemon.covey("submit", group, "--", "sleep", self.seconds)
        self.until_asleep(1)
        self.assertEqual(0, self.daemon.stop())
        self.daemon.start()
        self.assertEqual("FAILED", self.state(group))  # of policy ALL
        group = self.daemon.covey("create", "--policy", "settled").out.strip()
        self.daemon.covey("submit", group, "--", "sleep", self.seconds)
        self.until_asleep(1)
        self.assertEqual(0, self.daemon.stop())
        self.daemon.start()
        self.assertEqual("RUNNING", self.state(group))
        self.assertEqual(0, self.daemon.covey("submit", "--seal", group, "--", "true").code)
        self.assertEqual(["LOST", "SUCCEEDED"], sorted(self.ends(group).values()))

    def test_attached_groups_are_cancelled(self):
        self.daemon.start()
        client = self.daemon.covey_start("run", "--name", "attached", "--", "sleep", self.seconds)
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        self.until_asleep(1)
        self.assertEqual(0, self.daemon.stop())
        self.assertEqual([], sleepers(self.seconds))
        self.daemon.start()
        (group,) = seen.rows(self.daemon, "ps", "--all")
        self.assertEqual("GROUP_STATE_CANCELLED", group["state"])

    @unittest.skipIf(WHY_NOT, WHY_NOT)
    def test_an_attached_group_is_fed_by_its_call_alone(self):
        """Its owner may end it well in the time that there is; whoever else submits is told to come again."""
        self.daemon.start("--drain-timeout", "20s", "--stop-timeout", "40s")
        owner = self.daemon.covey_start("run", "--name", "attached", "-f", "-", stdin=subprocess.PIPE)
        self.addCleanup(owner.kill)
        feed = lambda task: (owner.stdin.write(task + "\n"), owner.stdin.flush())
        go_on = os.path.join(self.daemon.folder, "go-on")
        feed(self.marking("first", f"until [ -e {go_on} ]; do sleep 0.02; done"))
        wait_until(lambda: self.runs("first"), "the first task runs")
        (group,) = [row["id"] for row in seen.rows(self.daemon, "ps")]
        self.daemon.signal(signal.SIGTERM)
        wait_until(lambda: self.daemon.covey("health").code == 1, "it is stopping")
        refused = Grpcurl(self.daemon).error("covey.v1.GroupService/SubmitTasks", {
            "groupId": group, "tasks": [json.loads(self.marking("strange"))]})
        self.assertEqual(14, refused["code"], refused)
        self.assertIn("RetryInfo", json.dumps(refused))
        feed(self.marking("second"))
        wait_until(lambda: self.runs("second"), "the second task has run")
        with open(go_on, "w"):
            pass
        owner.communicate(timeout=30)
        self.assertEqual(0, owner.returncode)
        self.assertEqual(0, self.daemon.wait())
        self.assertEqual(0, self.runs("strange"))
        self.daemon.start()
        self.assertEqual("SUCCEEDED", self.state(group))

    def test_a_task_that_ignores_its_signal_is_killed_within_the_budget(self):
        self.daemon.start()
        group = self.detach(process_task("sh", "-c", f"trap '' TERM; echo up; exec sleep {self.seconds}", name="deaf",
                                         process={"grace": "60s"}))
        wait_until(lambda: "up" in self.daemon.covey("logs", f"{group}/deaf").out, "its trap is set")
        begin = time.monotonic()
        self.assertEqual(0, self.daemon.stop())
        self.assertLess(time.monotonic() - begin, 6)  # the budget is 4 s; a grace alone would be 60
        self.assertEqual([], sleepers(self.seconds))
        self.daemon.start()
        self.assertEqual({"deaf": "LOST"}, self.ends(group))

    def test_half_of_the_budget_is_for_what_is_told_to_stop(self):
        self.daemon.start("--drain-timeout", "8s", "--stop-timeout", "8s")
        told = os.path.join(self.daemon.folder, "told")
        group = self.detach(process_task("sh", "-c", f"trap 'sleep 0.2; touch {told}; exit' TERM; echo up; while :; do sleep 0.02; done",
                                         name="polite"))
        wait_until(lambda: "up" in self.daemon.covey("logs", f"{group}/polite").out, "its trap is set")
        self.assertEqual(0, self.daemon.stop())
        self.assertTrue(os.path.exists(told))

    def test_a_second_sigterm_cuts_the_wait_short(self):
        self.daemon.start("--drain-timeout", "30s", "--stop-timeout", "60s")
        deaf = f"trap '' TERM; exec sleep {self.seconds}"
        group = self.detach(process_task("sh", "-c", deaf, name="deaf", process={"grace": "60s"}))
        self.until_asleep(1)
        begin = time.monotonic()
        self.daemon.signal(signal.SIGTERM)
        wait_until(lambda: self.daemon.covey("health").code == 1, "it is stopping")
        self.daemon.signal(signal.SIGTERM)  # no more waiting for its end
        wait_until(lambda: "to stop" in self.daemon.log(), "the task is told")
        self.daemon.signal(signal.SIGINT)  # nor for its grace
        self.assertEqual(0, self.daemon.wait())
        self.assertLess(time.monotonic() - begin, 20)
        self.daemon.start()
        self.assertEqual({"deaf": "LOST"}, self.ends(group))

    def test_signals_that_are_no_request_to_end_do_not_hurry_it(self):
        self.daemon.start("--drain-timeout", "20s", "--stop-timeout", "40s")
        go_on = os.path.join(self.daemon.folder, "go-on")
        group = self.detach(self.marking("task", f"until [ -e {go_on} ]; do sleep 0.02; done"))
        wait_until(lambda: self.runs("task"), "the task runs")
        self.daemon.signal(signal.SIGTERM)
        wait_until(lambda: self.daemon.covey("health").code == 1, "it is stopping")
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            self.daemon.signal(number)
        with open(go_on, "w"):
            pass
        self.assertEqual(0, self.daemon.wait())
        self.assertNotIn("not waiting any longer", self.daemon.log())
        self.daemon.start()
        self.assertEqual({"task": "SUCCEEDED"}, self.ends(group))

    def test_creates_and_submits_are_refused_and_may_come_again(self):
        self.daemon.start("--drain-timeout", "20s", "--stop-timeout", "40s")
        go_on = os.path.join(self.daemon.folder, "go-on")
        group = self.daemon.covey("create").out.strip()
        self.daemon.covey("submit", group, "--", "sh", "-c", f"touch {self.marks}/up; until [ -e {go_on} ]; do sleep 0.02; done")
        wait_until(lambda: os.path.exists(f"{self.marks}/up"), "the task runs")
        self.daemon.signal(signal.SIGTERM)
        wait_until(lambda: self.daemon.covey("health").code == 1, "it is stopping")
        late = [self.daemon.covey_start("submit", group, "--", "touch", f"{self.marks}/late"),
                self.daemon.covey_start("create", "--id", "late")]
        for client in late:
            self.addCleanup(client.communicate)
            self.addCleanup(client.kill)
        self.assertEqual("RUNNING", seen.rows(self.daemon, "tasks", group)[0]["state"].rpartition("_")[2])
        with open(go_on, "w"):
            pass
        self.assertEqual(0, self.daemon.wait())
        self.assertFalse(os.path.exists(f"{self.marks}/late"))
        self.daemon.start()
        self.assertEqual([0, 0], [client.wait(timeout=30) for client in late])
        wait_until(lambda: os.path.exists(f"{self.marks}/late"), "the late task has run, on the next daemon")


class RelativesTest(StopCase):
    """What else may go on while a daemon stops."""

    flags = ("--pool", "default=4", "--drain-timeout", "200ms", "--stop-timeout", "4s")

    def test_interrupt_suspends_too(self):
        self.daemon.start()
        group = self.detach(process_task("sleep", self.seconds, name="plain"), self.marking("queued"),
                            flags=("--policy", "settled", "--limit", "1"))
        self.until_asleep(1)
        self.daemon.signal(signal.SIGINT)
        self.assertEqual(0, self.daemon.wait())
        self.daemon.start()
        self.assertEqual({"plain": "LOST", "queued": "SUCCEEDED"}, self.ends(group))

    def test_a_reader_that_does_not_read_holds_up_nothing(self):
        self.daemon.start()
        client = self.daemon.covey_start("run", "--raw", "--", "sh", "-c", f"touch {self.marks}/up; exec yes")
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        wait_until(lambda: os.path.exists(f"{self.marks}/up"), "the task writes")
        client.send_signal(signal.SIGSTOP)
        begin = time.monotonic()
        self.assertEqual(0, self.daemon.stop())
        self.assertLess(time.monotonic() - begin, 7)  # the budget of 4 s, then what streams get

    def test_who_waits_for_a_reader_that_does_not_read_ends_by_itself(self):
        """More than all that stands between the two takes: it is kept as that of detached groups."""
        self.daemon.start("--drain-timeout", "10s", "--stop-timeout", "20s")
        client = self.daemon.covey_start(
            "run", "--raw", "--", "sh", "-c",
            f"touch {self.marks}/up; until [ -e {self.marks}/go-on ]; do sleep 0.02; done;"
            f" head -c 32000000 /dev/zero && touch {self.marks}/written")
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        wait_until(lambda: os.path.exists(f"{self.marks}/up"), "the task runs")
        client.send_signal(signal.SIGSTOP)
        with open(f"{self.marks}/go-on", "w"):
            pass
        self.assertEqual(0, self.daemon.stop())
        self.assertTrue(os.path.exists(f"{self.marks}/written"))

    def test_on_a_full_disk(self):
        """What cannot be written at the stop is found out at the next start."""
        disk = SmallDisk(os.path.join(self.daemon.folder, "disk"))
        self.addCleanup(disk.remove)
        if disk.why_not:
            self.skipTest(disk.why_not)
        self.daemon.data = os.path.join(disk.path, "data")
        self.daemon.start()
        self.addCleanup(lambda: self.daemon.process and self.daemon.kill())
        once = f"[ $(wc -l <{self.marks}/again) -gt 1 ] || exec sleep {self.seconds}"
        group = self.detach(process_task("sleep", self.seconds, name="plain"),
                            self.marking("again", once, rerunOnRestart=True), self.marking("queued"),
                            flags=("--policy", "settled", "--limit", "2"))
        self.until_asleep(2)

        def full():
            disk.fill()
            return self.daemon.covey("create").code != 0
        wait_until(full, "nothing can be written")
        begin = time.monotonic()
        self.assertEqual(0, self.daemon.stop(), self.daemon.log())
        self.assertLess(time.monotonic() - begin, 6)
        self.assertEqual([], sleepers(self.seconds))
        disk.empty()
        self.daemon.start()
        self.assertEqual({"plain": "LOST", "again": "SUCCEEDED", "queued": "SUCCEEDED"}, self.ends(group))
        self.assertEqual((2, 1), (self.runs("again"), self.runs("queued")))

    def test_what_was_acknowledged_while_it_stopped_is_there(self):
        """Clients submit all the time; each task that was acknowledged runs, once, on this daemon or on the next."""
        self.daemon.start()
        group = self.daemon.covey("create", "--policy", "settled").out.strip()
        acknowledged = []
        stop = threading.Event()

        def submit(client):
            for index in itertools.count():
                if stop.is_set():
                    return
                name = f"task-{client}-{index}"
                if self.daemon.covey("submit", group, "-f", "-", stdin=lines(self.marking(name))).code == 0:
                    acknowledged.append(name)
        clients = [threading.Thread(target=submit, args=(client,)) for client in range(3)]
        for client in clients:
            client.start()
        try:
            for _ in range(3):
                before = len(acknowledged)
                wait_until(lambda: len(acknowledged) > before + 10, "tasks are submitted")
                self.assertEqual(0, self.daemon.stop())
                self.daemon.start()
        finally:
            stop.set()
            for client in clients:
                client.join()
        self.assertEqual(0, self.daemon.covey("seal", group).code)
        ends = self.ends(group)
        self.assertEqual([], [name for name in acknowledged if name not in ends])
        # Those that a stop found running may be lost; of these marks none is written twice.
        self.assertEqual({}, {name: (end, self.runs(name)) for name, end in ends.items()
                              if (end, self.runs(name)) not in (("SUCCEEDED", 1), ("LOST", 0), ("LOST", 1))})

    def test_while_a_start_fails(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.daemon.spawn("--insecure-listen", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
            wait_until(lambda: os.path.exists(self.daemon.data), "it is about to fail")
            self.daemon.signal(signal.SIGTERM)
            self.assertEqual(0, self.daemon.wait(), self.daemon.log())


class PatienceTest(unittest.TestCase):
    """Whoever ends the daemon waits longer than it takes."""

    def read(self, *path):
        with open(os.path.join(ROOT, *path)) as file:
            return file.read()

    def test_they_agree(self):
        default = int(re.search(r'^#stop_timeout = "(\d+)s"$', self.read("deploy", "coveyd.toml"), re.MULTILINE)[1])
        self.assertEqual(9, default)
        for name, pattern in (("coveyd.service.in", r"^TimeoutStopSec=(\d+)$"), ("compose.yaml", r"stop_grace_period: (\d+)s")):
            self.assertGreater(int(re.search(pattern, self.read("deploy", name), re.MULTILINE)[1]), default, name)
        self.assertLess(default, 10)  # `docker stop`


class CancelTest(StopCase):
    flags = ("--on-stop=cancel", "--pool", "default=1", "--drain-timeout", "200ms", "--stop-timeout", "4s")

    def test_everything_ends_with_the_daemon(self):
        self.daemon.start()
        group = self.detach(process_task("sleep", self.seconds, name="running", rerunOnRestart=True),
                            self.marking("queued"))
        self.until_asleep(1)
        self.assertEqual(0, self.daemon.stop())
        self.daemon.start()
        self.assertEqual("CANCELLED", self.state(group))
        self.assertEqual(0, self.runs("queued"))

    def test_an_idle_group_stays_open(self):
        self.daemon.start()
        group = self.daemon.covey("create").out.strip()
        self.assertEqual(0, self.daemon.stop())
        self.daemon.start()
        self.assertEqual("RUNNING", self.state(group))
        self.assertEqual(0, self.daemon.covey("submit", "--seal", group, "--", "true").code)
        self.assertEqual(0, self.daemon.covey("wait", group).code)

    def test_what_waits_may_run_while_there_is_time(self):
        self.daemon.start("--drain-timeout", "20s", "--stop-timeout", "40s")
        go_on = os.path.join(self.daemon.folder, "go-on")
        group = self.detach(self.marking("running", f"until [ -e {go_on} ]; do sleep 0.02; done"), self.marking("queued"))
        wait_until(lambda: self.runs("running"), "the first task runs")
        self.daemon.signal(signal.SIGTERM)
        wait_until(lambda: self.daemon.covey("health").code == 1, "it is stopping")
        with open(go_on, "w"):
            pass
        self.assertEqual(0, self.daemon.wait())
        self.daemon.start()
        self.assertEqual({"running": "SUCCEEDED", "queued": "SUCCEEDED"}, self.ends(group))


if __name__ == "__main__":
    unittest.main()
