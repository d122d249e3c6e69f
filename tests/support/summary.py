#!/usr/bin/env python3
"""Sums up a JUnit file that ctest wrote: suites, skipped tests with their reasons, and a closing line."""

import collections
import re
import sys
import xml.etree.ElementTree

# What GoogleTest prints after GTEST_SKIP(), and what our Python tests print.
REASONS = (re.compile(r"Skipped\n(.+)"), re.compile(r"skipped[:=]? ['\"]?(.+?)['\"]?$", re.MULTILINE))


def suite_of(name):
    return name.split(".", 1)[0].rsplit("/", 1)[-1]


def name_of(case):
    """Without the bytes of a parameter, which ctest adds."""
    return case.get("name").split("  # GetParam", 1)[0]


def reason_of(case):
    text = case.findtext("system-out") or ""
    for pattern in REASONS:
        found = pattern.search(text)
        if found:
            return found.group(1).strip()
    return "no reason given"


def main():
    cases = xml.etree.ElementTree.parse(sys.argv[1]).getroot().findall("testcase")
    suites = collections.Counter(suite_of(case.get("name")) for case in cases)
    skipped = [case for case in cases if case.find("skipped") is not None]
    failed = [case for case in cases if case.find("failure") is not None or case.get("status") == "fail"]
    print("\nsuites: " + ", ".join(f"{name} ({count})" for name, count in sorted(suites.items())))
    by_reason = collections.defaultdict(list)
    for case in skipped:
        by_reason[reason_of(case)].append(name_of(case))
    for reason, names in by_reason.items():
        print(f"skipped: {', '.join(names)}: {reason}")
    for case in failed:
        print(f"failed: {name_of(case)}")
    passed = len(cases) - len(skipped) - len(failed)
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
