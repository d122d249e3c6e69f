"""The real coveyd and the real covey, for tests: started on a folder of their own, ended, looked after.

No test waits by sleeping for what it hopes is long enough: it polls for a condition, bounded by LIMIT.
"""

import itertools
import json
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

LIMIT = 30.0  # seconds: the one bound on every wait; nothing here takes nearly as long on a healthy machine
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.path.abspath(os.environ.get("COVEY_BIN_DIR", os.path.join(ROOT, "build", "dev", "bin")))
COVEY = os.path.join(BIN, "covey")
COVEYD = os.path.join(BIN, "coveyd")
# Of every daemon that a test starts, before the test's own: for a check that runs them in another way.
FLAGS = os.environ.get("COVEY_DAEMON_FLAGS", "").split()
AS_ROOT = unittest.skipIf(os.geteuid() != 0, "needs root, to become another user")


def wait_until(condition, what, limit=LIMIT):
    """Polls until condition() is true and returns what it gave. `what`: a text, or what makes one."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {limit:g} s still not: {what() if callable(what) else what}")
        time.sleep(0.01)


def live_processes():
    """(pid, arguments, environment) of each live process that may be looked at; both as /proc has them."""
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                arguments = file.read()
            with open(f"/proc/{entry}/environ", "rb") as file:
                environment = file.read()
            with open(f"/proc/{entry}/stat", "rb") as file:
                state = file.read().rpartition(b")")[2].split()[0]
        except OSError:
            continue  # it has just gone, or is not ours
        if state not in (b"Z", b"X"):
            yield int(entry), arguments, environment


def sleepers(seconds):
    """Pids of live `sleep SECONDS`: tests choose a number of seconds that nobody else does."""
    return [pid for pid, arguments, _ in live_processes() if arguments == b"sleep\0%s\0" % seconds.encode()]


def odd_seconds(_count=itertools.count()):
    """About a minute, as no other sleep has it."""
    return f"60.{os.getpid()}{next(_count):03d}"


class Result:
    """How a program ended."""

    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds

    def __repr__(self):
        return f"exit {self.code} after {self.seconds:.2f} s\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


def run(argv, stdin=None, env=None, limit=LIMIT):
    """Runs a program to its end."""
    start = time.monotonic()
    done = subprocess.run(argv, input=stdin, env=env, capture_output=True, timeout=limit, text=True,
                          stdin=subprocess.DEVNULL if stdin is None else None)
    return Result(done.returncode, done.stdout, done.stderr, time.monotonic() - start)


class Daemon:
    """One coveyd on a temporary folder: start() and stop() or kill() as often as wanted, remove() at the end."""

    def __init__(self, *flags, program="coveyd", prefix="covey-"):
        self.command = [os.path.join(BIN, program)]
        # Short, since a socket's path may have 107 bytes only.
        self.folder = tempfile.mkdtemp(prefix=prefix)
        self.socket = os.path.join(self.folder, "s")
        self.address = "unix:" + self.socket
        self.data = os.path.join(self.folder, "data")
        self.flags = list(flags)
        self.process = None
        self.log_path = os.path.join(self.folder, "log")
        self.umask = -1  # as the test's

    def become_nobody(self):
        """From the next start on it runs as an ordinary user, without root's power to open everything."""
        nobody = pwd.getpwnam("nobody")
        # A copy where nobody may read it, whatever the way to the build.
        program = shutil.copy(self.command[0], os.path.join(self.folder, "coveyd"))
        os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
        self.command = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups",
                        "--inh-caps=-all", program]
        return self

    def start(self, *flags):
        """Starts it and returns when it answers."""
        self.spawn(*flags)
        wait_until(self._ready, "coveyd answers `covey info`")
        return self

    def spawn(self, *flags):
        """Starts it and returns at once."""
        assert self.process is None
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.command, "--listen", self.address, "--data-dir", self.data, *FLAGS, *self.flags, *flags],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, umask=self.umask)

    def _ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"coveyd exited with {self.process.returncode} at its start:\n{self.log()}")
        return self.covey("info").code == 0

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def env(self):
        return {**os.environ, "COVEY_ADDRESS": self.address}

    def covey(self, *arguments, stdin=None, limit=LIMIT):
        """Runs the command line against it."""
        return run([COVEY, *arguments], stdin, self.env(), limit)

    def covey_json(self, *arguments):
        """Runs the command line with --output json; what it printed, as a value."""
        result = self.covey("--output", "json", *arguments)
        if result.code != 0:
            raise AssertionError(f"covey {' '.join(arguments)}: {result}")
        return json.loads(result.out)

    def covey_start(self, *arguments, stdin=subprocess.DEVNULL):
        """Starts the command line and returns it, running."""
        return subprocess.Popen([COVEY, *arguments], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                env=self.env(), text=True)

    def task_processes(self):
        """Pids of live processes that were started for its tasks, as their environment tells."""
        address = b"COVEY_ADDRESS=" + self.address.encode()
        return [pid for pid, _, environment in live_processes()
                if address in (variables := environment.split(b"\0"))
                and any(variable.startswith(b"COVEY_TASK=") for variable in variables)]

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, limit=LIMIT):
        """Waits for its end and returns the exit status."""
        code = self.process.wait(timeout=limit)
        self.process = None
        return code

    def stop(self):
        """SIGTERM; returns the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self):
        """SIGKILL, as a crash."""
        self.signal(signal.SIGKILL)
        self.wait()

    def remove(self):
        if self.process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class DaemonTest(unittest.TestCase):
    """Each test has a daemon of its own class's making, which must end well and leave nothing running."""

    flags = ()

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(*cls.flags)
        cls.addClassCleanup(cls.daemon.remove)
        cls.daemon.start()

    @classmethod
    def tearDownClass(cls):
        code = cls.daemon.stop()
        left = cls.daemon.task_processes()
        if code != 0 or left:
            raise AssertionError(f"coveyd exited with {code}; left: {left}\n{cls.daemon.log()}")

    def tearDown(self):
        wait_until(lambda: not self.daemon.task_processes(), "every process of the test is gone")

    def covey(self, *arguments, stdin=None, limit=LIMIT):
        return self.daemon.covey(*arguments, stdin=stdin, limit=limit)

    def assertExit(self, code, result):
        self.assertEqual(code, result.code, result)
        return result


def process_task(*argv, **fields):
    """One line for `covey run -f`."""
    process = {"argv": list(argv)}
    process.update(fields.pop("process", {}))
    return json.dumps({"process": process, **fields})


def function_task(name, text=None, /, **fields):
    function = {"name": name}
    if text is not None:
        function["payload"] = {"text": text}
    return json.dumps({"function": function, **fields})


def lines(*tasks):
    return "".join(task + "\n" for task in tasks)
