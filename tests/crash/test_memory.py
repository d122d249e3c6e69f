"""A daemon with its defaults stays within 256 MB, whatever its clients send and do not read (promise 16)."""

import os
import threading
import time
import unittest

from daemon import Daemon, wait_until
from grpcurl import GRPCURL, Grpcurl
import seen
import wire

MIB = 2**20
BOUND = 256 * 10**6
COUNT = int(os.environ.get("COVEY_MEMORY_COUNT", "120"))  # of large things of each kind
STREAMS = int(os.environ.get("COVEY_MEMORY_STREAMS", "100"))
BURST = 16  # requests of 10 MiB at once
MAKERS = 4  # clients that make groups at a time
GROUPS = min(int(os.environ.get("COVEY_MEMORY_GROUPS", "1000")), 99_000)  # of more some would be purged


def echo(payload):
    return wire.field(2, wire.field(1, "covey.echo") + wire.field(2, wire.field(2, payload)))


def noop():
    return wire.field(2, wire.field(1, "covey.noop"))


def with_input(data):
    return wire.field(3, wire.field(1, "true") + wire.field(4, data))


@unittest.skipIf(wire.WHY_NOT, wire.WHY_NOT)
class MemoryTest(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon("--pool", "narrow=1")
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.wire = wire.Wire(self.daemon.address)
        self.addCleanup(self.wire.close)

    def peak(self):
        with open(f"/proc/{self.daemon.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))

    def tell(self, what):
        with open(f"/proc/{self.daemon.pid}/status") as status:
            now = next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))
        print(f"{what}: {now / 1e6:.0f} MB, at most {self.peak() / 1e6:.0f} MB so far", flush=True)
        self.assertLess(self.peak(), BOUND, what)

    def create(self, *tasks, id_="", pool="", seal=1):
        message = wire.field(2, id_) + wire.field(3, wire.field(3, pool)) + b"".join(wire.field(4, task) for task in tasks)
        self.call("GroupService/CreateGroup", message + wire.field(1, f"make {id_}") + wire.field(5, seal))

    def call(self, method, message):
        """What has no room is told so, and comes again."""
        end = time.monotonic() + 300
        while True:
            answers = []
            code, words = wire.code_of(lambda: answers.append(self.wire.unary(method, message, timeout=300)))
            if code not in ("RESOURCE_EXHAUSTED", "UNAVAILABLE") or time.monotonic() > end:
                break
            time.sleep(0.1)
        self.assertEqual("OK", code, words)
        return answers[0]

    def wait(self, id_):
        self.call("GroupService/WaitGroup", wire.field(1, id_))

    def open_stream(self, method, message):
        """A stream that nobody reads."""
        call = self.wire.channel.unary_stream("/covey.v1." + method)(message)
        self.addCleanup(call.cancel)

    def open_call(self, number):
        """One of the calls that stay: streams of events and of output, and waits."""
        if number % 4 == 0:
            self.open_stream("EventService/StreamEvents", wire.field(4, 1))
        elif number % 4 == 1:
            group = f"large-{5 * (number % (COUNT // 5))}"
            self.open_stream("EventService/StreamEvents", wire.field(1, group) + wire.field(4, 1))
        elif number % 4 == 2:
            self.open_stream("GroupService/StreamOutput", wire.field(1, "in-front") + wire.field(3, 1))
        else:
            wait = self.wire.channel.unary_unary("/covey.v1.GroupService/WaitGroup").future(wire.field(1, "in-front"))
            self.addCleanup(wait.cancel)

    def small_groups(self, first):
        """Some of the GROUPS, one of MAKERS shares."""
        for number in range(first, GROUPS, MAKERS):
            self.create(noop(), noop(), id_=f"small-{number}")
            if number + MAKERS >= GROUPS:
                self.wait(f"small-{number}")

    def test_whatever_clients_do(self):
        self.tell("idle")
        payload = os.urandom(MIB)
        for number in range(0, COUNT, 5):
            self.create(*[echo(payload)] * 5, id_=f"large-{number}")
            self.wait(f"large-{number}")
        self.tell(f"{COUNT} payloads and results of 1 MiB, one after the other")

        threads = [threading.Thread(target=lambda n=n: self.create(*[echo(payload)] * 10, id_=f"burst-{n}")) for n in range(BURST)]
        for thread in threads:
            thread.start()
        for number, thread in enumerate(threads):
            thread.join()
            self.wait(f"burst-{number}")
        self.tell(f"{10 * BURST} of them at once")

        self.create(wire.field(3, wire.field(1, "sleep") + wire.field(1, "1000")), id_="in-front", pool="narrow", seal=0)
        queued = min(COUNT, 240)  # within max_queued_bytes
        for number in range(0, queued, 10):
            self.create(*[with_input(payload)] * 10, id_=f"inputs-{number}", pool="narrow")
        self.tell(f"{queued} standard inputs of 1 MiB that wait")

        for number in range(STREAMS):
            self.open_call(number)
        self.tell(f"{STREAMS} streams that nobody reads, and waits")
        threads = [threading.Thread(target=self.small_groups, args=(first,)) for first in range(MAKERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.tell(f"{GROUPS} groups that are over")

        events = self.wire.watch("EventService/StreamEvents", wire.field(1, "large-0"))
        self.assertEqual(5, sum(number == 1 and len(value) > MIB for message in events
                                for number, value in wire.fields(message)))
        groups, token = 0, b""
        while True:
            page = self.call("GroupService/ListGroups", wire.field(1, 1000) + wire.field(2, token))
            groups += sum(number == 1 for number, _ in wire.fields(page))
            token = next((value for number, value in wire.fields(page) if number == 2), b"")
            if not token:
                break
        self.assertEqual(COUNT // 5 + BURST + 1 + queued // 10 + GROUPS, groups)
        tasks, token = 0, b""
        while True:
            page = self.call("TaskService/ListTasks", wire.field(1, "large-5") + wire.field(3, token) + wire.field(5, 2))
            tasks += sum(number == 1 for number, _ in wire.fields(page))
            token = next((value for number, value in wire.fields(page) if number == 2), b"")
            if not token:
                break
        self.assertEqual(5, tasks)
        if GRPCURL is not None:
            answer, = Grpcurl(self.daemon).call("covey.v1.GroupService/WaitGroup", {"groupId": "large-5"})
            self.assertEqual("GROUP_STATE_SUCCEEDED", answer["result"]["group"]["state"])
        self.tell("after clients have listed, streamed and waited")

        self.call("GroupService/CancelGroup", wire.field(1, "in-front") + wire.field(3, 1))
        for number in range(0, queued, 10):
            self.wait(f"inputs-{number}")
        self.tell("when what waited has run")
        bounds = {bound["key"]: bound for bound in seen.rows(self.daemon, "info")[0]["bounds"]}
        self.assertEqual("0", bounds["max_queued_bytes"].get("used", "0"))
        self.assertLessEqual(int(bounds["max_group_memory"]["used"]), int(bounds["max_group_memory"]["limit"]))

        self.daemon.kill()
        self.daemon.start()
        wait_until(lambda: self.daemon.covey("health").code == 0, "it serves")
        self.tell("after a restart")


if __name__ == "__main__":
    unittest.main()
