"""Completion of command lines, in the shells themselves."""

import os
import shutil
import subprocess
import tempfile
import unittest

from daemon import COVEY, DaemonTest, lines, process_task

SLEEPERS = lines(process_task("sleep", "60", name="a"), process_task("sleep", "60", name="b"))


class CompletionTest(DaemonTest):
    def tearDown(self):
        self.covey("cancel", "--all", "--yes")
        super().tearDown()

    def text(self, *arguments):
        return self.assertExit(0, self.covey(*arguments)).out

    def detach(self, stdin, *options):
        return self.assertExit(0, self.covey("run", "--detach", *options, "-f", "-", stdin=stdin)).out.strip()

    def test_completion_knows_names_and_is_silent_without_a_daemon(self):
        group = self.detach(SLEEPERS, "--name", "flock of geese")
        words = lambda *typed: [line.split("\t")[0] for line in self.text("completion", "words", "--", *typed).splitlines()]
        self.assertEqual(["flock of geese"], words("cancel", "flock o"))
        self.assertEqual([group], words("cancel", group[:6]))
        self.assertEqual(["flock of geese/a", "flock of geese/b"], words("logs", "flock of geese/"))
        self.assertEqual([f"{group[:6]}/b"], words("logs", f"{group[:6]}/b"))
        result = self.covey("completion", "words", "--", "--address", "unix:/nonexistent", "wait", "")
        self.assertEqual((0, "", ""), (result.code, result.out, result.err))

    def fish(self, line):
        shell = f"$COVEY completion fish | source; complete -C '{line}'"
        with tempfile.TemporaryDirectory(prefix="covey-") as home:
            path = os.path.dirname(COVEY) + ":" + os.environ["PATH"]
            done = subprocess.run(["fish", "--no-config", "-c", shell], capture_output=True, text=True, timeout=30,
                                  env={**self.daemon.env(), "COVEY": COVEY, "PATH": path, "HOME": home})
        self.assertEqual("", done.stderr)
        return [line.split("\t")[0] for line in done.stdout.splitlines()]

    @unittest.skipUnless(shutil.which("fish"), "fish is missing: apt install fish")
    def test_completion_in_fish(self):
        group = self.detach(SLEEPERS, "--name", "flock")
        self.assertEqual(["cancel"], self.fish("covey canc"))
        self.assertEqual(["all", "any"], sorted(self.fish("covey run --policy a")))
        self.assertEqual(["--policy=settled"], self.fish("covey run --policy=s"))
        self.assertEqual(["flock"], self.fish("covey wait flo"))
        self.assertEqual([group], self.fish(f"covey wait {group[:8]}"))
        self.assertIn("flock", self.fish("covey wait "))
        self.assertEqual(["flock/a", "flock/b"], self.fish("covey logs flock/"))
        self.assertIn("/etc/", self.fish("covey run -f /et"))

    def test_completion_in_bash(self):
        shell = ('source <("$COVEY" completion bash); COMP_WORDS=("$COVEY" run --policy = a); COMP_CWORD=4; _covey; '
                 'echo "${COMPREPLY[@]}"; COMP_WORDS=("$COVEY" canc); COMP_CWORD=1; _covey; echo "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", shell], env={**self.daemon.env(), "COVEY": COVEY},
                              capture_output=True, text=True, timeout=30)
        self.assertEqual("all any\ncancel\n", done.stdout)


if __name__ == "__main__":
    unittest.main()
