"""Attached output is lossless whatever its reader does (promise 17); of detached output the ends are kept, and what
is lost is told."""

import json
import os
import random
import signal
import subprocess
import unittest

from daemon import COVEY, Daemon, DaemonTest, lines, process_task, wait_until
from small_disk import SmallDisk
from test_found_output import unread
import grpcurl
import seen

MIB = 1 << 20


class AttachedTest(DaemonTest):
    flags = ("--pool", "wide=1000")

    def tearDown(self):
        self.covey("cancel", "--all", "--yes")
        super().tearDown()

    def client(self, *arguments, stdout=subprocess.PIPE):
        client = subprocess.Popen([COVEY, "run", "--raw", *arguments], stdin=subprocess.DEVNULL, stdout=stdout,
                                  stderr=subprocess.PIPE, env=self.daemon.env())
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        return client

    def blocked(self, name, *options, command=("yes",)):
        """A run whose output nobody reads, once nothing moves any more; and its group."""
        client = self.client("--name", name, *options, "--", *command)
        wait_until(lambda: unread(client.stdout) > 0, "output has come")
        group = seen.rows(self.daemon, "ps", "--all", "--name", name)[0]["id"]
        written, still = -1, 0

        def rests():
            nonlocal written, still
            before, written = written, seen.rows(self.daemon, "tasks", group)[0].get("stdoutBytes")
            still = still + 1 if before == written else 0
            return still == 20
        wait_until(rests, "the task is held up")
        return client, group

    def test_any_bytes_come_as_they_are(self):
        """No text, no line end, larger than what is kept of a detached task."""
        path = os.path.join(self.daemon.folder, "bytes")
        content = random.Random(8).randbytes(5 * MIB + 1)
        with open(path, "wb") as file:
            file.write(content)
        for _ in range(3):
            client = self.client("--", "cat", path)
            self.assertTrue(client.stdout.read() == content)
            self.assertEqual(0, client.wait(), client.stderr.read())

    def test_two_hundred_mib(self):
        size = 200 * MIB
        client = self.client("--", "head", "-c", str(size), "/dev/zero")
        count = 0
        while piece := client.stdout.read1(MIB):
            count += len(piece)
        self.assertEqual((size, 0), (count, client.wait()))
        with open(f"/proc/{self.daemon.pid}/status") as status:
            peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
        self.assertLess(peak, 200 * 1024, "KiB of the daemon, which may hold windows and files alone")

    def test_a_thousand_tasks_at_once(self):
        tasks = lines(*[process_task("sh", "-c", f"seq {index} {index + 499}") for index in range(1000)])
        result = self.covey("run", "--raw", "--pool", "wide", "-f", "-", stdin=tasks, limit=120)
        self.assertEqual(0, result.code, result.err)
        expected = sorted(number for index in range(1000) for number in range(index, index + 500))
        self.assertTrue(expected == sorted(map(int, result.out.split())), "each line once")

    def test_one_that_is_blocked_holds_up_nobody_else(self):
        self.blocked("blocked")
        result = self.covey("run", "--raw", "--", "seq", "300000")
        self.assertEqual((0, "300000"), (result.code, result.out.split()[-1]))

    def test_explain_says_that_it_waits_for_its_reader(self):
        _, group = self.blocked("explained")
        for target in (group, f"{group}/yes"):
            self.assertIn("the client does not take the output of 1 task, which waits",
                          self.covey("explain", target).out)

    def test_one_that_is_blocked_is_cancelled(self):
        client, group = self.blocked("cancelled")
        self.assertExit(0, self.covey("cancel", group))  # waits until nothing of it runs
        self.assertEqual("GROUP_STATE_CANCELLED", seen.group(self.daemon, group)["state"])
        out, _ = client.communicate()
        self.assertEqual(b"y\ny\n", out[:4])
        self.assertEqual(1, client.returncode)

    def test_the_timeout_of_a_group_does_not_wait_for_its_reader(self):
        _, group = self.blocked("late", "--timeout", "2s")
        wait_until(lambda: "endTime" in seen.group(self.daemon, group), "the group is over")
        self.assertEqual("FAILURE_KIND_TIMEOUT", seen.group(self.daemon, group)["failure"]["kind"])

    def test_a_reader_that_leaves_cancels(self):
        client, group = self.blocked("left")
        client.kill()
        wait_until(lambda: "endTime" in seen.group(self.daemon, group), "the group is over")
        self.assertEqual("GROUP_STATE_CANCELLED", seen.group(self.daemon, group)["state"])

    def test_a_reader_that_closes_its_pipe_ends_the_run(self):
        client = self.client("--", "yes")
        self.assertEqual(b"y\n", client.stdout.read(2))
        client.stdout.close()
        self.assertEqual(128 + signal.SIGPIPE, client.wait(timeout=30))

    def test_what_a_blocked_task_has_written_comes_when_it_is_read(self):
        client, _ = self.blocked("whole", command=("seq", "1000000"))
        expected = "".join(f"{number}\n" for number in range(1, 1000001)).encode()
        self.assertTrue(client.stdout.read() == expected)
        self.assertEqual(0, client.wait())

    def test_what_outlives_the_leader_is_whole_for_a_slow_reader(self):
        client, _ = self.blocked("lingers", "--linger", "200ms", command=("sh", "-c", "seq 1000000 & exit 0"))
        expected = "".join(f"{number}\n" for number in range(1, 1000001)).encode()
        self.assertTrue(client.stdout.read() == expected)
        self.assertEqual(0, client.wait())


class ReaderTimeoutTest(DaemonTest):
    flags = ("--reader-timeout", "1s")

    def test_a_reader_that_takes_nothing_for_too_long_is_lost(self):
        client = self.daemon.covey_start("run", "--raw", "--name", "stuck", "--", "yes")
        self.addCleanup(client.communicate)
        self.addCleanup(client.kill)
        wait_until(lambda: unread(client.stdout) > 0, "output has come")
        group = seen.rows(self.daemon, "ps", "--all", "--name", "stuck")[0]["id"]
        wait_until(lambda: "endTime" in seen.group(self.daemon, group), "the group is over")
        end = seen.group(self.daemon, group)
        self.assertEqual("GROUP_STATE_CANCELLED", end["state"])
        self.assertEqual("owner_lost: the client has taken no output for 1.00s", end["failure"]["message"])


class DetachedTest(DaemonTest):
    def test_the_ends_are_kept_and_the_rest_is_counted(self):
        size = 5 * MIB
        group = self.assertExit(0, self.covey("run", "--detach", "--", "sh", "-c",
                                              f"head -c {size} /dev/zero; printf oops >&2")).out.strip()
        self.covey("wait", group)
        task = seen.rows(self.daemon, "show", f"{group}/sh")[0]
        self.assertEqual((str(size), "4"), (task["stdoutBytes"], task["stderrBytes"]))
        lost = int(task["stdoutLostBytes"])
        self.assertNotIn("stderrLostBytes", task)
        self.assertTrue(size - 3 * MIB <= lost <= size - 2 * MIB, lost)
        exit_ = next(event for event in seen.rows(self.daemon, "events", group)
                     if event["kind"] == "EVENT_KIND_TASK_EXITED")
        self.assertEqual((str(size), str(lost), "4"),
                         (exit_["stdoutBytes"], exit_["stdoutLostBytes"], exit_["stderrBytes"]))
        pieces = seen.output(self.daemon, group, "sh", 1)["stdout"]
        self.assertEqual(lost, sum(piece for _, piece in pieces if isinstance(piece, int)))
        self.assertEqual(size - lost, sum(len(piece) for _, piece in pieces if isinstance(piece, str)))


@unittest.skipIf(grpcurl.GRPCURL is None, grpcurl.WHY_NOT)
class GroupStreamTest(DaemonTest):
    """The output of a whole detached group as one stream."""

    def tearDown(self):
        self.covey("cancel", "--all", "--yes")
        super().tearDown()

    def detach(self, *scripts):
        tasks = lines(*[process_task("sh", "-c", script, name=f"t{index}") for index, script in enumerate(scripts)])
        return self.assertExit(0, self.covey("run", "--detach", "-f", "-", stdin=tasks)).out.strip()

    def test_it_comes_as_it_is_written(self):
        """Each task waits for what the other has written to be seen."""
        paths = [os.path.join(self.daemon.folder, f"step{number}") for number in range(3)]
        wait = [f"until [ -e {path} ]; do sleep 0.02; done" for path in paths]
        group = self.detach(f"echo a; {wait[1]}; echo c", f"{wait[0]}; echo b; {wait[2]}; printf d")
        follower = self.daemon.covey_start("logs", "--follow", group)
        for path, line in zip([*paths, None], ("t0 | a\n", "t1 | b\n", "t0 | c\n", "t1 | d\n")):
            self.assertEqual(line, follower.stdout.readline())
            if path:
                open(path, "w").close()
        self.assertEqual(("", ""), follower.communicate())
        self.assertEqual(0, follower.returncode)

    def test_what_has_ended_comes_too(self):
        group = self.detach("echo a; echo b >&2", "printf 'no line end'")
        self.covey("wait", group)
        result = self.covey("logs", "--follow", group)
        self.assertEqual((0, ["t0 | a", "t1 | no line end"], ["t0 | b"]),
                         (result.code, sorted(result.out.splitlines()), result.err.splitlines()))
        result = self.covey("logs", "--follow", "--stderr", group)
        self.assertEqual((0, "", "t0 | b\n"), (result.code, result.out, result.err))

    def test_it_goes_on_where_it_was(self):
        """From the cursor of every message: the rest, no byte twice, also after a restart of the daemon."""
        group = self.detach(*[f"seq {index} 30000; echo oops >&2" for index in range(3)])
        self.covey("wait", group)
        self.daemon.kill()
        self.daemon.start()

        def stream(cursor):
            request = {"group_id": group, **({"cursor": cursor} if cursor else {})}
            return grpcurl.Grpcurl(self.daemon).call("covey.v1.GroupService/StreamOutput", request)

        def pieces(messages):
            return [(chunk["task"], chunk["stream"], int(chunk.get("offset", 0)), chunk.get("data", ""),
                     chunk.get("end", False)) for chunk in (message["chunk"] for message in messages)]
        whole = stream(None)
        self.assertGreater(len(whole), 6)
        self.assertEqual(6, sum(piece[4] for piece in pieces(whole)), "each stream has one end")
        for number, message in enumerate(whole):
            self.assertEqual(pieces(whole[number + 1:]), pieces(stream(message["cursor"])), number)

    def test_its_cursor_does_not_grow_with_what_has_ended(self):
        group = self.detach(*["echo x"] * 100)
        self.covey("wait", group)
        messages = grpcurl.Grpcurl(self.daemon).call("covey.v1.GroupService/StreamOutput", {"group_id": group})
        self.assertEqual(100, sum(message["chunk"].get("end", False) for message in messages))
        self.assertLess(max(len(message["cursor"]) for message in messages), 100)

    def test_a_cursor_of_something_else_is_refused(self):
        first = self.detach("echo a; sleep 60")
        other = self.covey("create").out.strip()
        messages = wait_until(lambda: grpcurl.Grpcurl(self.daemon).call("covey.v1.GroupService/StreamOutput", {"group_id": first}),
                              "output is there")
        for cursor in (messages[-1]["cursor"], "eHh4"):
            error = grpcurl.Grpcurl(self.daemon).error("covey.v1.GroupService/StreamOutput",
                                                       {"group_id": other, "cursor": cursor})
            self.assertIn("cursor must be the cursor of an answer about this group", json.dumps(error))


class FullDiskTest(unittest.TestCase):
    def test_an_attached_run_that_lost_output_exits_with_74(self):
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        disk = SmallDisk(os.path.join(daemon.folder, "disk"))
        self.addCleanup(disk.remove)
        if disk.why_not:
            self.skipTest(disk.why_not)
        daemon.data = os.path.join(disk.path, "data")
        daemon.start()
        self.addCleanup(lambda: daemon.process and daemon.kill())
        go = os.path.join(daemon.folder, "go")
        client = daemon.covey_start("run", "--raw", "--", "sh", "-c",
                                    f"echo up; until [ -e {go} ]; do sleep 0.02; done; seq 100000")
        self.assertEqual("up\n", client.stdout.readline())
        disk.fill()
        open(go, "w").close()
        wait_until(lambda: not daemon.task_processes(), "the task has ended")
        disk.empty()
        out, err = client.communicate()
        size = sum(len(f"{number}\n") for number in range(1, 100001))
        lost = size - len(out)
        self.assertGreater(lost, 0)
        self.assertEqual(74, client.returncode, err)
        self.assertIn(f"{lost} bytes of output were lost", err)


if __name__ == "__main__":
    unittest.main()
