"""docs/embedding.md as it says: ringmx installed into a prefix, the example built as a project of its own against it
(shared, static, and by pkg-config), run, sent mail, and ended. The prefix is moved first: nothing in it may name itself.
"""

import os
import re
import shutil
import signal
import smtplib
import subprocess
import time
import unittest

import harness
from harness import BIN, ROOT, TestCase, new_folder, without_trace

EXAMPLE = ROOT / "docs" / "examples" / "embedded_receiver"
PATIENCE_S = 60
BUILD_S_MAX = 900
API = re.compile(r"^ringmx::embed::")


def run(command, **keywords):
    result = subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            timeout=BUILD_S_MAX, check=False, **keywords)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit {result.returncode}\n"
                             f"{result.stdout[-4000:]}{result.stderr[-4000:]}")
    return result.stdout


class Receiver:
    """The example's program. Leaving the context ends it with SIGTERM and checks its exit code."""

    def __init__(self, program, folder, environment):
        self.log = open(folder.parent / "receiver.log", "w+", encoding="utf-8")
        self.process = subprocess.Popen([str(program), str(folder)], stdin=subprocess.DEVNULL, stdout=self.log,
                                        stderr=self.log, env={**os.environ, **environment})

    def output(self):
        self.log.flush()
        with open(self.log.name, encoding="utf-8", errors="replace") as text:
            return text.read()

    def port(self):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found = re.search(r"listens on 127\.0\.0\.1:(\d+)\n", self.output())
            if found:
                return int(found.group(1))
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise AssertionError(f"does not listen: {self.output()}")

    def __enter__(self):
        return self

    def __exit__(self, error_type, error, trace):
        try:
            if error_type is None:
                self.process.send_signal(signal.SIGTERM)
                code = self.process.wait(PATIENCE_S)
                if code != 0:
                    raise AssertionError(f"exit code {code}: {self.output()}")
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.log.close()
        return False


class Embedding(TestCase):
    @classmethod
    def setUpClass(cls):
        if harness.SANITIZED:
            raise unittest.SkipTest("a program would have to carry the library's sanitizer")
        build = BIN.parent
        cls.folder = new_folder("embedding")
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        run(["cmake", "--build", build, "--target", "ringmx_shared", "ringmx_static"])
        installed = cls.folder / "installed"
        # The part of the install that is for other programs; the rest need not be built for this test.
        run(["cmake", f"-DCMAKE_INSTALL_PREFIX={installed}", "-P", build / "engine" / "package" / "cmake_install.cmake"])
        cls.prefix = cls.folder / "moved here"
        installed.rename(cls.prefix)
        cls.library_folder = next(cls.prefix.glob("**/libringmx.so")).parent

    # --- what is installed ------------------------------------------------------------------------------------------
    def test_nothing_names_the_place_where_it_was_built_or_installed(self):
        for path in self.prefix.rglob("*"):
            if path.suffix in (".cmake", ".pc", ".h", ".hpp"):
                text = path.read_text(encoding="utf-8")
                self.assertNotIn(str(ROOT), text, path)
                self.assertNotIn(str(self.folder), text, path)

    def test_the_shared_library_shows_the_api_and_nothing_else(self):
        library = self.library_folder / "libringmx.so"
        names = [line.split(maxsplit=2)[2] for line in run(["nm", "-DC", "--defined-only", library]).splitlines()]
        self.assertIn("ringmx::embed::Ticket::answer(ringmx::embed::Decision) const", names)
        self.assertEqual([name for name in names if not API.match(name)], [])
        self.assertTrue(any("Engine::start(" in name for name in names), names)
        needed = run(["readelf", "-d", library])
        self.assertRegex(needed, r"SONAME.*\[libringmx\.so\.\d+\.\d+\]")
        self.assertNotIn("mimalloc", needed)

    # --- the example ------------------------------------------------------------------------------------------------
    def test_shared_library_by_cmake(self):
        build = self.cmake_project("shared", "-DSTATIC=OFF")
        self.assertIn("libringmx.so", run(["readelf", "-d", build / "embedded_receiver"]))
        self.receive(build / "embedded_receiver")

    def test_static_library_by_cmake(self):
        build = self.cmake_project("static", "-DSTATIC=ON")
        self.assertNotIn("libringmx", run(["readelf", "-d", build / "embedded_receiver"]))
        self.receive(build / "embedded_receiver")

    def test_shared_library_by_pkg_config(self):
        program = self.pkg_config_program("pkg-config", ["--cflags", "--libs", "ringmx"])
        self.receive(program, {"LD_LIBRARY_PATH": str(self.library_folder)})

    def test_static_library_by_pkg_config(self):
        program = self.pkg_config_program("pkg-config-static", ["--static", "--cflags", "--libs", "ringmx"],
                                          lambda flag: f"{self.library_folder}/libringmx.a" if flag == "-lringmx"
                                          else flag)
        self.assertNotIn("libringmx", run(["readelf", "-d", program]))
        self.receive(program)

    def test_a_backend_needs_the_headers_alone(self):
        folder = self.folder / "plugin"
        folder.mkdir()
        (folder / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.20)\nproject(printer LANGUAGES CXX)\nfind_package(ringmx REQUIRED)\n"
            "add_library(printer MODULE printer.cpp)\ntarget_link_libraries(printer PRIVATE ringmx::plugin)\n"
            "target_compile_features(printer PRIVATE cxx_std_20)\n")
        (folder / "printer.cpp").write_text(
            "#include <ringmx/backend.hpp>\nusing namespace ringmx::plugin;\n"
            "class Printer final : public Backend {\n public:\n    Printer(Host host, const Options&) : host_(host) {}\n"
            "    Durability durability() const override { return RINGMX_DURABLE_NONE; }\n"
            "    void submit(std::span<const Message> messages) override {\n"
            "        for (const Message& message : messages) host_.stored(message.token());\n    }\n"
            " private:\n    Host host_;\n};\nRINGMX_BACKEND(Printer, \"printer\", \"1.0\")\n")
        run(["cmake", "-S", folder, "-B", folder / "build", f"-DCMAKE_PREFIX_PATH={self.prefix}"])
        run(["cmake", "--build", folder / "build"])
        built = next((folder / "build").glob("*printer.so"))
        self.assertIn("ringmx_backend_entry", run(["nm", "-D", "--defined-only", built]))
        self.assertNotIn("libringmx", run(["readelf", "-d", built]))

    def cmake_project(self, name, *options):
        source = self.folder / name / "source"
        shutil.copytree(EXAMPLE, source)  # nothing of the checkout is in reach
        build = self.folder / name / "build"
        run(["cmake", "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={self.prefix}", *options])
        run(["cmake", "--build", build])
        return build

    def pkg_config_program(self, name, question, replace=lambda flag: flag):
        folder = self.folder / name
        folder.mkdir()
        environment = {**os.environ, "PKG_CONFIG_PATH": str(self.library_folder / "pkgconfig")}
        # The prefix has a blank in its name: pkg-config escapes it, the shell takes it.
        answer = run(["sh", "-c", 'eval "set -- $(pkg-config "$@")"; printf "%s\\n" "$@"', "sh", *question],
                     env=environment)
        flags = [replace(flag) for flag in answer.splitlines()]
        run(["c++", "-std=c++20", EXAMPLE / "main.cpp", "-o", folder / "embedded_receiver", *flags])
        return folder / "embedded_receiver"

    def receive(self, program, environment=None):
        """Sends to a running example and looks at what it kept, what it said and what it counted."""
        kept = new_folder("kept", parent=program.parent)
        bodies = {f"user{number}@example.com": b"Subject: %d\r\n\r\n" % number + b"Text and more text.\r\n" * lines
                  for number, lines in enumerate((1, 100, 100_000))}
        with Receiver(program, kept, environment or {}) as receiver:
            with smtplib.SMTP("127.0.0.1", receiver.port(), timeout=PATIENCE_S) as client:
                for to, body in bodies.items():
                    client.sendmail("sender@client.test", [to], body)
                with self.assertRaises(smtplib.SMTPRecipientsRefused) as refused:
                    client.sendmail("sender@client.test", ["nobody@example.com"], b"Subject: no\r\n\r\n")
                self.assertEqual(refused.exception.recipients["nobody@example.com"],
                                 (550, b"5.1.1 Nobody reads this mail"))
                with self.assertRaises(smtplib.SMTPRecipientsRefused):
                    client.sendmail("sender@client.test", ["user@foreign.test"], b"Subject: no\r\n\r\n")
            receiver.process.send_signal(signal.SIGTERM)
            receiver.process.wait(PATIENCE_S)
            output = receiver.output()
        stored = re.findall(r"^stored (\S+) from=<sender@client.test> to=<(\S+)> octets=(\d+)$", output, re.M)
        self.assertEqual([to for _, to, _ in stored], list(bodies), output)
        self.assertEqual(sorted(path.name for path in kept.iterdir()), sorted(f"{name}.eml" for name, _, _ in stored))
        octets = 0
        for name, to, size in stored:
            content = (kept / f"{name}.eml").read_bytes()
            self.assertEqual(len(content), int(size))
            self.assert_same_bytes(without_trace(content), bodies[to])
            octets += len(content)
        counters = dict(re.findall(r"^([a-z_.]+) (\d+)$", output, re.M))
        self.assertEqual(counters, {"messages_stored": "3", "recipients_refused": "2",
                                    "files.octets_written": str(octets)})
        self.assertIn("refused nobody@example.com for 127.0.0.1\n", output)
