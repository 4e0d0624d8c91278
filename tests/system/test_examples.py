"""The example files of deploy/examples, run as they are."""

import os

from conftest import ROOT
from lab import http
from lab.waiting import wait_for


def start_examples(pair, name):
    for number, node in enumerate(pair.nodes, 1):
        node.configuration = os.path.join(ROOT, "deploy", "examples", f"{name}{number}.conf")
        node.start()


def test_two_families_and_two_services(pair):
    start_examples(pair, "dual")
    for name in ("WEB4", "WEB6"):
        wait_for(f"one active node for {name}",
                 lambda: sorted(str(n.state(name)) for n in pair.nodes) == ["active", "backup"])  # noqa: B023
    for address in (pair.lab.vip, pair.lab.vip6):
        wait_for(f"a page from {address}", lambda: answers(pair, address))  # noqa: B023


def answers(pair, address):
    try:
        return http.page(pair.lab.client, address)["peer"] == address
    except OSError:
        return False
