#!/usr/bin/env python3
"""cost_bench.py [TASKS]: what counting and the activity log cost a task that does nothing, in instructions.

Counted by callgrind (valgrind), so that the figure does not depend on the machine's speed or load. What both cost is
measured in the engine alone, where a run is the same each time: with them and without, less a run without tasks. The
daemon's own work for such a task (its call, SQLite, the thread that runs it, its events) is measured in coveyd as it is, of
which that is the share. Exits with 1 when the share is more than one part in a hundred, with 69 without valgrind.
"""

import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from daemon import BIN, Daemon, function_task  # pylint: disable=wrong-import-position

COST_TASKS = os.path.join(os.path.dirname(BIN), "bench", "cost_tasks")
MOST = 0.01
PATIENCE = 3600  # seconds: callgrind is some 50 times slower


def callgrind(out):
    return ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"]


def totals(out):
    with open(out) as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("totals:"))


def engine(folder, mode, tasks, in_a_group):
    """Instructions a task."""
    def run(count):
        out = os.path.join(folder, "engine")
        subprocess.run([*callgrind(out), COST_TASKS, mode, str(count), str(in_a_group)], check=True)
        return totals(out)
    return (run(tasks) - run(0)) / tasks


def daemon(folder, tasks):
    """The same of coveyd, from the call to the result."""
    def run(count):
        out = os.path.join(folder, "daemon")
        coveyd = Daemon()
        coveyd.command = [*callgrind(out), *coveyd.command]
        try:
            coveyd.start()
            if count:
                ran = coveyd.covey("run", "-f", "-", stdin=(function_task("covey.noop") + "\n") * count, limit=PATIENCE)
                assert ran.code == 0, ran
            coveyd.stop()
            return totals(out)
        finally:
            coveyd.remove()
    return (run(tasks) - run(0)) / tasks


def main():
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    if shutil.which("valgrind") is None:
        print("cost_bench: valgrind is not installed", file=sys.stderr)
        return 69
    with tempfile.TemporaryDirectory(prefix="covey-cost-") as folder:
        whole = daemon(folder, tasks)
        print(f"a noop task in coveyd: {whole:.0f} instructions")
        worst = 0.0
        for in_a_group in (tasks, 100):
            without, with_them = (engine(folder, mode, 100_000, in_a_group) for mode in ("without", "with"))
            cost = with_them - without
            worst = max(worst, cost / (whole - cost))
            print(f"counts and log, {in_a_group} in a group: {cost:.0f} instructions a task, {cost / without:.2%} of the engine's "
                  f"{without:.0f}; coveyd with them to without: ratio {whole / (whole - cost):.4f}")
    return 0 if worst <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
