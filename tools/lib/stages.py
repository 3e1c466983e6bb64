"""The stages of tools/test. Each takes the builds and the options and returns a Tally; what went wrong is in
build/test-logs/STAGE*.log. NEEDS says what a stage wants built."""

import concurrent.futures
import os
import re
import shutil
import subprocess

from builds import Target
from process import BUILD, LOGS, ROOT, run, tail
from results import Tally, from_ctest, from_e2e

CTEST_S_MAX = 1500
E2E_S_MAX = 2400
CRASH_S_MAX = 1500
BENCH_S_MAX = 600

# Modules of tests/e2e that the sanitizers need not see, and classes of them: whose code others run, or what a sanitizer needs
# system calls and memory of its own for.
WITHOUT_SANITIZERS = ("epoll_twin", "embedding", "backend_jetstream.JetStreamCluster", "jetstream_server.Cluster",
                      "confinement.Confined", "costs")
# About programs of one thread, or whose threads other modules have under test.
WITHOUT_THREADS = ("load", "load_tls", "plugin_examples", "protocol", "smtplib", "smtp_source",
                   "postfix", "buffered_spool", "first_message", "many_connections")

SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


def failed(name, log):
    print(f"--- {name}: end of {log.relative_to(ROOT)}\n{tail(log)}\n---", flush=True)
    return Tally(failures=[name])


def fixed_addresses():
    """Prefix that turns off address randomisation: ThreadSanitizer of gcc 12 cannot map its shadow under much of it."""
    command = ["setarch", os.uname().machine, "-R"]
    try:
        allowed = subprocess.run([*command, "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0
    except FileNotFoundError:
        return []
    return command if allowed else []


def ctest(stage, preset, prefix=()):
    """Runs every registered test of a preset and counts what their reports say."""
    log = LOGS / f"{stage}-ctest.log"
    reports = LOGS / f"{stage}-gtest"
    junit = LOGS / f"{stage}-ctest.xml"
    shutil.rmtree(reports, ignore_errors=True)
    reports.mkdir(parents=True)
    junit.unlink(missing_ok=True)
    env = {**SANITIZER_ENV, "GTEST_OUTPUT": f"json:{reports}/", "CTEST_OUTPUT_ON_FAILURE": "1"}
    status = run([*prefix, "ctest", "--test-dir", BUILD / preset, "-j", os.cpu_count(), "--no-tests=error",
                  "--output-junit", junit], log, CTEST_S_MAX, env)
    if not junit.exists():
        return failed(f"{stage}: ctest", log)
    tally = from_ctest(junit, reports)
    if tally.failures or status != 0:
        shown = failed(f"{stage}: ctest", log)
        if not tally.failures:
            return shown
    return tally


def end_to_end(stage, preset, folder, options=(), prefix=(), timeout_s=E2E_S_MAX):
    """Runs the tests of tests/FOLDER against the programs of a preset."""
    return part_of_end_to_end(stage, preset, folder, "", options, prefix, timeout_s)


def end_to_end_in_parts(stage, preset, options=(), prefix=(), more=0):
    """Those of tests/e2e, which mostly wait: as many runs at once as there are CPUs, and `more`, share them."""
    count = max(2, os.cpu_count()) + more
    shared = LOGS / f"{stage}-e2e-begun"
    shutil.rmtree(shared, ignore_errors=True)
    shared.mkdir(parents=True)
    tally = Tally()
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        for result in pool.map(lambda number: part_of_end_to_end(
                stage, preset, "e2e", f"-{number}", ["--share", shared, *options], prefix, E2E_S_MAX),
                range(1, count + 1)):
            tally.add(result)
    return tally


def part_of_end_to_end(stage, preset, folder, name, options, prefix, timeout_s):
    log = LOGS / f"{stage}-{folder}{name}.log"
    report = LOGS / f"{stage}-{folder}{name}.json"
    report.unlink(missing_ok=True)
    env = {**SANITIZER_ENV, "RINGMX_BIN": str(BUILD / preset / "bin")}
    status = run([*prefix, "/usr/bin/python3", "tests/e2e", "--suite", folder, "--report", report, *options],
                 log, timeout_s, env)
    if not report.exists():
        return failed(f"{stage}: {folder}", log)
    tally = from_e2e(report)
    if tally.failures:
        failed(f"{stage}: {folder}", log)
    elif status != 0:
        return failed(f"{stage}: {folder}", log)
    return tally


def stage_format(_builds, _options):
    """clang-format over every tracked C++ file."""
    log = LOGS / "format.log"
    listed = subprocess.run(["git", "ls-files", "*.cpp", "*.hpp", "*.h"], cwd=ROOT, capture_output=True, text=True,
                            check=False)
    files = [name for name in listed.stdout.split() if (ROOT / name).exists()]
    if not files:
        return Tally(failures=["format: git lists no C++ files"])
    if run(["clang-format-14", "--dry-run", "--Werror", *files], log, 300) == 0:
        return Tally(passed=1)
    unformatted = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", log.read_text(errors="replace"), re.M)))
    print("clang-format-14 -i " + " ".join(unformatted), flush=True)
    return Tally(failures=["format"])


def stage_release(builds, _options):
    """The release preset (gcc): unit tests, golden dialogues, known inputs of the fuzz targets."""
    return ctest("release", "release") if builds.wait(RELEASE) else failed("release: build", RELEASE.log)


def sanitized(builds, target, without):
    preset = target.preset
    if not builds.wait(target):
        return failed(f"{preset}: build", target.log)
    tally = ctest(preset, preset, fixed_addresses())
    left_out = [word for module in without for word in ("--without", module)]
    # One run more: the builds, which take what tests leave, are done by now, or all but done.
    tally.add(end_to_end_in_parts(preset, preset, ["--short", "--sanitized", *left_out], fixed_addresses(), more=1))
    return tally


def stage_asan(builds, _options):
    """Everything again under AddressSanitizer and UndefinedBehaviorSanitizer, built by clang, with a short end-to-end run."""
    return sanitized(builds, ASAN, WITHOUT_SANITIZERS)


def stage_tsan(builds, _options):
    """What crosses threads under ThreadSanitizer, with a short end-to-end run."""
    return sanitized(builds, TSAN, WITHOUT_SANITIZERS + WITHOUT_THREADS)


def fuzz_one(name, seconds):
    log = LOGS / f"{name}.log"
    log.unlink(missing_ok=True)
    found = BUILD / "fuzz-corpus" / name
    found.mkdir(parents=True, exist_ok=True)
    seeds = ROOT / "tests" / "fuzz" / "corpus" / name.removeprefix("fuzz_")
    status = run([BUILD / "fuzz" / "bin" / name, f"-max_total_time={seconds}", "-print_final_stats=1",
                  f"-artifact_prefix={LOGS}/{name}-", found, seeds], log, seconds + 300, SANITIZER_ENV)
    executed = re.search(r"number_of_executed_units:\s*(\d+)", log.read_text(errors="replace"))
    if status != 0 or not executed or int(executed.group(1)) == 0:
        return failed(name, log)
    return Tally(passed=1)


def stage_fuzz(builds, _options):
    """Every libFuzzer target for a minute (RINGMX_FUZZ_SECONDS), one on each core."""
    seconds = int(os.environ.get("RINGMX_FUZZ_SECONDS", "60"))
    if not builds.wait(FUZZ):
        return failed("fuzz: build", FUZZ.log)
    programs = sorted(path.name for path in (BUILD / "fuzz" / "bin").glob("fuzz_*"))
    if not programs:
        return failed("fuzz: no targets", FUZZ.log)
    tally = Tally()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for result in pool.map(lambda name: fuzz_one(name, seconds), programs):
            tally.add(result)
    return tally


def with_release(stage):
    """A stage that runs the release programs."""
    def built(builds, options):
        return stage(options) if builds.wait(RELEASE) else failed("release: build", RELEASE.log)
    built.__doc__ = stage.__doc__
    return built


@with_release
def stage_e2e(options):
    """The release programs with real clients: swaks, curl, smtplib, smtp-source, Postfix; limits, full disk, drain."""
    return end_to_end_in_parts("e2e", "release", ["--short"] if options.quick else [])


@with_release
def stage_crash(_options):
    """kill -9 under load, again and again (RINGMX_CRASH_CYCLES, default 100): what was acknowledged is there."""
    return end_to_end("crash", "release", "crash", timeout_s=CRASH_S_MAX)


@with_release
def stage_bench(_options):
    """bench/compare: what it makes of samples, its configurations, and a short comparison of three servers."""
    return end_to_end("bench", "release", "bench", timeout_s=BENCH_S_MAX)


RELEASE, ASAN, TSAN, FUZZ = Target("release"), Target("asan"), Target("tsan"), Target("fuzz", ("fuzz_targets",))
STAGES = {
    "format": stage_format,
    "release": stage_release,
    "e2e": stage_e2e,
    "crash": stage_crash,
    "bench": stage_bench,
    "asan": stage_asan,
    "tsan": stage_tsan,
    "fuzz": stage_fuzz,
}
NEEDS = {"release": RELEASE, "e2e": RELEASE, "crash": RELEASE, "bench": RELEASE, "asan": ASAN, "tsan": TSAN, "fuzz": FUZZ}
QUICK = ("format", "release", "e2e", "bench")
