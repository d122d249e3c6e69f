"""A program of one's own that links covey and serves its functions; and what happens when one ignores its cancel."""

import json
import os
import unittest

from daemon import Daemon, wait_until


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

    def test_one_that_ignores_cancel_is_named_and_the_exit_is_1(self):
        group = self.submit("test.stubborn")
        wait_until(lambda: "running" in self.daemon.covey("show", f"{group}/0").out, "the function runs")
        self.assertEqual(1, self.daemon.stop())
        self.assertIn("function test.stubborn", self.daemon.log())
        self.assertIn(group, self.daemon.log())
        self.assertFalse(os.path.exists(self.daemon.socket))


if __name__ == "__main__":
    unittest.main()
