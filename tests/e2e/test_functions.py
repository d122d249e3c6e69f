"""A program of one's own that links covey and serves its functions; and what happens when one ignores its cancel."""

import json
import os
import unittest

from daemon import COVEYD, Daemon, wait_until
from grpcurl import GRPCURL, Grpcurl
from grpcurl import WHY_NOT as NO_GRPCURL


class OwnFunctionsTest(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon("--drain-timeout", "0s", "--stop-timeout", "300ms", program="own_functions")
        self.addCleanup(self.daemon.remove)
        self.daemon.start()

    def submit(self, name, text=""):
        task = {"function": {"name": name, "payload": {"text": text}}}
        result = self.daemon.covey("run", "--detach", "-f", "-", stdin=json.dumps(task) + "\n")
        self.assertEqual(0, result.code, result)
        return result.out.strip()

    def test_it_is_called_with_its_payload(self):
        group = self.submit("test.reverse", "abc")
        self.assertEqual(0, self.daemon.covey("wait", group).code)
        self.assertEqual("cba", self.daemon.covey("logs", f"{group}/0").out)
        self.assertIn("test.reverse", self.daemon.covey("info").out)
        self.assertEqual(0, self.daemon.stop())

    @unittest.skipIf(GRPCURL is None, NO_GRPCURL)
    def test_what_was_accepted_stays_so_where_the_function_is_gone(self):
        """A retry gets the first answer, whatever the next daemon can run."""
        calls = Grpcurl(self.daemon)
        task = {"function": {"name": "test.reverse", "payload": {"text": "abc"}}}
        create = {"requestId": "create", "tasks": [task]}
        group, = calls.call("covey.v1.GroupService/CreateGroup", create)
        submit = {"requestId": "submit", "groupId": group["group"]["id"], "tasks": [task]}
        added, = calls.call("covey.v1.GroupService/SubmitTasks", submit)
        self.daemon.kill()
        self.daemon.command = [COVEYD]
        self.daemon.start()
        again, = calls.call("covey.v1.GroupService/CreateGroup", create)
        self.assertEqual(group["group"]["id"], again["group"]["id"])
        self.assertEqual([added], calls.call("covey.v1.GroupService/SubmitTasks", submit))
        for method, request in (("CreateGroup", create), ("SubmitTasks", submit)):
            error = calls.error(f"covey.v1.GroupService/{method}", {**request, "requestId": "new"})
            self.assertIn("FUNCTION_NOT_FOUND", str(error))

    def test_one_that_ignores_cancel_is_named_and_the_exit_is_1(self):
        group = self.submit("test.stubborn")
        wait_until(lambda: "running" in self.daemon.covey("show", f"{group}/0").out, "the function runs")
        self.assertEqual(1, self.daemon.stop())
        self.assertIn("function test.stubborn", self.daemon.log())
        self.assertIn(group, self.daemon.log())
        self.assertFalse(os.path.exists(self.daemon.socket))


if __name__ == "__main__":
    unittest.main()
