"""What the README shows works as it stands there: its shell blocks are run one after the other, its programs are built
and run."""

import os
import re
import subprocess
import tempfile
import unittest

import grpcurl
from daemon import BIN, COVEY, COVEYD, Daemon, ROOT, run

SANITIZED = bool(os.environ.get("COVEY_SANITIZE"))


def blocks(language, page="README.md"):
    with open(os.path.join(ROOT, page)) as file:
        return re.findall(rf"^```{language}\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)


class ShellTest(unittest.TestCase):
    def test_tour(self):
        script = "set -euo pipefail\ntrap 'kill $(jobs -p); wait' EXIT\n" + "".join(blocks("sh"))
        self.assertIn("coveyd --listen", script)
        with tempfile.TemporaryDirectory(prefix="covey-") as folder:
            tools = os.path.join(folder, "tools")
            os.mkdir(tools)
            if grpcurl.GRPCURL:
                os.symlink(grpcurl.GRPCURL, os.path.join(tools, "grpcurl"))
            else:
                # The rest of the tour is run all the same.
                script = re.sub(r"^grpcurl (?:.*\\\n)*.*?(<<'END'\n.*?^END)?$", "true", script,
                                flags=re.MULTILINE | re.DOTALL)
            env = {**os.environ, "PATH": f"{BIN}:{tools}:{os.environ['PATH']}"}
            done = subprocess.run(["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True,
                                  stdin=subprocess.DEVNULL, timeout=60)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        self.assertIn("hello", done.stdout)
        self.assertIn("exit 7", done.stdout)
        if grpcurl.GRPCURL:
            self.assertIn("covey.v1.GroupService", done.stdout)
            self.assertIn("GROUP_STATE_SUCCEEDED", done.stdout)


@unittest.skipIf(grpcurl.GRPCURL is None, grpcurl.WHY_NOT)
class AdministrationTest(unittest.TestCase):
    def test_page(self):
        """server/docs/administration.md: every line works, and every RPC is there."""
        script = "".join(blocks("sh", "server/docs/administration.md"))
        with tempfile.TemporaryDirectory(prefix="covey-") as folder:
            os.symlink(grpcurl.GRPCURL, os.path.join(folder, "grpcurl"))
            env = {**os.environ, "PATH": f"{BIN}:{folder}:{os.environ['PATH']}"}
            listing = "\nfor s in Group Task Pool Event Admin; do grpcurl -plaintext -unix -authority localhost $SOCKET list " \
                      "covey.v1.${s}Service; done"
            done = subprocess.run(["bash", "-c", "set -euo pipefail\ntrap 'kill $(jobs -p); wait' EXIT\n" + script + listing],
                                  cwd=folder, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        for words in ("it takes too long", "max must be 1..65536, got 70000", "refused:", '"key": "pools.nightly"'):
            self.assertIn(words, done.stdout + done.stderr)
        self.assertRegex(done.stdout, '"last_?[nN]umber": "2"')
        rpcs = re.findall(r"^covey\.v1\.(\w+)\.(\w+)$", done.stdout, re.MULTILINE)
        self.assertGreater(len(rpcs), 20)
        for service, method in rpcs:
            self.assertIn(f"covey.v1.{service}/{method}", script)


class SettingsTest(unittest.TestCase):
    def test_reference(self):
        """The table of settings has each key with its flag and its default, and says which are live."""
        with open(os.path.join(ROOT, "server/docs/configuration.md")) as file:
            table = re.search(r"^\| key \| flag .*\n\| ---.*\n((?:\|.*\n)+)", file.read(), re.MULTILINE)[1]
        rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()]
        help_text = run([COVEYD, "--help"]).out
        flags = re.findall(r"^  --(?:\[no-\])?([a-z-]+)", help_text.split("--config FILE")[0], re.MULTILINE)
        self.assertEqual(flags, [row[1].strip("`").split()[0][2:] for row in rows])
        with tempfile.TemporaryDirectory(prefix="covey-") as folder:
            path = os.path.join(folder, "coveyd.toml")
            for key, flag, _, default, live in rows:
                key, plain = key.strip("`"), key.strip("`").replace("_", "-")
                self.assertIn(flag.strip("`").split()[0][2:], (plain, plain[:-1]))
                self.assertIn(live.split(",")[0], ("yes", ""))
                if re.fullmatch("`[^`]+`", default):
                    with open(path, "w") as file:
                        file.write(f"{key} = {default.strip('`')}\n")
                    said, unsaid = (run([COVEYD, "--print-config", *config]).out for config in (["--config", path], []))
                    self.assertIn(f"{key} = {default.strip('`')}  # {path}:1\n", said)
                    self.assertIn(f"{key} = {default.strip('`')}  # default\n", unsaid)


@unittest.skipIf(SANITIZED, "the README's programs are built without sanitizers")
class ProgramTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="covey-")
        self.addCleanup(subprocess.run, ["rm", "-rf", self.folder])

    def build(self, header, *libraries):
        """The README's program that includes header, built with whatever else includes it."""
        program = "\n".join(block for block in blocks("cpp") if f'#include "{header}"' in block)
        source, binary = os.path.join(self.folder, "program.cc"), os.path.join(self.folder, "program")
        with open(source, "w") as file:
            file.write(program)
        build = os.path.dirname(BIN)
        result = run(["c++", "-std=c++20", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers", 
                      *[f"-I{os.path.join(ROOT, part, 'include')}" for part in ("core", "client", "proto")], "-isystem", os.path.join(build, "proto", "gen"), source, "-o", binary,
                      *[os.path.join(build, *library.split("/")) if library.endswith(".a") else library
                        for library in libraries], "-pthread"], limit=120)
        self.assertEqual(0, result.code, result)
        return binary

    def test_client(self):
        packages = run(["pkg-config", "--libs", "grpc++", "protobuf"]).out.split()
        program = self.build("covey/client/client.h", "client/libcovey_client.a", "proto/libcovey_rpc_status.a",
                             "proto/libcovey_methods.a", "proto/libcovey_proto.a", *packages)
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        daemon.start()
        result = run([program], env=daemon.env())
        self.assertEqual((0, "hello\n"), (result.code, result.out), result)
        self.assertEqual(0, daemon.stop())

    def test_library(self):
        program = self.build("covey/run.h", "core/libcovey_core.a")
        result = run([program])
        self.assertEqual((0, "hasty failed: no luck\n"), (result.code, result.out), result)


class ReferenceTest(unittest.TestCase):
    def test_every_option_is_there(self):
        """The tables of README and of the pages for users name what --help names."""
        told_of = ""
        for page in ("README.md", "server/docs/configuration.md"):
            with open(os.path.join(ROOT, page)) as file:
                told_of += file.read()
        helps = run([os.path.join(BIN, "coveyd"), "--help"]).out
        for command in ("run", "create", "submit", "wait", "cancel", "ps", "show", "tasks", "events", "logs", "top",
                        "pools create", "pools set", "pools close", "drain", "help"):
            helps += run([COVEY, "help", *command.split()]).out
        told = {"--help", "--version"}
        for option in sorted(set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", helps)) - told):
            with self.subTest(option=option):
                self.assertIn(option, told_of)


if __name__ == "__main__":
    unittest.main()
