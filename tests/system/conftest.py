"""Fixtures: one lab with two upstreams for the session, and pairs of tandemd with a configuration per test."""

import os
import re
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "deploy"))

from lab import topology  # noqa: E402  (the path above comes first)
from lab.daemons import Nginx  # noqa: E402
from lab.pair import Pair  # noqa: E402


def find_binaries():
    return os.environ.get("TANDEM_BINARIES", os.path.join(ROOT, "build", "release", "bin"))


@pytest.fixture(scope="session")
def binaries():
    directory = os.path.abspath(find_binaries())
    for program in ("tandemd", "tandemctl"):
        if not os.access(os.path.join(directory, program), os.X_OK):
            pytest.fail(f"{directory}/{program} is missing: build it, or set TANDEM_BINARIES", pytrace=False)
    return directory


@pytest.fixture(scope="session")
def session_lab():
    if os.geteuid() != 0:
        pytest.fail("system tests make network namespaces: run them as root", pytrace=False)
    topology.raise_on_signals()
    with topology.Lab() as lab:
        lab.upstreams = {host: Nginx(lab, host) for host in ("up1", "up2")}
        yield lab


@pytest.fixture
def lab(session_lab, request):
    """The session's lab, healed; files of one test have its name in front."""
    name = re.sub(r"[^A-Za-z0-9_]+", "-", request.node.name)
    session_lab.scratch = lambda suffix: session_lab.path(f"{name}-{suffix}")
    session_lab.heal()
    yield session_lab
    session_lab.heal()


@pytest.fixture
def pair(lab, binaries, request):
    """A pair that is configured but not started: call pair.start() or pair.configure()."""
    made = Pair(lab, binaries, lab.scratch)
    yield made
    report = getattr(request.node, "call_report", None)
    if report is not None and report.failed:
        for node in made.nodes:
            print(f"\n--- {node.host}, last lines\n" + "\n".join(node.log().splitlines()[-40:]))
    made.cleanup()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.call_report = outcome.get_result()
