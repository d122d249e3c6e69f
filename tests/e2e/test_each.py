"""`covey run --each`, and what becomes of standard input."""

import hashlib
import os
import pty
import select
import signal
import subprocess
import tempfile
import unittest

from daemon import BIN, COVEY, DaemonTest, LIMIT, odd_seconds, sleepers, wait_until


class InputTest(DaemonTest):
    def shell(self, script, *arguments, **more):
        """Runs a script of bash that finds covey."""
        env = {**self.daemon.env(), "PATH": f"{BIN}:{os.environ['PATH']}"}
        more.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(["bash", "-c", script, "bash", *arguments], env=env, capture_output=True, timeout=LIMIT, **more)


class StreamTest(InputTest):
    flags = ("--max-queued", "1000")

    def endless(self, *command):
        """covey with a standard input that `yes` writes for ever."""
        yes = subprocess.Popen(["yes", "x" * 1000], stdout=subprocess.PIPE)
        self.addCleanup(yes.wait)
        self.addCleanup(yes.kill)
        client = self.daemon.covey_start(*command, stdin=yes.stdout)
        yes.stdout.close()
        self.addCleanup(client.wait)
        self.addCleanup(client.kill)
        return client

    def test_a_full_queue_is_waited_for_and_ctrl_c_cancels_all(self):
        seconds = odd_seconds()
        client = self.endless("run", "--each", "--limit", "1", "--", "sh", "-c", f"exec sleep {seconds}", "{}")
        wait_until(lambda: sleepers(seconds), "a task runs")

        def read():
            with open(f"/proc/{client.pid}/io") as file:
                return int(file.readline().split()[1])
        last = [0]

        def stands_still():
            before, last[0] = last[0], read()
            return before == last[0] and not select.select([], [], [], 0.3)[0] and read() == before
        wait_until(stands_still, "it reads no further")
        self.assertLess(last[0], 64 << 20)
        client.send_signal(signal.SIGINT)
        client.communicate(timeout=LIMIT)
        self.assertEqual(130, client.returncode)
        self.assertEqual([], sleepers(seconds))

    def test_the_first_failure_ends_an_endless_input(self):
        client = self.endless("run", "--each", "--", "sh", "-c", "exit 7")
        _, err = client.communicate(timeout=LIMIT)
        self.assertEqual(7, client.returncode, err)

    def test_more_lines_than_the_queue_takes(self):
        done = self.shell("seq 1500 | covey run --each --keep-order --raw -- echo {} of {#}")
        self.assertEqual(0, done.returncode, done)
        self.assertEqual("".join(f"{n} of {n}\n" for n in range(1, 1501)), done.stdout.decode())

    def test_a_group_that_lives_on_its_own(self):
        done = self.shell("seq 300 | covey run --detach --each -- true {}")
        self.assertEqual(0, done.returncode, done)
        self.assertIn("300 succeeded", self.covey("wait", done.stdout.decode().strip()).out)
        group = self.covey("create").out.strip()
        done = self.shell(f"seq 300 | covey submit {group} --seal --each -- true {{}}")
        self.assertEqual(f"300 tasks submitted to {group}\n", done.stdout.decode())
        self.assertIn("300 succeeded", self.covey("wait", group).out)

    def test_a_detached_group_that_is_decided_reads_no_further(self):
        """Its id is printed all the same: who waits for it is told how it ended."""
        client = self.daemon.covey_start("run", "--detach", "--label", "test=decided", "--each", "--", "sh", "-c", "exit 3", "sh",
                                         stdin=subprocess.PIPE)
        self.addCleanup(client.kill)
        client.stdin.write("first\n")
        client.stdin.flush()
        decided = lambda: '"GROUP_STATE_FAILED"' in self.covey("--output", "json", "ps", "--all", "--label", "test=decided").out
        wait_until(decided, "the first task has failed")
        client.stdin.write("second\n")
        client.stdin.flush()
        self.assertEqual(0, client.wait(timeout=LIMIT), "its input is still open")
        group, err = client.stdout.read().strip(), client.stderr.read()
        for file in (client.stdin, client.stdout, client.stderr):
            file.close()
        self.assertEqual(f"covey: group {group} is decided already; the rest is not submitted\n", err)
        self.assertEqual(3, self.covey("wait", group).code)

    def test_a_bad_line_is_named_and_ends_the_group(self):
        seconds = odd_seconds()
        for bad, what in (("caf\\351", r"must be UTF-8, got caf\xe9"), ("a\\000b", "has a NUL byte; with -0 NUL bytes end")):
            done = self.shell(f"(echo {seconds}; sleep 0.2; printf '{bad}\\n'; sleep 1) | covey run --each -- sleep")
            self.assertEqual(64, done.returncode, done)
            self.assertIn(f"standard input:2: the line {what}", done.stderr.decode())
            self.assertEqual([], sleepers(seconds))

    def test_lines_longer_than_an_argument(self):
        done = self.shell("(echo a; head -c 131072 /dev/zero | tr '\\0' x) | covey run --each -- true")
        self.assertEqual(64, done.returncode, done)
        self.assertIn("standard input:2: one argument of a process has at most 131071 bytes, got 131072",
                      done.stderr.decode())
        done = self.shell("head -c 131071 /dev/zero | tr '\\0' x | covey run --each --raw -- printf %s | wc -c")
        self.assertEqual(b"131071\n", done.stdout, done)

    def test_a_reader_that_leaves(self):
        client = self.endless("run", "--each", "--raw", "--", "sh", "-c", "echo line; sleep 60", "{}")
        self.assertEqual("line\n", client.stdout.readline())
        client.stdout.close()
        self.assertEqual(141, client.wait(timeout=LIMIT))
        client.stderr.close()

    def test_a_standard_input_that_is_closed(self):
        for command in ("run --each -- echo", "run -f -", "run --stdin -- cat", "submit $(covey create) --each -- echo"):
            done = self.shell(f"covey {command} <&-")
            self.assertEqual((64, b"covey: standard input is closed\n"), (done.returncode, done.stderr), command)


class SmallQueueTest(InputTest):
    """A batch of more tasks than may wait for a slot goes in as room comes."""

    flags = ("--max-queued", "10", "--pool", "default=2")

    def test_more_tasks_than_the_queue_holds(self):
        numbers = "".join(f"{n}\n" for n in range(1, 101))
        with tempfile.NamedTemporaryFile("w") as commands:
            commands.write("".join(f"echo {n}\n" for n in range(1, 101)))
            commands.flush()
            for command in ("seq 100 | covey run --each --keep-order --raw -- echo",
                            f"covey run --keep-order --raw -f {commands.name}"):
                done = self.shell(command)
                self.assertEqual((0, numbers), (done.returncode, done.stdout.decode()), done)

    def test_of_groups_that_live_on_their_own(self):
        for command in ("seq 100 | covey run --detach --each -- true",
                        "group=$(covey create); seq 100 | covey submit $group --seal --each -- true >&2; echo $group"):
            done = self.shell(command)
            self.assertEqual(0, done.returncode, done)
            self.assertIn("100 succeeded", self.covey("wait", done.stdout.decode().strip()).out)


class WordsTest(InputTest):
    def test_a_line_that_failed_is_told_by_what_it_ran(self):
        """Its number alone says nothing to who has typed no numbers."""
        done = self.shell("printf 'a b\\nc\\n' | covey run --policy settled -j 1 --each -- sh -c 'exit 3' sh {}")
        self.assertEqual((3, ["covey: task 1 (sh -c 'exit 3' sh c): exit 3", "sh -c 'exit 3' sh 'a b'"]),
                         (done.returncode, [done.stderr.decode().splitlines()[0],
                                            done.stderr.decode().partition("task 0 (")[2].partition("):")[0]]), done)
        self.assertEqual(1, done.stderr.decode().count("first"), done)

    def test_wait_and_show_tell_it_as_well(self):
        group = self.shell("seq 3 | covey run --detach --policy settled --each -- sh -c 'exit 3' {}").stdout.decode().strip()
        told = r"task \d \(sh -c 'exit 3' \d\): exit 3"
        self.assertRegex(self.covey("wait", group).out, rf"first failure: {told}\n")
        self.assertRegex(self.covey("wait", f"{group}/1").out, rf"^{group}/1 \(sh -c 'exit 3' 2\) failed: exit 3\n")
        group = self.shell("seq 3 | covey run --detach -j 1 --each -- sh -c 'exit 3' {}").stdout.decode().strip()
        self.covey("wait", group)
        self.assertRegex(self.covey("show", group).out, rf"(?m)^state +failed: {told}$")
        self.assertRegex(self.covey("show", f"{group}/2").out, rf"(?m)^state +stopped: never started; {told}$")

    def test_what_it_ran_is_bounded_and_escaped(self):
        group = self.shell("printf 'exit 3 # \\033[31m%0500d\\n' 0 | covey run --detach -f -").stdout.decode().strip()
        line = self.covey("wait", group).out
        self.assertIn(r"task 0 (sh -c 'exit 3 # \x1b[31m000", line)
        self.assertIn("…): exit 3\n", line)
        self.assertLess(len(line), 300)
        self.assertNotIn("\x1b", line)

    def test_an_open_group_with_nothing_to_do_says_so(self):
        group = self.covey("create").out.strip()
        self.assertRegex(self.covey("show", group).out, "state +open: nothing runs, and it ends when it is sealed")
        self.covey("seal", group)
        self.assertRegex(self.covey("show", group).out, "state +succeeded")


class OthersTest(InputTest):
    def test_what_others_mean(self):
        done = self.shell("covey run --each -- echo ::: a b")
        self.assertEqual((64, True), (done.returncode, b"not words behind :::" in done.stderr), done)
        done = self.shell("echo a | covey run --each -- 'echo {}'")
        self.assertEqual(127, done.returncode)
        self.assertIn(b"covey: takes 'echo {}' for the name of a program: leave the quotes out, or have sh -c run it\n", done.stderr)
        done = self.shell(r"""printf '{\n "process": {"argv":["true"]}\n}\n' | covey run -f -""")
        self.assertEqual((64, b"covey: standard input:1: a task is one line, and this one goes on: jq -c makes one line of each\n"),
                         (done.returncode, done.stderr))
        group = self.shell("seq 3 | covey run --detach -j1 --each -- echo").stdout.decode().strip()
        self.assertIn("3 succeeded", self.covey("wait", group).out)
        self.assertEqual("0 | 1\n1 | 2\n2 | 3\n", self.covey("logs", "-fn2", group).out)
        self.assertIn(f'"id":"{group}"', self.covey("ps", "-an1", "-ojson").out)


class OrderTest(InputTest):
    def test_output_keeps_the_order_of_the_lines(self):
        """Each task waits until the one behind it has written."""
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/21", "w"):
                pass
            script = 'while [ ! -e $(($1 + 1)) ]; do sleep 0.01; done; echo $1; printf "line %s" $1; touch $1'
            done = self.shell(f"seq 20 | covey run --each --keep-order --limit 20 -- sh -c '{script}' sh {{}}", cwd=folder)
        self.assertEqual(0, done.returncode, done)
        self.assertEqual("".join(f"{n - 1} | {n}\n{n - 1} | line {n}\n" for n in range(1, 21)), done.stdout.decode())

    def test_it_goes_to_a_file_when_it_is_much(self):
        done = self.shell("TMPDIR=/nonexistent; export TMPDIR; printf '0.5\\n0\\n' | covey run --each --keep-order -- "
                          "sh -c 'sleep $1; head -c 20000000 /dev/zero; echo' sh {} | wc -c; exit ${PIPESTATUS[1]}")
        self.assertEqual(1, done.returncode, done)
        self.assertIn("cannot make a file in /nonexistent for output that waits for its turn", done.stderr.decode())
        done = self.shell("printf '0.5\\n0\\n' | covey run --each --keep-order --raw -- "
                          "sh -c 'sleep $1; head -c 20000000 /dev/zero; echo' sh {} | wc -c; exit ${PIPESTATUS[1]}")
        self.assertEqual((0, b"40000002\n"), (done.returncode, done.stdout), done)

    def test_what_was_written_before_a_failure_is_there(self):
        done = self.shell("printf 'sleep 60\\necho early; sleep 60\\nsleep 0.3; exit 3\\n' | covey run -k --raw -f -")
        self.assertEqual((3, b"early\n"), (done.returncode, done.stdout), done)


class StdinTest(InputTest):
    def test_bytes_are_passed_on(self):
        data = os.urandom(1 << 20)
        done = self.shell("covey run --stdin -- sha256sum", stdin=None, input=data)
        self.assertEqual(0, done.returncode, done)
        self.assertEqual(hashlib.sha256(data).hexdigest(), done.stdout.decode().split()[0])
        done = self.shell("covey run --stdin -- cat", stdin=None, input=data + b"x")
        self.assertEqual((64, b""), (done.returncode, done.stdout), done)
        self.assertIn(b"at most 1 MiB", done.stderr)

    def test_ctrl_c_while_it_is_read(self):
        client = self.daemon.covey_start("run", "--stdin", "--", "cat", stdin=subprocess.PIPE)
        self.addCleanup(client.kill)
        wait_until(lambda: "SigBlk:\t0000000000004002" in open(f"/proc/{client.pid}/status").read(), "it is ready for signals")
        client.send_signal(signal.SIGINT)
        client.wait(timeout=LIMIT)
        self.assertEqual(130, client.returncode)
        client.communicate()

    def test_what_nobody_reads_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/list", "w") as file:
                file.write("a\nb\n")
            told = b"nobody reads standard input: --stdin passes it on"
            self.assertEqual(1, self.shell("covey run -- cat <list", cwd=folder).stderr.count(told))
            read, write = os.pipe()
            os.write(write, b"a\n")
            self.assertEqual(1, self.shell("covey run -- cat", stdin=read).stderr.count(told))
            self.assertEqual(1, self.shell("covey run --detach -- cat", stdin=read).stderr.count(told))
            os.close(write)
            os.close(read)
            # The lines are somebody else's.
            done = self.shell("while read -r line; do covey run -- echo $line; done <list", cwd=folder)
            self.assertEqual((b"a\nb\n", 0), (done.stdout, done.stderr.count(told)))


class TerminalTest(InputTest):
    def on_terminal(self, *command):
        """What the terminal shows, as it comes."""
        master, slave = pty.openpty()
        done = subprocess.Popen([COVEY, *command], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                env={**self.daemon.env(), "TERM": "xterm"})
        os.close(slave)
        shown = b""
        try:
            while piece := os.read(master, 65536):
                shown += piece
        except OSError:
            pass
        os.close(master)
        return done.wait(timeout=LIMIT), shown

    def test_a_line_without_its_end_is_not_covered(self):
        code, shown = self.on_terminal("run", "--", "sh", "-c", "printf 'working: '; sleep 0.5; printf done")
        self.assertEqual(0, code)
        self.assertIn(b"working: done\r\ncovey: succeeded", shown)


if __name__ == "__main__":
    unittest.main()
