"""Runs the faults: each in a process and a lab of its own, several at a time, each with a bound.

    /usr/bin/python3 tests/faults/run.py --binaries build/release/bin [--only X05,X15] [--subset] [--write FILE]

What tandem does is judged; what keepalived does with the same fault is only recorded.
"""

import argparse
import concurrent.futures
import json
import os
import sys
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Instead of this file's own folder: its modules are those of a package.
sys.path[:1] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests")]

from lab import topology, units  # noqa: E402  (the paths above come first)

from faults import address, link, peer, process, report, shortage  # noqa: E402
from faults.registry import FAULTS  # noqa: E402
from faults.scene import Outcome, Scene  # noqa: E402

THEMES = (process, link, address, peer, shortage)


def run_unit(name, kind, binaries, full):
    """In the child process: the outcome as one JSON line."""
    topology.require_root()
    topology.raise_on_signals()
    with topology.Lab() as lab:
        scene = Scene(lab, binaries, kind, full)
        logs = ""
        try:
            FAULTS[name].run(scene)
            scene.check_debris()
        except AssertionError as error:
            scene.outcome.failures.append(str(error) or traceback.format_exc())
            scene.say(str(error).partition(";")[0])
        finally:
            try:
                if scene.outcome.failures:
                    logs = scene.logs()
            finally:
                scene.close()
        outcome = scene.finish()
    left = [each for each in os.listdir("/run/netns") if each.startswith(lab.prefix + "-")]
    if left or os.path.exists(lab.directory):
        outcome.failures.append(f"left behind: {left}")
    print(json.dumps({"outcome": vars(outcome), "logs": logs}))


def arguments(name, kind, options):
    """Of the child that runs one unit."""
    return ["--binaries", options.binaries, "--unit", name, "--kinds", kind, *([] if options.subset else ["--full"])]


class Run:
    """Collects what the units found; of several repetitions the worst."""

    def __init__(self):
        self.cases, self.outcomes = [], {}

    def add(self, name, kind, result, took):
        if "error" in result:
            outcome = Outcome("not measured", failures=[result["error"]])
        else:
            outcome = Outcome(**result["outcome"])
        earlier = self.outcomes.get((name, kind))
        if earlier is None or (bool(outcome.failures), outcome.seconds or 0) > \
                (bool(earlier.failures), earlier.seconds or 0):
            self.outcomes[name, kind] = outcome
        failure = None
        if kind == "tandem" and outcome.failures or "error" in result:
            failure = "\n".join([*outcome.failures, result.get("logs", "")])
        self.cases.append((kind, name, took, failure))
        print(f"{'FAILED' if failure else 'ok':6} {took:5.1f} s  {kind:10} {name}: {outcome.text}"
              f" [{report.seconds(outcome.seconds)}]", flush=True)
        if failure:
            print("       " + failure.replace("\n", "\n       "), flush=True)

    @property
    def failed(self):
        return sum(1 for case in self.cases if case[3] is not None)


def chosen(options):
    """(name, kind) of everything to run."""
    rows = [word.upper() for word in options.only.split(",") if word]
    return [(name, kind) for name, fault in FAULTS.items() for kind in options.kinds.split(",")
            if kind in fault.kinds and not (options.subset and fault.full)
            and not (fault.later and kind == "tandem" and not options.later)
            and (not rows or fault.row in rows or name.upper() in rows)] * options.repeat


def main():
    parser = argparse.ArgumentParser(description="faults of a pair, tandemd and keepalived")
    parser.add_argument("--binaries", required=True, help="where tandemd and tandemctl are")
    parser.add_argument("--only", default="", help="rows or names, separated by commas")
    parser.add_argument("--kinds", default="tandem,keepalived")
    parser.add_argument("--subset", action="store_true", help="without the long ones, fewer repetitions inside")
    parser.add_argument("--later", action="store_true", help="also what cannot hold yet")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=4, help="faults at a time; they mostly wait")
    parser.add_argument("--junit", help="file to write")
    parser.add_argument("--write", help="the document to write; only with everything")
    parser.add_argument("--unit", help=argparse.SUPPRESS)
    parser.add_argument("--full", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.binaries = os.path.abspath(options.binaries)
    if options.unit:
        return run_unit(options.unit, options.kinds, options.binaries, options.full)
    topology.require_root()
    topology.raise_on_signals()
    run = Run()
    order = sorted(chosen(options), key=lambda unit: not FAULTS[unit[0]].slow)
    for alone in (False, True):
        with concurrent.futures.ThreadPoolExecutor(1 if alone else options.jobs) as pool:
            started = {pool.submit(units.spawn, os.path.abspath(__file__), *arguments(name, kind, options)): (name, kind)
                       for name, kind in order if FAULTS[name].alone == alone}
            for future in concurrent.futures.as_completed(started):
                run.add(*started[future], *future.result())
    if options.junit:
        units.write_junit(options.junit, "faults", sorted(run.cases, key=lambda case: case[:3]))
    if options.write and not options.subset and not options.only:
        with open(options.write, "w", encoding="ascii") as handle:
            handle.write(report.document(units.package_version("keepalived"), run.outcomes))
    print(f"{len(run.cases) - run.failed} passed, {run.failed} failed")
    return 1 if run.failed or not run.cases else 0


if __name__ == "__main__":
    sys.exit(main())
