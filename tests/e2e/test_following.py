"""What tasks write and what happens, from where people want it and to the end."""

import base64
import datetime
import itertools
import json
import os
import select
import time
import unittest

from daemon import DaemonTest, LIMIT, function_task, lines, process_task, wait_until
import seen


class FollowingTest(DaemonTest):
    def tearDown(self):
        self.covey("cancel", "--all", "--yes")
        super().tearDown()

    def detach(self, *tasks, options=()):
        return self.assertExit(0, self.covey("run", "--detach", *options, "-f", "-", stdin=lines(*tasks))).out.strip()

    def out(self, *arguments, code=0):
        return self.assertExit(code, self.covey(*arguments)).out

    def script(self, text, name):
        return process_task("sh", "-c", text, name=name)


class LogsTest(FollowingTest):
    def test_the_last_lines(self):
        group = self.detach(self.script("seq 100000; echo wrong >&2; printf unended", "long"), self.script("echo one", "short"))
        self.covey("wait", group)
        self.assertEqual("99999\n100000\nunended", self.out("logs", "--tail", "3", f"{group}/long"))
        self.assertEqual("unended", self.out("logs", "-n", "1", f"{group}/long"))
        self.assertEqual("", self.out("logs", "--tail", "0", f"{group}/long"))
        self.assertEqual("wrong\n", self.out("logs", "--tail", "9", "--stderr", f"{group}/long"))
        self.assertEqual("99999\n", self.out("logs", "--tail", "3", "--attempt", "1", f"{group}/long")[:6])
        whole = self.out("logs", f"{group}/long")
        self.assertEqual(whole, self.out("logs", "--tail", "200000", f"{group}/long"))
        self.assertEqual(whole.split("\n", 40000)[-1], self.out("logs", "--tail", "60001", f"{group}/long"))
        result = self.covey("logs", "--tail", "1", group)
        self.assertEqual("long | unended\nshort | one\n", result.out)
        self.assertEqual("long | wrong\n", result.err)

    def test_follow_exits_as_the_task_ended(self):
        group = self.detach(self.script("echo good", "good"), self.script("echo bad; exit 7", "bad"),
                            self.script("kill -9 $$", "killed"), options=("--policy", "settled"))
        self.assertEqual("good\n", self.out("logs", "--follow", f"{group}/good"))
        self.assertEqual("bad\n", self.out("logs", "-f", f"{group}/bad", code=7))
        self.assertEqual("", self.out("logs", "--follow", f"{group}/killed", code=137))
        self.covey("wait", group)
        followed = self.covey("logs", "--follow", group)
        self.assertIn(followed.code, (7, 137), "the first that failed")
        self.assertEqual(["bad | bad", "good | good"], sorted(followed.out.splitlines()))
        self.assertEqual("bad\n", self.out("logs", f"{group}/bad"), "without --follow it only prints")

    def test_the_last_lines_of_a_group_and_then_what_comes(self):
        gate = f"{self.daemon.folder}/gate"
        group = self.detach(self.script("echo old; echo recent; printf half", "ended"),
                            self.script(f"seq 5; until [ -e {gate} ]; do sleep 0.05; done; echo new", "goes"))
        wait_until(lambda: "5" in self.out("logs", f"{group}/goes") and self.out("logs", f"{group}/ended"), "both have written")
        wait_until(lambda: seen.task(self.daemon, group, "ended")["state"] == "TASK_STATE_SUCCEEDED", "one has ended")
        follower = self.daemon.covey_start("logs", "--follow", "--tail", "2", group)
        self.addCleanup(follower.kill)
        first = [follower.stdout.readline() for _ in range(4)]
        self.assertEqual(["ended | half\n", "ended | recent\n", "goes | 4\n", "goes | 5\n"], sorted(first))
        open(gate, "w", encoding="utf-8").close()
        out, _ = follower.communicate(timeout=30)
        self.assertEqual("goes | new\n", out)
        self.assertEqual(0, follower.returncode)

    def test_wrong_uses(self):
        group = self.detach(self.script("true", "t"))
        for arguments, says in ((("--tail", "-1", f"{group}/t"), "--tail must be 0..1000000"),
                                (("--tail", "1", "--from", "1", f"{group}/t"), "--tail and --from")):
            result = self.assertExit(64, self.covey("logs", *arguments))
            self.assertIn(says, result.err)


class TimesTest(FollowingTest):
    """When what was written was written: `logs --timestamps` and `--since`."""

    UTC = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"

    def two_parts(self, name="t", error=False):
        """A group whose task has written `early` and, a while later, `late`; and an instant between them."""
        gate = os.path.join(self.daemon.folder, f"gate-{next(self.numbers)}")
        both = "; echo wrong >&2" if error else ""
        group = self.detach(self.script(f"echo early{both}; until [ -e {gate} ]; do sleep 0.05; done; echo late{both}; printf end",
                                        name))
        wait_until(lambda: self.out("logs", f"{group}/{name}") == "early\n", "the first line is there")
        time.sleep(0.3)  # marks are 100 ms apart
        instant = datetime.datetime.now(datetime.timezone.utc).isoformat()
        return group, instant, lambda: open(gate, "w", encoding="utf-8").close()

    numbers = itertools.count()

    def test_of_a_task_also_behind_a_restart(self):
        group, instant, go_on = self.two_parts()
        self.assertRegex(self.out("logs", "--timestamps", f"{group}/t"), rf"^{self.UTC} early\n$")
        self.assertEqual("", self.out("logs", "--since", instant, f"{group}/t"))
        go_on()
        self.covey("wait", group)
        for end in (None, self.daemon.stop, self.daemon.kill):
            if end is not None:
                end()
                self.daemon.start()
            first, second, third = self.out("logs", "-t", f"{group}/t").splitlines()
            self.assertRegex(first, rf"^{self.UTC} early$")
            self.assertRegex(second, rf"^{self.UTC} late$")
            self.assertRegex(third, rf"^{self.UTC} end$")
            self.assertLess(first[:24], instant[:23] + "Z")
            self.assertLess(instant[:23] + "Z", second[:24])
            self.assertEqual("late\nend", self.out("logs", "--since", instant, f"{group}/t"))
            self.assertEqual("early\nlate\nend", self.out("logs", "--since", "1h", f"{group}/t"))
            self.assertEqual("", self.out("logs", "--since", "2099-01-01", f"{group}/t"))
            self.assertEqual("late\nend", self.out("logs", "--since", instant, "--tail", "9", f"{group}/t"))
            self.assertRegex(self.out("logs", "-t", "--since", instant, "--tail", "1", f"{group}/t"), rf"^{self.UTC} end\n$")
        self.assertRegex(self.out("logs", "-t", "--times", "local", f"{group}/t"), r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d early\n")
        self.assertRegex(self.out("logs", "-t", "--times", "relative", f"{group}/t"), r"^(now|\d+m?s ago) early\n")

    def test_of_a_group(self):
        group, instant, go_on = self.two_parts(error=True)
        go_on()
        self.covey("wait", group)
        result = self.covey("logs", "--timestamps", "--since", instant, group)
        self.assertRegex(result.out, rf"^{self.UTC} t \| late\n{self.UTC} t \| end\n$")
        self.assertRegex(result.err, rf"^{self.UTC} t \| wrong\n$")
        result = self.covey("logs", "--follow", "--timestamps", group)
        self.assertRegex(result.out, rf"^{self.UTC} t \| early\n{self.UTC} t \| late\n{self.UTC} t \| end\n$")

    def test_of_what_is_followed(self):
        group, instant, go_on = self.two_parts()
        followers = [self.daemon.covey_start("logs", "-f", "-t", f"{group}/t"),
                     self.daemon.covey_start("logs", "-f", "--since", instant, group)]
        for follower in followers:
            self.addCleanup(follower.kill)
        self.assertRegex(followers[0].stdout.readline(), rf"^{self.UTC} early\n$")
        go_on()
        outs = [follower.communicate(timeout=LIMIT)[0] for follower in followers]
        self.assertRegex(outs[0], rf"^{self.UTC} late\n{self.UTC} end\n$")
        self.assertEqual("t | late\nt | end\n", outs[1])

    def test_as_json(self):
        group, instant, go_on = self.two_parts()
        go_on()
        self.covey("wait", group)
        for options in ((f"{group}/t",), (group,), ("--follow", group)):
            chunks = [json.loads(line) for line in self.out("-o", "json", "logs", "--timestamps", *options).splitlines()]
            times = [mark for chunk in chunks for mark in chunk.get("times", ())]
            self.assertEqual([None, "6"], [mark.get("offset") for mark in times][:2], chunks)
            self.assertLess(times[0]["time"], instant[:23] + "Z")
            self.assertLess(instant[:23] + "Z", times[1]["time"])
            chunks = [json.loads(line) for line in self.out("-o", "json", "logs", "--since", instant, *options).splitlines()]
            self.assertEqual(b"late\nend", b"".join(base64.b64decode(chunk.get("data", "")) for chunk in chunks))
            self.assertEqual("6", chunks[0]["offset"])
            self.assertEqual("6", chunks[0]["times"][0]["offset"])

    def test_what_an_older_version_kept_has_none(self):
        group, _, go_on = self.two_parts()
        go_on()
        self.covey("wait", group)
        self.daemon.stop()
        os.remove(os.path.join(self.daemon.data, "output", group, "0.1.out.times"))
        self.daemon.start()
        self.assertEqual("- early\n- late\n- end\n", self.out("logs", "--timestamps", f"{group}/t"))
        result = self.assertExit(0, self.covey("logs", "--since", "1s", f"{group}/t"))
        self.assertEqual("early\nlate\nend", result.out)
        self.assertEqual("covey: --since: some of it has no times, which an older version did not keep: it is shown whatever its age\n",
                         result.err)

    def test_wrong_uses(self):
        for arguments, says in ((("--since", "noon"), "--since"), (("--times", "utc"), "--times goes with --timestamps")):
            self.assertIn(says, self.assertExit(64, self.covey("logs", *arguments, "g")).err)


class EventsTest(FollowingTest):
    def kinds(self, *arguments):
        return [json.loads(line)["kind"].removeprefix("EVENT_KIND_")
                for line in self.out("--output", "json", "events", *arguments).splitlines()]

    def test_since_a_time(self):
        group = self.detach(function_task("covey.noop"))
        self.covey("wait", group)
        self.assertEqual("GROUP_CREATED", self.kinds("--since", "1h", group)[0])
        self.assertEqual([], self.kinds("--since", "2099-01-01", group))
        self.assertIn("GROUP_COMPLETED", self.kinds("--since", "yesterday"))
        self.assertEqual([], self.kinds("--since", "2099-01-01"))
        self.assertRegex(self.out("events", "--times", "relative", group), r"(now|\d+s ago) +group-created")
        self.assertRegex(self.out("events", "--times", "local", group), r" \d{4}-\d\d-\d\d \d\d:\d\d:\d\d +group-created")

    def test_new_of_one_group(self):
        group = self.out("create").strip()
        follower = self.daemon.covey_start("--output", "json", "events", "--new", group)
        self.addCleanup(follower.kill)

        def more():
            self.out("submit", group, "--", "true")
            return select.select([follower.stdout], [], [], 0.1)[0]
        wait_until(more, "something is told")
        self.assertIn("TASK_SUBMITTED", follower.stdout.readline())
        self.out("seal", group)
        out, _ = follower.communicate(timeout=30)
        self.assertIn("GROUP_COMPLETED", out.splitlines()[-1])
        self.assertNotIn("GROUP_CREATED", out)

    def test_one_way_to_begin(self):
        for arguments in (("--new", "--since", "1h"), ("--after", "1", "--new", "g")):
            result = self.assertExit(64, self.covey("events", *arguments))
            self.assertIn("one of them says where to begin", result.err)


if __name__ == "__main__":
    unittest.main()
