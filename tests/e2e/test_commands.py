"""Each command of the command line against the real daemon, as text and as JSON, and used wrongly."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

from daemon import (COVEY, LIMIT, DaemonTest, function_task, lines, odd_seconds, process_task, sleepers, wait_until)

SLEEPERS = lines(process_task("sleep", "60", name="a"), process_task("sleep", "60", name="b"))


class CommandTest(DaemonTest):
    """One daemon for all; every test has groups of its own."""

    def setUp(self):
        self.running = []

    def tearDown(self):
        if self.running:
            self.covey("cancel", *self.running)
        super().tearDown()

    def text(self, *arguments, code=0, stdin=None):
        return self.assertExit(code, self.covey(*arguments, stdin=stdin)).out

    def json(self, *arguments, code=0, stdin=None):
        """The objects that a command prints, one a line."""
        result = self.assertExit(code, self.covey("--output", "json", *arguments, stdin=stdin))
        return [json.loads(line) for line in result.out.splitlines()]

    def refused(self, code, *arguments, says=(), stdin=None):
        """Used wrongly: one clear error, as text and as JSON."""
        result = self.assertExit(code, self.covey(*arguments, stdin=stdin))
        self.assertEqual("", result.out)
        for word in says:
            self.assertIn(word, result.err)
        result = self.assertExit(code, self.covey("--output", "json", *arguments, stdin=stdin))
        error = json.loads(result.err.splitlines()[0])
        self.assertEqual(code, error["exitCode"])
        self.assertTrue(error["error"]["message"])

    def create(self, *options):
        group = self.text("create", *options).strip()
        self.assertTrue(group)
        return group

    def detach(self, stdin, *options):
        """A group that runs, cancelled at the end of the test."""
        group = self.text("run", "--detach", *options, "-f", "-", stdin=stdin).strip()
        self.running.append(group)
        return group


class SubmitTest(CommandTest):
    def test_create_submit_seal_wait(self):
        group = self.create("--name", "flock", "--policy", "settled")
        for _ in range(2):
            self.assertEqual(f"1 task submitted to {group}\n", self.text("submit", group, "--", "true"))
        self.assertEqual(f"3 tasks submitted to {group}\n", self.text("submit", group, "-f", "-", stdin=lines(
            *[function_task("covey.noop", name=f"n{index}") for index in range(3)])))
        answers = self.json("submit", group, "-f", "-", stdin=lines(function_task("covey.echo", "x", name="last")))
        self.assertEqual([{"firstIndex": 5, "count": 1}], answers)
        self.assertIn("6 tasks", self.text("seal", group))
        self.assertTrue(self.json("seal", group)[0]["sealed"])
        self.assertIn("6 succeeded", self.text("wait", group))
        shown = self.json("show", f"{group}/last")[0]
        self.assertEqual("x", shown["result"]["text"])

    def test_create_as_json_with_an_id_of_its_own(self):
        name = f"mine-{os.getpid()}"
        created = self.json("create", "--id", name, "--label", "k=v")[0]
        self.assertEqual((name, {"k": "v"}), (created["id"], created["spec"]["labels"]))
        self.refused(1, "create", "--id", name, says=[name])
        self.text("cancel", name)

    def test_submit_seals_with_the_last_tasks(self):
        group = self.create()
        self.text("submit", group, "--seal", "--", "true")
        self.refused(1, "submit", group, "--", "true", says=["0 tasks accepted"])
        group = self.create()
        self.refused(64, "submit", group, "--seal", "-f", "-", stdin="", says=["no tasks in the input"])
        self.text("submit", group, "--seal", "--allow-empty", "-f", "-", stdin="")
        self.assertIn("succeeded", self.text("wait", group))

    def test_what_was_accepted_before_a_bad_line_is_told(self):
        group = self.create()
        many = lines(*[function_task("covey.noop")] * 1000)
        result = self.covey("submit", group, "-f", "-", stdin=many + '{"process":{"argv":7}}\n')
        self.assertExit(64, result)
        self.assertIn("standard input:1001", result.err)
        self.assertIn("1000 tasks accepted", result.err)
        self.text("seal", group)
        self.text("wait", group)

    def test_interrupted_it_says_what_was_accepted(self):
        group = self.create()
        client = self.daemon.covey_start("submit", group, "-f", "-", stdin=subprocess.PIPE)
        self.addCleanup(client.kill)
        client.stdin.write(lines(function_task("covey.noop")))
        client.stdin.flush()
        wait_until(lambda: self.json("show", group)[0].get("tasks"), "the task was accepted")
        client.send_signal(signal.SIGINT)
        client.wait(timeout=30)  # its standard input is still open
        _, err = client.communicate()
        self.assertEqual(130, client.returncode)
        self.assertIn("1 task accepted", err)
        self.text("cancel", group)

    def test_wrong_uses(self):
        group = self.create()
        self.refused(64, "submit", "--", "true", says=["needs the id of a group"])
        self.refused(64, "submit", group, says=["-f FILE"])
        self.refused(64, "submit", group, "other", "--", "true", says=["other"])
        self.refused(1, "submit", "no-such-group", "--", "true", says=["no-such-group"])
        self.refused(64, "create", "extra", says=["no argument"])
        self.refused(64, "create", "--limit", "0", says=["1..65536"])
        self.refused(64, "create", "--id", "a/b", says=["group_id"])
        self.refused(64, "seal", says=["needs"])
        self.refused(1, "seal", "no-such-group", says=["no-such-group"])
        self.refused(64, "seal", "--all", says=["--all"])
        self.text("cancel", group)


class ListTest(CommandTest):
    def test_ps_filters(self):
        label = f"test=ps{os.getpid()}"
        done = self.text("run", "--detach", "--name", "flock-done", "--label", label, "--", "true").strip()
        self.text("wait", done)
        running = self.detach(SLEEPERS, "--name", "flock-runs", "--label", label, "--label", "x=y")
        ids = lambda *filters: [group["id"] for group in self.json("ps", *filters)]
        self.assertEqual([running], ids("--label", label))
        self.assertEqual([running, done], ids("--label", label, "--all"))
        self.assertEqual([running], ids("--label", label, "--label", "x=y", "--all"))
        self.assertEqual([done], ids("--label", label, "--state", "succeeded"))
        self.assertEqual([running, done], ids("--label", label, "--state", "succeeded", "--state", "running"))
        self.assertEqual([done], ids("--label", label, "--all", "--name", "flock-d"))
        self.assertEqual([running], ids("--label", label, "--all", "--limit", "1"))
        self.assertEqual([running, done], ids("--label", label, "--all", "--since", "1h"))
        self.assertEqual([], ids("--label", label, "--all", "--before", "1h"))
        self.assertEqual([], ids("--label", label, "--all", "--before", "2020-01-01T00:00:00Z"))
        since = self.json("show", running)[0]["createTime"]
        self.assertEqual([running], ids("--label", label, "--all", "--since", since))
        self.assertEqual([done], ids("--label", label, "--all", "--before", since))
        table = self.text("ps", "--all", "--label", label)
        self.assertIn("GROUP", table.splitlines()[0])
        self.assertIn("flock-runs", table)

    def test_ps_follows_pages(self):
        label = f"test=pages{os.getpid()}"
        groups = [self.create("--label", label) for _ in range(3)]
        self.assertEqual(groups[::-1], [group["id"] for group in self.json("ps", "--label", label)])
        cancelled = self.text("cancel", "--label", label)
        self.assertEqual(sorted(groups), sorted(line.split()[0] for line in cancelled.splitlines()))

    def test_tasks(self):
        group = self.detach(lines(process_task("false", name="bad"), process_task("sleep", "60", name="long")),
                            "--policy", "settled")
        wait_until(lambda: self.json("tasks", group, "--state", "failed"), "a task has failed")
        self.assertEqual(["bad", "long"], [task["name"] for task in self.json("tasks", group)])
        table = self.text("tasks", group, "--state", "failed")
        self.assertIn("bad", table)
        self.assertIn("exit 1", table)
        self.assertNotIn("long", table)
        self.assertEqual([], self.json("tasks", group, "--state", "stopped"))

    def test_events_by_kind_and_label(self):
        label = f"test=events{os.getpid()}"
        group = self.text("run", "--detach", "--label", label, "--", "true").strip()
        self.text("wait", group)
        kinds = [event["kind"] for event in self.json("events", group, "--kind", "group-created",
                                                      "--kind", "group-completed")]
        self.assertEqual(["EVENT_KIND_GROUP_CREATED", "EVENT_KIND_GROUP_COMPLETED"], kinds)
        self.assertEqual({group}, {event["groupId"] for event in self.json("events", "--label", label)})
        self.assertIn("group-completed", self.text("events", "--label", label))

    def test_logs_show_info_as_json(self):
        group = self.text("run", "--detach", "-f", "-", stdin=lines(process_task("echo", "hi", name="t"))).strip()
        result = self.json("wait", group)[0]
        self.assertEqual("GROUP_STATE_SUCCEEDED", result["group"]["state"])
        self.assertEqual("aGkK", self.json("logs", f"{group}/t")[0]["data"])
        shown = self.json("show", group)
        self.assertEqual([group, "t"], [shown[0]["id"], shown[1]["name"]])
        self.assertEqual(self.daemon.pid, self.json("info")[0]["pid"])

    def test_wrong_uses(self):
        self.refused(64, "ps", "--state", "done", says=["running, stopping, succeeded, failed or cancelled", "done"])
        self.refused(64, "ps", "--since", "soon", says=["--since", "soon", "18:00"])
        self.refused(64, "ps", "--limit", "0", says=["--limit"])
        self.refused(64, "tasks", says=["needs the id of a group"])
        self.refused(1, "tasks", "no-such-group", says=["no-such-group"])
        self.refused(64, "tasks", "g", "--state", "lost", says=["queued, running"])
        self.refused(64, "events", "--kind", "nothing", says=["group-created"])
        self.refused(64, "events", "--label", "a=b", "g", says=["--label"])
        self.refused(64, "events", "a", "b", says=["b"])
        self.refused(64, "show", says=["GROUP/TASK"])
        self.refused(1, "show", "no-such-group", says=["no-such-group"])
        self.refused(64, "show", "a/", says=["task"])
        self.refused(64, "logs", "--attempt", "0", "g/t", says=["--attempt"])
        self.refused(64, "logs", "--from", "1", "g", says=["GROUP/TASK"])
        self.refused(1, "logs", "no-such-group/t", says=["no-such-group"])
        self.refused(64, "info", "x", says=["no argument"])
        self.refused(64, "info", "--output", "xml", says=["text or json"])
        self.refused(64, "info", "--al", says=["--al"])


class EndTest(CommandTest):
    """cancel, wait and delete."""

    def test_cancel_of_one_task(self):
        seconds = odd_seconds()
        group = self.detach(lines(process_task("sleep", seconds, name="dir/a"), process_task("sleep", "60", name="b")),
                            "--policy", "settled")
        wait_until(lambda: sleepers(seconds), "the task runs")
        self.assertEqual(f"{group}/dir/a failed\n", self.text("cancel", f"{group}/dir/a"))
        self.assertEqual([], sleepers(seconds))
        task = self.json("cancel", f"{group}/b", "--reason", "enough")[0]
        self.assertEqual(("TASK_STATE_FAILED", "FAILURE_KIND_CANCELLED"), (task["state"], task["failure"]["kind"]))

    def test_cancel_by_label(self):
        label = f"test=cancel{os.getpid()}"
        groups = {self.detach(SLEEPERS, "--label", label), self.detach(SLEEPERS, "--label", label, "--name", "n1")}
        other = self.detach(SLEEPERS, "--label", "test=other")
        cancelled = self.json("cancel", "--label", label, "--name", "n1", "--no-wait")
        self.assertEqual(1, len(cancelled))
        cancelled += self.json("cancel", "--all", "--label", label)
        self.assertEqual(groups, {group["id"] for group in cancelled})
        self.assertEqual("GROUP_STATE_RUNNING", self.json("show", other)[0]["state"])
        self.assertEqual("", self.text("cancel", "--label", "test=nobody"))
        self.assertIn("no group that fits is open", self.daemon.covey("cancel", "--label", "test=nobody").err)

    def test_wait_for_one_task(self):
        group = self.detach(lines(process_task("true", name="good"), process_task("sh", "-c", "exit 9", name="bad"),
                                  process_task("sleep", "60", name="long")), "--policy", "settled")
        self.assertEqual(f"{group}/good succeeded\n", self.text("wait", f"{group}/good"))
        self.assertIn("exit 9", self.text("wait", f"{group}/bad", code=9))
        self.assertEqual("TASK_STATE_FAILED", self.json("wait", f"{group}/bad", code=9)[0]["state"])
        self.refused(124, "wait", f"{group}/long", "--timeout", "1s", says=["goes on"])
        self.refused(124, "wait", group, "--timeout", "1s", says=["goes on"])

    def test_delete(self):
        group = self.text("run", "--detach", "--", "true").strip()
        other = self.text("run", "--detach", "--", "true").strip()
        self.text("wait", group, other)
        self.assertEqual(f"{group} deleted\n", self.text("delete", group))
        self.assertEqual([{}], self.json("delete", other))
        self.refused(1, "show", group, says=[group])

    def test_wrong_uses(self):
        group = self.detach(SLEEPERS)
        self.refused(64, "cancel", says=["--all"])
        self.refused(64, "cancel", "--all", "g", says=["not both"])
        self.refused(64, "cancel", "--label", "a=b", "g", says=["not both"])
        self.refused(64, "cancel", "--all", says=["--yes"])
        self.refused(1, "cancel", "no-such-group", says=["no-such-group"])
        self.refused(1, "cancel", f"{group}/no-such-task", says=["no-such-task"])
        self.refused(64, "wait", says=["needs"])
        self.refused(64, "wait", "--timeout", "soon", "g", says=["soon"])
        self.refused(1, "wait", f"{group}/no-such-task", says=["no-such-task"])
        self.refused(1, "delete", group, says=[group])
        self.refused(1, "delete", "no-such-group", says=["no-such-group"])
        self.refused(64, "delete", says=["needs"])

    def test_wait_for_thousands(self):
        """Each is told, and they do not cost a thread each."""
        go_on = os.path.join(self.daemon.folder, "go-on")
        group = self.detach(process_task("sh", "-c", f"until [ -e {go_on} ]; do sleep 0.05; done"))
        waiting = self.daemon.covey_start("wait", *[group] * 3000)
        self.addCleanup(waiting.kill)
        threads = lambda: len(os.listdir(f"/proc/{waiting.pid}/task"))
        wait_until(lambda: threads() >= 100, "it waits")
        self.assertLess(threads(), 200)
        with open(go_on, "w"):
            pass
        out = waiting.communicate(timeout=LIMIT)[0]
        self.assertEqual(0, waiting.returncode)
        self.assertEqual(3000, out.count(group))


class PoolTest(CommandTest):
    flags = ("--pool", "narrow=1")

    def test_made_changed_and_closed(self):
        self.assertEqual("batch runs at most 2 at once\n", self.text("pools", "create", "batch", "--max", "2"))
        self.assertEqual("batch runs at most 3 at once\n", self.text("pools", "set", "batch", "--max", "3"))
        self.assertEqual(4, self.json("pools", "set", "batch", "--max", "4")[0]["spec"]["max"])
        group = self.detach(SLEEPERS, "--pool", "batch")
        table = wait_until(lambda: [line for line in self.text("pools").splitlines()
                                    if line.split()[:3] == ["batch", "4", "2"]], "both tasks run in the pool")
        self.assertEqual(["batch", "4", "2", "0", "1", "journal", "open"], table[0].split())
        self.refused(124, "pools", "close", "batch", "--timeout", "1s", says=["goes on closing"])
        self.assertTrue({pool["name"]: pool for pool in self.json("pools")}["batch"]["closing"])
        self.text("cancel", group)
        wait_until(lambda: "batch" not in self.text("pools"), "the pool is gone")
        self.assertEqual("other", self.json("pools", "create", "other", "--max", "1")[0]["name"])
        self.assertEqual("other is closed\n", self.text("pools", "close", "other"))

    def test_explain(self):
        group = self.detach(SLEEPERS, "--pool", "narrow")
        wait_until(lambda: self.json("tasks", group, "--state", "running"), "a task runs")
        self.assertIn("narrow", self.text("explain", f"{group}/b"))
        answer = self.json("explain", f"{group}/b")[0]
        self.assertEqual("WAIT_REASON_POOL", answer["waits"][0]["reason"])
        self.text("cancel", group, "--reason", "had enough")
        self.assertIn("had enough", self.text("explain", group))

    def test_wrong_uses(self):
        self.refused(64, "pools", "sett", "narrow", says=["did you mean pools set"])
        self.refused(64, "pools", "set", "narrow", says=["--max"])
        self.refused(64, "pools", "create", "x", "--max", "0", says=["1..65536"])
        self.refused(1, "pools", "create", "narrow", "--max", "1", says=["narrow"])
        self.refused(1, "pools", "set", "no-such-pool", "--max", "1", says=["no-such-pool"])
        self.refused(1, "pools", "close", "default", says=["default"])
        self.refused(64, "explain", says=["GROUP/TASK"])
        self.refused(1, "explain", "no-such-group", says=["no-such-group"])
        self.refused(64, "reload", "x", says=["no argument"])
        self.refused(64, "drain", "--timeout", "soon", says=["soon"])


class ReloadTest(CommandTest):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="covey-")
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.config = os.path.join(folder, "coveyd.toml")
        cls.flags = ("--config", cls.config)
        cls.write("[pools]\nbatch = 4\n")
        super().setUpClass()

    @classmethod
    def write(cls, text):
        with open(cls.config, "w") as file:
            file.write(text)

    def test_reload(self):
        self.write("queues = 2\n[pools]\nbatch = 4\n")
        rows = [line.split(maxsplit=3) for line in self.text("reload").splitlines()]
        self.assertEqual([["KEY", "BEFORE", "AFTER", "IN FORCE"], ["queues", "1", "2", "after a restart"]], rows)
        self.write('[pools]\nbatch = 8\nnarrow = 1\n')
        answer, = self.json("reload")
        self.assertEqual({"changed": [{"key": "pools.batch", "before": "4", "after": "8"},
                                      {"key": "pools.narrow", "after": "1"}]}, answer)
        self.assertEqual("nothing has changed\n", self.text("reload"))
        self.write("queues = many\n")
        self.refused(64, "reload", says=[self.config + ":1: is no TOML"])


class HealthTest(CommandTest):
    def test_health(self):
        self.assertEqual("serving\n", self.text("health"))
        self.assertEqual([{"status": "SERVING"}], self.json("health"))
        self.assertEqual("serving\n", self.text("health", "--wait", "1h"))
        self.refused(64, "health", "--wait", "soon", says=["--wait", "soon"])
        self.refused(64, "health", "now", says=["no argument"])
        nobody = ("--address", self.daemon.address + "x", "health")
        self.refused(69, *nobody, says=[self.daemon.address + "x"])
        self.refused(69, *nobody, "--wait", "100ms")
        self.text("drain")
        self.assertEqual("draining: it takes no new groups\n", self.text("health", code=1))
        self.assertEqual([{"status": "NOT_SERVING"}], self.json("health", "--wait", "100ms", code=1))


class DrainTest(CommandTest):
    def test_drain(self):
        group = self.detach(SLEEPERS)
        self.refused(124, "drain", "--timeout", "1s", says=["goes on draining"])
        self.refused(69, "create", says=["drain"])
        self.text("cancel", group)
        self.assertIn("drained", self.text("drain"))
        self.assertEqual([{}], self.json("drain"))
        self.assertEqual("the daemon takes groups\n", self.text("undrain"))
        self.assertEqual([{}], self.json("undrain"))
        self.text("health")

    def test_who_waits_is_told_that_it_is_taken_back(self):
        group = self.detach(SLEEPERS)
        drain = self.daemon.covey_start("drain")
        self.addCleanup(drain.kill)
        wait_until(lambda: self.covey("health").code == 1, "the daemon drains")
        self.text("undrain")
        _, err = drain.communicate(timeout=30)
        self.assertEqual((1, "covey: somebody has taken the drain back: the daemon takes groups again\n"),
                         (drain.returncode, err))
        self.text("cancel", group)


class HelpTest(CommandTest):
    def test_every_command_has_help_and_is_in_the_man_page(self):
        overview = self.text("help")
        by_topic = overview.split("ARGUMENTS]\n")[1].split("\nWhat is typed:")[0]
        commands = re.findall(r"^  (\w+(?: \w+)?)  ", by_topic, re.MULTILINE)
        self.assertIn("pools set", commands)
        self.assertIn("backup", commands)
        page, markdown = self.text("help", "--man"), self.text("help", "--markdown")
        for command in commands:
            self.assertIn(f"Usage: covey {command}", self.text("help", *command.split()))
            self.assertIn(f"Usage: covey {command}", self.text(*command.split(), "--help"))
            self.assertIn(f".SS covey {command}\n", page)
            self.assertIn(f"### covey {command}\n", markdown)
        self.refused(64, "help", "--markdown", "run", says=["run"])

    def test_completion(self):
        script = self.text("completion", "bash")
        self.assertIn("complete -F", script)
        self.assertIn("#compdef covey", self.text("completion", "zsh"))
        group = self.detach(SLEEPERS, "--name", "flock")
        words = lambda *typed: self.text("completion", "words", "--", *typed).splitlines()
        self.assertIn(f"{group}\tflock, running", words("wait", ""))
        self.assertIn(f"{group}/b\trunning", [wait_until(
            lambda: [line for line in words("show", f"{group}/b") if "running" in line], "b runs")[0]])
        self.assertIn("set", [line.split("\t")[0] for line in words("pools", "")])
        self.assertIn("complete -c covey", self.text("completion", "fish"))
        self.refused(64, "completion", "csh", says=["bash, zsh or fish"])
        self.refused(64, "completion", says=["bash, zsh or fish"])
        self.refused(64, "help", "no-such-command", says=["no-such-command"])


if __name__ == "__main__":
    unittest.main()
