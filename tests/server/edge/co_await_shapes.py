#!/usr/bin/env python3
"""Looks for co_await expressions of shapes that GCC 12.2 miscompiles (server/edge/README.md has the list).

Allowed: a statement `co_await x;`, the initialiser of a declaration or the right side of an assignment, `co_return
co_await x;`, and a declaration in a while's condition. In the expression itself no braces and no lambdas.

Usage: co_await_shapes.py FOLDER…; exit status 1 when there is any other.
"""

import pathlib
import re
import sys

ALLOWED = re.compile(
    r"""^\s*
    (?:(?:if|else|for|while)\b[^{};]*[)\s]\s*)??       # a condition or loop in front, on the same line
    (?:co_return\s+|
       while\s\(std::optional<[\w:<>]+>\s\w+\s=\s|     # while (std::optional<T> message = co_await …
       (?:[\w:<>,&*\s.\->]+\s=\s))?
    co_await\s(?P<awaited>[^{}\[\]]*?)(?P<end>;|\)\s*\{)\s*$""",
    re.VERBOSE,
)


def statements(text):
    """Lines of code with their numbers; a statement that was broken over lines is joined."""
    text = re.sub(r"//[^\n]*", "", text)
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        first = number
        line = lines[number]
        if "co_await" in line and "operator co_await" not in line:
            while not re.search(r"[;{]\s*$", line) and number + 1 < len(lines):
                number += 1
                line += " " + lines[number].strip()
            yield first + 1, line
        elif re.search(r"=\s*$", line) and number + 1 < len(lines) and "co_await" in lines[number + 1]:
            lines[number + 1] = line + " " + lines[number + 1].strip()
        number += 1


def allowed(line):
    match = ALLOWED.match(line)
    if not match or line.count("co_await") != 1:
        return False
    before = line.split("co_await")[0]
    # In a condition only as the declaration of a while.
    if re.search(r"\b(if|switch|for|while)\s*\(", before):
        depth = before.count("(") - before.count(")")
        if depth > 0:
            return bool(re.match(r"\s*while \(std::optional<[\w:<>]+> \w+ = $", before)) and match["end"] != ";"
    return match["end"] == ";"


GOOD = """
  co_await call.Sleep(kTick);
  const bool ok = co_await call.Write(message, last ? Flush::kNow : Flush::kWithNext);
  std::optional<Request> message = co_await call.Read();
  while (std::optional<Request> message = co_await call.Read()) {
  if (mode == "join") co_await child.Join();
  co_return co_await task;
  first = co_await more;
  while (wake != Wake::kCancelled) wake = co_await never.Wait();
"""

# Each of these crashes, or destroys something twice.
BAD = """
  if (!co_await call.Write(message)) co_return call.EndStatus();
  if (co_await task) { co_return true; }
  switch (co_await task) {
  if (co_await first && co_await second) co_return 1;
  while (co_await first && co_await second) {
  const int n = co_await Ask(Options{name, 3});
  const int n = co_await Ask({name, 3});
  const int n = co_await Ask([name] { return name; });
  const int n = co_await [name]() -> Task<int> { co_return 1; }();
  co_await Awaiter{name};
  std::string text = "x" + (co_await task)->text();
"""


def check_itself():
    for line in GOOD.strip("\n").split("\n"):
        assert allowed(line), line
    for line in BAD.strip("\n").split("\n"):
        assert not allowed(line), line


def main():
    check_itself()
    bad = 0
    seen = 0
    for folder in sys.argv[1:]:
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.suffix not in (".cc", ".h"):
                continue
            for number, line in statements(path.read_text()):
                seen += 1
                if not allowed(line):
                    bad += 1
                    print(f"{path}:{number}: co_await in a shape that GCC 12.2 miscompiles: {line.strip()}")
    print(f"{seen} co_await expressions, {bad} of them in a forbidden shape")
    return 1 if bad or not seen else 0


if __name__ == "__main__":
    sys.exit(main())
