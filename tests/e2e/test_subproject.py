"""covey inside another project: it brings its libraries and programs, and leaves the rest to that project."""

import json
import os
import shutil
import tempfile
import unittest

from daemon import ROOT, run

LIMIT = 600.0  # seconds for compilers on a busy machine

# Names that another project may well have, and packages that it has found before.
PARENT = """
cmake_minimum_required(VERSION 3.25)
project(parent LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 17)
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)
find_package(SQLite3 REQUIRED)
foreach(name covey coveyd client_example own_functions engine_support base_test fuzzers benchmarks)
  add_custom_target(${name})
endforeach()
add_library(before OBJECT plain.cc)
add_subdirectory(%(root)s covey)
add_library(plugin SHARED plugin.cc)
target_link_libraries(plugin PRIVATE covey::core)
add_executable(talker talker.cc)
target_link_libraries(talker PRIVATE covey::client)
install(TARGETS plugin)
"""

PLUGIN = """
#include "covey/run.h"
#include "covey/version.h"

#if __has_include("core/base/mutex.h")
#error "internal headers can be reached"
#endif

static_assert(COVEY_VERSION_NUMBER == COVEY_VERSION_MAJOR * 10000 + COVEY_VERSION_MINOR * 100 + COVEY_VERSION_PATCH);

extern "C" int Work() {
  covey::Group group;
  return group.Go([](const covey::Context&) { return covey::Status::Ok(); }).ok() && group.Wait().ok();
}
"""

TALKER = """
#include "covey/client/client.h"

#if __has_include("core/base/mutex.h") || __has_include("client/retry.h")
#error "internal headers can be reached"
#endif

int main() {}
"""

# The parent's own, instead of the one that covey would take by itself.
LAUNCHER = """#!/bin/sh
: > "$0.used"
exec $(command -v ccache) "$@"
"""


def words(command):
    return command["command"].split()


def output(command):
    """What it makes: CMake before 3.28 has no entry for it."""
    argv = words(command)
    return argv[argv.index("-o") + 1]


@unittest.skipIf(os.environ.get("COVEY_SANITIZE"), "what is looked at does not depend on sanitizers")
@unittest.skipUnless(all(map(shutil.which, ("cmake", "ninja", "c++"))), "cmake, ninja or c++ is not installed")
class SubprojectTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="covey-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def build_folder(self):
        return os.path.join(self.folder, "build")

    def configure(self, source, *options):
        configured = run(["cmake", "-G", "Ninja", "-S", source, "-B", self.build_folder(),
                          "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", *options], limit=LIMIT)
        self.assertEqual(0, configured.code, configured)
        with open(os.path.join(self.build_folder(), "compile_commands.json")) as file:
            return json.load(file)

    def test_a_part_of_another_project(self):
        for name, text in (("CMakeLists.txt", PARENT % {"root": ROOT}), ("plain.cc", "int plain;\n"),
                           ("plugin.cc", PLUGIN), ("talker.cc", TALKER)):
            with open(os.path.join(self.folder, name), "w") as file:
                file.write(text)
        launcher = os.path.join(self.folder, "launcher")
        with open(launcher, "w") as file:
            file.write(LAUNCHER)
        os.chmod(launcher, 0o755)
        commands = self.configure(self.folder, f"-DCMAKE_CXX_COMPILER_LAUNCHER={launcher}", "-DCMAKE_UNITY_BUILD=ON")
        for command in commands:
            self.assertNotIn("-Werror", words(command))
        plain = next(words(command) for command in commands if "before.dir" in output(command))
        # 17 is the default of GCC 12, which CMake then need not say.
        self.assertFalse([word for word in plain if word.startswith("-std=") and not word.endswith("17")])
        self.assertFalse([command for command in commands if f" {ROOT}/tests/" in command["command"]])
        self.assertFalse([command for command in commands if "example" in output(command)])
        self.assertIn("Total Tests: 0", run(["ctest", "-N", "--test-dir", self.build_folder()]).out)
        self.assertFalse(os.path.exists(os.path.join(self.build_folder(), "CPackConfig.cmake")))

        built = run(["cmake", "--build", self.build_folder(), "-j2", "--target", "plugin"], limit=LIMIT)
        self.assertEqual(0, built.code, built)
        self.assertTrue(os.path.exists(launcher + ".used"))
        prefix = os.path.join(self.folder, "prefix")
        installed = run(["cmake", "--install", self.build_folder(), "--prefix", prefix], limit=LIMIT)
        self.assertEqual(0, installed.code, installed)
        self.assertEqual(["libplugin.so"], [file for _, _, files in os.walk(prefix) for file in files])

    def test_a_release_without_presets(self):
        commands = self.configure(ROOT, "-DCMAKE_BUILD_TYPE=Release")
        own = next(words(command) for command in commands if command["file"].endswith("core/run/group.cc"))
        for flag in ("-O3", "-fPIC", "-fstack-protector-strong", "-D_FORTIFY_SOURCE=2"):
            self.assertIn(flag, own)
        self.assertNotIn("-Werror", own)


if __name__ == "__main__":
    unittest.main()
