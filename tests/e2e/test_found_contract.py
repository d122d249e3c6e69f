"""The contract, as somebody sees it who brings a language of their own."""

import glob
import json
import os
import re
import unittest

from daemon import ROOT, DaemonTest, lines, process_task

CONTRACT = sorted(glob.glob(os.path.join(ROOT, "proto", "covey", "v1", "*.proto")))


def text(path):
    with open(path) as file:
        return file.read()


class LanguagesTest(unittest.TestCase):
    def test_each_file_has_what_generators_ask_for(self):
        self.assertNotEqual([], CONTRACT)
        for path in CONTRACT:
            for option in ("go_package", "java_package", "java_multiple_files"):
                self.assertRegex(text(path), rf"(?m)^option {option} = ", path)

    def test_no_field_has_the_name_of_a_macro(self):
        """`stdin` is one in C and C++."""
        for path in CONTRACT:
            self.assertNotRegex(text(path), r"\b(stdin|stdout|stderr) = \d+;", path)


class ReasonsTest(DaemonTest):
    def reason(self, *arguments, stdin=None):
        result = self.covey("--output", "json", *arguments, stdin=stdin)
        self.assertNotEqual(0, result.code, result)
        return json.loads(result.err.splitlines()[-1])["error"]["reason"]

    def test_they_are_listed(self):
        listed = re.findall(r"(?m)^\s+(?:\w*REASON_)?([A-Z_]+) = \d+;", "".join(map(text, CONTRACT)))
        for command in (("show", "none"), ("show", "none:/"), ("pools", "set", "none", "--max", "3")):
            self.assertIn(self.reason(*command), listed)

    def test_one_for_each_kind_of_mistake(self):
        """A field of a task that cannot be is the same whichever field it is."""
        def run(**process):
            return self.reason("run", "--detach", "-f", "-", stdin=lines(process_task("true", process=process)))
        self.assertEqual(run(nice=100), run(user="nobody-has-this-name"))


if __name__ == "__main__":
    unittest.main()
