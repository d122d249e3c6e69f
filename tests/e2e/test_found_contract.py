"""The contract, as somebody sees it who brings a language of their own."""

import glob
import os
import re
import unittest

from daemon import ROOT, DaemonTest
from expected import mended_by
from grpcurl import GRPCURL, WHY_NOT, Grpcurl

CONTRACT = sorted(glob.glob(os.path.join(ROOT, "proto", "covey", "v1", "*.proto")))


def text(path):
    with open(path) as file:
        return file.read()


class LanguagesTest(unittest.TestCase):
    @mended_by(7)
    def test_each_file_has_what_generators_ask_for(self):
        self.assertNotEqual([], CONTRACT)
        for path in CONTRACT:
            for option in ("go_package", "java_package", "java_multiple_files"):
                self.assertRegex(text(path), rf"(?m)^option {option} = ", path)

    @mended_by(7)
    def test_no_field_has_the_name_of_a_macro(self):
        """`stdin` is one in C and C++."""
        for path in CONTRACT:
            self.assertNotRegex(text(path), r"\b(stdin|stdout|stderr) = \d+;", path)


@unittest.skipIf(GRPCURL is None, WHY_NOT)
class ReasonsTest(DaemonTest):
    def reason(self, method, message):
        status = Grpcurl(self.daemon).error("covey.v1." + method, message)
        return next(detail["reason"] for detail in status["details"] if detail["@type"].endswith("ErrorInfo"))

    @mended_by(7)
    def test_they_are_listed(self):
        listed = re.findall(r"(?m)^\s+(?:\w*REASON_)?([A-Z_]+) = \d+;", "".join(map(text, CONTRACT)))
        for method, message in (("GroupService/GetGroup", {"groupId": "none"}),
                                ("GroupService/GetGroup", {"groupId": "/"}),
                                ("PoolService/GetPool", {"name": "none"})):
            self.assertIn(self.reason(method, message), listed)

    @mended_by(7)
    def test_one_for_each_kind_of_mistake(self):
        """A field of a task that cannot be is the same whichever field it is."""
        def create(**process):
            return self.reason("GroupService/CreateGroup", {"tasks": [{"process": {"argv": ["true"], **process}}]})
        self.assertEqual(create(nice=100), create(user="nobody-has-this-name"))


if __name__ == "__main__":
    unittest.main()
