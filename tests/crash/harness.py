#!/usr/bin/env python3
"""Crash runs: clients put load on a real daemon, faults befall it at random instants, and after each the promises are
held against what the clients were told.

    tests/crash/harness.py [--seed N] [--rounds M] [--kinds kill,stop,…] [--clients N] [--keep]

Programs come from build/dev/bin, or COVEY_BIN_DIR. The plan of a run follows from its seed; when exactly a fault meets
which call does not, so a failure may want some tries. Exit 0: nothing was found but what is known; 1: findings.
"""

import argparse
import collections
import os
import random
import signal
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "support")]

import harness_checks  # noqa: E402
import seen  # noqa: E402
from daemon import BIN, Daemon, wait_until  # noqa: E402
from harness_faults import KNOWN, POWER_CUT_DAEMON, Faults  # noqa: E402
from harness_load import Client  # noqa: E402
from harness_record import YES, Record  # noqa: E402
from small_disk import SmallDisk  # noqa: E402

FLAGS = ("--pool", "default=6", "--drain-timeout", "300ms", "--stop-timeout", "5s")
KEPT = 80  # groups that are over


class Run:
    def __init__(self, seed, rounds, kinds=None, clients=4, known=KNOWN, faults=Faults, say=print):
        self.seed, self.rounds, self.say, self._known = seed, rounds, say, known
        self.findings, self.known = [], []
        self._random = random.Random(seed)
        program = POWER_CUT_DAEMON if os.path.exists(os.path.join(BIN, POWER_CUT_DAEMON)) else "coveyd"
        self.daemon = Daemon(*FLAGS, program=program, prefix="covey-crash-")
        os.environ["COVEY_FAIL_SYNC"] = os.path.join(self.daemon.folder, "syncs-fail")
        self.disk = SmallDisk(os.path.join(self.daemon.folder, "disk"), "96m")
        self.daemon.data = os.path.join(self.disk.path, "data")
        self.record = Record(os.path.join(self.daemon.folder, "marks"))
        self.faults = faults(self.daemon, self.record, self._random, self.disk)
        self.kinds = self._choose(kinds)
        self._surprises, self._reported = [], set()
        self._clients = [Client(self.daemon, self.record, seed, index, self._surprises) for index in range(clients)]

    def _choose(self, wanted):
        """The kinds that can be had; of the others it is said why not."""
        unknown = set(wanted or ()) - set(self.faults.kinds())
        if unknown:
            raise SystemExit(f"harness: --kinds must be of {', '.join(self.faults.kinds())}, got {', '.join(sorted(unknown))}")
        found = []
        for kind in wanted or self.faults.kinds():
            why_not = self.faults.why_not(kind)
            if why_not:
                self.say(f"{kind} is left out: {why_not}")
            else:
                found.append(kind)
        return found

    def plan(self):
        """Each kind as often as the others, plain kills twice as often; in a random order."""
        kinds = self.kinds + [kind for kind in self.kinds if kind.startswith("kill")]
        found = (kinds * (self.rounds // len(kinds) + 1))
        self._random.shuffle(found)
        missing = [kind for kind in self.kinds if kind not in found[:self.rounds]]
        return (missing + found)[:self.rounds]

    def run(self):
        self.daemon.start()
        for client in self._clients:
            client.start()
        for number, kind in enumerate(self.plan(), 1):
            start = time.monotonic()
            self.round(kind)
            self.say(f"round {number:3} {kind:12} {time.monotonic() - start:5.1f} s  {len(self.record.groups)} groups, "
                     f"{len(self.findings)} findings, {len(self.known)} known")
            if self.findings:
                break
        self.finish()
        return not self.findings

    def round(self, kind):
        for client in self._clients:
            client.open()
        self.faults.instant(1.0)
        found = self.faults.inflict(kind)
        for client in self._clients:
            client.close()
        for client in self._clients:
            if not client.rested(120):
                found.append(("hang", "", f"a call of {client.name} does not come back"))
        found += [("surprise", "", words) for words in self._surprises]
        self._surprises.clear()
        found += self.look()
        self.judge(kind, found)
        if not self.findings:
            self.tidy()

    def look(self):
        """Findings, or that the daemon does not answer."""
        try:
            found = harness_checks.look(self.daemon, self.record)
            over = [group for group in self.record.alive() if group.over()]
            return found + list(harness_checks.look_at_outputs(
                self.daemon, self.record, self._random.sample(over, min(2, len(over)))))
        except AssertionError as error:
            return [("unreadable", "", str(error))]

    def tidy(self):
        """The oldest groups that are over are deleted, so that a long run does not look at ever more of them."""
        over = [group for group in self.record.alive() if group.over()]
        for group in over[:max(0, len(over) - KEPT)]:
            result = self.daemon.covey("delete", group.id)
            if result.code == 0:
                group.retire()
            else:
                self.judge("tidy", [("unreadable", group.name, f"delete: {result}")])

    def judge(self, kind, found):
        """A finding that was reported is not reported again."""
        if self.daemon.process.poll() is not None:
            code = self.daemon.wait()
            found.append(("died", "", f"the daemon ended by itself: exit {code}\n{self.daemon.log()[-2000:]}"))
        for rule, group, words in found:
            if (rule, group) in self._reported:
                continue
            self._reported.add((rule, group))
            issue = self._known.get((kind, rule)) or self._known.get(("", rule))
            if issue:
                self.known.append((kind, rule, group, words))
                self.say(f"  known, issue {issue} mends it: {rule} {group}: {words[:200]}")
            else:
                self.findings.append((kind, rule, group, words))
                self.say(f"  FOUND {rule} {group}: {words}")

    def finish(self):
        """All comes to its end; then the daemon stops and leaves nothing."""
        for client in self._clients:
            client.end()
        for client in self._clients:
            client.join(120)
        if self.daemon.process is None:
            return
        for row in seen.rows(self.daemon, "ps"):
            if not row.get("sealed"):
                self.daemon.covey("seal", row["id"])
        try:
            wait_until(lambda: not seen.rows(self.daemon, "ps"), "all groups are over", 90)
            self.judge("the end", self.look())
        except AssertionError as error:
            self.judge("the end", [("stuck", "", str(error))])
        code = self.daemon.stop()
        left = self.daemon.task_processes()
        for rule, words in (("stop", f"exit {code}" if code else ""), ("leak", f"{left} still run" if left else "")):
            if words:
                self.findings.append(("the end", rule, "", words))
                self.say(f"  FOUND {rule}: {words}")

    def figures(self):
        groups = [group for group in self.record.groups.values() if group.created == YES]
        tasks = [task for group in groups for task in group.tasks.values() if task.acknowledged == YES]
        rules = collections.Counter(rule for _, rule, _, _ in self.findings)
        lost = sum(rules[rule] for rule in ("lost-group", "lost-task", "cancel-lost"))
        twice = sum(rules[rule] for rule in ("started-twice", "ran-twice", "made-twice", "two-at-once"))
        return (f"seed {self.seed}: {self.rounds} rounds, {self.record.counts.get('calls', 0)} calls; acknowledged: "
                f"{len(groups)} groups, {len(tasks)} tasks; lost {lost}, twice {twice}, "
                f"findings {len(self.findings)}, known {len(self.known)}")

    def remove(self):
        if self.daemon.process is not None:
            self.daemon.kill()
        self.disk.remove()
        self.daemon.remove()


def again(run):
    kinds = f" --kinds {','.join(run.kinds)}"
    return f"tests/crash/harness.py --seed {run.seed} --rounds {run.rounds}{kinds}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=None)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--keep", action="store_true", help="keep the folder of a run that failed")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # also then nothing is left behind
    run = Run(arguments.seed, arguments.rounds, arguments.kinds, arguments.clients)
    good = False
    try:
        good = run.run()
    finally:
        print(run.figures())
        if not good:
            print(f"repeat it: {again(run)}")
        if good or not arguments.keep:
            run.remove()
        else:
            print(f"kept: {run.daemon.folder}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
