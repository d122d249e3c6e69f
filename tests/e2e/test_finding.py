"""Groups found by what people type for them, and the list that they are found in."""

import json
import unittest

from daemon import COVEY, DaemonTest, function_task, lines, process_task, run, wait_until
from terminal import NEEDS_TMUX, WIDTHS, Terminal


class FindingTest(DaemonTest):
    def tearDown(self):
        self.covey("cancel", "--all", "--yes")
        for group in self.covey("ps", "--all", "-o", "name").out.split():
            self.covey("delete", group)
        super().tearDown()

    def ran(self, *options, program=("true",)):
        """A group that is over."""
        group = self.assertExit(0, self.covey("run", "--detach", *options, "--", *program)).out.strip()
        self.covey("wait", group)
        return group

    def create(self, *options):
        return self.assertExit(0, self.covey("create", *options)).out.strip()

    def shown(self, word):
        result = self.assertExit(0, self.covey("--output", "json", "show", word))
        return json.loads(result.out.splitlines()[0])["id"]

    def refused(self, code, *arguments):
        result = self.assertExit(code, self.covey(*arguments))
        self.assertEqual("", result.out)
        return result.err

    def table(self, *options, env=None):
        """Rows of `covey ps` by heading, as far as cells have no blanks."""
        result = self.assertExit(0, run([COVEY, "ps", *options], env={**self.daemon.env(), **(env or {})}))
        return result.out.splitlines()

    def test_an_id_comes_before_a_name_and_a_name_before_a_beginning(self):
        self.create("--id", "nightly-1")
        self.assertEqual("nightly-1", self.shown("nightly"), "the beginning of one id")
        named = self.create("--id", "x1", "--name", "nightly")
        self.assertEqual(named, self.shown("nightly"), "a name")
        self.create("--id", "nightly")
        self.assertEqual("nightly", self.shown("nightly"), "an id")
        self.assertEqual("nightly-1", self.shown("nightly-"))

    def test_of_a_name_the_newest_or_all(self):
        groups = [self.create("--name", "flock") for _ in range(3)]
        self.create("--name", "flock-2")
        self.assertEqual(groups[-1], self.shown("flock"))
        sealed = self.assertExit(0, self.covey("seal", "--all-named", "flock", groups[0])).out
        self.assertEqual(groups[::-1], [line.split()[0] for line in sealed.splitlines()], "each of them once")
        self.assertExit(0, self.covey("wait", "flock"))
        self.assertIn("deleted", self.assertExit(0, self.covey("delete", "flock")).out)
        self.assertEqual(groups[1], self.shown("flock"))

    def test_the_last_and_the_last_that_failed(self):
        self.assertIn("there is no group", self.refused(1, "show", "@last"))
        self.assertIn("none failed", self.refused(1, "show", "@last-failed"))
        bad = self.ran(program=("false",))
        good = self.ran()
        self.assertEqual(good, self.shown("@last"))
        self.assertEqual(bad, self.shown("@last-failed"))
        self.assertIn("last or last-failed", self.refused(64, "show", "@first"))

    def test_what_begins_several_ids_lists_them(self):
        for name in ("a", "b"):
            self.create("--id", f"twin-{name}", "--name", f"called-{name}")
        err = self.refused(64, "wait", "twin")
        self.assertIn("twin is ambiguous: 2 ids begin so", err)
        self.assertRegex(err, r"\n  twin-b: called-b, running\n  twin-a: called-a, running\n$")
        error = json.loads(self.refused(64, "--output", "json", "show", "twin-"))["error"]
        self.assertEqual("AMBIGUOUS", error["reason"])
        self.assertEqual(["twin-b", "twin-a"], [field["field"] for field in error["fields"]])
        for index in range(10):
            self.create("--id", f"twin-{index}")
        err = self.refused(64, "cancel", "twin")
        self.assertIn("more than 10 ids begin so", err)
        self.assertEqual(11, len(err.splitlines()))

    def test_what_is_nothing_is_said_once_and_the_others_go_on(self):
        group = self.create()
        result = self.covey("cancel", "no-such", group[:8], "no such/either")
        self.assertEqual(1, result.code, result)
        self.assertEqual(2, len(result.err.splitlines()), result)
        self.assertIn("no group no-such:", result.err)
        self.assertIn(f"{group} cancelled", result.out)

    def test_every_command_finds_what_is_meant(self):
        group = self.create("--name", "work/today")
        begun = group[:8]
        for arguments in (("submit", begun, "--", "sh", "-c", "echo hello; exit 3"), ("tasks", begun), ("explain", begun),
                          ("events", begun), ("show", f"{begun}/0"), ("explain", "work/today/0"), ("seal", "work/today")):
            self.assertExit(0, self.covey(*arguments))
        self.assertExit(3, self.covey("wait", f"{begun}/0"))
        self.assertExit(3, self.covey("wait", "work/today"))
        self.assertEqual("hello\n", self.assertExit(0, self.covey("logs", "work/today/0")).out)
        self.assertEqual("0 | hello\n", self.assertExit(0, self.covey("logs", "@last-failed")).out)
        self.assertExit(0, self.covey("delete", "work/today"))
        self.assertExit(1, self.covey("show", group))

    def test_ps_tells_the_command_of_groups_that_run_and_that_are_over_also_after_a_restart(self):
        over = self.ran("--name", "over", program=("echo", "two words"))
        self.covey("run", "--detach", "--name", "runs", "-f", "-", stdin=lines(function_task("covey.sleep", "1h")))
        empty = self.create("--name", "empty")

        def commands():
            return {group["spec"]["name"]: group.get("command") for group in
                    map(json.loads, self.covey("--output", "json", "ps", "--all").out.splitlines())}
        before = commands()
        self.assertEqual({"over": "echo 'two words'", "runs": "covey.sleep", "empty": None}, before)
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual(before, commands())
        self.assertEqual({over, self.shown("runs"), empty}, set(self.table("-a", "-o", "name")))

    def test_ps_says_what_a_group_waits_for(self):
        daemon = self.daemon
        self.assertExit(0, self.covey("pools", "create", "one", "--max", "1"))
        self.create("--name", "open")
        holds = self.covey("run", "--detach", "--pool", "one", "--name", "holds", "--", "sleep", "60").out.strip()
        wait_until(lambda: json.loads(daemon.covey("-o", "json", "show", holds).out.splitlines()[0])["tasks"].get("running"),
                   "it runs")
        self.covey("run", "--detach", "--pool", "one", "--name", "queues", "--", "true")
        rows = {row.split()[1]: row for row in self.table()[1:]}
        self.assertRegex(rows["open"], r" seal +- +-$")
        self.assertRegex(rows["queues"], r" slot +- +true$")
        self.assertRegex(rows["holds"], r" - +- +sleep 60$")

    def test_times_are_those_of_here(self):
        group = self.create()
        created = json.loads(self.covey("-o", "json", "show", group).out.splitlines()[0])["createTime"]
        utc = self.table("--times", "utc", env={"TZ": "XYZ-5"})[1]
        self.assertIn(created[:19] + "Z", utc)
        local = self.table("--times", "local", env={"TZ": "XYZ-5"})[1]
        self.assertNotIn(created[11:19], local)
        self.assertIn(created[14:19], local, "five hours later, the same minute")
        self.assertRegex(self.table()[1], r" (now|\d+s ago) ")
        self.assertEqual(2, len(self.table("--since", "1h", env={"TZ": "XYZ-5"})))
        self.assertEqual(1, len(self.table("--before", "yesterday")))

    def test_colours_are_for_those_who_want_them(self):
        self.create()
        self.assertNotIn("\x1b", "".join(self.table()))
        self.assertIn("\x1b[36mrunning", self.table(env={"CLICOLOR_FORCE": "1"})[1])
        self.assertNotIn("\x1b", self.table(env={"CLICOLOR_FORCE": "1", "NO_COLOR": "1"})[1])
        self.assertNotIn("\x1b", self.table(env={"CLICOLOR_FORCE": "0"})[1])

    def test_wrong_uses(self):
        self.assertIn("needs a terminal", self.refused(64, "ps", "--watch"))
        self.assertIn("for people", self.refused(64, "ps", "--watch", "-o", "json"))
        self.assertIn("text, wide, name or json", self.refused(64, "ps", "-o", "yaml"))
        self.assertIn("relative, local or utc", self.refused(64, "ps", "--times", "swiss"))
        self.assertIn("text or json", self.refused(64, "info", "-o", "wide"))


class ScreenTest(DaemonTest):
    """The list on terminals of three widths."""

    def tearDown(self):
        self.covey("cancel", "--all", "--yes")
        super().tearDown()

    @NEEDS_TMUX
    def test_the_list_fits_and_is_watched(self):
        group = self.covey("create", "--name", "a-rather-long-name", "--label", "team=birds").out.strip()
        self.covey("submit", group, "--", "sh", "-c", "sleep 60; : some more words that make it long")
        for width in WIDTHS:
            with self.subTest(width=width):
                terminal = Terminal(self.daemon.env(), width, 12)
                self.addCleanup(terminal.close)
                terminal.type(f"clear; {COVEY} ps; echo code=$?\n")
                screen = terminal.wait_for("code=0", group[:8], "running")
                rows = screen.splitlines()
                row = next(index for index, line in enumerate(rows) if line.startswith(group[:8]))
                self.assertTrue(rows[row - 1].startswith("GROUP"), screen)
                self.assertTrue(rows[row + 1].startswith("code=0"), "a row is one line:\n" + screen)
                self.assertEqual(width >= 80, "CREATED" in screen, screen)
                self.assertEqual(width >= 200, "team=birds" in screen, screen)
                self.assertNotIn(group, screen, "ids are short where people read them")
                self.watch(terminal, group)

    def watch(self, terminal, group):
        terminal.type(f"clear; {COVEY} ps -w\n")
        terminal.wait_for("GROUP", group[:8])
        other = self.covey("create").out.strip()
        terminal.wait_for(other[:8])
        self.covey("cancel", other)
        terminal.wait_until_gone(other[:8])
        terminal.resize(terminal.columns, 3)
        many = [self.covey("create").out.strip() for _ in range(3)]
        terminal.wait_for("more")
        terminal.resize(terminal.columns, 12)
        terminal.wait_for(*[one[:8] for one in many])
        self.covey("cancel", *many)
        terminal.press("C-z")
        terminal.wait_for("Stopped")
        self.assertTrue(terminal.cursor_is_shown())
        terminal.type("fg\n")
        terminal.wait_for("GROUP", group[:8])
        terminal.press("q")
        terminal.type("echo left=$?\n")
        terminal.wait_for("left=0")
        self.assertTrue(terminal.cursor_is_shown())

    @NEEDS_TMUX
    def test_cancel_of_all_asks_on_a_terminal(self):
        group = self.covey("create", "--name", "flock").out.strip()
        terminal = Terminal(self.daemon.env(), 80, 20)
        self.addCleanup(terminal.close)
        terminal.type(f"clear; {COVEY} cancel --all; echo code=$?\n")
        terminal.wait_for(group, "flock", "cancel this group? [y/N]")
        terminal.type("\n")
        terminal.wait_for("nothing was cancelled", "code=1")
        terminal.type(f"clear; {COVEY} cancel --all; echo code=$?\n")
        terminal.wait_for("[y/N]")
        terminal.type("y\n")
        terminal.wait_for(f"{group} cancelled", "code=0")

    @NEEDS_TMUX
    def test_wait_shows_how_far_it_is_and_leaves_nothing_behind(self):
        group = self.covey("run", "--detach", "-f", "-", stdin=lines(
            process_task("true"), process_task("sleep", "60"))).out.strip()
        terminal = Terminal(self.daemon.env(), 80, 20)
        self.addCleanup(terminal.close)
        terminal.type(f"clear; {COVEY} wait {group}; echo code=$?\n")
        terminal.wait_for("[1/2] running 1")
        terminal.press("C-c")
        screen = terminal.wait_for("code=130")
        self.assertNotIn("[1/2]", screen)


if __name__ == "__main__":
    unittest.main()
