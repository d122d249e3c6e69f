"""covey top on a real terminal: tmux draws it, resizes it, presses keys."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from daemon import COVEY, DaemonTest, lines, process_task, wait_until


class Terminal:
    """A tmux server of its own, with one window."""

    def __init__(self, env, columns, rows):
        self.folder = tempfile.mkdtemp(prefix="covey-tmux-")
        self.env = {**env, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), "env", "PS1=$ ", "ENV=", "sh")

    def tmux(self, *arguments):
        done = subprocess.run(["tmux", "-f", os.devnull, "-S", f"{self.folder}/s", *arguments], env=self.env,
                              capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise AssertionError(f"tmux {arguments}: {done.stderr}")
        return done.stdout

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def press(self, key):
        self.tmux("send-keys", key)

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def wait_for(self, *words):
        wait_until(lambda: all(word in self.screen() for word in words), f"the screen shows {words}")
        return self.screen()

    def close(self):
        self.tmux("kill-server")
        shutil.rmtree(self.folder, ignore_errors=True)


class TopTest(DaemonTest):
    flags = ("--pool", "narrow=1")

    def tearDown(self):
        self.covey("cancel", "--all")
        super().tearDown()

    def start_group(self, *options):
        result = self.assertExit(0, self.covey("run", "--detach", *options, "-f", "-", stdin=lines(
            process_task("true"), *[process_task("sleep", "60")] * 3)))
        return result.out.strip()

    def test_once(self):
        group = self.start_group("--pool", "narrow", "--name", "flock")
        show = lambda: json.loads(self.covey("--output", "json", "show", group).out.splitlines()[0])["tasks"]
        wait_until(lambda: show().get("succeeded") and show().get("running"), "one is done, one runs, two wait")
        text, objects = self.covey("top"), self.covey("--output", "json", "top", "--once")
        printed = self.assertExit(0, text).out  # standard output is no terminal
        objects = [json.loads(line) for line in self.assertExit(0, objects).out.splitlines()]
        self.assertIn("1 group, 1 task running, 2 waiting", printed)
        self.assertRegex(printed, rf"{group} +flock +running +\[##\.{{8}}\] +1/4 +1 +0 ")
        self.assertEqual(self.daemon.pid, objects[0]["pid"])
        self.assertEqual(group, objects[-1]["id"])

    def test_wrong_uses(self):
        for arguments, says in ((("top", "--interval", "1ms"), "50ms..1h"), (("top", "x"), "no argument"),
                                (("top", "--interval", "soon"), "soon")):
            result = self.assertExit(64, self.covey(*arguments))
            self.assertIn(says, result.err)

    @unittest.skipUnless(shutil.which("tmux"), "tmux is missing")
    def test_keys_are_heard_while_the_daemon_does_not_answer(self):
        terminal = Terminal(self.daemon.env(), 120, 30)
        self.addCleanup(terminal.close)
        terminal.type(f"{COVEY} top --interval 50ms; echo code=$?\n")
        terminal.wait_for("0 groups", "POOL")
        self.daemon.signal(signal.SIGSTOP)
        self.addCleanup(self.daemon.signal, signal.SIGCONT)
        terminal.wait_for("not now")  # the next look takes as long to give up
        before = time.monotonic()
        terminal.press("q")
        terminal.wait_for("code=0")
        self.assertLess(time.monotonic() - before, 3)
        self.daemon.signal(signal.SIGCONT)

    @unittest.skipUnless(shutil.which("tmux"), "tmux is missing")
    def test_live_on_a_terminal(self):
        terminal = Terminal(self.daemon.env(), 120, 30)
        self.addCleanup(terminal.close)
        terminal.type(f"echo be''fore; {COVEY} top --interval 100ms; echo code=$?\n")
        terminal.wait_for("0 groups", "POOL")
        self.assertNotIn("before", terminal.screen(), "it has a screen of its own")
        group = self.start_group("--name", "flock")
        terminal.wait_for(group, "flock", "1/4", "1 group,")
        terminal.tmux("resize-window", "-x", "60", "-y", "5")
        screen = terminal.wait_for("more lines")
        self.assertLessEqual(len(screen.rstrip("\n").splitlines()), 5)
        self.assertLessEqual(max(map(len, screen.splitlines())), 60)
        terminal.tmux("resize-window", "-x", "120", "-y", "30")
        terminal.wait_for(group)
        self.assertExit(0, self.covey("cancel", group))
        terminal.wait_for("0 groups")
        terminal.press("q")
        terminal.wait_for("before", "code=0")
        terminal.type("echo ty''ped\n")  # echoed again, and read line by line
        terminal.wait_for("typed", "ty''ped")
        self.assertEqual("1", terminal.tmux("display-message", "-p", "#{cursor_flag}").strip())

    @unittest.skipUnless(shutil.which("tmux"), "tmux is missing")
    def test_ctrl_c_leaves_and_a_restart_is_survived(self):
        terminal = Terminal(self.daemon.env(), 100, 30)
        self.addCleanup(terminal.close)
        terminal.type(f"{COVEY} top --interval 100ms; echo code=$?\n")
        terminal.wait_for("0 groups")
        self.daemon.kill()
        terminal.wait_for("not now: ")
        self.daemon.start()
        wait_until(lambda: "not now" not in terminal.screen(), "it shows the daemon again")
        terminal.press("C-c")
        terminal.wait_for("code=130")


if __name__ == "__main__":
    unittest.main()
