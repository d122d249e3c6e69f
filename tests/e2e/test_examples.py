"""The examples of the client library, in C++ and in Python, against the real daemon."""

import functools
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from daemon import BIN, LIMIT, ROOT, DaemonTest, odd_seconds, run, sleepers, wait_until


@functools.cache
def python_with_grpc():
    """An interpreter that has grpcio; Debian's package is for its own."""
    for python in (sys.executable, "/usr/bin/python3"):
        if os.path.exists(python) and run([python, "-c", "import grpc, google.protobuf"]).code == 0:
            return python
    return None


class ExampleTest(DaemonTest):
    def example(self, name, *arguments, stdin=None):
        return run([os.path.join(BIN, name), *arguments], stdin, self.daemon.env())

    def test_client_example(self):
        self.assertExit(0, self.example("client_example"))

    def test_attached_example(self):
        self.assertEqual("first\n", self.assertExit(0, self.example("attached_example")).out)

    def test_scope_is_waited_for(self):
        self.assertEqual("2 succeeded\n", self.assertExit(0, self.example("scope_example", "0.1", stdin="\n")).out)

    def test_scope_that_is_left_leaves_no_process(self):
        seconds = odd_seconds()
        program = subprocess.Popen([os.path.join(BIN, "scope_example"), seconds], stdin=subprocess.PIPE,
                                   env=self.daemon.env())
        self.addCleanup(program.kill)
        wait_until(lambda: len(sleepers(seconds)) == 2, "both tasks run")
        program.stdin.close()
        self.assertEqual(3, program.wait(timeout=30))
        self.assertEqual([], sleepers(seconds))

    def test_scope_whose_process_dies_leaves_no_process(self):
        seconds = odd_seconds()
        program = subprocess.Popen([os.path.join(BIN, "scope_example"), seconds], stdin=subprocess.PIPE,
                                   env=self.daemon.env())
        self.addCleanup(program.stdin.close)
        wait_until(lambda: len(sleepers(seconds)) == 2, "both tasks run")
        program.kill()
        program.wait()
        wait_until(lambda: not sleepers(seconds), "the tasks are gone")


    def test_a_stream_of_tasks_outlives_a_crash_and_a_stop(self):
        """The daemon goes in the middle of it, twice: no command is added twice, and none is forgotten."""
        group = self.assertExit(0, self.covey("create", "--policy", "settled")).out.strip()
        ran = os.path.join(self.daemon.folder, "ran")
        program = subprocess.Popen([os.path.join(BIN, "upload_example"), group], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, env=self.daemon.env(), text=True)
        self.addCleanup(program.kill)
        submitted = lambda: json.loads(self.covey("--output", "json", "show", group).out.splitlines()[0]).get(
            "tasks", {}).get("submitted", 0)
        for part, go in enumerate((self.daemon.kill, self.daemon.stop, None)):
            for line in range(50):
                program.stdin.write(f"echo {part}.{line} >>{ran}\n")
            program.stdin.flush()
            if go is not None:
                wait_until(lambda: submitted() >= part * 50 + 10, "some of this part have come")
                go()
                self.daemon.start()
        self.assertEqual("150 accepted\n", program.communicate(timeout=LIMIT)[0])
        self.assertEqual(150, submitted())
        self.assertExit(0, self.covey("seal", group))
        self.covey("wait", group)  # what ran when the daemon was killed is lost
        with open(ran) as file:
            commands = file.read().split()
        self.assertEqual(sorted(set(commands)), sorted(commands))
        self.assertGreaterEqual(len(commands), 50)


@unittest.skipUnless(python_with_grpc(), "python3-grpcio is missing")
@unittest.skipUnless(shutil.which("grpc_python_plugin"), "protobuf-compiler-grpc is missing")
class PythonTest(DaemonTest):
    flags = ("--drain-timeout", "50ms")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.generated = tempfile.mkdtemp(prefix="covey-python-")
        cls.addClassCleanup(shutil.rmtree, cls.generated)
        proto = os.path.join(ROOT, "proto")
        plugin = shutil.which("grpc_python_plugin")
        subprocess.run(["protoc", "-I", proto, f"--python_out={cls.generated}", f"--grpc_python_out={cls.generated}",
                        f"--plugin=protoc-gen-grpc_python={plugin}",
                        *glob.glob(os.path.join(proto, "covey", "v1", "*.proto"))], check=True, timeout=60)

    def command(self, script, *arguments):
        path = os.path.join(ROOT, "client", "examples", "python", script)
        return [python_with_grpc(), path, self.daemon.address, *arguments], {**self.daemon.env(), "PYTHONPATH": self.generated}

    def test_follow(self):
        """A client with grpc's own defaults, across three stops and a crash."""
        command, env = self.command("follow.py", "5")
        follower = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(follower.communicate)
        self.addCleanup(follower.kill)
        self.assertEqual("following\n", follower.stdout.readline(), "it follows, or says why not")
        seen, groups = {}, []
        for stop in (self.daemon.stop, self.daemon.stop, self.daemon.kill, self.daemon.stop, None):
            groups.append(self.assertExit(0, self.covey("run", "--detach", "--", "true")).out.strip())
            kind = ""
            while kind != "EVENT_KIND_GROUP_COMPLETED":
                line = follower.stdout.readline()
                self.assertNotEqual("", line or self.fail(follower.stderr.read()))
                group, number, kind = line.split()
                seen.setdefault(group, []).append(int(number))
            if stop:
                stop()
                self.daemon.start()
        self.assertEqual(0, follower.wait(timeout=30))
        self.assertEqual(groups, list(seen))
        for numbers in seen.values():
            self.assertEqual(list(range(1, len(numbers) + 1)), numbers)

    def test_submit(self):
        command, env = self.command("submit.py")
        result = self.assertExit(0, run(command, env=env))
        self.assertIn("GROUP_STATE_SUCCEEDED\nhello from a process\n", result.out)
        self.assertIn("EVENT_KIND_GROUP_COMPLETED", result.out)
        self.assertRegex(result.out, "INVALID_ARGUMENT .*65536")


if __name__ == "__main__":
    unittest.main()
