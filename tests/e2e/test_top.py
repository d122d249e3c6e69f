"""covey top on a real terminal: tmux draws it, resizes it, presses keys."""

import json
import signal
import time
import unittest

from daemon import COVEY, DaemonTest, lines, process_task, wait_until
from terminal import NEEDS_TMUX, WIDTHS, Terminal


class TopTest(DaemonTest):
    flags = ("--pool", "narrow=1")

    def tearDown(self):
        self.covey("cancel", "--all", "--yes")
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

    @NEEDS_TMUX
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

    @NEEDS_TMUX
    def test_live_on_terminals_of_three_widths(self):
        for width in WIDTHS:
            with self.subTest(width=width):
                terminal = Terminal(self.daemon.env(), width, 30)
                self.addCleanup(terminal.close)
                terminal.type(f"echo be''fore; {COVEY} top --interval 100ms; echo code=$?\n")
                terminal.wait_for("0 groups", "POOL", "q leaves")
                self.assertNotIn("before", terminal.screen(), "it has a screen of its own")
                group = self.start_group("--name", "flock")
                screen = terminal.wait_for(group[:8], "flock", "1/4", "1 group,")
                self.assertEqual(width > 80, "[##........]" in screen, "figures come before bars:\n" + screen)
                terminal.resize(width, 5)
                terminal.wait_for("q leaves", group[:8])
                terminal.resize(width, 30)
                terminal.wait_for("POOL", group[:8])
                self.assertExit(0, self.covey("cancel", group))
                terminal.wait_for("0 groups")
                terminal.press("q")
                terminal.wait_for("before", "code=0")
                terminal.type("echo ty''ped\n")  # echoed again, and read line by line
                terminal.wait_for("typed", "ty''ped")
                self.assertTrue(terminal.cursor_is_shown())

    @NEEDS_TMUX
    def test_a_group_is_opened_and_cancelled(self):
        group = self.assertExit(0, self.covey("run", "--detach", "--name", "flock", "-f", "-", stdin=lines(
            process_task("sh", "-c", "echo said; echo wrong >&2; sleep 60", name="speaks"),
            process_task("sleep", "60", name="sleeps")))).out.strip()
        self.start_group("--name", "another")
        for width in WIDTHS:
            with self.subTest(width=width):
                self.look_around(width, group)
        terminal = Terminal(self.daemon.env(), 100, 30)
        self.addCleanup(terminal.close)
        terminal.type(f"{COVEY} top --interval 100ms\n")
        terminal.wait_for(group[:8])
        terminal.type("/flock")
        terminal.wait_until_gone("another")
        terminal.press("Enter")
        terminal.type("c")
        terminal.wait_for(f"cancel group {group}? y/n")
        terminal.type("y")
        terminal.wait_for("cancelled group")
        self.assertExit(1, self.covey("wait", group))

    def look_around(self, width, group):
        terminal = Terminal(self.daemon.env(), width, 30)
        self.addCleanup(terminal.close)
        terminal.type(f"{COVEY} top --interval 100ms\n")
        terminal.wait_for("another", group[:8], "by created")
        terminal.press("?")
        terminal.wait_for("Ctrl-C")
        terminal.press("Escape")
        terminal.wait_for(group[:8])
        terminal.type("/flock")
        terminal.wait_for("/flock_")
        terminal.wait_until_gone("another")
        terminal.press("Enter")
        terminal.press("Enter")
        terminal.wait_for("speaks", "sleeps", "flock: running")
        terminal.press("Enter")
        terminal.wait_for("stdout of speaks", "said")
        terminal.type("e")
        terminal.wait_for("stderr of speaks", "wrong")
        terminal.press("Left")
        terminal.wait_for("sleeps")
        terminal.press("Down")
        terminal.type("c")
        terminal.wait_for("cancel task sleeps? y/n")
        terminal.type("n")
        terminal.wait_until_gone("y/n")
        terminal.press("Left")
        terminal.wait_for("another", "by created")
        terminal.type("s")
        terminal.wait_for("by name")
        terminal.type("r")
        terminal.wait_for("by name, reversed")
        terminal.press("C-z")
        terminal.wait_for("Stopped")
        self.assertTrue(terminal.cursor_is_shown())
        terminal.type("fg\n")
        terminal.wait_for("another", "by name, reversed")
        terminal.press("q")
        terminal.type("echo left=$?\n")
        terminal.wait_for("left=0")
        terminal.close()

    @NEEDS_TMUX
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
