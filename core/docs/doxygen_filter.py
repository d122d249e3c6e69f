#!/usr/bin/env python3
"""doxygen_filter.py FILE: the header as Doxygen wants it. A comment before declarations stands for all of them up to the
next comment or empty line, as people read it; one behind a declaration is its own."""

import re
import sys

COMMENT = re.compile(r"^(\s*)//\s?(.*)$")
BEHIND = re.compile(r"^(.*[;,{}]\s+)//\s?(.*)$")
NO_WORDS = re.compile(r"NOLINT|IWYU")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = file.read().split("\n")
    out, at = [], 0
    while at < len(lines):
        comment = COMMENT.match(lines[at])
        if not comment:
            out.append(behind(lines[at]))
            at += 1
            continue
        indent, words = comment[1], []
        while at < len(lines) and (comment := COMMENT.match(lines[at])):
            words.append(comment[2])
            at += 1
        group = []
        while at + len(group) < len(lines) and lines[at + len(group)].strip() and not COMMENT.match(lines[at + len(group)]):
            group.append(lines[at + len(group)])
        out += [f"{indent}/// {word}".rstrip() for word in words]
        # One declaration that goes on over several lines needs no group, and a body is none.
        declarations = sum(line.startswith(indent) and not line.startswith(indent + "  ") for line in group)
        if indent and declarations > 1 and not re.match(r"\s*(class|struct|enum)\b", group[0]):
            # A group ends where its indent does.
            taken = 0
            while taken < len(group) and group[taken].startswith(indent):
                taken += 1
            out += [f"{indent}///@{{"] + [behind(line) for line in group[:taken]] + [f"{indent}///@}}"]
            at += taken
    print("\n".join(out))


def behind(line):
    found = BEHIND.match(line)
    if not found:
        return line
    if NO_WORDS.search(found[2]):
        return found[1]
    return f"{found[1]}///< {found[2]}" if found[2] else found[1]


main()
