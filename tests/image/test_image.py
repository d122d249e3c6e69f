"""The real image in a real engine: locked down, healthy, reached, stopped, killed, composed."""

import json
import os
import subprocess
import unittest
import uuid

from daemon import COVEY, ROOT, run, wait_until

DOCKER = "/usr/bin/docker"
IMAGE = os.environ["COVEY_IMAGE"]
LIMIT = 120.0  # seconds: an engine on a busy machine takes its time
LOCKED = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp",
          "--tmpfs", "/run/covey:uid=101,gid=101,mode=0755", "--network", "none"]


def docker(*arguments, code=0):
    result = run([DOCKER, *arguments], limit=LIMIT)
    if result.code != code:
        raise AssertionError(f"docker {' '.join(arguments)}: {result}")
    return result.out.strip()


class ImageTest(unittest.TestCase):
    def container(self, *options, command=()):
        """Starts one and returns its name; it is removed at the end, with its anonymous volume."""
        name = f"covey-{uuid.uuid4().hex[:12]}"
        self.addCleanup(run, [DOCKER, "rm", "--force", "--volumes", name], limit=LIMIT)
        docker("run", "--detach", "--name", name, *options, IMAGE, *command)
        return name

    def state(self, name):
        return json.loads(docker("inspect", name))[0]["State"]

    def await_health(self, name, status):
        wait_until(lambda: self.state(name)["Health"]["Status"] == status, f"the container is {status}", LIMIT)

    def covey(self, name, *arguments, code=0):
        return docker("exec", name, "covey", *arguments, code=code)

    def test_locked_down(self):
        """As nobody in particular, with a file system that cannot be written, and no way to more rights."""
        name = self.container(*LOCKED, "--health-interval", "1s")
        self.await_health(name, "healthy")
        status = docker("exec", name, "cat", "/proc/1/status")
        self.assertRegex(status, r"(?m)^Name:\tcoveyd$")
        self.assertRegex(status, r"(?m)^Uid:\t101\t101\t101\t101$")
        self.assertRegex(status, r"(?m)^NoNewPrivs:\t1$")
        self.assertRegex(status, r"(?m)^CapEff:\t0+$")
        self.assertEqual("101", self.covey(name, "run", "--raw", "--", "id", "-u"))
        self.covey(name, "run", "--", "touch", "/etc/no", code=1)
        self.covey(name, "run", "--", "touch", "/tmp/yes")
        docker("stop", "--time", "60", name)
        self.assertEqual(0, self.state(name)["ExitCode"])
        self.assertRegex(docker("logs", name), "^$")  # the log is on stderr
        log = subprocess.run([DOCKER, "logs", name], capture_output=True, text=True, timeout=LIMIT).stderr
        self.assertIn("suspending", log)
        self.assertIn("stopped", log)

    def test_draining_is_unhealthy(self):
        name = self.container(*LOCKED, "--health-interval", "1s", "--health-retries", "1")
        self.await_health(name, "healthy")
        self.covey(name, "drain")
        self.await_health(name, "unhealthy")

    def test_stop_ends_what_does_not_end(self):
        name = self.container(*LOCKED, command=["--drain-timeout", "100ms"])
        self.covey(name, "health", "--wait", "30s")
        self.covey(name, "run", "--detach", "--", "sh", "-c", "setsid sleep 1000 & sleep 1000")
        docker("stop", "--time", "60", name)
        self.assertEqual(0, self.state(name)["ExitCode"])

    def test_process_1_reaps(self):
        """Orphans of tasks, and of what others have started in the container."""
        name = self.container(*LOCKED)
        self.covey(name, "health", "--wait", "30s")
        orphan = "sh -c 'sleep 0.1 & true' & true"
        docker("exec", name, "sh", "-c", orphan)
        self.covey(name, "run", "--", "sh", "-c", f"setsid {orphan}; sleep 0.3")
        # A look has four processes of its own: docker's sh and what it runs.
        look = "for each in /proc/[0-9]*/stat; do cat $each 2>/dev/null; done"

        def others():
            stats = [line.rpartition(")")[2].split() + [line] for line in docker("exec", name, "sh", "-c", look).splitlines()]
            return [line[-1] for line in stats if line[0] == "Z" or "(sleep)" in line[-1]]
        wait_until(lambda: not others(), "neither a zombie nor an orphan is left", LIMIT)

    def test_from_outside(self):
        name = self.container("--publish", "127.0.0.1::7425", command=[
            "--insecure-listen", "--listen", "0.0.0.0:7425", "--listen", "unix:/run/covey/coveyd.sock"])
        self.covey(name, "health", "--wait", "30s")
        address = docker("port", name, "7425").splitlines()[0]
        self.assertRegex(address, r"^127\.0\.0\.1:\d+$")
        result = run([COVEY, "--address", address, "run", "--raw", "--", "hostname"], limit=LIMIT)
        self.assertEqual(0, result.code, result)
        self.assertTrue(docker("inspect", "--format", "{{.Id}}", name).startswith(result.out.strip()))

    def test_the_volume_keeps_groups_over_a_kill(self):
        volume = f"covey-{uuid.uuid4().hex[:12]}"
        self.addCleanup(run, [DOCKER, "volume", "rm", "--force", volume], limit=LIMIT)
        name = self.container(*LOCKED, "--volume", f"{volume}:/var/lib/covey")
        self.covey(name, "health", "--wait", "30s")
        group = self.covey(name, "run", "--detach", "--", "echo", "kept")
        self.covey(name, "wait", group)
        docker("kill", name)
        docker("start", name)
        self.covey(name, "health", "--wait", "30s")
        self.assertIn("kept", self.covey(name, "logs", group))

    def test_out_of_memory_ends_the_task_alone(self):
        """The kernel takes the largest process of the container, which is not the daemon."""
        name = self.container(*LOCKED, "--memory", "200m", "--memory-swap", "200m")
        self.covey(name, "health", "--wait", "30s")
        result = run([DOCKER, "exec", name, "covey", "run", "--", "sh", "-c", "exec tail /dev/zero"], limit=LIMIT)
        self.assertEqual(137, result.code, result)
        self.assertEqual("serving", self.covey(name, "health"))

    def test_bad_flags_are_told(self):
        name = self.container(command=["--queues", "0"])
        wait_until(lambda: not self.state(name)["Running"], "it has ended", LIMIT)
        self.assertEqual(64, self.state(name)["ExitCode"])
        log = subprocess.run([DOCKER, "logs", name], capture_output=True, text=True, timeout=LIMIT).stderr
        self.assertIn("--queues must be 1..64, got 0", log)

    def test_compose(self):
        project = f"covey{uuid.uuid4().hex[:12]}"
        compose = ["env", f"COVEY_IMAGE={IMAGE}", "docker-compose", "-p", project, "-f",
                   os.path.join(ROOT, "deploy", "compose.yaml")]
        self.addCleanup(run, [*compose, "down", "--volumes"], limit=LIMIT)
        up = run([*compose, "up", "-d", "--no-build"], limit=LIMIT)
        self.assertEqual(0, up.code, up)
        healthy = run([*compose, "exec", "-T", "coveyd", "covey", "health", "--wait", "30s"], limit=LIMIT)
        self.assertEqual(0, healthy.code, healthy)
        hello = run([*compose, "exec", "-T", "coveyd", "covey", "run", "--raw", "--", "echo", "hello"], limit=LIMIT)
        self.assertEqual((0, "hello\n"), (hello.code, hello.out), hello)
        identity = run([*compose, "ps", "-q", "coveyd"], limit=LIMIT).out.strip()
        host = json.loads(docker("inspect", identity))[0]["HostConfig"]
        self.assertTrue(host["ReadonlyRootfs"])
        self.assertEqual(["ALL"], host["CapDrop"])
        stopped = run([*compose, "stop"], limit=LIMIT)
        self.assertEqual(0, stopped.code, stopped)
        self.assertEqual(0, self.state(identity)["ExitCode"])


if __name__ == "__main__":
    unittest.main()
