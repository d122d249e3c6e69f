"""Data directories that earlier builds left, opened by this one: all they hold is there, and goes on as promised."""

import json
import os
import tarfile
import unittest

import seen
from daemon import Daemon, function_task, lines, wait_until
from grpcurl import GRPCURL, WHY_NOT, Grpcurl

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")
NAME = "v0.1-39252c8"


def record():
    with open(os.path.join(FIXTURES, NAME + ".json"), encoding="utf-8") as file:
        return json.load(file)


def opened(*flags):
    """A daemon, not started, on a copy of the data directory."""
    daemon = Daemon(*flags)
    with tarfile.open(os.path.join(FIXTURES, NAME + ".tar.xz")) as archive:
        for entry in archive:
            archive.extract(entry, daemon.folder, set_attrs=not entry.isdir())
            if entry.isdir():
                os.chmod(os.path.join(daemon.folder, entry.name), entry.mode)
    return daemon


class FixtureTest(unittest.TestCase):
    """One daemon opens the copy; each test looks at a part. None changes what another looks at."""

    @classmethod
    def setUpClass(cls):
        cls.record = record()
        cls.groups = cls.record["groups"]
        cls.daemon = opened()
        cls.addClassCleanup(cls.daemon.remove)
        cls.daemon.start()
        for group in cls.groups.values():
            if group["after"]["state"] != "RUNNING":
                cls.daemon.covey("wait", group["id"])
        for name in cls.groups["open"]["after"]["tasks"]:
            wait_until(lambda: cls.task("open", name)["state"] not in ("TASK_STATE_QUEUED", "TASK_STATE_RUNNING"),
                       f"open/{name} is over")

    @classmethod
    def task(cls, group, name):
        return seen.task(cls.daemon, cls.groups[group]["id"], name)

    def each(self, over):
        """(name, record) of the groups that were, or were not, over before the kill."""
        return [(name, group) for name, group in self.groups.items()
                if ("endTime" in group["before"]["group"]) == over]

    def assertShows(self, expected, actual, name=""):
        self.assertEqual([], list(seen.differences(expected, actual)), name)

    def test_what_was_over_is_as_it_was(self):
        groups = self.each(over=True)
        self.assertGreaterEqual(len(groups), 13)
        for name, group in groups:
            self.assertShows(group["before"], seen.whole(self.daemon, group["id"]), name)

    def test_nothing_is_purged_for_a_week(self):
        """It was kept by a build that purged nothing: what will go is said first."""
        over = len(self.each(over=True))
        retention = self.daemon.covey_json("info")["retention"]
        self.assertGreaterEqual(int(retention["groups"]), over)
        self.assertIn("purgesFrom", retention)
        self.assertIn("nothing before ", self.daemon.covey("info").out)
        self.assertRegex(self.daemon.log(), r"nothing is purged before \d{4}-\d\d-\d\dT.*, then \d+ groups")

    def test_what_was_open_goes_on(self):
        for name, group in self.each(over=False):
            if name == "requested":
                continue  # test_request_ids goes on with it
            now, before = seen.whole(self.daemon, group["id"]), group["before"]
            self.assertEqual("GROUP_STATE_" + group["after"]["state"], now["group"]["state"])
            for field in ("id", "spec", "attached", "createTime"):
                self.assertEqual(before["group"].get(field), now["group"].get(field))
            for task, (state, attempts, failure) in group["after"]["tasks"].items():
                found = now["tasks"][task]
                self.assertEqual((f"TASK_STATE_{state}", attempts), (found["state"], found.get("attempt", 0)),
                                 f"{name}/{task}")
                if failure is not None:
                    kind = found.get("failure", {}).get("kind", "").removeprefix("FAILURE_KIND_")
                    self.assertEqual(failure, kind, f"{name}/{task}")
            self.assertEqual(set(before["tasks"]), set(now["tasks"]))
            for task, value in before["tasks"].items():
                self.assertShows({key: value[key] for key in ("submitTime", "spec")}, now["tasks"][task])

    def test_history_of_what_was_open_is_kept(self):
        for name, group in self.each(over=False):
            before = group["before"]["events"]
            events = seen.events(self.daemon, group["id"])
            self.assertShows(before, events[:len(before)], name)
            self.assertEqual([str(number + 1) for number in range(len(events))], [event["number"] for event in events])

    def test_output_of_what_was_open_is_kept(self):
        for _, group in self.each(over=False):
            for task, attempts in group["before"]["outputs"].items():
                for attempt, output in attempts.items():
                    self.assertShows(output, seen.output(self.daemon, group["id"], task, int(attempt)))

    def test_what_ran_again_wrote_on_its_own_account(self):
        running = self.groups["running"]["id"]
        self.assertEqual([[0, "again\nagain\n"]], seen.output(self.daemon, running, "again", 2)["stdout"])
        self.assertEqual([[0, "first\n"]], seen.output(self.daemon, self.groups["open"]["id"], "first", 1)["stdout"])

    def test_why_groups_ended(self):
        def failure(name):
            return seen.group(self.daemon, self.groups[name]["id"])["failure"]
        self.assertEqual("FAILURE_KIND_TIMEOUT", failure("overdue")["kind"])
        self.assertIn("too long", json.dumps(failure("cancelling")))
        self.assertIn("owner_lost", json.dumps(failure("attached")))
        self.assertEqual("FAILURE_KIND_LOST", failure("lost")["kind"])

    def test_listing(self):
        ids = [row["id"] for row in seen.rows(self.daemon, "ps", "--all")]
        self.assertEqual(sorted(group["id"] for group in self.groups.values()),
                         sorted(ids))
        birds = {name for name, group in self.groups.items()
                 if group["before"]["group"]["spec"].get("labels", {}).get("team") == "birds"}
        found = seen.rows(self.daemon, "ps", "--all", "--label", "team=birds")
        self.assertEqual({self.groups[name]["id"] for name in birds}, {row["id"] for row in found})
        named = seen.rows(self.daemon, "ps", "--all", "--name", "any")
        self.assertEqual({"any", "any-failed", "any-open"}, {row["spec"]["name"] for row in named})

    def test_purged(self):
        for id_ in self.record["purged"]:
            result = self.daemon.covey("show", id_)
            self.assertEqual(1, result.code, result)
            self.assertFalse(os.path.exists(os.path.join(self.daemon.data, "output", id_)))

    def test_pools(self):
        expected = {pool["name"]: pool["max"] for pool in self.record["pools"] if not pool.get("closing")}
        wait_until(lambda: all(pool["name"] != "leaving" for pool in seen.rows(self.daemon, "pools")),
                   "the closing pool has gone with its last group")
        self.assertEqual(expected, {pool["name"]: pool["spec"]["max"] for pool in seen.rows(self.daemon, "pools")})

    def test_open_groups_take_tasks(self):
        """Of a group of this test's own copy."""
        daemon = opened()
        self.addCleanup(daemon.remove)
        daemon.start()
        for name in ("open", "open-empty"):
            task = lines(function_task("covey.noop", name="new"))
            result = daemon.covey("submit", "--seal", name, "-f", "-", stdin=task)
            self.assertEqual(0, result.code, result)
            daemon.covey("wait", name)
            self.assertEqual("TASK_STATE_SUCCEEDED", seen.task(daemon, name, "new")["state"])
        self.assertEqual("GROUP_STATE_SUCCEEDED", seen.group(daemon, "open-empty")["state"])
        self.assertEqual("GROUP_STATE_FAILED", seen.group(daemon, "open")["state"])

    def test_a_second_start_shows_the_same(self):
        daemon = opened()
        self.addCleanup(daemon.remove)
        daemon.start()
        over = [group for group in self.groups.values() if "endTime" in group["before"]["group"]]
        daemon.kill()
        daemon.start()
        for group in over:
            self.assertShows(group["before"]["group"], seen.group(daemon, group["id"]))
            self.assertShows(group["before"]["events"], seen.events(daemon, group["id"]))

    @unittest.skipIf(GRPCURL is None, WHY_NOT)
    def test_request_ids(self):
        rpc = Grpcurl(self.daemon)
        requests = self.record["requests"]
        answer, = rpc.call("covey.v1.GroupService/CreateGroup", requests["create"])
        self.assertEqual("requested", answer["group"]["id"])
        answer, = rpc.call("covey.v1.GroupService/SubmitTasks", requests["submit"])
        self.assertEqual(requests["submitAnswer"], answer)
        other = {**requests["submit"], "tasks": [{"name": "other", "function": {"name": "covey.noop"}}]}
        status = rpc.error("covey.v1.GroupService/SubmitTasks", other)
        self.assertEqual(3, status["code"], status)  # INVALID_ARGUMENT
        self.assertEqual({"one", "two"}, set(seen.tasks(self.daemon, "requested")))
        result = self.daemon.covey("create", "--id", "open")
        self.assertNotEqual(0, result.code, result)


class MigrationTest(unittest.TestCase):
    def test_the_log_says_once_that_it_was_migrated(self):
        daemon = opened()
        self.addCleanup(daemon.remove)
        daemon.start()
        told = [line for line in daemon.log().splitlines() if "migrated" in line]
        self.assertEqual(1, len(told), daemon.log())
        daemon.kill()
        daemon.start()
        self.assertEqual(told, [line for line in daemon.log().splitlines() if "migrated" in line])


if __name__ == "__main__":
    unittest.main()
