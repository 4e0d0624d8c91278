#!/usr/bin/python3
"""Puts each deliberate defect of mutations.toml into a scratch copy of the tree and demands that a test fails.

usage: run.py [--seeds N] [--steps K] [--jobs J] [--scratch DIRECTORY] [--junit FILE]

The scratch tree (build/mutations) is kept: the next run builds only what changed. Exit code 0: every
defect was caught by the test that the list names."""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import time
import tomllib
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parents[3]
SIMULATION = "tandem_simulation"
UNIT_TESTS = ["unit_vrrp_elector", "unit_vrrp_sync_group", "unit_vrrp_track", "conformance_vrrp"]


def run(command, timeout=900, **options):
    """A defect may make a test hang: that counts as caught."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False, **options)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "FAILED: did not end in time", "")


class Scratch:
    def __init__(self, directory, arguments):
        self.tree = directory / "tree"
        self.build_directory = directory / "build"
        self.arguments = arguments

    def prepare(self):
        """Copies what differs, so that unchanged files keep their objects."""
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
        for name in filter(None, listed.stdout.decode().split("\0")):
            source, target = ROOT / name, self.tree / name
            if not source.is_file():
                continue
            if not target.exists() or target.read_bytes() != source.read_bytes():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
        environment = dict(os.environ)
        if shutil.which("ccache"):
            environment["CMAKE_CXX_COMPILER_LAUNCHER"] = "ccache"
        # A defect may leave a parameter unused: the tests are to find it, not the compiler.
        configured = run(["cmake", "-S", self.tree, "-B", self.build_directory, "-G", "Ninja",
                          "-DCMAKE_BUILD_TYPE=RelWithDebInfo", "-DCMAKE_CXX_FLAGS=-w"], env=environment)
        if configured.returncode != 0:
            sys.exit(configured.stdout + configured.stderr)

    def build(self, targets):
        return run(["cmake", "--build", self.build_directory, f"-j{self.arguments.jobs}", "--target", *targets])

    def simulation_fails(self):
        result = run([self.build_directory / "bin" / SIMULATION, "--seeds", str(self.arguments.seeds),
                      "--steps", str(self.arguments.steps), "--jobs", str(self.arguments.jobs)], timeout=120)
        failed = [line for line in result.stdout.splitlines() if line.startswith("FAILED")]
        return None if result.returncode == 0 else (failed or [f"ended with status {result.returncode}"])[0]

    def unit_tests_fail(self):
        built = self.build(UNIT_TESTS)
        if built.returncode != 0:
            return None
        for name in UNIT_TESTS:
            if run([self.build_directory / "bin" / name, "--gtest_brief=1"], timeout=60).returncode != 0:
                return f"{name} failed"
        return None


def check(scratch, mutation):
    """@return (who caught it or None, what was seen)."""
    path = scratch.tree / mutation["file"]
    good = path.read_text()
    if good.count(mutation["search"]) != 1:
        return None, f"search text occurs {good.count(mutation['search'])} times in {mutation['file']}"
    path.write_text(good.replace(mutation["search"], mutation["replace"]))
    try:
        built = scratch.build([SIMULATION])
        if built.returncode != 0:
            return None, "does not compile: " + built.stdout[-600:]
        seen = scratch.simulation_fails()
        if seen:
            return "simulation", seen
        seen = scratch.unit_tests_fail()
        return ("unit", seen) if seen else (None, "no test failed")
    finally:
        path.write_text(good)


def write_junit(path, results):
    suite = xml.Element("testsuite", name="mutations", tests=str(len(results)))
    for mutation, good, text in results:
        case = xml.SubElement(suite, "testcase", classname="mutations", name=mutation["breaks"])
        if not good:
            xml.SubElement(case, "failure", message=text)
    xml.ElementTree(suite).write(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=300)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--scratch", type=pathlib.Path, default=ROOT / "build" / "mutations")
    parser.add_argument("--junit", type=pathlib.Path)
    arguments = parser.parse_args()

    scratch = Scratch(arguments.scratch, arguments)
    scratch.prepare()
    built = scratch.build([SIMULATION, *UNIT_TESTS])
    if built.returncode != 0:
        sys.exit("the tree without defects does not build:\n" + built.stdout[-4000:])
    seen = scratch.simulation_fails() or scratch.unit_tests_fail()
    if seen:
        sys.exit("the tree without defects fails: " + seen)

    mutations = tomllib.loads((ROOT / "tests/simulation/mutations/mutations.toml").read_text())["mutation"]
    results = []
    for mutation in mutations:
        started = time.monotonic()
        who, text = check(scratch, mutation)
        # The simulation may catch more than the list promises, not less.
        good = who is not None and (who == mutation["caught_by"] or who == "simulation")
        results.append((mutation, good, text))
        print(f"{'caught' if good else 'MISSED':7} {who or '-':11} {time.monotonic() - started:5.1f} s  "
              f"{mutation['breaks']}: {text}", flush=True)
    if arguments.junit:
        write_junit(arguments.junit, results)
    caught = sum(good for _, good, _ in results)
    print(f"{caught} of {len(results)} defects caught")
    return 0 if caught == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
