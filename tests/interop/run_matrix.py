"""Runs the interoperation matrix: every cell is a process of its own, several at a time, each with a bound.

    /usr/bin/python3 tests/interop/run_matrix.py --binaries build/release/bin [--subset] [--only TEXT] [--write FILE]
"""

import argparse
import concurrent.futures
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "deploy"), os.path.dirname(os.path.abspath(__file__))]

from lab import topology  # noqa: E402  (the paths above come first)
from lab import units as runner  # noqa: E402

import mismatches  # noqa: E402
import report  # noqa: E402
import scenarios  # noqa: E402

# One of each peer, version, family, transport and authentication, and every scenario at least twice.
SUBSET = (
    "frr-v2-ipv4-multicast/tandem-higher", "frr-v3-ipv4-multicast/*", "frr-v3-ipv6-multicast/*",
    "keepalived-v2-ipv4-multicast-PASS/peer-higher", "keepalived-v2-ipv4-unicast/tandem-higher",
    "keepalived-v3-ipv4-multicast/*", "keepalived-v3-ipv4-unicast/tandem-higher",
    "keepalived-v3-ipv4-unicast/peer-higher", "keepalived-v3-ipv6-multicast/*",
    "keepalived-v3-ipv6-unicast/tandem-higher", "keepalived-v3-ipv6-unicast/peer-higher",
    "tandem-v3-ipv4-multicast/peer-higher", "mismatch/checksum", "mismatch/version: tandem 3",
    "mismatch/password: different", "mismatch/addresses",
    "mismatch/interval in version 3",
)


def all_units():
    """Names of what runs: a chain of a combination, or a mismatch with a peer."""
    units = {f"{combination.name}/{chain.name}": (combination, chain)
             for combination in scenarios.COMBINATIONS for chain in scenarios.CHAINS}
    units.update({f"mismatch/{each.title}/{each.peer}": each for each in mismatches.MISMATCHES})
    return units


def in_subset(name):
    return any(name.startswith(each.removesuffix("*")) if each.endswith("*") or each.startswith("mismatch/")
               else name == each for each in SUBSET)


def run_unit(name, binaries):
    """In the child process: the result as one JSON line."""
    topology.require_root()
    topology.raise_on_signals()
    unit = all_units()[name]
    if isinstance(unit, tuple):
        outcomes, logs = scenarios.run_chain(binaries, *unit)
        result = {"outcomes": [vars(outcome) for outcome in outcomes], "logs": logs}
    else:
        result = {"observation": vars(mismatches.run_mismatch(binaries, unit))}
    print(json.dumps(result))


class Run:
    """Collects what the units found."""

    def __init__(self):
        self.cases, self.outcomes, self.observations = [], {}, []

    def add(self, name, unit, result, seconds):
        error = result.get("error")
        if isinstance(unit, tuple):
            combination, chain = unit
            found = [scenarios.Outcome(**each) for each in result.get("outcomes", [])] or \
                [scenarios.Outcome(scenario, False, error) for scenario, _ in chain.steps]
            for outcome in found:
                self.outcomes[combination.name, outcome.scenario] = outcome
                failure = None if outcome.passed else f"{outcome.note}\n{result.get('logs', '')}"
                self.cases.append((combination.name, outcome.scenario, seconds / len(found), failure))
                figures = " ".join(f"{key} {value * 1000:.0f} ms" for key, value in outcome.measured.items())
                print(f"{'ok  ' if outcome.passed else 'FAIL'} {combination.name}: {outcome.scenario}  {figures}"
                      f"{'' if outcome.passed else outcome.note}", flush=True)
            return
        seen = mismatches.Observation(**result["observation"]) if not error else \
            mismatches.Observation("unknown", "", "", "", False, error)
        self.observations.append((unit, seen))
        failure = None if seen.expected else f"{seen}"
        self.cases.append(("mismatch", f"{unit.title} ({unit.peer})", seconds, failure))
        print(f"{'ok  ' if seen.expected else 'FAIL'} {name}: {seen.answering}  {'' if seen.expected else seen}",
              flush=True)

    @property
    def failed(self):
        return sum(1 for case in self.cases if case[3] is not None)


def main():
    parser = argparse.ArgumentParser(description="tandemd beside keepalived and FRR")
    parser.add_argument("--binaries", required=True, help="where tandemd and tandemctl are")
    parser.add_argument("--subset", action="store_true", help="a part that stands for the whole")
    parser.add_argument("--only", default="", help="units whose name contains this")
    parser.add_argument("--jobs", type=int, default=6, help="units at a time; they mostly wait")
    parser.add_argument("--junit", help="file to write")
    parser.add_argument("--write", help="the document to write; only with the whole matrix")
    parser.add_argument("--unit", help=argparse.SUPPRESS)
    options = parser.parse_args()
    binaries = os.path.abspath(options.binaries)
    if options.unit:
        return run_unit(options.unit, binaries)
    topology.require_root()
    topology.raise_on_signals()
    units = {name: unit for name, unit in all_units().items()
             if options.only in name and (not options.subset or in_subset(name))}
    # The slow ones first, so that none of them runs alone at the end.
    order = sorted(units, key=lambda name: "v2" not in name)
    run = Run()
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        started = {pool.submit(runner.spawn, os.path.abspath(__file__), "--binaries", binaries, "--unit", name): name for name in order}
        for future in concurrent.futures.as_completed(started):
            run.add(started[future], units[started[future]], *future.result())
    if options.junit:
        runner.write_junit(options.junit, "interop", sorted(run.cases))
    if options.write and not options.subset and not options.only:
        place = list(all_units().values())
        versions = [("keepalived", runner.package_version("keepalived")), ("FRR", runner.package_version("frr"))]
        run.observations.sort(key=lambda each: place.index(each[0]))
        with open(options.write, "w", encoding="ascii") as handle:
            handle.write(report.document(versions, run.outcomes, run.observations))
    print(f"{len(run.cases) - run.failed} passed, {run.failed} failed")
    return 1 if run.failed or not run.cases else 0


if __name__ == "__main__":
    sys.exit(main())
