"""The examples of the client library, in C++ and in Python, against the real daemon."""

import functools
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from daemon import BIN, ROOT, DaemonTest, odd_seconds, run, sleepers, wait_until


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

    @unittest.skipUnless(python_with_grpc(), "python3-grpcio is missing")
    @unittest.skipUnless(shutil.which("grpc_python_plugin"), "protobuf-compiler-grpc is missing")
    def test_python(self):
        generated = tempfile.mkdtemp(prefix="covey-python-")
        self.addCleanup(shutil.rmtree, generated)
        proto = os.path.join(ROOT, "proto")
        plugin = shutil.which("grpc_python_plugin")
        subprocess.run(["protoc", "-I", proto, f"--python_out={generated}", f"--grpc_python_out={generated}",
                        f"--plugin=protoc-gen-grpc_python={plugin}",
                        *glob.glob(os.path.join(proto, "covey", "v1", "*.proto"))], check=True, timeout=60)
        script = os.path.join(ROOT, "client", "examples", "python", "submit.py")
        result = self.assertExit(0, run([python_with_grpc(), script, self.daemon.address],
                                        env={**self.daemon.env(), "PYTHONPATH": generated}))
        self.assertIn("GROUP_STATE_SUCCEEDED\nhello from a process\n", result.out)
        self.assertIn("EVENT_KIND_GROUP_COMPLETED", result.out)
        self.assertRegex(result.out, "INVALID_ARGUMENT .*65536")


if __name__ == "__main__":
    unittest.main()
