"""What processes are given besides their arguments, by the real daemon: each limit bites, each setting shows."""

import os
import pwd
import shutil
import signal
import tempfile
import unittest

from daemon import Daemon, DaemonTest, lines, process_task

NOBODY = pwd.getpwnam("nobody")
AS_ROOT = unittest.skipUnless(os.geteuid() == 0, "only a daemon that is root may change users")


class SettingsTest(DaemonTest):
    """As `covey run` gives them, by options and by the lines of a file."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="covey-out-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name):
        with open(self.path(name)) as file:
            return file.read()

    def raw(self, *arguments, stdin=None):
        """What `covey run --raw` prints to standard output."""
        return self.assertExit(0, self.covey("run", "--raw", *arguments, stdin=stdin)).out

    def test_limits_of_processes(self):
        self.assertEqual("64\n2097152\n30\n31\n0\n", self.raw(
            "--ulimit", "open-files=64", "--ulimit", "address-space=2G", "--ulimit", "cpu-time=30s",
            "--ulimit", "core-size=0", "--", "sh", "-c", "ulimit -n; ulimit -v; ulimit -St; ulimit -Ht; ulimit -c"))

    def test_open_files_run_out(self):
        result = self.covey("run", "--ulimit", "open-files=4", "--", "sh", "-c", "exec 3</dev/null; exec 4</dev/null")
        self.assertExit(2, result)

    def test_cpu_time_runs_out(self):
        spin = ("--ulimit", "cpu-time=1s", "--", "sh", "-c", "while :; do :; done")
        group = self.assertExit(0, self.covey("run", "--detach", *spin)).out.strip()
        self.assertExit(128 + signal.SIGXCPU, self.covey("wait", group))
        task = self.daemon.covey_json("show", f"{group}/sh")
        failure = task["failure"]
        self.assertEqual(("FAILURE_KIND_SIGNAL", signal.SIGXCPU), (failure["kind"], failure["code"]))
        self.assertEqual("ended by SIGXCPU: the limit of CPU time, 1 s, was reached", failure["message"])

    def test_umask_and_niceness(self):
        self.assertEqual("0022\n", self.raw("--", "sh", "-c", "umask"))
        self.assertEqual("0077\n19\n", self.raw("--umask", "077", "--nice", "19", "--", "sh", "-c", "umask; nice"))

    def test_environment_is_clean_unless_inherited(self):
        tell = ("--", "sh", "-c", "echo ${OF_THE_DAEMON-none}")
        self.assertEqual("none\n", self.raw(*tell))
        self.assertEqual("secret\n", self.raw("--inherit-env", *tell))
        self.assertEqual("mine\n", self.raw("--inherit-env", "--env", "OF_THE_DAEMON=mine", *tell))

    def test_output_goes_to_files(self):
        out, err = self.path("out"), self.path("err")
        write = ("--", "sh", "-c", "echo to-out; echo to-err >&2")
        self.assertEqual("", self.raw("--stdout-file", out, "--stderr-file", err, *write))
        self.assertEqual(("to-out\n", "to-err\n"), (self.read("out"), self.read("err")))
        self.assertEqual("", self.raw("--stdout-file", out, "--stderr-file", err, "--append", *write))
        self.assertEqual("to-out\nto-out\n", self.read("out"))
        self.assertEqual("", self.raw("--stdout-file", out, "--stderr-file", out, *write))
        self.assertEqual("to-out\nto-err\n", self.read("out"))

    def test_only_one_stream_goes_to_a_file(self):
        result = self.assertExit(0, self.covey("run", "--raw", "--stderr-file", self.path("err"), "--", "sh", "-c",
                                               "echo kept; echo gone >&2"))
        self.assertEqual("kept\n", result.out)
        self.assertEqual("gone\n", self.read("err"))

    def test_file_that_cannot_be_opened(self):
        result = self.assertExit(126, self.covey("run", "--stdout-file", self.path("no/file"), "--", "true"))
        self.assertIn(f"stdout_file '{self.path('no/file')}': No such file or directory", result.err)

    def test_lines_say_it_themselves(self):
        self.assertEqual("33\n0027\n", self.raw("--ulimit", "open-files=44", "--umask", "027", "-f", "-", stdin=lines(
            process_task("sh", "-c", "ulimit -n; umask", process={"limits": {"openFiles": 33}}))))

    def test_spec_is_told_as_it_was_given(self):
        result = self.assertExit(0, self.covey("run", "--detach", "--umask", "27", "--nice", "3", "--ulimit",
                                               "open-files=64", "--stdout-file", self.path("out"), "--", "true"))
        task = self.daemon.covey_json("show", f"{result.out.strip()}/true")
        process = task["spec"]["process"]
        self.assertEqual({"openFiles": 64}, process["limits"])
        self.assertEqual(("027", 3), (process["umask"], process["nice"]))
        self.assertEqual({"path": self.path("out"), "mode": "0644"}, process["stdoutFile"])
        self.assertExit(0, self.covey("wait", result.out.strip()))

    def test_bad_values_are_named(self):
        for fields, words in (({"limits": {"openFiles": 2}}, "process.limits.open_files must be 3..1048576, got 2"),
                              ({"umask": "9"}, "process.umask"),
                              ({"nice": 20}, "process.nice must be -20..19, got 20"),
                              ({"user": "no-such-user"}, "must be a user of this system or a number, got 'no-such-user'"),
                              ({"stdoutFile": {"path": "out"}}, "process.stdout_file.path")):
            with self.subTest(fields=fields):
                result = self.covey("run", "-f", "-", stdin=lines(process_task("true", process=fields)))
                self.assertExit(64, result)
                self.assertIn(words, result.err)

    def test_limits_of_trees_bite_or_are_refused(self):
        have = self.daemon.covey_json("info").get("cgroupControllers", [])
        for option, value, controller in (("--memory", "64M", "memory"), ("--cpus", "0.5", "cpu"), ("--pids", "8", "pids")):
            with self.subTest(controller=controller):
                result = self.covey("run", option, value, "--", "true")
                if controller in have:
                    self.assertExit(0, result)
                else:
                    self.assertExit(1, result)
                    self.assertIn(f"needs the cgroup controller {controller}, which this daemon does not have",
                                  result.err)
        if "memory" in have:
            self.assertExit(128 + signal.SIGKILL, self.covey(
                "run", "--memory", "16M", "--", "dd", "if=/dev/zero", "of=/dev/null", "bs=256M", "count=1"))
        if "pids" in have:
            result = self.covey("run", "--pids", "2", "--", "sh", "-c", "sleep 0 & sleep 0 & sleep 0 & wait")
            self.assertNotEqual(0, result.code, result)

    @AS_ROOT
    def test_user_and_group(self):
        who = ("--", "sh", "-c", "id -u; id -g; id -G; echo $USER $HOME")
        self.assertEqual(f"{NOBODY.pw_uid}\n{NOBODY.pw_gid}\n{NOBODY.pw_gid}\nnobody {NOBODY.pw_dir}\n",
                         self.raw("--user", "nobody", *who))
        self.assertEqual(f"{NOBODY.pw_uid}\n4242\n4242\nnobody {NOBODY.pw_dir}\n",
                         self.raw("--user", str(NOBODY.pw_uid), "--group", "4242", *who))

    @AS_ROOT
    def test_file_is_the_users(self):
        result = self.assertExit(126, self.covey("run", "--user", "nobody", "--stdout-file", self.path("out"), "--", "id"))
        self.assertIn("Permission denied", result.err)
        os.chmod(self.folder, 0o777)
        self.assertExit(0, self.covey("run", "--user", "nobody", "--stdout-file", self.path("out"), "--", "id", "-u"))
        self.assertEqual(f"{NOBODY.pw_uid}\n", self.read("out"))
        self.assertEqual(NOBODY.pw_uid, os.stat(self.path("out")).st_uid)

    @classmethod
    def setUpClass(cls):
        os.environ["OF_THE_DAEMON"] = "secret"
        try:
            super().setUpClass()
        finally:
            del os.environ["OF_THE_DAEMON"]


@AS_ROOT
class UnprivilegedTest(DaemonTest):
    """A daemon that is nobody: it runs tasks as itself alone."""

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon("--no-cgroups").become_nobody()
        cls.addClassCleanup(cls.daemon.remove)
        cls.daemon.start()

    def run_with(self, **process):
        return self.covey("run", "--raw", "--cwd", "/", "-f", "-", stdin=lines(process_task("id", "-u", process=process)))

    def test_another_user_is_refused(self):
        for fields, field in (({"user": "root"}, "user"), ({"user": "0"}, "user"), ({"group": "0"}, "group")):
            with self.subTest(fields=fields):
                result = self.assertExit(1, self.run_with(**fields))
                self.assertIn(f"process.{field} must be that of the daemon, {NOBODY.pw_uid}", result.err)

    def test_itself_is_fine(self):
        result = self.assertExit(0, self.run_with(user="nobody", group=str(NOBODY.pw_gid)))
        self.assertEqual(f"{NOBODY.pw_uid}\n", result.out)

    def test_priority_is_refused(self):
        result = self.assertExit(1, self.run_with(nice=-5))
        self.assertIn("process.nice must be ", result.err)
        self.assertExit(0, self.run_with(nice=5))

    def test_limit_above_its_own_is_refused(self):
        """Hard limits bind it: the test's own, or else one that nobody has."""
        import resource
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard == resource.RLIM_INFINITY or hard >= 1048576:
            self.skipTest(f"the hard limit of open files is {hard}")
        result = self.assertExit(1, self.run_with(limits={"openFiles": hard + 1}))
        self.assertIn(f"process.limits.open_files must be at most {hard}", result.err)


if __name__ == "__main__":
    unittest.main()
