"""What is installed is enough for programs outside of the tree: found by CMake and by pkg-config, wherever it was moved to."""

import glob
import os
import re
import shutil
import tempfile
import unittest

from daemon import BIN, ROOT, Daemon, run

BUILD = os.path.dirname(BIN)
LIMIT = 300.0  # seconds for a compiler

CORE = """
#include <cstdio>

#include "covey/run.h"
#include "covey/version.h"

static_assert(COVEY_VERSION_NUMBER >= 100);

int main() {
  covey::Group group({.pool = covey::Pool::New(2)});
  if (!group.Go([](const covey::Context&) { return covey::Status::Error("no luck"); }, "hasty").ok()) return 1;
  const covey::Status status = group.Wait();
  std::printf("%s: %s\\n", status.failure().task.c_str(), status.failure().message.c_str());
}
"""

CLIENT = """
#include <cstdio>

#include "covey/client/client.h"

int main() {
  using covey::client::Client;
  auto client = Client::Connect();
  if (!client.ok()) return 1;
  covey::v1::CreateGroupRequest request;
  *request.add_tasks() = covey::client::Function("outside.twice", "ab");
  request.set_seal(true);
  const auto group = client.value().CreateGroup(request);
  if (!group.ok()) {
    std::printf("%s\\n", group.error().reason.c_str());
    return 2;
  }
  const auto result = client.value().WaitGroup(group.value().id());
  std::printf("%s\\n", covey::v1::GroupState_Name(result.value().group().state()).c_str());
}
"""

SERVER = """
#include "covey/daemon.h"

int main(int argc, char** argv) {
  covey::FunctionRegistry functions;
  functions.Register("outside.twice", [](const covey::Context&, covey::FunctionCall& call) {
    call.Write(call.payload.bytes + call.payload.bytes);
    return covey::Status::Ok();
  });
  return covey::RunDaemon(argc, argv, std::move(functions));
}
"""

OPTIONAL = """
cmake_minimum_required(VERSION 3.25)
project(optional LANGUAGES CXX)
find_package(covey COMPONENTS core ${HOW} client)
message(STATUS "core ${covey_core_FOUND} client ${covey_client_FOUND}")
"""

PROJECT = """
cmake_minimum_required(VERSION 3.25)
project(outside LANGUAGES CXX)
find_package(covey %(version)s REQUIRED COMPONENTS %(components)s)
foreach(component %(components)s)
  add_executable(outside_${component} ${component}.cc)
  target_link_libraries(outside_${component} PRIVATE covey::${component})
endforeach()
"""


@unittest.skipIf(os.environ.get("COVEY_SANITIZE"), "programs outside are built without sanitizers")
@unittest.skipUnless(all(map(shutil.which, ("cmake", "ninja", "c++"))), "cmake, ninja or c++ is not installed")
class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="covey-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        first, cls.prefix = os.path.join(cls.folder, "first"), os.path.join(cls.folder, "moved here")
        installed = run(["cmake", "--install", BUILD, "--prefix", first], limit=LIMIT)
        if installed.code != 0:
            raise AssertionError(installed)
        os.rename(first, cls.prefix)

    def installed(self, path):
        path, = glob.glob(os.path.join(glob.escape(self.prefix), path), recursive=True)
        return path

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def configure(self, name, version, components):
        self.write(f"{name}/CMakeLists.txt", PROJECT % {"version": version, "components": components})
        for component, text in (("core", CORE), ("client", CLIENT), ("server", SERVER)):
            self.write(f"{name}/{component}.cc", text)
        folder = os.path.join(self.folder, name)
        build = os.path.join(folder, "build")
        return build, run(["cmake", "-G", "Ninja", "-S", folder, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}"], limit=LIMIT)

    def test_cmake(self):
        build, configured = self.configure("all", "0.2", "core client server")
        self.assertEqual(0, configured.code, configured)
        built = run(["cmake", "--build", build, "-j2"], limit=LIMIT)
        self.assertEqual(0, built.code, built)
        self.assertEqual("hasty: no luck\n", run([os.path.join(build, "outside_core")]).out)
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        daemon.command = [os.path.join(build, "outside_server")]
        daemon.start()
        self.assertIn("outside.twice", daemon.covey_json("info")["functions"])
        result = run([os.path.join(build, "outside_client")], env=daemon.env())
        self.assertEqual((0, "GROUP_STATE_SUCCEEDED\n"), (result.code, result.out), result)
        self.assertEqual(0, daemon.stop())

    def test_core_alone_asks_for_nothing_else(self):
        build, configured = self.configure("alone", "0.2", "core")
        self.assertEqual(0, configured.code, configured)
        with open(os.path.join(build, "CMakeCache.txt")) as file:
            cache = file.read()
        for package in ("Protobuf", "GRPCPP", "spdlog", "SQLite"):
            self.assertNotIn(package, cache)

    def test_an_optional_component_may_be_missing(self):
        folder = os.path.dirname(self.write("optional/CMakeLists.txt", OPTIONAL))
        arguments = ["cmake", "-G", "Ninja", "-S", folder, f"-DCMAKE_PREFIX_PATH={self.prefix}", "-DCMAKE_DISABLE_FIND_PACKAGE_Protobuf=ON"]
        optional = run([*arguments, "-B", os.path.join(folder, "optional"), "-DHOW=OPTIONAL_COMPONENTS"], limit=LIMIT)
        self.assertEqual(0, optional.code, optional)
        self.assertIn("core TRUE client FALSE", optional.out)
        required = run([*arguments, "-B", os.path.join(folder, "required"), "-DHOW=COMPONENTS"], limit=LIMIT)
        self.assertIn("covey::client needs what is not found: Protobuf", " ".join(required.err.split()))

    def test_what_cannot_be_found_is_said(self):
        _, wrong = self.configure("wrong", "0.2", "kernel")
        self.assertNotEqual(0, wrong.code)
        self.assertIn("no component kernel; there are: core, client, server", " ".join(wrong.err.split()))
        _, newer = self.configure("newer", "0.3", "core")
        self.assertNotEqual(0, newer.code)
        self.assertIn("0.2.0", newer.err)

    @unittest.skipUnless(shutil.which("pkg-config"), "pkg-config is not installed")
    def test_pkg_config(self):
        # pkg-config escapes no spaces in what is built from its file's own place.
        prefix = os.path.join(self.folder, "plain")
        os.symlink(self.prefix, prefix)
        found = self.installed("lib/**/covey-core.pc")
        env = {**os.environ, "PKG_CONFIG_PATH": os.path.dirname(found).replace(self.prefix, prefix)}
        for part, text in (("core", CORE), ("client", CLIENT)):
            flags = run(["pkg-config", "--cflags", "--libs", f"covey-{part}"], env=env)
            self.assertEqual(0, flags.code, flags)
            source, program = self.write(f"{part}.cc", text), os.path.join(self.folder, f"pkg_{part}")
            built = run(["c++", "-std=c++20", "-Wall", "-Wextra", "-Wno-missing-field-initializers", source, "-o", program,
                         *flags.out.split()], limit=LIMIT)
            self.assertEqual(0, built.code, built)
        self.assertEqual("hasty: no luck\n", run([os.path.join(self.folder, "pkg_core")]).out)
        daemon = Daemon()
        self.addCleanup(daemon.remove)
        daemon.start()
        self.assertEqual("FUNCTION_NOT_FOUND\n", run([os.path.join(self.folder, "pkg_client")], env=daemon.env()).out)
        self.assertEqual(0, daemon.stop())

    def headers(self):
        include = os.path.join(self.prefix, "include")
        return sorted(os.path.relpath(path, include)
                      for path in glob.glob(os.path.join(glob.escape(include), "**", "*.h"), recursive=True))

    def test_the_public_headers_are_installed_and_no_other(self):
        public = {os.path.relpath(path, os.path.join(ROOT, part, "include")) for part in ("core", "proto", "client", "server")
                  for path in glob.glob(os.path.join(glob.escape(ROOT), part, "include", "**", "*.h"), recursive=True)}
        messages = {path.replace(".proto", ".pb.h") for path in glob.glob("covey/v1/*.proto", root_dir=os.path.join(ROOT, "proto"))}
        self.assertLess({"covey/run.h", "covey/function_registry.h", "covey/daemon.h", "covey/client/client.h"}, public)
        self.assertEqual(sorted(public | messages | {"covey/version.h"}), self.headers())

    def test_every_header_compiles_alone(self):
        include = os.path.join(self.prefix, "include")
        for header in self.headers():
            with self.subTest(header):
                source = self.write("header.cc", f'#include "{header}"\n#include "{header}"\n')
                compiled = run(["c++", "-std=c++20", "-Wall", "-Wextra", "-fsyntax-only", "-I", include, source], limit=LIMIT)
                self.assertEqual(0, compiled.code, compiled)

    def test_the_client_brings_neither_grpc_headers_nor_messages_of_others(self):
        """A program that links two libraries with google/rpc/status.proto ends at its start."""
        include = os.path.join(self.prefix, "include")
        source = self.write("client_headers.cc", CLIENT)
        needed = run(["c++", "-std=c++20", "-M", "-I", include, source], limit=LIMIT)
        self.assertEqual(0, needed.code, needed)
        self.assertIn("google/protobuf/message.h", needed.out)
        self.assertNotIn("grpc", needed.out)
        with open(self.installed("lib/**/covey-client.pc")) as file:
            libraries = [word[2:] for word in file.read().split() if word.startswith("-lcovey")]
        self.assertIn("covey_client", libraries)
        for library in libraries:
            names = run(["nm", "-C", self.installed(f"lib/**/lib{library}.a")], limit=LIMIT)
            self.assertEqual(0, names.code, names)
            self.assertIsNone(re.search(r"google::rpc|grpc::health", names.out), library)

    def test_programs_and_their_pages(self):
        for program in ("covey", "coveyd"):
            shown = run([self.installed(f"bin/{program}"), "--version"])
            self.assertEqual(0, shown.code, shown)
            with open(self.installed(f"share/man/man[18]/{program}.[18]")) as file:
                self.assertTrue(file.read().startswith(f".TH {program.upper()} "))
        if shutil.which("groff"):
            for page in ("man1/covey.1", "man8/coveyd.8"):
                rendered = run(["groff", "-man", "-Tutf8", "-ww", self.installed(f"share/man/{page}")])
                self.assertEqual((0, ""), (rendered.code, rendered.err), rendered.err)
        self.assertEqual(0, run(["bash", "-n", self.installed("share/bash-completion/completions/covey")]).code)
        with open(self.installed("share/fish/vendor_completions.d/covey.fish")) as file:
            self.assertIn("complete -c covey", file.read())
        with open(self.installed("share/zsh/vendor-completions/_covey")) as file:
            self.assertTrue(file.read().startswith("#compdef covey"))
        self.assertTrue(os.path.exists(self.installed("share/covey/proto/covey/v1/group_service.proto")))
        with open(self.installed("lib/systemd/system/coveyd.service")) as file:
            first = os.path.join(self.folder, "first")
            self.assertIn(f"\nExecStart={first}/bin/coveyd --config {first}/etc/covey/coveyd.toml\n", file.read())

    def test_a_configuration_that_is_there_stays(self):
        path = self.installed("etc/covey/coveyd.toml")
        with open(path, "a") as file:
            file.write("# mine\n")
        again = run(["cmake", "--install", BUILD, "--prefix", self.prefix], limit=LIMIT)
        self.assertEqual(0, again.code, again)
        with open(path) as file:
            self.assertTrue(file.read().endswith("# mine\n"))


if __name__ == "__main__":
    unittest.main()
