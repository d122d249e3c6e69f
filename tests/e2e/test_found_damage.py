"""A flipped bit costs one group, and is told: never a crash, never a wrong value (promise 18)."""

import json
import os
import random
import unittest

from daemon import Daemon, lines, process_task
import damage
import seen


class DamageTest(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon()
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.random = random.Random(1)

    def groups(self, count, seal):
        """{id: what is seen of it}; each has one task, whose name nothing else has, and which has ended."""
        for index in range(count):
            id_ = f"group-{index}"
            self.daemon.covey("create", "--id", id_, "--label", "some=label")
            tasks = lines(process_task("sh", "-c", f"echo {index}", name=f"the-task-{index:04}-of-it"))
            result = self.daemon.covey("submit", id_, "-f", "-", stdin=tasks)
            self.assertEqual(0, result.code, result)
            self.daemon.covey("wait", f"{id_}/the-task-{index:04}-of-it")
            if seal:
                self.daemon.covey("seal", id_)
        return {f"group-{index}": self.seen(f"group-{index}") for index in range(count)}

    def seen(self, id_):
        """The group, or the code of the error that says why it cannot be shown."""
        found = {}
        for command in ("show", "events"):
            result = self.daemon.covey("--output", "json", command, id_)
            if result.code != 0:
                self.assertNotEqual(69, result.code, f"{id_}: {result}\n{self.daemon.log()[-2000:]}")
                return json.loads(result.err.splitlines()[-1])["error"]["code"]
            found[command] = [json.loads(line) for line in result.out.splitlines()]
        return found

    def flip_one_in_each(self, count):
        """A bit next to the name of each group's task, in a record of the group."""
        damage.fold_log(self.daemon.data)
        journal = os.path.join(self.daemon.data, "journal.db")
        for index in range(count):
            place = self.random.choice(damage.places(journal, f"the-task-{index:04}-of-it".encode()))
            near = min(place + self.random.randrange(48), os.path.getsize(journal) - 1)
            damage.flip(journal, near, self.random.randrange(8))

    def assertContained(self, before):
        for id_, value in before.items():
            now = self.seen(id_)
            self.assertIn(now, (value, "DATA_LOSS"), id_)
        self.assertIsNone(self.daemon.process.poll(), self.daemon.log()[-2000:])

    def test_finished_groups(self):
        before = self.groups(40, seal=True)
        self.daemon.kill()
        self.flip_one_in_each(40)
        self.daemon.start()
        self.assertContained(before)

    def test_open_groups(self):
        before = self.groups(20, seal=False)
        self.daemon.kill()
        self.flip_one_in_each(20)
        self.daemon.start()
        self.assertContained(before)

    def test_an_open_group_is_told_as_what_it_is(self):
        """Its events up to the damage, a place in the list, and why there is no more."""
        self.groups(3, seal=False)
        before = [json.loads(line) for line in self.daemon.covey("--output", "json", "events", "group-1").out.splitlines()]
        self.daemon.kill()
        damage.fold_log(self.daemon.data)
        journal = os.path.join(self.daemon.data, "journal.db")
        damage.flip(journal, damage.places(journal, b"the-task-0001-of-it")[-1], 3)
        self.daemon.start()
        self.assertIn("a group is set aside, it cannot be read: group group-1: event", self.daemon.log())

        for command in (("show", "group-1"), ("wait", "group-1"), ("cancel", "group-1"), ("seal", "group-1")):
            result = self.daemon.covey("--output", "json", *command)
            self.assertEqual("DATA_LOSS", json.loads(result.err.splitlines()[-1])["error"]["code"], result)
            self.assertIn("group-1", result.err)
        events = self.daemon.covey("--output", "json", "events", "group-1")
        self.assertNotEqual(0, events.code)
        self.assertIn("DATA_LOSS", events.err)
        told = [json.loads(line) for line in events.out.splitlines()]
        self.assertTrue(told)
        self.assertEqual(before[:len(told)], told)
        why = self.daemon.covey("explain", "group-1")
        self.assertIn("damaged in the journal", why.out)
        listed = {row["id"]: row for row in seen.rows(self.daemon, "ps", "--all")}
        self.assertEqual({"group-0", "group-1", "group-2"}, set(listed))
        self.assertNotIn("state", listed["group-1"])
        self.assertIn("group group-1: event", listed["group-1"]["failure"]["message"])
        self.assertEqual("GROUP_STATE_RUNNING", listed["group-2"]["state"])
        self.assertEqual(0, self.daemon.stop())

    def test_what_is_damaged_is_told_as_far_as_it_goes_and_can_be_deleted(self):
        self.groups(3, seal=False)
        self.daemon.kill()
        damage.fold_log(self.daemon.data)
        journal = os.path.join(self.daemon.data, "journal.db")
        damage.flip(journal, damage.places(journal, b"the-task-0001-of-it")[0], 3)  # in the last event of the task
        self.daemon.start()
        self.assertIn("a group is set aside, it cannot be read: group group-1: event", self.daemon.log())

        tasks = self.daemon.covey("--output", "json", "tasks", "group-1")
        self.assertEqual(["the-task-0001-of-it"], [json.loads(line)["name"] for line in tasks.out.splitlines()])
        self.assertIn("DATA_LOSS", tasks.err)
        self.assertNotEqual(0, tasks.code)
        self.assertIn("the-task-0001-of-it", self.daemon.covey("tasks", "group-1").out)
        for target in ("group-1", "group-1/the-task-0001-of-it"):
            logs = self.daemon.covey("--output", "json", "logs", target)
            self.assertIn("DATA_LOSS", logs.err)
            self.assertNotEqual(0, logs.code)
        self.assertEqual("1\n", self.daemon.covey("logs", "group-1/the-task-0001-of-it").out)

        self.assertEqual(0, self.daemon.covey("delete", "group-1").code)
        self.assertEqual(1, self.daemon.covey("show", "group-1").code)
        self.assertEqual({"group-0", "group-2"}, {row["id"] for row in seen.rows(self.daemon, "ps", "--all")})
        self.assertEqual({"group-0", "group-2"},
                         {row["id"] for row in seen.rows(self.daemon, "ps", "--all", "--label", "some=label")})
        self.assertEqual(0, self.daemon.covey("create", "--id", "group-1").code)
        self.daemon.kill()
        self.daemon.start()
        self.assertNotIn("set aside", self.daemon.log().split("ready")[-1])
        self.assertEqual({"group-0", "group-1", "group-2"}, {row["id"] for row in seen.rows(self.daemon, "ps", "--all")})
        self.assertEqual(0, self.daemon.stop())


if __name__ == "__main__":
    unittest.main()
