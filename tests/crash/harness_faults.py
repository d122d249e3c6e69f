"""The faults of a crash run. Each ends with a daemon that is ready, and tells what it found: (rule, group, words)."""

import glob
import json
import os
import shutil
import socket
import time

import damage
import seen
from daemon import Daemon, wait_until
from harness_record import Down

# What is known to fail: (fault, rule), with "" for whatever the fault, and the issue that mends it. It is reported, and
# fails no run.
KNOWN = {}


POWER_CUT_DAEMON = "power_cut_daemon"  # coveyd over a file layer that notes what was not synced


class Faults:
    def __init__(self, daemon, record, random, disk):
        self._daemon, self._record, self._random, self._disk = daemon, record, random, disk
        self._kinds = {"kill": self.kill, "kill-twice": self.kill_twice, "stop": self.stop, "taken-port": self.taken_port,
                       "bad-address": self.bad_address, "full-disk": self.full_disk, "cut-log": self.cut_log,
                       "flipped-bits": self.flipped_bits, "power-cut": self.power_cut,
                       "failed-sync": self.failed_sync}

    def kinds(self):
        return list(self._kinds)

    def why_not(self, kind):
        """Why a kind cannot be had here, or None."""
        if kind in ("power-cut", "failed-sync") and not self._daemon.command[0].endswith(POWER_CUT_DAEMON):
            return f"{POWER_CUT_DAEMON} is not built"
        return self._disk.why_not if kind == "full-disk" else None

    def inflict(self, kind):
        return list(self._kinds[kind]() or ())

    # Down and up.

    def down(self, end):
        down = Down(time.time())
        self._record.downs.append(down)
        code = end()
        down.died = time.time()
        return code

    def up(self, *flags):
        self._daemon.start(*flags)
        self._record.downs[-1].ready = time.time()

    def instant(self, most):
        """A random time, in which the load goes on: the one thing that is waited for here is chance."""
        time.sleep(self._random.uniform(0, most))

    # The faults.

    def kill(self):
        self.down(self._daemon.kill)
        self.up()

    def kill_twice(self):
        """The second time while it recovers."""
        self.down(self._daemon.kill)
        self._daemon.spawn()
        self.instant(0.15)
        self._daemon.kill()
        self.up()

    def stop(self):
        code = self.down(self._daemon.stop)
        if code != 0:
            yield "stop", "", f"SIGTERM: exit {code}"
        self.up()

    def taken_port(self):
        self.down(self._daemon.kill)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            for _ in range(self._random.randint(1, 3)):
                yield from self.failed_start("--insecure-listen", "--listen", f"127.0.0.1:{taken.getsockname()[1]}")
        self.up()

    def bad_address(self):
        self.down(self._daemon.kill)
        yield from self.failed_start("--listen", "unix:/dev/null/socket")
        self.up()

    def failed_start(self, *flags):
        failed = Down(time.time())
        self._daemon.spawn(*flags)
        code = self._daemon.wait()
        failed.died = time.time()
        self._record.failed_starts.append(failed)
        if code != 73:
            yield "failed-start", "", f"{flags}: exit {code}, not 73"

    def full_disk(self):
        """Full while the load goes on; half of the times it dies so and is started on the full disk."""
        begin = time.time()
        self._disk.fill()
        self.instant(0.5)
        if self._random.random() < 0.5:
            self.down(self._daemon.kill)
            self._disk.fill()
            self._daemon.spawn()
            wait_until(lambda: self._daemon.process.poll() is not None or self._daemon.covey("info").code == 0,
                       "it has started on a full disk, or has not")
            if self._daemon.process.poll() is not None:
                code = self._daemon.wait()
                if code != 73:
                    yield "failed-start", "", f"on a full disk: exit {code}, not 73"
            self._disk.empty()
            if self._daemon.process is None:
                self.up()
            self._record.downs[-1].ready = time.time()
        self._disk.empty()
        wait_until(lambda: self._daemon.covey("create", "--name", "room").code == 0, "there is room again")
        self._record.full.append((begin, time.time()))
        for row in seen.rows(self._daemon, "ps", "--name", "room"):
            self._daemon.covey("cancel", row["id"])
            self._daemon.covey("delete", row["id"])

    def power_cut(self):
        """What was written and not synced is lost, or a part of it."""
        self.down(self._daemon.kill)
        damage.cut_power(self._daemon.data, self._random)
        self.up()

    def failed_sync(self):
        """Syncs fail for a while; then the power is cut, so that whatever only seemed to last is gone."""
        flag = os.environ["COVEY_FAIL_SYNC"]
        open(flag, "w").close()
        self.instant(0.5)
        os.remove(flag)
        if self._random.random() < 0.5:
            wait_until(lambda: self._daemon.covey("health").code == 0, "it serves again")
            self.instant(0.3)
        self.power_cut()

    def cut_log(self):
        """The last bytes of the write-ahead log are missing in a copy: it opens, and every group is whole up to there."""
        self.down(self._daemon.kill)
        with_copy = Copy(self._daemon)
        try:
            log = os.path.join(with_copy.daemon.data, "journal.db-wal")
            if os.path.exists(log):
                damage.cut(log, self._random.randint(0, os.path.getsize(log)))
            yield from with_copy.look(self._record, exact=False)
        finally:
            with_copy.remove()
        self.up()

    def flipped_bits(self):
        """Anywhere in the database, or one in the log that has not been moved there yet."""
        self.down(self._daemon.kill)
        with_copy = Copy(self._daemon)
        try:
            journal = os.path.join(with_copy.daemon.data, "journal.db")
            log = journal + "-wal"
            if os.path.exists(log) and os.path.getsize(log) > 0 and self._random.random() < 0.3:
                damage.flip(log, self._random.randrange(os.path.getsize(log)), self._random.randrange(8))
            else:
                damage.fold_log(with_copy.daemon.data)
                for _ in range(self._random.choice((1, 1, 3, 40))):
                    damage.flip(journal, self._random.randrange(os.path.getsize(journal)), self._random.randrange(8))
            yield from with_copy.look(self._record, exact=True)
        finally:
            with_copy.remove()
        self.up()


class Copy:
    """A copy of a data directory, under another address: tasks that it starts do nothing there."""

    def __init__(self, original):
        self.daemon = Daemon(prefix="covey-crash-copy-")
        shutil.copytree(original.data, self.daemon.data, symlinks=True)
        for file in glob.glob(os.path.join(self.daemon.data, "*-shm")):
            os.remove(file)

    def remove(self):
        self.daemon.remove()

    def look(self, record, exact):
        """Each group is as it was (when exact), or told as damaged; the daemon lives, or its start was refused."""
        daemon = self.daemon
        daemon.spawn("--adopt")
        wait_until(lambda: daemon.process.poll() is not None or daemon.covey("info").code == 0,
                   "the copy has started, or has not")
        if daemon.process.poll() is not None:
            code = daemon.wait()
            if code != 73 or not exact or "repair" not in daemon.log():
                yield "damage", "", f"start: exit {code}: {daemon.log()[-300:]}"
            return
        for group in [group for group in record.alive() if group.events][:40]:
            yield from self.look_at(group, exact)
            if daemon.process.poll() is not None:
                yield "damage", group.name, f"reading it ended the daemon: exit {daemon.wait()}: {daemon.log()[-300:]}"
                return

    def look_at(self, group, exact):
        result = self.daemon.covey("--output", "json", "events", group.id)
        if result.code != 0:
            code = "DATA_LOSS" if "DATA_LOSS" in result.err else "NOT_FOUND" if "NOT_FOUND" in result.err else result.err
            if code != ("DATA_LOSS" if exact else "NOT_FOUND"):
                yield "damage", group.name, f"events: {code}"
            return
        events = [json.loads(line) for line in result.out.splitlines()]
        if [int(event["number"]) for event in events] != list(range(1, len(events) + 1)):
            yield "damage", group.name, "its events have gaps"
        same = events[:len(group.events)] == group.events
        if exact and not same:
            yield "damage", group.name, "its events are others"
