#!/usr/bin/env python3
"""cli_bench.py [ROUNDS]: how long each command of the command line takes against a busy daemon, from its start to its end,
and as a ratio to `covey health`, which does the least that a command can do. The daemon has 2,000 groups that are over and runs
tasks as fast as it can; the rounds of all commands take turns. Exits with 1 when a median is above 60 ms and above three times that of
`covey health`, measured in the same rounds.

COVEY_BIN_DIR: where coveyd and covey are."""

import os
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from daemon import COVEY, Daemon, lines, function_task, process_task  # noqa: E402

GROUPS = 2000
LIMIT_MS = 60
LIMIT_RATIO = 3


def commands(group):
    begun = group[:8]
    return {
        "health": ["health"], "info": ["info"], "pools": ["pools"], "help": ["help"], "ps": ["ps"],
        "ps -a -n 50": ["ps", "-a", "-n", "50"], "ps --since": ["ps", "-a", "-n", "50", "--since", "yesterday"],
        "show ID": ["show", group], "show BEGINNING": ["show", begun], "show NAME": ["show", "measured"],
        "show @last-failed": ["show", "@last-failed"], "tasks": ["tasks", begun], "explain": ["explain", begun],
        "events": ["events", begun], "logs": ["logs", begun], "logs --tail 1": ["logs", "--tail", "1", begun],
        "logs -t --since": ["logs", "-t", "--since", "1h", begun],
        "wait": ["wait", begun], "cancel": ["cancel", begun], "top --once": ["top", "--once"],
        "create": ["create", "--label", "bench=cli"], "completion": ["completion", "words", "--", "show", begun[:4]],
    }


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    daemon = Daemon().start()
    busy = None
    try:
        for index in range(GROUPS // 100):
            groups = [subprocess.Popen([COVEY, "run", "--detach", "--name", f"old-{index}", "-f", "-"], env=daemon.env(),
                                       stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) for _ in range(100)]
            for started in groups:
                started.communicate(lines(function_task("covey.noop")))
        daemon.covey("run", "--detach", "--", "false")
        group = daemon.covey("run", "--detach", "--name", "measured", "-f", "-", stdin=lines(
            process_task("echo", "hello"), *[function_task("covey.noop")] * 20)).out.strip()
        daemon.covey("wait", group)
        busy = subprocess.Popen(["sh", "-c", 'yes "$1" | "$2" run -f -', "sh", lines(function_task("covey.noop")).strip(), COVEY],
                                env=daemon.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        timed = {name: [] for name in commands(group)}
        for _ in range(rounds):
            for name, arguments in commands(group).items():
                start = time.perf_counter()
                done = daemon.covey(*arguments)
                timed[name].append((time.perf_counter() - start) * 1000)
                if done.code != 0 and name != "show @last-failed":
                    raise SystemExit(f"covey {' '.join(arguments)}: {done}")
        assert busy.poll() is None, "the daemon was busy all the time"
    finally:
        if busy is not None:
            os.killpg(busy.pid, 9)
            busy.wait()
        daemon.kill()
        daemon.remove()
    least = statistics.median(timed["health"])
    slow = []
    for name, values in timed.items():
        median = statistics.median(values)
        print(f"covey {name:20s} {median:7.1f} ms   {median / least:5.2f} x health")
        if median > LIMIT_MS and median > LIMIT_RATIO * least:
            slow.append(name)
    if slow:
        raise SystemExit(f"too slow: {', '.join(slow)}")


if __name__ == "__main__":
    main()
