"""The daemon's log: for machines when they asked, and about what people ask."""

import json
import unittest

from daemon import Daemon
from expected import mended_by
import wire


class LogTest(unittest.TestCase):
    def start(self, *flags):
        daemon = Daemon(*flags)
        self.addCleanup(daemon.remove)
        return daemon.start()

    @unittest.skipIf(wire.WHY_NOT, wire.WHY_NOT)
    @mended_by(11)
    def test_every_line_is_json(self):
        """Also what libraries write: here about a word that is not UTF-8."""
        daemon = self.start("--log-format", "json")
        channel = wire.Wire(daemon.address)
        self.addCleanup(channel.close)
        message = wire.field(4, wire.process_spec("bad", b"caf\xe9"))
        wire.code_of(lambda: channel.unary("GroupService/CreateGroup", message))
        wire.code_of(lambda: channel.stream("GroupService/RunGroup", [wire.field(1, b""), wire.field(2, b"\xff\xff")]))
        for line in daemon.log().splitlines():
            json.loads(line)

    @mended_by(11)
    def test_it_tells_of_groups(self):
        """Which failed, at the level that is the default; of others at `debug`."""
        daemon = self.start("--log-level", "debug")
        failed = daemon.covey("run", "--detach", "--", "false").out.strip()
        succeeded = daemon.covey("run", "--detach", "--", "true").out.strip()
        daemon.covey("wait", failed, succeeded)
        self.assertIn(failed, daemon.log())
        self.assertIn(succeeded, daemon.log())


if __name__ == "__main__":
    unittest.main()
