# SPDX-License-Identifier: ISC
"""Runs every test of the project and says what came of it.

usage: run.py [--long | --sanitizer | --faults | --only STAGE]

A stage is a function that returns a list of Case.  One line is printed per
stage, what failed is shown at the end with its output, and the very last
line is `N passed, N failed`.  The exit status is 1 if a test failed or if a
stage ran no test at all.  $BUILD says which build is tested.
"""

import argparse
import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET

TESTS = pathlib.Path(__file__).resolve().parent
ROOT = TESTS.parent
BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
if not BUILD.is_absolute():
    BUILD = ROOT / BUILD
LOGS = BUILD / "test-log"
VENV = pathlib.Path(sys.executable).parent
JOBS = int(os.environ.get("LLMD_TEST_JOBS", "0")) or min(
    4, max(2, len(os.sched_getaffinity(0)) + 1))
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


class Case:
    """One test: stage, name, result, and what it said."""

    def __init__(self, stage, name, result, text="", seconds=0.0):
        self.stage, self.name, self.result = stage, name, result
        self.text, self.seconds = text.strip("\n"), seconds


def environment():
    env = dict(os.environ)
    env.pop("MAKEFLAGS", None)
    env.pop("MFLAGS", None)
    env.update(
        BUILD=str(BUILD), PATH=f"{VENV}:{env['PATH']}", TZ="UTC",
        PYTHONDONTWRITEBYTECODE="1",
        ASAN_OPTIONS="exitcode=99:detect_leaks=1:verify_asan_link_order=0:"
        "detect_stack_use_after_return=1",
        UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1",
        TSAN_OPTIONS="exitcode=66:second_deadlock_stack=1:"
        f"suppressions={TESTS / 'tsan.supp'}")
    return env


def run(stage, argv, timeout, **kw):
    """Runs argv in its own process group, which is killed whole when it takes
    too long.  Returns (exit status or None, output); the output is kept in
    $BUILD/test-log too."""
    p = subprocess.Popen(
        [str(a) for a in argv], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True, **{"cwd": ROOT, "env": environment(), **kw})
    try:
        out, _ = p.communicate(timeout=timeout)
        status = p.returncode
    except subprocess.TimeoutExpired:
        os.killpg(p.pid, signal.SIGKILL)
        out, _ = p.communicate()
        status = None
        out += f"\n(killed after {timeout} s)\n".encode()
    text = out.decode("utf-8", "replace")
    name = re.sub(r"[^\w.-]", "_", f"{stage}-{pathlib.Path(argv[-1]).name}")
    LOGS.mkdir(parents=True, exist_ok=True)
    (LOGS / f"{name[:80]}.log").write_text(text)
    return status, text


def in_pairs(work, items):
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        return [c for cases in pool.map(work, items) for c in cases]


# --- stages -----------------------------------------------------------------

def stage_build(opts):
    """The programs that everything else needs, and that they say who they
    are."""
    cases = []
    for prog in "llmd", "llmctl", "llmtop", "llmsim":
        path = BUILD / prog
        if not os.access(path, os.X_OK):
            cases.append(Case("build", prog, FAILED, f"no {path}"))
            continue
        if prog == "llmsim":
            cases.append(Case("build", prog, PASSED))
            continue
        status, text = run("build", [path, "--version"], 20)
        good = status == 0 and re.search(r"\b\d+\.\d+\.\d+\b", text)
        cases.append(Case("build", prog, PASSED if good else FAILED,
                          f"{prog} --version: status {status}\n{text}"))
    return cases


def unit_cases(path):
    """The tests of one cmocka program, from its TAP output."""
    env = dict(environment(), CMOCKA_MESSAGE_OUTPUT="TAP")
    status, text = run("unit", [path], 600 if LONG else 120, env=env)
    prog, cases = path.name, []
    for line in text.splitlines():
        m = re.match(r"(not )?ok \d+ - (\S+)(.*)", line)
        if not m:
            continue
        result = FAILED if m[1] else PASSED
        if "# SKIP" in m[3].upper():
            result = SKIPPED
        cases.append(Case("unit", f"{prog}:{m[2]}", result,
                          text if m[1] else ""))
    failed = any(c.result == FAILED for c in cases)
    if not cases or (status != 0 and not failed):
        cases.append(Case("unit", prog, FAILED,
                          f"exit status {status}, {len(cases)} tests\n"
                          + text[-6000:]))
    return cases


def stage_unit(opts):
    want = sorted(p.stem for p in (TESTS / "unit").glob("test_*.c"))
    if opts.faults:
        want = [n for n in want if re.search(
            r"fault_\d\d_", (TESTS / f"unit/{n}.c").read_text())]
    cases = in_pairs(unit_cases, [BUILD / "unit" / n for n in want
                                  if (BUILD / "unit" / n).exists()])
    for n in want:
        if not (BUILD / "unit" / n).exists():
            cases.append(Case("unit", n, FAILED, f"not built: {n}"))
    return cases


def replay_cases(path):
    corpus = TESTS / "fuzz/corpus" / path.name.removeprefix("fuzz_")
    files = sorted(f for f in corpus.glob("*") if f.is_file())
    if not files:
        return [Case("fuzz", path.name, FAILED, f"no corpus in {corpus}")]
    status, text = run("fuzz", [path, corpus], 120)
    if status == 0:
        return [Case("fuzz", f"{path.name}:{f.name}", PASSED) for f in files]
    cases = []                  # find the one that did it
    for f in files:
        status, text = run("fuzz", [path, f], 60)
        cases.append(Case("fuzz", f"{path.name}:{f.name}",
                          FAILED if status else PASSED,
                          f"exit status {status}\n{text[-4000:]}"))
    if not any(c.result == FAILED for c in cases):
        cases.append(Case("fuzz", path.name, FAILED,
                          "fails on the corpus, not on any file alone"))
    return cases


def stage_fuzz(opts):
    want = sorted(p.stem for p in (TESTS / "fuzz").glob("fuzz_*.c"))
    return in_pairs(replay_cases, [BUILD / "replay" / n for n in want])


def junit_cases(stage, path, status, text):
    """The tests in a JUnit file, from pytest or from node."""
    cases = []
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError) as e:
        return [Case(stage, stage, FAILED,
                     f"exit status {status}, no result file: {e}\n"
                     + text[-8000:])]
    suite_of = {t: s.get("name") for s in root.iter("testsuite")
                for t in s.findall("testcase")}
    for t in root.iter("testcase"):
        where = suite_of.get(t) if stage == "node" else t.get("classname")
        name = f"{where or 'node'}:{t.get('name')}"
        result, said = PASSED, ""
        for e in t:
            if e.tag in ("failure", "error"):
                result = FAILED
                said += "\n".join(filter(None, (e.get("message", "")
                                                if not e.text else "",
                                                e.text)))
            elif e.tag == "skipped" and result == PASSED:
                result, said = SKIPPED, e.get("message") or ""
            elif e.tag in ("system-out", "system-err") and result == FAILED:
                said += "\n" + (e.text or "")
        cases.append(Case(stage, name, result, said,
                          float(t.get("time") or 0)))
    bad = any(c.result == FAILED for c in cases)
    if status not in (0, 5) and not bad:
        cases.append(Case(stage, stage, FAILED,
                          f"exit status {status}\n{text[-8000:]}"))
    return cases


def pytest_stage(stage, folder, timeout, jobs=0, opts=None, extra=()):
    LOGS.mkdir(parents=True, exist_ok=True)
    result = LOGS / f"{stage}.xml"
    result.unlink(missing_ok=True)
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider",
            "--tb=short", "--color=no", f"--junitxml={result}",
            "-o", "junit_logging=system-out", "-o", "junit_family=xunit2",
            *extra]
    if jobs:
        argv += ["-n", str(jobs), "--dist", "worksteal"]
    if opts and opts.faults:
        argv += ["-k", "fault_"]
    argv += [folder]
    status, text = run(stage, argv, timeout)
    return junit_cases(stage, result, status, text)


def stage_style(opts):
    return pytest_stage("style", TESTS / "style", 300)


def stage_sim(opts):
    return pytest_stage("sim", TESTS / "sim", 300)


def stage_e2e(opts):
    return pytest_stage("e2e", TESTS / "e2e", 3600 if LONG else 900,
                        JOBS, opts)


def stage_screen(opts):
    return pytest_stage("screen", TESTS / "screen", 900, 2, opts)


def stage_node(opts):
    """The official npm SDK; tests/node/run.py starts llmd and llmsim."""
    LOGS.mkdir(parents=True, exist_ok=True)
    result = LOGS / "node.xml"
    result.unlink(missing_ok=True)
    status, text = run(
        "node", [sys.executable, TESTS / "node/run.py", result], 300)
    return junit_cases("node", result, status, text)


def make_stage(stage, target, timeout, need=None):
    """A run of make that ends with its own `N passed, N failed`."""
    if need and not shutil.which(need):
        return [Case(stage, target, SKIPPED, f"{need} is not installed "
                     "(sh deploy/deps.sh build test fuzz)")]
    status, text = run(stage, ["make", "--no-print-directory", target],
                       timeout)
    m = re.findall(r"^(\d+) passed, (\d+) failed$", text, re.M)
    good = status == 0 and (m or target == "fuzz")
    said = f" ({m[-1][0]} passed, {m[-1][1]} failed)" if m else ""
    return [Case(stage, f"make {target}{said}", PASSED if good else FAILED,
                 text[-12000:])]


def stage_asan(opts):
    return make_stage("asan", "asan", 3600)


def stage_tsan(opts):
    return make_stage("tsan", "tsan", 3600)


def stage_fuzzing(opts):
    return make_stage("fuzzing", "fuzz", 7200, "clang")


STAGES = {
    "build": stage_build, "unit": stage_unit, "fuzz": stage_fuzz,
    "style": stage_style, "sim": stage_sim, "node": stage_node,
    "e2e": stage_e2e, "screen": stage_screen,
}
SANITIZER = ["build", "unit", "fuzz", "e2e", "node", "screen"]
FAULTS = ["unit", "e2e", "screen"]
LONGER = {"asan": stage_asan, "tsan": stage_tsan, "fuzzing": stage_fuzzing}


# --- report -----------------------------------------------------------------

def count(cases, result):
    return sum(c.result == result for c in cases)


def run_stage(name, function, opts):
    start = time.monotonic()
    cases = function(opts)
    if not cases and not opts.faults:
        cases = [Case(name, name, FAILED, "this stage ran no test")]
    skipped = count(cases, SKIPPED)
    print(f"{name:8} {count(cases, PASSED):5} passed "
          f"{count(cases, FAILED):3} failed"
          + (f" {skipped:3} skipped" if skipped else "")
          + f"  {time.monotonic() - start:6.1f} s", flush=True)
    return cases


def fault_rows():
    """[(number, title)] of tests/faults.txt."""
    rows = []
    for line in (TESTS / "faults.txt").read_text().splitlines():
        m = re.match(r"\s*(\d+)\s+(.+)", line)
        if m:
            rows.append((int(m[1]), m[2]))
    return rows


def print_faults(cases):
    """The fault table with the result of this run.  A row is passed when all
    of its tests are."""
    by_row = {}
    for c in cases:
        m = re.search(r"fault_(\d\d)_", c.name)
        if m:
            by_row.setdefault(int(m[1]), []).append(c)
    done = 0
    for number, title in fault_rows():
        mine = by_row.get(number, [])
        if any(c.result == FAILED for c in mine):
            result = FAILED
        elif mine and all(c.result == SKIPPED for c in mine):
            result = "skipped: " + mine[0].text.splitlines()[0]
        elif mine:
            result = f"{PASSED} ({count(mine, PASSED)})"
            done += 1
        else:
            result = "not automated yet"
        print(f"{number:3}  {title:58.58}  {result}")
    print(f"{done} of {len(fault_rows())} rows passed")


def print_failures(cases):
    for c in cases:
        if c.result == FAILED:
            print(f"\n=== {c.stage}: {c.name}")
            text = c.text
            if len(text) > 12000:
                text = text[:4000] + "\n[...]\n" + text[-8000:]
            print(text)
    skipped = [c for c in cases if c.result == SKIPPED]
    if skipped:
        print(f"\n{len(skipped)} skipped:")
        for c in skipped:
            print(f"  {c.name}: {c.text.splitlines()[0] if c.text else ''}")
    slow = sorted((c for c in cases if c.seconds > 10),
                  key=lambda c: -c.seconds)
    if slow and not LONG:
        print("slow: " + ", ".join(f"{c.name.split(':')[-1]} "
                                   f"{c.seconds:.0f} s" for c in slow[:8]))


def main():
    global LONG
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    g = p.add_mutually_exclusive_group()
    g.add_argument("--long", action="store_true")
    g.add_argument("--sanitizer", action="store_true")
    g.add_argument("--faults", action="store_true")
    g.add_argument("--only", choices=[*STAGES, *LONGER], metavar="STAGE",
                   help=", ".join([*STAGES, *LONGER]))
    opts = p.parse_args()
    LONG = opts.long
    os.environ["LLMD_LONG"] = "1" if opts.long else ""
    os.environ["LLMD_SANITIZER"] = "1" if opts.sanitizer else ""

    stages = dict(STAGES)
    if opts.long:
        stages.update(LONGER)
    for keep in ((SANITIZER if opts.sanitizer else None),
                 (FAULTS if opts.faults else None),
                 ([opts.only] if opts.only else None)):
        if keep is not None:
            stages = {n: {**STAGES, **LONGER}[n] for n in keep}

    cases = []
    for name, function in stages.items():
        cases += run_stage(name, function, opts)
    print_failures(cases)
    if opts.faults:
        print()
        print_faults(cases)
    failed = count(cases, FAILED)
    print(f"\n{count(cases, PASSED)} passed, {failed} failed")
    return 1 if failed or not count(cases, PASSED) else 0


LONG = False
if __name__ == "__main__":
    sys.exit(main())
