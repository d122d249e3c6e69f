"""Two daemons, two PID namespaces, one cgroup tree: as two containers that share one. Neither touches the other's tasks."""

import os
import signal
import subprocess
import unittest

from daemon import COVEYD, Daemon, odd_seconds, sleepers, wait_until

IN_A_NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc"]


def why_not():
    if os.geteuid() != 0:
        return "needs root"
    done = subprocess.run([*IN_A_NAMESPACE, "true"], capture_output=True, text=True)
    return done.stderr.strip() or "no PID namespaces" if done.returncode else None


class Namespace:
    """A PID namespace whose first process starts daemons and outlives them, and a daemon that runs in it."""

    def __init__(self, *flags):
        self.daemon = Daemon(*flags)
        self.pids = os.path.join(self.daemon.folder, "pids")
        os.mkfifo(self.pids)
        # The first process starts a daemon for each line, in the background.
        script = f'while read line; do "$@" & done <{self.pids}; wait'
        self.init = subprocess.Popen([*IN_A_NAMESPACE, "sh", "-c", script, "sh", COVEYD, "--listen",
                                      self.daemon.address, "--data-dir", self.daemon.data, *flags],
                                     stdin=subprocess.DEVNULL, stdout=open(self.daemon.log_path, "ab"),
                                     stderr=subprocess.STDOUT)
        self.control = open(self.pids, "w")

    def start(self):
        self.control.write("\n")
        self.control.flush()
        wait_until(lambda: self.daemon.covey("info").code == 0, "coveyd answers")
        return self

    def outer_pid(self):
        name = b"\0--listen\0" + self.daemon.address.encode() + b"\0"
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open(f"/proc/{entry}/cmdline", "rb") as file:
                        arguments = file.read()
                except OSError:
                    continue
                if arguments.startswith(COVEYD.encode() + name):
                    return int(entry)
        return None

    def kill(self):
        os.kill(self.outer_pid(), signal.SIGKILL)
        wait_until(lambda: self.outer_pid() is None, "the daemon is gone")

    def run(self, *argv):
        return self.daemon.covey("run", "--detach", "--", *argv).out.strip()

    def remove(self):
        self.control.close()
        for child in subprocess.run(["pgrep", "-P", str(self.init.pid)], capture_output=True, text=True).stdout.split():
            os.kill(int(child), signal.SIGKILL)  # the first process: with it goes the namespace
        self.init.wait()
        self.daemon.remove()


@unittest.skipIf(why_not(), why_not())
class NamespacesTest(unittest.TestCase):
    flags = ()

    def namespace(self):
        namespace = Namespace(*self.flags)
        self.addCleanup(namespace.remove)
        return namespace.start()

    def sleeping(self, namespace, script="exec sleep {0}"):
        seconds = odd_seconds()
        namespace.run("sh", "-c", script.format(seconds))
        wait_until(lambda: sleepers(seconds), "it runs")
        return seconds

    def test_both_live(self):
        """Their daemons have the same pid, each in its namespace, and the same kind of process control."""
        first, second = self.namespace(), self.namespace()
        kept = self.sleeping(first), self.sleeping(second)
        controls = [namespace.daemon.log().partition("process control ")[2].partition(" (")[0] for namespace in (first, second)]
        self.assertEqual(controls[0], controls[1], second.daemon.log())
        second.kill()
        second.start()
        self.assertTrue(sleepers(kept[0]))
        self.assertEqual(0, first.daemon.covey("info").code)

    def test_what_a_dead_daemon_left_is_its_successors(self):
        first = self.namespace()
        seconds = self.sleeping(first, "setsid sleep {0} & sleep {0}")
        wait_until(lambda: len(sleepers(seconds)) == 2, "both run")
        first.kill()
        left = wait_until(lambda: sleepers(seconds), "something is left")
        second = self.namespace()
        kept = self.sleeping(second)
        self.assertTrue(set(sleepers(seconds)) & set(left), "the other daemon has not touched it")
        first.start()
        wait_until(lambda: not sleepers(seconds), "its successor has ended it", limit=5)
        self.assertTrue(sleepers(kept))


class WithoutCgroupsTest(NamespacesTest):
    flags = ("--cgroups=false",)


if __name__ == "__main__":
    unittest.main()
