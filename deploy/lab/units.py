"""Tests that run each in a process and a lab of its own: starting one, and writing down what all of them found."""

import json
import subprocess
import sys
import time
import xml.etree.ElementTree as tree

from . import topology

UNIT_SECONDS = 120


def spawn(script, *arguments):
    """Runs a script that prints its result as a last line of JSON, and cleans up after itself on SIGTERM.

    Returns the result, or {"error": text}, and how long it took.
    """
    started = time.monotonic()
    child = subprocess.Popen([sys.executable, script, *arguments],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, err = child.communicate(timeout=UNIT_SECONDS)
        result = json.loads(out.splitlines()[-1]) if child.returncode == 0 else \
            {"error": err.strip()[-3000:] or "no result"}
    except subprocess.TimeoutExpired:
        child.terminate()
        child.communicate(timeout=30)
        result = {"error": f"not finished within {UNIT_SECONDS} s"}
    except BaseException:
        child.terminate()
        raise
    if child.returncode < 0:
        topology.remove_leftovers()  # it was killed and could not clean up
    return result, time.monotonic() - started


def package_version(package):
    shown = subprocess.run(["dpkg-query", "-W", "-f=${Version}", package], capture_output=True, text=True, check=False)
    return shown.stdout.strip() or "of unknown version"


def write_junit(path, suite_name, cases):
    """`cases`: list of (class, name, seconds, failure text or None)."""
    suite = tree.Element("testsuite", name=suite_name, tests=str(len(cases)),
                         failures=str(sum(1 for case in cases if case[3] is not None)))
    for kind, name, seconds, failure in cases:
        element = tree.SubElement(suite, "testcase", classname=kind, name=name, time=f"{seconds:.2f}")
        if failure is not None:
            tree.SubElement(element, "failure", message="".join(failure.splitlines()[:1])).text = failure
    tree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
