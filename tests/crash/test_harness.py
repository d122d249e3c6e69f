"""Crash runs in short: each fault some times. By hand: tests/crash/harness.py --seed N --rounds M."""

import os
import random
import shutil
import unittest

import harness
from harness_faults import Faults

ROUNDS = 25


class Restoring(Faults):
    """A fault that the harness must find: the daemon is started on what it had a moment before it was killed."""

    def kinds(self):
        return ["restore"]

    def inflict(self, kind):
        older = self._daemon.data + "-older"
        shutil.copytree(self._daemon.data, older, ignore=shutil.ignore_patterns("*-shm"))
        self.instant(1.0)
        self.down(self._daemon.kill)
        shutil.rmtree(self._daemon.data)
        os.rename(older, self._daemon.data)
        self.up("--adopt")
        return []


class HarnessTest(unittest.TestCase):
    def crash(self, rounds, **options):
        """A run with a seed that is told, or the one that COVEY_CRASH_SEED has."""
        seed = int(os.environ.get("COVEY_CRASH_SEED") or random.SystemRandom().randrange(1 << 31))
        run = harness.Run(seed, rounds, **options)
        self.addCleanup(run.remove)
        if not run.kinds:
            self.skipTest("no fault of these can be had here")
        good = run.run()
        print(run.figures(), flush=True)
        self.assertTrue(good, f"{run.findings}\nrepeat it: {harness.again(run)}")

    def test_rounds(self):
        self.crash(ROUNDS)

    def test_it_finds_what_is_lost_and_what_runs_twice(self):
        rules = set()
        for seed in range(8):
            run = harness.Run(seed, 2, faults=Restoring, say=lambda _: None)
            self.addCleanup(run.remove)
            run.run()
            rules |= {rule for _, rule, _, _ in run.findings}
            if {"lost-group", "lost-task"} & rules and {"ran-twice", "started-unrecorded"} & rules:
                return
        self.fail(f"found: {sorted(rules)}")

    def test_a_stop_is_never_worse_than_a_crash(self):
        self.crash(12, kinds=["stop"], known={})

    def test_damage_is_contained(self):
        self.crash(12, kinds=["flipped-bits"], known={})


if __name__ == "__main__":
    unittest.main()
