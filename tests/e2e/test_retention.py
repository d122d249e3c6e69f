"""Groups that are over go by age, number and bytes, and by `covey prune`; what goes goes whole, also under kill -9."""

import json
import os
import sqlite3
import time
import unittest

from daemon import Daemon, DaemonTest, function_task, lines, process_task, wait_until

WRITES = process_task("sh", "-c", "echo out; echo err >&2")


class RetentionCase(unittest.TestCase):
    def daemon(self, *flags):
        daemon = Daemon(*flags)
        self.addCleanup(daemon.remove)
        return daemon

    def run_groups(self, daemon, count, stdin=WRITES + "\n", *options):
        """Groups that are over, in the order of their end."""
        ids = []
        for _ in range(count):
            done = daemon.covey("run", "--detach", *options, "-f", "-", stdin=stdin)
            self.assertEqual(0, done.code, done)
            ids.append(done.out.strip())
            daemon.covey("wait", ids[-1])
        return ids

    @staticmethod
    def listed(daemon):
        result = daemon.covey("--output", "json", "ps", "--all")
        return {json.loads(line)["id"] for line in result.out.splitlines()}

    @staticmethod
    def outputs(daemon):
        return {name for name in os.listdir(os.path.join(daemon.data, "output")) if not name.startswith(".")}

    @staticmethod
    def query(daemon, sql):
        with sqlite3.connect(f"file:{daemon.data}/journal.db?mode=ro", uri=True) as journal:
            return journal.execute(sql).fetchall()


class RetentionTest(RetentionCase):
    def test_the_newest_stay(self):
        daemon = self.daemon("--retain-groups", "3").start()
        runs = daemon.covey("run", "--detach", "--", "sleep", "60").out.strip()
        ids = self.run_groups(daemon, 8)
        wait_until(lambda: self.listed(daemon) == {runs, *ids[5:]}, "the newest three, and what is not over")
        wait_until(lambda: self.outputs(daemon) <= {runs, *ids[5:]}, "their output alone")
        self.assertEqual(1, daemon.covey("show", ids[0]).code)
        info = daemon.covey("info").out
        self.assertRegex(info, r"(?m)^over +3 of 3 groups, .* of 10 GiB$")
        self.assertRegex(info, r"(?m)^kept +7d.*, failed ones 30d")
        self.assertRegex(info, r"(?m)^purged +5 groups since the start")
        self.assertIn("groups that were over", daemon.log())
        daemon.covey("cancel", runs)

    def test_a_reload_counts_at_once(self):
        daemon = self.daemon()
        config = os.path.join(daemon.folder, "coveyd.toml")
        daemon.flags += ["--config", config]
        with open(config, "w", encoding="utf-8") as file:
            file.write("retain_age = \"0s\"\n")
        daemon.start()
        ids = self.run_groups(daemon, 3)
        self.assertEqual(set(ids), self.listed(daemon))
        with open(config, "w", encoding="utf-8") as file:
            file.write("retain_age = \"1ms\"\nretain_failed_age = \"1h\"\n")
        changed = {change["key"]: change for change in daemon.covey_json("reload")["changed"]}
        self.assertEqual('"3600s"', changed["retain_failed_age"]["after"])
        wait_until(lambda: self.listed(daemon) == set(), "all are too old")

    def test_by_bytes_of_output_too(self):
        daemon = self.daemon("--retain-bytes", "1500000").start()
        large = self.run_groups(daemon, 3, process_task("head", "-c", "1000000", "/dev/zero") + "\n")
        wait_until(lambda: self.listed(daemon) == {large[2]}, "one has room")

    def test_a_kill_leaves_nothing_half(self):
        """Killed at many moments of a purge: each group is there whole, or nothing of it is."""
        daemon = self.daemon("--retain-age", "0s", "--retain-failed-age", "0s").start()
        ids = []
        for _ in range(40):
            ids += [daemon.covey("run", "--detach", "-f", "-", stdin=lines(WRITES, WRITES)).out.strip()]
        for group in ids:
            daemon.covey("wait", group)
        for round in range(6):
            before = self.listed(daemon)
            pruning = daemon.covey_start("prune", "--keep", str(max(0, len(before) - 8)))
            time.sleep(0.002 * round)  # wherever that is: what follows holds at any moment
            daemon.kill()
            pruning.communicate()
            daemon.start()
            left = self.listed(daemon)
            self.assertLessEqual(left, before)
            wait_until(lambda: self.outputs(daemon) == left, "output of what is there, and none else")
            wait_until(lambda: self.query(
                daemon, "SELECT count(*) FROM records WHERE gid NOT IN (SELECT gid FROM groups)") == [(0,)],
                "no rows of what is gone")
            for group in left:
                self.assertEqual(["out", "out"], [line.split(" | ")[-1]
                                                  for line in daemon.covey("logs", group).out.splitlines()])
        daemon.covey("prune", "--older-than", "0s")
        wait_until(lambda: self.outputs(daemon) == set(), "nothing is left")
        self.assertEqual(set(), self.listed(daemon))

    def test_a_stop_ends_a_purge(self):
        daemon = self.daemon("--retain-groups", "1").start()
        self.run_groups(daemon, 5)
        self.assertEqual(0, daemon.stop())
        daemon.start()
        wait_until(lambda: len(self.listed(daemon)) == 1, "it goes on")


class PruneTest(RetentionCase, DaemonTest):
    def test_bounds_states_and_labels(self):
        daemon = type(self).daemon
        good = self.run_groups(daemon, 3, WRITES + "\n", "--label", "test=prune")
        bad = self.run_groups(daemon, 2, process_task("false") + "\n", "--label", "test=prune")
        label = ("--label", "test=prune")
        look = daemon.covey_json("prune", "--dry-run", "--older-than", "0s", *label)
        self.assertEqual(5, int(look["groups"]))
        self.assertEqual([*good, *bad], [group["id"] for group in look["first"]])
        self.assertGreater(int(look["bytes"]), 0)
        self.assertEqual(0, int(daemon.covey_json("prune", "--older-than", "1h", *label).get("groups", 0)))
        self.assertEqual(0, int(daemon.covey_json("prune", *label).get("groups", 0)), "the bounds of the configuration")
        text = daemon.covey("prune", "--keep", "1", "--state", "failed", *label)
        self.assertRegex(text.out, r"^1 group, about .* purged\n$")
        self.assertEqual({*good, bad[1]}, {*good, *bad} & self.listed(daemon))
        self.assertEqual(3, int(daemon.covey_json("prune", "--keep-bytes", "0", "--state", "succeeded", *label)["groups"]))
        self.assertEqual({bad[1]}, {*good, *bad} & self.listed(daemon))
        wait_until(lambda: not set(good) & self.outputs(daemon), "their output is gone")

    def test_used_wrongly(self):
        daemon = type(self).daemon
        for words, says in ((("--older-than", "x"), "--older-than"), (("--keep", "-1"), "--keep"),
                            (("--keep", "2000000000"), "keep_groups must be 0..1000000000"),
                            (("--state", "running"), "--state"), (("group",), "no argument")):
            result = daemon.covey("prune", *words)
            self.assertEqual(64, result.code, result)
            self.assertIn(says, result.err)

    def test_a_thousand_deletes_are_fast(self):
        """They share commits: how many, not how long, is looked at."""
        daemon = type(self).daemon
        tasks = lines(function_task("covey.noop"))
        ids = []
        for i in range(0, 200):
            ids.append(daemon.covey("run", "--detach", "-f", "-", stdin=tasks).out.strip())
        for group in ids:
            daemon.covey("wait", group)
        deleted = daemon.covey("delete", *ids)
        self.assertEqual(0, deleted.code, deleted.err[:500])
        self.assertEqual([group + " deleted" for group in ids], deleted.out.splitlines())
        self.assertFalse(set(ids) & self.listed(daemon))


if __name__ == "__main__":
    unittest.main()
