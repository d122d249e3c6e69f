"""The daemon is killed with SIGKILL in the middle of things and started again on the same folder."""

import json
import os
import unittest

from daemon import Daemon, function_task, lines, odd_seconds, process_task, sleepers, wait_until


class CrashCase(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.remove)
        self.daemon.start()

    def tearDown(self):
        self.assertEqual(0, self.daemon.stop(), self.daemon.log())
        self.assertEqual([], self.daemon.task_processes())

    def detach(self, *tasks, flags=()):
        """The id of a detached group: when it is there the tasks are acknowledged."""
        result = self.daemon.covey("run", "--detach", *flags, "-f", "-", stdin=lines(*tasks), limit=120)
        self.assertEqual(0, result.code, result)
        return result.out.strip()

    def events(self, group):
        """All events of a group, which must be numbered without a gap."""
        out = self.daemon.covey("--output", "json", "events", group, limit=120).out
        events = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(list(range(1, len(events) + 1)), [int(event["number"]) for event in events])
        return events

    def of_task(self, group, task):
        """(kind, attempt, state, kind of failure) of each event of a task."""
        return [(event["kind"].removeprefix("EVENT_KIND_"), event.get("attempt", 0),
                 event.get("taskState", "").removeprefix("TASK_STATE_"),
                 event.get("failure", {}).get("kind", "").removeprefix("FAILURE_KIND_"))
                for event in self.events(group) if event.get("task") == task]

    def crash(self):
        self.daemon.kill()
        self.daemon.start()


class TaskTest(CrashCase):
    """What becomes of each task: promise 12."""

    def test_started_without_rerun_ends_as_lost(self):
        seconds = odd_seconds()
        group = self.detach(process_task("sleep", seconds, name="t"))
        wait_until(lambda: sleepers(seconds), "the task runs")
        self.crash()
        self.assertNotEqual(0, self.daemon.covey("wait", group).code)
        self.assertEqual([], sleepers(seconds))
        last = self.of_task(group, "t")
        self.assertIn(("TASK_EXITED", 1, "FAILED", "LOST"), last)
        self.assertEqual(1, len([event for event in last if event[0] == "TASK_STARTED"]))

    def test_started_with_rerun_runs_again(self):
        seconds = odd_seconds()
        ran = os.path.join(self.daemon.folder, "ran")
        script = f"if [ -e {ran} ]; then exit 0; fi; touch {ran}; exec sleep {seconds}"
        group = self.detach(process_task("sh", "-c", script, name="t", rerunOnRestart=True))
        wait_until(lambda: sleepers(seconds), "the task runs")
        self.crash()
        result = self.daemon.covey("wait", group)
        self.assertEqual(0, result.code, result)
        self.assertEqual([], sleepers(seconds))
        events = self.of_task(group, "t")
        self.assertEqual([1, 2], [attempt for kind, attempt, _, _ in events if kind == "TASK_STARTED"])
        self.assertEqual(("TASK_EXITED", 2, "SUCCEEDED", ""), events[-1])

    def test_queued_runs_after_the_restart(self):
        seconds = odd_seconds()
        made = os.path.join(self.daemon.folder, "made")
        group = self.detach(
            process_task("sh", "-c", f"[ -e {made} ] || {{ touch {made}; exec sleep {seconds}; }}", name="first",
                         rerunOnRestart=True),
            process_task("true", name="second"), flags=("--limit", "1"))
        wait_until(lambda: sleepers(seconds), "the first task runs")
        self.assertEqual(["TASK_SUBMITTED"], [event[0] for event in self.of_task(group, "second")])
        self.crash()
        result = self.daemon.covey("wait", group)
        self.assertEqual(0, result.code, result)
        self.assertEqual([("TASK_STARTED", 1), ("TASK_EXITED", 1)],
                         [event[:2] for event in self.of_task(group, "second")][1:])

    def test_ended_stays_ended(self):
        group = self.detach(process_task("sh", "-c", "echo kept; exit 7", name="t"))
        self.assertEqual(7, self.daemon.covey("wait", group).code)
        before = self.events(group)
        self.crash()
        self.assertEqual(7, self.daemon.covey("wait", group).code)
        self.assertEqual(before, self.events(group))
        self.assertEqual("kept\n", self.daemon.covey("logs", f"{group}/t").out)


class GroupTest(CrashCase):
    def test_attached_group_is_cancelled(self):
        """Promise 10: owner_lost, and what was queued is never started."""
        seconds = odd_seconds()
        made = os.path.join(self.daemon.folder, "made")
        client = self.daemon.covey_start("run", "--limit", "1", "--name", "attached", "-f", self.file(
            process_task("sleep", seconds, name="a", rerunOnRestart=True), process_task("touch", made, name="b")))
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        wait_until(lambda: sleepers(seconds), "the task runs")
        group, = [entry["id"] for entry in self.groups() if entry["spec"].get("name") == "attached"]
        self.crash()
        client.wait(timeout=30)
        self.assertNotEqual(0, client.returncode)
        wait_until(lambda: self.events(group)[-1]["kind"] == "EVENT_KIND_GROUP_COMPLETED", "the group is over")
        last = self.events(group)[-1]
        self.assertEqual("GROUP_STATE_CANCELLED", last["outcome"])
        decided, = [event for event in self.events(group) if event["kind"] == "EVENT_KIND_GROUP_DECIDED"]
        self.assertIn("owner_lost", json.dumps(decided))
        self.assertEqual([], sleepers(seconds))
        self.assertFalse(os.path.exists(made))
        self.assertEqual(1, len([event for event in self.of_task(group, "a") if event[0] == "TASK_STARTED"]))

    def test_no_process_of_any_tree_is_left(self):
        """Not even those that left the session, or had their environment cleared."""
        seconds = odd_seconds()
        self.detach(process_task("sh", "-c", f"setsid sleep {seconds} & env -i sleep {seconds} & "
                                             f"(setsid sh -c 'sleep {seconds} & wait') & sleep {seconds}"))
        wait_until(lambda: len(sleepers(seconds)) == 4, "the tree runs")
        self.crash()
        wait_until(lambda: not sleepers(seconds), "the tree is gone")

    def test_cancel_survives(self):
        """A cancel that was acknowledged holds, though the daemon dies before it is carried out."""
        script = "trap '' TERM; while :; do sleep 0.05; done"
        group = self.detach(process_task("sh", "-c", script, name="t", rerunOnRestart=True))
        wait_until(self.daemon.task_processes, "the task runs")
        self.assertEqual(0, self.daemon.covey("cancel", "--no-wait", "--reason", "enough", group).code)
        self.crash()
        self.assertNotEqual(0, self.daemon.covey("wait", group).code)
        self.assertEqual("GROUP_STATE_CANCELLED", self.events(group)[-1]["outcome"])
        self.assertEqual(1, len([event for event in self.of_task(group, "t") if event[0] == "TASK_STARTED"]))

    def test_again_and_again(self):
        """Each start finds what the one before has left."""
        seconds = odd_seconds()
        groups = []
        for round_ in range(5):
            groups.append(self.detach(process_task("true", name="quick", rerunOnRestart=True),
                                      process_task("sleep", seconds, name="slow", rerunOnRestart=True)))
            wait_until(lambda: len(sleepers(seconds)) == round_ + 1, "the tasks of all rounds run")
            self.crash()
        for group in groups:
            self.assertEqual(0, self.daemon.covey("cancel", group).code)
            self.assertEqual("GROUP_STATE_CANCELLED", self.events(group)[-1]["outcome"])
        self.assertEqual([], sleepers(seconds))

    def groups(self):
        return [json.loads(line) for line in self.daemon.covey("--output", "json", "ps").out.splitlines()]

    def file(self, *tasks):
        path = os.path.join(self.daemon.folder, "tasks")
        with open(path, "w") as file:
            file.write(lines(*tasks))
        return path


class ManyTest(CrashCase):
    """Issue: 10,000 tasks are submitted, acknowledged, and the daemon is killed at once."""

    COUNT = 10_000

    def test_with_rerun_all_succeed(self):
        group = self.detach(*[function_task("covey.noop", rerunOnRestart=True)] * self.COUNT)
        self.crash()
        result = self.daemon.covey("wait", group, limit=120)
        self.assertEqual(0, result.code, result)
        self.assertEqual(self.COUNT, self.shown(group)["tasks"]["succeeded"])

    def test_without_rerun_none_is_started_twice(self):
        group = self.detach(*[function_task("covey.noop")] * self.COUNT, flags=("--policy", "settled"))
        self.crash()
        self.daemon.covey("wait", group, limit=120)
        starts, ends = {}, {}
        for event in self.events(group):
            if event["kind"] == "EVENT_KIND_TASK_STARTED":
                starts[event["task"]] = starts.get(event["task"], 0) + 1
            elif event["kind"] == "EVENT_KIND_TASK_EXITED":
                ends[event["task"]] = event.get("failure", {}).get("kind", event["taskState"])
        self.assertEqual(self.COUNT, len(ends))
        self.assertLessEqual(set(ends.values()), {"TASK_STATE_SUCCEEDED", "FAILURE_KIND_LOST"})
        self.assertEqual({1}, set(starts.values()))

    def shown(self, group):
        """The group; `show` prints it first, then its tasks."""
        result = self.daemon.covey("--output", "json", "show", group)
        self.assertEqual(0, result.code, result)
        return json.loads(result.out.splitlines()[0])


if __name__ == "__main__":
    unittest.main()
