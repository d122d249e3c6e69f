"""A group that stays open, in which much has ended: that is in the journal alone, and answers as it did."""

import json
import subprocess
import threading
import unittest

from daemon import DaemonTest, function_task, lines, process_task, wait_until

MANY = 10_000  # more than stay in memory


class OpenGroupTest(DaemonTest):
    def tasks(self, first, count, **fields):
        return lines(*[function_task("covey.noop", name=f"task-{i}", **fields) for i in range(first, first + count)])

    def one(self, *arguments, code=0, stdin=None):
        return self.assertExit(code, self.covey(*arguments, stdin=stdin))

    def submit(self, group, tasks, code=0):
        return self.one("submit", group, "-f", "-", code=code, stdin=tasks)

    def tearDown(self):
        self.covey("cancel", "--all", "--yes")
        super().tearDown()

    def shown(self, target):
        return json.loads(self.one("--output", "json", "show", target).out.splitlines()[0])

    def counts(self, group):
        return self.shown(group).get("tasks", {})

    def succeeded(self, group, count):
        wait_until(lambda: self.counts(group).get("succeeded") == count, f"{count} tasks succeeded")

    def assertAnswers(self, group, last):
        """Of old tasks all is known, by name and in lists; their names are taken."""
        shown = self.one("show", f"{group}/task-39").out
        self.assertIn("succeeded", shown)
        self.assertIn("covey.noop", shown)
        self.one("show", f"{group}/39", code=1)
        self.assertIn("succeeded in attempt 1", self.one("explain", f"{group}/task-39").out)
        self.assertEqual(f"{group}/task-39 succeeded\n", self.one("wait", f"{group}/task-39").out)
        self.assertEqual(f"{group}/task-39 succeeded\n", self.one("cancel", f"{group}/task-39").out)
        self.assertEqual("", self.one("logs", f"{group}/task-39").out)
        self.assertIn("task-77", self.submit(group, self.tasks(77, 1), code=64).err)
        listed = self.one("tasks", group).out.splitlines()[1:]
        self.assertEqual([f"task-{i}" for i in range(last)], [line.split()[0] for line in listed])
        self.assertEqual({"succeeded"}, {line.split()[1] for line in listed})

    def test_much_has_ended(self):
        group = self.one("create").out.strip()
        self.submit(group, self.tasks(0, 2 * MANY))
        self.succeeded(group, 2 * MANY)
        self.assertAnswers(group, 2 * MANY)
        self.daemon.kill()
        self.daemon.start()
        self.assertAnswers(group, 2 * MANY)
        self.submit(group, self.tasks(2 * MANY, 5))
        self.one("seal", group)
        self.assertIn("succeeded", self.one("wait", group).out)
        self.assertEqual(2 * MANY + 6, len(self.one("tasks", group).out.splitlines()))
        self.one("delete", group)
        self.one("show", group, code=1)

    def test_one_runs_on(self):
        """Behind one that has not ended the others leave memory all the same; it is killed with the daemon, and runs again."""
        group = self.one("create").out.strip()
        self.submit(group, lines(process_task("sleep", "1000", name="service", rerunOnRestart=True)))
        self.submit(group, self.tasks(0, MANY))
        self.succeeded(group, MANY)
        self.daemon.kill()
        self.daemon.start()
        wait_until(lambda: self.shown(f"{group}/service").get("attempt") == 2, "it runs again")
        self.assertEqual(MANY, self.counts(group)["succeeded"])
        listed = self.one("tasks", group).out.splitlines()
        self.assertEqual(["service", "running"], listed[1].split()[:2])
        self.assertEqual(["task-0", "succeeded"], listed[2].split()[:2])
        self.one("cancel", f"{group}/service")
        self.assertIn("cancelled", self.one("show", f"{group}/service").out)
        self.assertIn("failed", self.one("wait", group, code=1).out)

    def test_killed_while_it_leaves_memory(self):
        """Every task that was accepted ends once, whenever the daemon is killed."""
        group = self.one("create", "--policy", "settled").out.strip()
        for part in range(4):
            submitting = self.daemon.covey_start("submit", group, "-f", "-", stdin=subprocess.PIPE)
            writer = threading.Thread(target=submitting.communicate,
                                      args=(self.tasks(part * MANY, MANY, rerunOnRestart=True),))
            writer.start()
            wait_until(lambda: self.counts(group).get("succeeded", 0) >= part * MANY + 2_000 * (part + 1),
                       "it is in the middle")
            self.daemon.kill()
            self.daemon.start()
            writer.join()
            self.assertEqual(0, submitting.returncode)
            self.succeeded(group, (part + 1) * MANY)
        self.one("seal", group)
        listed = self.one("tasks", group).out.splitlines()[1:]
        self.assertEqual([f"task-{i}" for i in range(4 * MANY)], [line.split()[0] for line in listed])

    def test_output_of_old_tasks(self):
        """What they wrote is there, with their names."""
        group = self.one("create").out.strip()
        self.submit(group, lines(*[process_task("echo", f"said {i}", name=f"speaker-{i}") for i in range(20)]))
        self.succeeded(group, 20)
        self.submit(group, self.tasks(0, MANY))
        self.succeeded(group, MANY + 20)
        self.assertEqual("said 7\n", self.one("logs", f"{group}/speaker-7").out)
        self.assertIn("speaker-7", self.one("logs", group).out)


if __name__ == "__main__":
    unittest.main()
