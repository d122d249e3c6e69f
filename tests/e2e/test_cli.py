"""The command line against the real daemon: what it prints, and how it exits."""

import json
import os
import signal
import subprocess
import tempfile
import unittest

from daemon import (COVEY, DaemonTest, LIMIT, function_task, lines, odd_seconds, process_task, run, sleepers,
                    wait_until)


class RunExitTest(DaemonTest):
    """`covey run` exits as its first failure says."""

    def test_success(self):
        self.assertExit(0, self.covey("run", "--", "true"))

    def test_exit_code_of_the_process(self):
        self.assertExit(7, self.covey("run", "--", "sh", "-c", "exit 7"))

    def test_signal_of_the_process(self):
        self.assertExit(128 + signal.SIGUSR1, self.covey("run", "--", "sh", "-c", "kill -USR1 $$"))

    def test_program_that_is_not_there(self):
        self.assertExit(127, self.covey("run", "--", "covey-has-no-such-program"))

    def test_program_that_cannot_be_run(self):
        self.assertExit(126, self.covey("run", "--", "/etc/passwd"))

    def test_timeout_stops_the_group(self):
        result = self.assertExit(124, self.covey("run", "--timeout", "300ms", "--", "sleep", "60"))
        self.assertLess(result.seconds, 10)

    def test_failure_without_a_code(self):
        result = self.covey("run", "-f", "-", stdin=lines(function_task("covey.fail", "no luck")))
        self.assertExit(1, result)
        self.assertIn("no luck", result.out + result.err)

    def test_panic(self):
        self.assertExit(1, self.covey("run", "-f", "-", stdin=lines(function_task("covey.panic", "boom"))))

    def test_usage(self):
        for arguments in (["run"], ["run", "--policy", "some", "--", "true"], ["no-such-command"], ["wait"], []):
            with self.subTest(arguments=arguments):
                result = self.assertExit(64, self.covey(*arguments))
                self.assertTrue(result.err.strip(), "says what was wrong")

    def test_bad_line_in_a_file_is_named(self):
        result = self.covey("run", "-f", "-", stdin=lines(process_task("true"), '{"process":{"argv":7}}'))
        self.assertExit(64, result)
        self.assertIn("2", result.err)

    def test_daemon_out_of_reach(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertExit(69, run([COVEY, "--address", f"unix:{folder}/none", "info"]))


class RunTest(DaemonTest):
    """`covey run`, attached."""

    def test_first_failure_takes_the_tree_down(self):
        """Issue: exits 7 in under 3 s and no sleep is left, not even one that called setsid."""
        long, longer = odd_seconds(), odd_seconds()
        result = self.covey("run", "-f", "-", stdin=lines(
            process_task("sleep", long),
            process_task("sh", "-c", f"setsid sleep {longer} & sleep {long}"),
            process_task("sh", "-c", "exit 7")))
        self.assertExit(7, result)
        self.assertLess(result.seconds, 3)
        self.assertEqual([], sleepers(long) + sleepers(longer))

    def test_output_stands_behind_the_task_name(self):
        result = self.assertExit(0, self.covey("run", "-f", "-", stdin=lines(
            process_task("echo", "to-out", name="first"),
            process_task("sh", "-c", "echo to-err >&2", name="second"))))
        everything = (result.out + result.err).splitlines()
        self.assertTrue([line for line in everything if "first" in line and "to-out" in line], result)
        self.assertTrue([line for line in everything if "second" in line and "to-err" in line], result)

    def test_last_line_tells_the_end(self):
        result = self.assertExit(7, self.covey("run", "-f", "-", stdin=lines(
            process_task("sh", "-c", "exit 7", name="bad"))))
        last = (result.err.strip() or result.out.strip()).splitlines()[-1]
        self.assertIn("1 failed", last)
        self.assertIn("bad", last)

    def test_settled_runs_everything(self):
        with tempfile.TemporaryDirectory() as folder:
            result = self.covey("run", "--policy", "settled", "--limit", "1", "-f", "-", stdin=lines(
                process_task("sh", "-c", "exit 3"), process_task("touch", f"{folder}/made")))
            self.assertExit(3, result)
            self.assertTrue(os.path.exists(f"{folder}/made"))

    def test_any_ends_with_the_first_success(self):
        result = self.covey("run", "--policy", "any", "-f", "-", stdin=lines(
            process_task("false"), process_task("sleep", "60"), process_task("true")))
        self.assertExit(0, result)
        self.assertLess(result.seconds, 10)

    def test_limit_is_kept(self):
        """Each task fails if it meets another one."""
        with tempfile.TemporaryDirectory() as folder:
            task = process_task("sh", "-c", f"mkdir {folder}/busy && sleep 0.02 && rmdir {folder}/busy")
            self.assertExit(0, self.covey("run", "--limit", "1", "-f", "-", stdin=lines(*[task] * 10)))

    def test_environment_and_labels(self):
        result = self.assertExit(0, self.covey("run", "--env", "BIRD=grouse", "--label", "k=v", "--name", "flock",
                                               "--", "sh", "-c", "echo $BIRD in $COVEY_GROUP as $COVEY_TASK"))
        self.assertIn("grouse in ", result.out + result.err)

    def test_working_directory_and_stdin(self):
        with tempfile.TemporaryDirectory() as folder:
            stdin = "aGVsbG8="  # "hello"
            result = self.assertExit(0, self.covey("run", "-f", "-", stdin=lines(process_task(
                "sh", "-c", "pwd; cat", process={"workingDir": folder, "standardInput": stdin}))))
            self.assertIn(os.path.realpath(folder), result.out)
            self.assertIn("hello", result.out)

    def test_grace_is_waited_for_and_then_over(self):
        """The task ignores its stop signal: it is killed when the grace is over, not before."""
        result = self.covey("run", "--grace", "1s", "--timeout", "500ms", "--", "sh", "-c",
                            "trap '' TERM; while :; do sleep 0.05; done")
        self.assertExit(124, result)
        self.assertGreaterEqual(result.seconds, 1.5)
        self.assertLess(result.seconds, 15)

    def test_json_output_is_json(self):
        result = self.assertExit(0, self.covey("--output", "json", "run", "--", "echo", "x"))
        for line in result.out.splitlines():
            json.loads(line)


class InterruptTest(DaemonTest):
    """Attached runs end with their command line, however that ends."""

    def start_sleepers(self):
        """A running `covey run`, and the odd seconds that three processes of its tasks sleep."""
        seconds = odd_seconds()
        client = self.daemon.covey_start("run", "-f", "-", stdin=subprocess.PIPE)
        self.addCleanup(client.kill)
        client.stdin.write(lines(process_task("sleep", seconds),
                                 process_task("sh", "-c", f"setsid sleep {seconds} & sleep {seconds}")))
        client.stdin.close()
        client.stdin = None
        wait_until(lambda: len(sleepers(seconds)) == 3, "the sleepers run")
        return client, seconds

    def test_ctrl_c_cancels_and_waits(self):
        client, seconds = self.start_sleepers()
        client.send_signal(signal.SIGINT)
        client.communicate(timeout=30)
        self.assertEqual(130, client.returncode)
        self.assertEqual([], sleepers(seconds))

    def test_second_ctrl_c_leaves_at_once(self):
        client = self.daemon.covey_start("run", "--grace", "3s", "--", "sh", "-c",
                                         "trap 'echo asked' TERM; echo ready; while :; do sleep 0.05; done")
        self.addCleanup(client.kill)
        while "ready" not in (line := client.stdout.readline()):
            self.assertTrue(line, "the task starts")
        client.send_signal(signal.SIGINT)
        while "asked" not in (line := client.stdout.readline()):
            self.assertTrue(line, "the task is asked to stop")
        client.send_signal(signal.SIGINT)
        client.communicate(timeout=2)
        self.assertEqual(130, client.returncode)

    def test_output_from_before_the_subscription_arrives(self):
        """The race: a task writes before the call that made its group listens, and then falls silent."""
        seconds = odd_seconds()
        count = 30
        client = self.daemon.covey_start("run", "--grace", "0s", "-f", "-", stdin=subprocess.PIPE)
        self.addCleanup(client.kill)
        client.stdin.write(lines(*[process_task("sh", "-c", f"echo ready; exec sleep {seconds}")] * count))
        client.stdin.close()
        client.stdin = None
        for _ in range(count):
            self.assertIn("ready", client.stdout.readline())
        client.send_signal(signal.SIGINT)
        client.communicate(timeout=LIMIT)
        self.assertEqual(130, client.returncode)

    def test_kill_9_of_the_client_leaves_no_process(self):
        """Issue: within two seconds."""
        client, seconds = self.start_sleepers()
        client.kill()
        client.communicate()
        wait_until(lambda: not sleepers(seconds), "the sleepers are gone", 2)


class DetachedTest(DaemonTest):
    """Groups that live on their own, and the commands about them."""

    def detach(self, *arguments, stdin=None):
        result = self.assertExit(0, self.covey("run", "--detach", *arguments, stdin=stdin))
        group = result.out.strip()
        self.assertRegex(group, r"^[0-9a-f-]{36}$")
        return group

    def test_wait_exits_as_the_group_ended(self):
        for code in (0, 7):
            group = self.detach("--", "sh", "-c", f"exit {code}")
            self.assertExit(code, self.covey("wait", group))
            self.assertExit(code, self.covey("wait", group))

    def test_wait_for_a_group_that_is_not_there(self):
        result = self.covey("wait", "no-such-group")
        self.assertNotIn(result.code, (0, 64, 69))
        self.assertIn("no-such-group", result.err)

    def test_cancel_waits_until_everything_is_gone(self):
        seconds = odd_seconds()
        group = self.detach("--", "sleep", seconds)
        wait_until(lambda: sleepers(seconds), "the task runs")
        self.assertExit(0, self.covey("cancel", "--reason", "had enough", group))
        self.assertEqual([], sleepers(seconds))
        self.assertNotEqual(0, self.covey("wait", group).code)
        shown = self.assertExit(0, self.covey("show", group))
        self.assertIn("had enough", shown.out)

    def test_ps_shows_running_and_with_all_ended_groups(self):
        ended = self.detach("--", "true")
        self.assertExit(0, self.covey("wait", ended))
        running = self.detach("--", "sleep", "60")
        plain, everything = self.covey("ps").out, self.covey("ps", "--all").out
        self.assertExit(0, self.covey("cancel", running))
        self.assertIn(running, plain)
        self.assertNotIn(ended, plain)
        self.assertIn(running, everything)
        self.assertIn(ended, everything)

    def test_events_are_numbered_and_resume(self):
        group = self.detach("--", "true")
        self.assertExit(0, self.covey("wait", group))
        events = [json.loads(line) for line in self.covey("--output", "json", "events", group).out.splitlines()]
        numbers = [int(event["number"]) for event in events]
        self.assertEqual(list(range(1, len(numbers) + 1)), numbers)
        self.assertEqual("EVENT_KIND_GROUP_CREATED", events[0]["kind"])
        self.assertEqual("EVENT_KIND_GROUP_COMPLETED", events[-1]["kind"])
        rest = self.covey("--output", "json", "events", group, "--after", "3").out.splitlines()
        self.assertEqual(numbers[3:], [int(json.loads(line)["number"]) for line in rest])

    def test_events_followed_to_the_end(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkfifo(f"{folder}/gate")
            group = self.detach("--", "cat", f"{folder}/gate")
            client = self.daemon.covey_start("events", group, "--follow")
            self.addCleanup(client.kill)
            self.assertTrue(client.stdout.readline())
            sealer = self.daemon.covey_start("wait", group)
            self.addCleanup(sealer.kill)
            with open(f"{folder}/gate", "w"):
                pass  # opened by the task and closed again: it ends
            client.communicate(timeout=30)
            self.assertEqual(0, client.returncode)
            sealer.communicate(timeout=30)
            self.assertEqual(0, sealer.returncode)

    def test_logs_by_stream_and_offset(self):
        group = self.detach("-f", "-", stdin=lines(
            process_task("sh", "-c", "printf 0123456789; printf wrong >&2", name="talker")))
        self.assertExit(0, self.covey("wait", group))
        self.assertIn("0123456789", self.covey("logs", group).out)
        self.assertEqual("0123456789", self.covey("logs", f"{group}/talker").out.strip())
        self.assertEqual("456789", self.covey("logs", f"{group}/talker", "--from", "4").out.strip())
        self.assertEqual("wrong", self.covey("logs", f"{group}/talker", "--stderr").out.strip())

    def test_logs_follow_a_running_task(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkfifo(f"{folder}/gate")
            group = self.detach("-f", "-", stdin=lines(
                process_task("sh", "-c", f"echo before; cat {folder}/gate; echo after", name="t")))
            client = self.daemon.covey_start("logs", f"{group}/t", "--follow")
            self.addCleanup(client.kill)
            self.assertIn("before", client.stdout.readline())
            with open(f"{folder}/gate", "w"):
                pass
            self.assertIn("after", client.stdout.read())
            client.wait(timeout=30)
            self.assertEqual(0, client.returncode)
            self.assertExit(0, self.covey("wait", group))

    def test_show_and_info(self):
        group = self.detach("--name", "flock", "--label", "bird=grouse", "-f", "-", stdin=lines(
            process_task("sh", "-c", "echo last words >&2; exit 5", name="sad")))
        self.assertExit(5, self.covey("wait", group))
        shown = self.assertExit(0, self.covey("show", group)).out
        for word in (group, "flock", "sad", "5", "grouse"):
            self.assertIn(word, shown)
        info = self.assertExit(0, self.covey("info")).out
        self.assertIn("sqlite", info)
        self.assertIn("covey.noop", info)


class ManyTasksTest(DaemonTest):
    def test_more_than_one_message(self):
        """Issue: 20,000 tasks, over 4 MiB in all."""
        with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
            for index in range(20000):
                file.write(function_task("covey.noop", "x" * (4000 if index % 10 == 0 else 10)) + "\n")
            file.flush()
            self.assertGreater(os.path.getsize(file.name), 4 << 20)
            result = self.assertExit(0, self.covey("run", "-f", file.name, limit=300))
        self.assertRegex(result.out + result.err, r"20[,_ ]?000")


if __name__ == "__main__":
    unittest.main()
