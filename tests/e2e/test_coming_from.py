"""client/docs/coming-from.md: every line of ours is run, and does what its row says of theirs.

A row of the page is tested by the function that @row names with our side of it: the page cannot have a line that no test
runs, nor a test a line that is not on the page.
"""

import os
import re
import subprocess
import tempfile
import unittest

from daemon import BIN, Daemon, ROOT, function_task, lines, process_task, wait_until

PAGE = os.path.join(ROOT, "client", "docs", "coming-from.md")
TESTED = set()


def page_rows():
    """[(tool, theirs, ours)] of the tables of the page."""
    rows, tool = [], None
    with open(PAGE) as file:
        for line in file:
            if line.startswith("## "):
                tool = line[3:].strip()
            cells = [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if len(cells) == 3 and cells[0].startswith("`"):
                rows.append((tool, cells[0].strip("`"), cells[1].strip("`")))
    return rows


def row(*ours):
    """The test of these lines of the page."""
    TESTED.update(ours)

    def decorate(test):
        def run(self):
            for line in ours:
                with self.subTest(line), Place(self, line) as place:
                    test(self, place)
        return run
    return decorate


class Place:
    """A folder with some files, in which one line of ours is run."""

    def __init__(self, case, line):
        self.case, self.line, self.group = case, line, None

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="covey-")
        for name, content in (("a.txt", "one\n"), ("b c.txt", "two\nlines\n")):
            self.write(name, content)
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def write(self, name, content):
        with open(os.path.join(self.folder.name, name), "w") as file:
            file.write(content)

    def files(self):
        return sorted(os.listdir(self.folder.name))

    def read(self, name):
        with open(os.path.join(self.folder.name, name)) as file:
            return file.read()

    def detach(self, *tasks, flags=()):
        """Makes $group, and waits for nothing."""
        result = self.case.assertCode(0, self.case.daemon.covey("run", "--detach", *flags, "-f", "-", stdin=lines(*tasks)))
        self.group = result.out.strip()
        return self.group

    def run(self, code=0):
        """Runs the line in a shell; what it has printed, on standard output and on standard error."""
        env = {**self.case.daemon.env(), "PATH": f"{BIN}:{os.environ['PATH']}", "group": self.group or ""}
        done = subprocess.run(["bash", "-o", "pipefail", "-c", self.line], cwd=self.folder.name, env=env, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=30)
        self.case.assertEqual(code, done.returncode, done)
        return done.stdout, done.stderr


class ComingFromTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tools = tempfile.TemporaryDirectory(prefix="covey-")
        cls.addClassCleanup(cls.tools.cleanup)
        convert = os.path.join(cls.tools.name, "convert")
        with open(convert, "w") as file:
            file.write('#!/bin/sh\nexec cp "$1" "$2"\n')
        os.chmod(convert, 0o755)
        cls.daemon = Daemon()
        cls.addClassCleanup(cls.daemon.remove)
        cls.daemon.command = ["env", f"PATH={cls.tools.name}:{os.environ['PATH']}", *cls.daemon.command]
        cls.daemon.start()

    def assertCode(self, code, result):
        self.assertEqual(code, result.code, result)
        return result


class PageTest(unittest.TestCase):
    def test_page_and_tests_have_the_same_lines(self):
        self.assertEqual(sorted(TESTED), sorted({ours for _, _, ours in page_rows()}))

    def test_every_tool_is_there(self):
        self.assertEqual(["GNU parallel", "xargs", "pueue", "docker", "kubectl"],
                         list(dict.fromkeys(tool for tool, _, _ in page_rows())))


class ManyTest(ComingFromTest):
    """Many tasks of one line: parallel and xargs."""

    @row("ls *.png | covey run --each -- convert {} {.}.jpg")
    def test_placeholders(self, place):
        place.write("x y.png", "picture\n")
        place.run()
        self.assertEqual("picture\n", place.read("x y.jpg"))

    @row("ls *.txt | covey run --each -- gzip", "find . -name '*.txt' -print0 | covey run --each -0 -- gzip",
         "find . -name '*.txt' -print0 | covey run --each -0 -j 4 -- gzip",
         "ls *.txt | covey run --each -- timeout 10 gzip")
    def test_gzip(self, place):
        place.run()
        self.assertEqual(["a.txt.gz", "b c.txt.gz"], place.files())

    @row("covey run --each -f list -- gzip")
    def test_arguments_of_a_file(self, place):
        place.write("list", "b c.txt\n")
        place.run()
        self.assertEqual(["a.txt", "b c.txt.gz", "list"], place.files())

    @row("covey run -f commands", "covey run --limit 4 -f commands")
    def test_commands(self, place):
        place.write("commands", "# two\nsort *.txt | tail -1 >last\ncp a.txt copy\n")
        place.run()
        self.assertEqual(("two\n", "one\n"), (place.read("last"), place.read("copy")))

    @row("""ls *.txt | covey run --each -- sh -c 'wc -l < "$1" > "$1.count"' sh {}""")
    def test_a_shell_of_its_own(self, place):
        place.run()
        self.assertEqual("2", place.read("b c.txt.count").strip())

    @row("ls *.txt | covey run --each --dry-run -- gzip")
    def test_dry_run(self, place):
        self.assertEqual("gzip a.txt\ngzip 'b c.txt'\n", place.run()[0])
        self.assertEqual(["a.txt", "b c.txt"], place.files())

    @row("covey run --max-failures 2 -f commands")
    def test_some_failures(self, place):
        place.write("commands", "exit 3\nexit 3\necho done >done\n")
        place.run()
        self.assertEqual("done\n", place.read("done"))
        place.write("commands", "exit 3\n" * 3 + "sleep 60\n")
        place.run(3)

    @row("covey run --policy settled -f commands")
    def test_all_run_whatever_fails(self, place):
        place.write("commands", "exit 3\necho done >done\n")
        place.run(3)
        self.assertEqual("done\n", place.read("done"))

    @row("covey run --policy any -f commands")
    def test_the_first_success_is_enough(self, place):
        place.write("commands", "exit 3\nsleep 60\ntrue\n")
        place.run()

    @row("ls *.txt | covey run --each -- wc -l")
    def test_names_stand_before_the_output(self, place):
        self.assertEqual(["0 | 1 a.txt", "1 | 2 b c.txt"], sorted(place.run()[0].splitlines()))

    @row("ls *.txt | covey run --each --keep-order -- wc -l")
    def test_order(self, place):
        self.assertEqual("0 | 1 a.txt\n1 | 2 b c.txt\n", place.run()[0])

    @row("ls *.txt | covey run --each -- mv {} {}.bak")
    def test_the_same_place_twice(self, place):
        place.run()
        self.assertEqual(["a.txt.bak", "b c.txt.bak"], place.files())

    @row("grep -l nothing *.txt | covey run --each --allow-empty -- rm")
    def test_nothing_to_do(self, place):
        place.run(1)  # of grep, which finds nothing
        place.line = place.line.replace("grep -l nothing *.txt", "true")
        place.run()
        place.line = place.line.replace(" --allow-empty", "")
        self.assertIn("no tasks in the input", place.run(64)[1])
        self.assertEqual(["a.txt", "b c.txt"], place.files())


class OneTest(ComingFromTest):
    """One program: docker and pueue."""

    @row("covey run -- echo hello", "echo hello | covey run --stdin -- cat")
    def test_output_is_as_it_is(self, place):
        self.assertEqual("hello\n", place.run()[0])

    @row("covey run --env A=b --cwd /tmp --grace 3s -- sh -c 'echo $A; pwd'")
    def test_environment(self, place):
        self.assertEqual("b\n/tmp\n", place.run()[0])

    @row("covey run --detach -- make all", "covey run --detach -- sh -c 'make all | tee log'",
         "covey run --detach -- sleep 1", "covey run --detach -f tasks.jsonl")
    def test_detached(self, place):
        place.write("tasks.jsonl", lines(function_task("covey.noop"), function_task("covey.noop")))
        group = place.run()[0].strip()
        self.assertRegex(group, "^[0-9a-f-]{36}$")
        self.daemon.covey("cancel", group)


class GroupTest(ComingFromTest):
    """What there is about groups: pueue, docker and kubectl."""

    @row("covey ps --all", "covey ps --all --label a=b", "covey ps -a -n 5")
    def test_lists(self, place):
        group = place.detach(function_task("covey.noop"), flags=("--label", "a=b"))
        self.assertIn(group, place.run()[0])

    @row("covey tasks $group", "covey explain $group", "covey events $group", "covey --output json show $group")
    def test_what_failed_is_told(self, place):
        group = place.detach(process_task("sh", "-c", "exit 3", name="culprit"))
        self.daemon.covey("wait", group)
        self.assertIn("culprit", place.run()[0])

    @row("covey logs $group", "covey logs --follow $group")
    def test_logs(self, place):
        self.daemon.covey("wait", place.detach(process_task("echo", "hello", name="t")))
        self.assertIn("hello", place.run()[0])

    @row("covey logs -t --since 10m $group", "covey logs --timestamps $group")
    def test_logs_with_their_times(self, place):
        self.daemon.covey("wait", place.detach(process_task("echo", "hello", name="t")))
        self.assertRegex(place.run()[0], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z t \| hello\n$")

    @row("covey logs --tail 1 flock", "covey logs @last")
    def test_logs_of_one_that_has_no_id(self, place):
        group = place.detach(process_task("sh", "-c", "echo first; echo last", name="t"), flags=("--name", "flock"))
        self.daemon.covey("wait", group)
        self.assertIn("t | last\n", place.run()[0])

    @row("covey ps -o name --label a=b", "covey ps -o wide")
    def test_lists_of_what_runs(self, place):
        group = place.detach(process_task("sleep", "60", name="t"), flags=("--label", "a=b"))
        self.assertIn(group, place.run()[0])
        self.daemon.covey("cancel", group)

    @row("covey events --since 1h")
    def test_events_of_all(self, place):
        group = place.detach(function_task("covey.noop"))
        self.assertIn(f"{group}      1  ", place.run()[0])

    @row("covey cancel --label a=b")
    def test_cancel_by_label(self, place):
        group = place.detach(process_task("sleep", "60", name="t"), flags=("--label", "a=b"))
        self.assertIn(f"{group} cancelled", place.run()[0])

    @row("covey wait $group", "covey wait --timeout 30s $group")
    def test_wait(self, place):
        place.detach(process_task("sh", "-c", "exit 3"))
        place.run(3)

    @row("covey cancel $group")
    def test_cancel(self, place):
        group = place.detach(process_task("sleep", "60", name="t"))
        self.assertIn(group, place.run()[0])
        self.assertIn("cancelled", self.assertCode(1, self.daemon.covey("wait", group)).out)

    @row("covey delete $group")
    def test_delete(self, place):
        group = place.detach(function_task("covey.noop"))
        self.daemon.covey("wait", group)
        place.run()
        self.assertCode(1, self.daemon.covey("show", group))

    @row("covey pools set default --max 4")
    def test_pool(self, place):
        place.run()
        self.assertIn("4", self.daemon.covey("pools").out)

    @row("covey pools create disk --max 1")
    def test_new_pool(self, place):
        place.run()
        self.assertCode(0, self.daemon.covey("run", "--pool", "disk", "--", "true"))

    @row("covey drain")
    def test_drain(self, place):
        place.run()
        self.assertCode(69, self.daemon.covey("run", "--", "true"))
        self.assertCode(0, self.daemon.covey("undrain"))
        wait_until(lambda: self.daemon.covey("run", "--", "true").code == 0, "groups are taken again")


if __name__ == "__main__":
    unittest.main()
