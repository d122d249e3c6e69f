#!/usr/bin/env python3
"""tidy.py BUILD_DIR [PATH-PREFIX…]: clang-tidy over our sources that BUILD_DIR has built, except those that were clean
with the same text, headers and configuration before (kept in the user's cache folder, so in other clones too)."""

import concurrent.futures
import functools
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "covey", "tidy")
TOOL = "clang-tidy-14"
FOLDERS = ("core/", "server/", "client/")
# With gRPC's headers every check costs a quarter of a second and more a file: only those that find what nothing else does.
HEAVY = re.compile(r"(grpcpp|grpc|google/protobuf)/")
FEW_CHECKS = ("-*,bugprone-use-after-move,bugprone-dangling-handle,bugprone-unused-raii,bugprone-infinite-loop,"
              "bugprone-move-forwarding-reference,bugprone-forwarding-reference-overload,"
              "performance-for-range-copy,google-explicit-constructor,"
              "readability-identifier-naming")


@functools.cache
def includes(path):
    with open(path) as file:
        return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', file.read(), re.MULTILINE)


def reached(path, folders):
    """What `path` includes, directly or not: files of ours and generated ones, and the names of all others."""
    ours, others, waiting = {path}, set(), [path]
    while waiting:
        current = waiting.pop()
        for name in includes(current):
            for folder in (os.path.dirname(current), *folders):
                found = os.path.join(folder, name)
                if found.startswith(ROOT) and os.path.exists(found):
                    if found not in ours:
                        ours.add(found)
                        waiting.append(found)
                    break
            else:
                others.add(name)
    return ours, others


def sources(entry):
    """The entry itself, or one for each source that a file of a unity build includes."""
    if not re.search(r"/Unity/unity_\w+\.cxx$", entry["file"]):
        return [entry]
    with open(entry["file"]) as file:
        included = re.findall(r'^#include "(.*)"', file.read(), re.MULTILINE)
    return [{**entry, "file": path, "command": entry["command"].replace(entry["file"], path)} for path in included]


def without_launcher(command):
    words = shlex.split(command)
    return words[1:] if os.path.basename(words[0]) == "ccache" else words


@functools.cache
def gcc_headers():
    return subprocess.run(["gcc", "-print-file-name=include"], capture_output=True, text=True, check=True).stdout.strip()


class Job:
    def __init__(self, entry):
        self.file = entry["file"]
        self.words = without_launcher(entry["command"])
        folders = re.findall(r"(?:-I|-isystem) ?(\S+)", entry["command"])
        files, others = reached(self.file, folders)
        heavy = any(HEAVY.match(name) for name in others)
        self.arguments = [f"--checks={FEW_CHECKS}"] if heavy else []
        digest = hashlib.sha256()
        digest.update(" ".join(self.arguments + self.words).replace(ROOT, "").encode())
        for path in [os.path.join(ROOT, ".clang-tidy"), self.file, *sorted(files)]:  # the system's come with the system
            with open(path, "rb") as file:
                digest.update(hashlib.sha256(file.read()).digest())
        self.mark = os.path.join(CACHE, digest.hexdigest())

    def name(self):
        return os.path.relpath(self.file, ROOT)

    def run(self, commands):
        """The findings; empty when clean."""
        # GCC's own headers (backtrace.h) come last, so that clang's come before those of the same name.
        done = subprocess.run([TOOL, "-p", commands, "--quiet", f"--extra-arg=-idirafter{gcc_headers()}",
                               "--extra-arg=-Wno-unknown-warning-option",  # GCC's
                               *self.arguments, self.file],
                              capture_output=True, text=True)
        if done.returncode == 0:
            open(self.mark, "w").close()
            return ""
        return done.stdout + "".join(line for line in done.stderr.splitlines(True) if "generated" not in line)


def main():
    build = os.path.abspath(sys.argv[1])
    prefixes = tuple(sys.argv[2:]) or FOLDERS
    with open(os.path.join(build, "compile_commands.json")) as file:
        entries = [entry for listed in json.load(file) for entry in sources(listed)
                   if os.path.relpath(entry["file"], ROOT).startswith(prefixes)]
    jobs = [Job(entry) for entry in entries]
    os.makedirs(CACHE, exist_ok=True)
    waiting = [job for job in jobs if not os.path.exists(job.mark)]
    start, bad = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as commands:
        with open(os.path.join(commands, "compile_commands.json"), "w") as file:
            json.dump([{**entry, "command": shlex.join(without_launcher(entry["command"]))} for entry in entries], file)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for job, findings in zip(waiting, pool.map(lambda job: job.run(commands), waiting)):
                if findings:
                    bad += 1
                    print(f"{job.name()}:\n{findings}", flush=True)
    print(f"{len(waiting)} of {len(jobs)} files looked at in {time.monotonic() - start:.0f} s, {bad} with findings")
    return 1 if bad or not jobs else 0


if __name__ == "__main__":
    sys.exit(main())
