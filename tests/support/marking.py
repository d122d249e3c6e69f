"""Tests of what ran how often, seen from outside: each task leaves a mark in a file."""

import os
import unittest

from daemon import Daemon, lines, process_task
import seen


class MarkingCase(unittest.TestCase):
    flags = ()

    def setUp(self):
        self.daemon = Daemon(*self.flags)
        self.addCleanup(self.daemon.remove)
        self.marks = os.path.join(self.daemon.folder, "marks")
        os.mkdir(self.marks)

    def detach(self, *tasks, flags=("--policy", "settled")):
        result = self.daemon.covey("run", "--detach", *flags, "-f", "-", stdin=lines(*tasks))
        self.assertEqual(0, result.code, result)
        return result.out.strip()

    def marking(self, name, then="true", **fields):
        """A task that counts its runs where the test can read it, then does as `then` says."""
        return process_task("sh", "-c", f"echo run >>{self.marks}/{name}; {then}", name=name, **fields)

    def runs(self, name):
        try:
            with open(os.path.join(self.marks, name)) as file:
                return len(file.readlines())
        except FileNotFoundError:
            return 0

    def ends(self, group):
        """{task: how it ended}"""
        self.daemon.covey("wait", group)
        return {row["name"]: row.get("failure", {}).get("kind", row["state"]).rpartition("_")[2]
                for row in seen.rows(self.daemon, "tasks", group)}
