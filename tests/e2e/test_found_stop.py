"""How tasks end that are told to stop: of a task its failure, of a tree all of it, and after a grace."""

import os
import signal
import unittest

from daemon import Daemon, DaemonTest, lines, odd_seconds, process_task, sleepers, wait_until
import seen

# Says when its trap is set, and ends well when it is told to stop.
POLITE = "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"


class StopTest(DaemonTest):
    def tearDown(self):
        self.covey("cancel", "--all", "--yes")
        super().tearDown()

    def detach(self, *tasks, flags=()):
        return self.assertExit(0, self.covey("run", "--detach", *flags, "-f", "-", stdin=lines(*tasks))).out.strip()

    def until_up(self, group, task):
        wait_until(lambda: "up\n" in self.covey("logs", f"{group}/{task}").out, f"{task} has set its trap")

    def ended(self, group, task):
        found = seen.task(self.daemon, group, task)
        failure = found.get("failure", {}).get("kind", "")
        return found["state"].removeprefix("TASK_STATE_"), failure.removeprefix("FAILURE_KIND_")


class ToldToStopTest(StopTest):
    """Promise 2: a task that was cancelled by itself, or timed out, failed whatever its exit says."""

    def test_timeout_of_a_task_that_ends_well(self):
        group = self.detach(process_task("sh", "-c", POLITE, name="t", timeout="2s"))
        self.assertExit(124, self.covey("wait", group))
        self.assertEqual(("FAILED", "TIMEOUT"), self.ended(group, "t"))

    def test_cancel_of_a_task_that_ends_well(self):
        group = self.detach(process_task("sh", "-c", POLITE, name="t"))
        self.until_up(group, "t")
        self.covey("cancel", f"{group}/t")
        self.assertEqual(("FAILED", "CANCELLED"), self.ended(group, "t"))
        self.assertExit(1, self.covey("wait", group))

    def test_a_cancelled_task_does_not_win(self):
        go_on = os.path.join(self.daemon.folder, "go-on")
        group = self.detach(process_task("sh", "-c", POLITE, name="t"),
                            process_task("sh", "-c", f"until [ -e {go_on} ]; do sleep 0.05; done", name="u"),
                            flags=("--policy", "any"))
        self.until_up(group, "t")
        self.covey("cancel", f"{group}/t")
        with open(go_on, "w"):
            pass
        self.assertExit(0, self.covey("wait", group))
        self.assertEqual(("FAILED", "CANCELLED"), self.ended(group, "t"))
        self.assertEqual(("SUCCEEDED", ""), self.ended(group, "u"))


class TreeTest(StopTest):
    """Promise 4: the grace is the tree's, not the first process's."""

    def kinds(self, group):
        return [event["kind"].removeprefix("EVENT_KIND_") for event in seen.events(self.daemon, group)]

    def test_grace_behind_a_shell(self):
        """The shell ends at once, what it runs uses the grace."""
        server = "trap 'echo stopping; sleep 0.5; echo flushed; exit 0' TERM; echo up; while :; do sleep 0.05; done"
        group = self.detach(process_task("sh", "-c", 'sh -c "$1"; true', "sh", server, name="t"))
        self.until_up(group, "t")
        self.covey("cancel", group)
        self.assertEqual("up\nstopping\nflushed\n", self.covey("logs", f"{group}/t").out)
        self.assertNotIn("CANCEL_KILLED", self.kinds(group))

    def test_a_child_in_a_session_of_its_own_is_told(self):
        child = "trap 'echo told; exit 0' TERM; echo up; while :; do sleep 0.05; done"
        leader = 'trap "sleep 0.5; exit" TERM; setsid sh -c "$1" & while :; do sleep 0.05; done'
        group = self.detach(process_task("sh", "-c", leader, "sh", child, name="t"))
        self.until_up(group, "t")
        self.covey("cancel", group)
        self.assertEqual("up\ntold\n", self.covey("logs", f"{group}/t").out)
        self.assertNotIn("CANCEL_KILLED", self.kinds(group))

    def cgroup(self):
        """The folder above the daemon's own cgroup; only root moves itself there."""
        control = self.daemon.log().partition("process control cgroup v2 (")[2].partition(")")[0]
        if os.geteuid() != 0 or not control:
            self.skipTest("not root, or a daemon without cgroups")
        return os.path.dirname(control)

    def assertGone(self, seconds):
        """Also afterwards: what a test lets escape it ends itself."""
        try:
            wait_until(lambda: not sleepers(seconds), "nothing of the task runs", limit=5)
        finally:
            for pid in sleepers(seconds):
                os.kill(pid, signal.SIGKILL)

    def test_a_task_that_leaves_its_cgroup(self):
        seconds = odd_seconds()
        script = f"trap '' TERM; echo $$ >{self.cgroup()}/cgroup.procs && echo up; exec sleep {seconds}"
        group = self.detach(process_task("sh", "-c", script, name="t", process={"grace": "0.2s"}))
        self.until_up(group, "t")
        self.covey("cancel", "--no-wait", group)
        self.assertGone(seconds)

    def test_a_child_that_leaves_its_cgroup(self):
        """It carries the token of its task, so it does not outlive the wait."""
        seconds = odd_seconds()
        moved = os.path.join(self.daemon.folder, "moved")
        child = f"echo $$ >{self.cgroup()}/cgroup.procs; touch {moved}; exec sleep {seconds} >/dev/null 2>&1"
        group = self.detach(process_task("sh", "-c", f'sh -c "$1" & until [ -e {moved} ]; do sleep 0.02; done', "sh", child))
        try:
            self.covey("wait", group)
            self.assertEqual([], sleepers(seconds))
        finally:
            for pid in sleepers(seconds):
                os.kill(pid, signal.SIGKILL)


class KilledDaemonTest(unittest.TestCase):
    """Without cgroups: what the trees of a killed daemon leave."""

    def setUp(self):
        self.daemon = Daemon("--cgroups=false")
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.seconds = odd_seconds()
        self.addCleanup(lambda: [os.kill(pid, signal.SIGKILL) for pid in sleepers(self.seconds)])

    def crash_with(self, script):
        self.daemon.covey("run", "--detach", "--", "sh", "-c", script.format(self.seconds))
        wait_until(lambda: len(sleepers(self.seconds)) == 2, "the tree runs")
        self.daemon.kill()
        self.daemon.start()

    def test_an_empty_environment_in_the_session(self):
        self.crash_with("env -i sleep {0} & sleep {0}")
        wait_until(lambda: not sleepers(self.seconds), "the tree is gone", limit=5)

    def test_an_empty_environment_in_another_session(self):
        """It may live, as the README's limits say, but not without a word."""
        self.crash_with("setsid env -i sleep {0} & sleep {0}")
        wait_until(lambda: all(str(pid) in self.daemon.log() for pid in sleepers(self.seconds)),
                   "the log tells of what lives", limit=5)


if __name__ == "__main__":
    unittest.main()
