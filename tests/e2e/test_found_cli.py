"""What the command line is started with: folders, descriptors, words, programs."""

import os
import subprocess
import tempfile
import unittest

from daemon import COVEY, COVEYD, Daemon, DaemonTest, lines, process_task, wait_until


class StartedWithTest(DaemonTest):
    def shell(self, script, *arguments, cwd=None, env=()):
        """Runs a script in which "$covey" is the command line; what it printed, as bytes."""
        return subprocess.run(["sh", "-c", script, "sh", *arguments], cwd=cwd, capture_output=True, timeout=10,
                              stdin=subprocess.DEVNULL, env={**self.daemon.env(), "covey": COVEY, **dict(env)})

    def test_a_folder_that_is_not_utf_8(self):
        """The task cannot run there, so it must not run elsewhere."""
        with tempfile.TemporaryDirectory() as base:
            folder = os.path.join(os.fsencode(base), b"caf\xe9")
            os.mkdir(folder)
            done = self.shell('exec "$covey" run --raw -- pwd', cwd=folder)
            self.assertNotEqual(0, done.returncode, done)
            self.assertEqual(b"", done.stdout)

    def test_a_folder_that_is_gone(self):
        with tempfile.TemporaryDirectory() as base:
            os.mkdir(os.path.join(base, "gone"))
            done = self.shell('cd "$1"; rmdir "$1"; exec "$covey" run --raw -- pwd', os.path.join(base, "gone"))
            self.assertNotEqual(0, done.returncode, done)
            self.assertEqual(b"", done.stdout)
            self.assertIn(b"current directory", done.stderr)

    def test_closed_standard_output(self):
        """Nothing is started whose output has no place to go, and every command says so."""
        for command in ("run --raw -- printf 12345678", "run -- true", "run --detach -- true", "ps", "help"):
            done = self.shell(f'exec "$covey" {command} >&-')
            self.assertEqual(64, done.returncode, (command, done))
            self.assertEqual(b"covey: standard output is closed\n", done.stderr)
        self.assertEqual("", self.covey("ps", "--all", "--output", "json", "--name", "printf").out)

    def test_closed_standard_error(self):
        self.assertEqual(64, self.shell('exec "$covey" run -- sh -c "echo lost >&2" 2>&-').returncode)

    def test_closed_standard_input(self):
        done = self.shell('exec "$covey" run -f - <&-')
        self.assertEqual(64, done.returncode, done)
        self.assertEqual(0, self.shell('exec "$covey" run -- true <&-').returncode)

    def test_words_that_are_not_utf_8(self):
        for command in ("show", "wait", "cancel", "events", "tasks", "delete"):
            done = self.shell(f'exec "$covey" {command} "$(printf "caf\\351")"')
            self.assertEqual(64, done.returncode, (command, done))

    def test_the_word_that_is_not_utf_8_is_named(self):
        for words, named in (("run -- ls here $bad", r"word 3 behind covey run must be UTF-8, got caf\xe9"),
                             ("show $bad", r"word 1 behind covey show must be UTF-8, got caf\xe9"),
                             ("run --name $bad -- true", r"--name must be UTF-8, got caf\xe9"),
                             ("ps --label=a=$bad", r"--label must be UTF-8, got a=caf\xe9"),
                             ("cancel --all --reason $bad", r"--reason must be UTF-8, got caf\xe9")):
            done = self.shell(f'bad=$(printf "caf\\351"); exec "$covey" {words}')
            self.assertEqual(64, done.returncode, (words, done))
            self.assertEqual(f"covey: {named}\n", done.stderr.decode())

    def test_a_file_of_tasks_may_have_any_name(self):
        path = os.path.join(os.fsencode(self.daemon.folder), b"caf\xe9")
        with open(path, "w") as file:
            file.write(lines(process_task("true")))
        done = self.shell('exec "$covey" run -f "$1"', path)
        self.assertEqual(0, done.returncode, done)

    def test_an_interpreter_that_is_missing_is_named(self):
        script = os.path.join(self.daemon.folder, "script")
        with open(script, "w") as file:
            file.write("#!/bin/bash42\n")
        os.chmod(script, 0o755)
        result = self.assertExit(126, self.covey("run", "--", script))
        self.assertIn("/bin/bash42", result.err)

    def test_a_terminal_that_knows_no_escapes(self):
        done = self.shell('exec script -qec "$covey run -- sleep 0.3" /dev/null', env={"TERM": "dumb"}.items())
        self.assertEqual(0, done.returncode, done)
        self.assertNotIn(b"\x1b", done.stdout)

    def test_a_byte_order_mark(self):
        """Taken, or named."""
        result = self.covey("run", "-f", "-", stdin="\ufeff" + lines(process_task("true")))
        if result.code != 0:
            self.assertIn("byte order mark", result.err)

    def test_a_pipe_that_nobody_reads_is_said(self):
        result = self.covey("run", "--", "cat", stdin="a\nb\n")
        self.assertRegex(result.err, "--stdin|standard input")

    def test_an_empty_input_is_said(self):
        result = self.covey("run", "-f", "-", stdin="")
        self.assertNotEqual(0, result.code, result)
        self.assertIn("no tasks", result.err)

    def test_durations_as_people_write_them(self):
        self.assertExit(0, self.covey("run", "-f", "-", stdin=lines(process_task("true", timeout="1m30s"))))

    def test_what_is_no_task_is_explained(self):
        """Not in the words of a parser."""
        for line in ("1\n", "make all\n"):
            result = self.covey("run", "-f", "-", stdin=line)
            self.assertNotIn("Root element", result.err)
            self.assertNotIn("Unexpected token", result.err)


class DaemonStartedWithTest(unittest.TestCase):
    def test_closed_descriptors(self):
        """Nothing of the daemon's own gets their numbers, or the log would be written into it."""
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        daemon.command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *daemon.command]
        daemon.start()
        for number in range(3):
            self.assertEqual("/dev/null", os.readlink(f"/proc/{daemon.pid}/fd/{number}"))
        self.assertEqual(0, daemon.covey("run", "--", "true").code)
        self.assertEqual(0, daemon.stop())


class PortTest(unittest.TestCase):
    def test_tasks_are_told_the_port_that_was_bound(self):
        """`--listen 127.0.0.1:0`: COVEY_ADDRESS of a task leads back."""
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        with open(daemon.log_path, "ab") as log:
            daemon.process = subprocess.Popen(
                [COVEYD, "--insecure-listen", "--listen", "127.0.0.1:0", "--data-dir", daemon.data],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: "is ready" in daemon.log(), "the daemon is ready")
        daemon.address = daemon.log().partition("serving on ")[2].split()[0]
        result = daemon.covey("run", "--raw", "--", "sh", "-c", f"{COVEY} health")
        self.assertEqual(0, result.code, result)

    def test_tasks_are_told_the_socket(self):
        """Whatever comes first: it needs no port, and asks nobody else."""
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        daemon.command += ["--insecure-listen", "--listen", "127.0.0.1:0"]
        daemon.start()
        result = daemon.covey("run", "--raw", "--", "sh", "-c", "echo $COVEY_ADDRESS")
        self.assertEqual(daemon.address + "\n", result.out, result)


if __name__ == "__main__":
    unittest.main()
