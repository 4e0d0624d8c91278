"""tandem beside Debian's nginx and HAProxy: see README.md of this folder, and --help."""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Instead of this file's own folder: its modules are those of a package.
sys.path[:1] = [os.path.join(ROOT, "deploy"), os.path.join(ROOT, "tests")]

from lab import topology  # noqa: E402  (the paths above come first)

from bench import chart, report  # noqa: E402
from bench.contestants import contestants  # noqa: E402
from bench.generator import Generator  # noqa: E402
from bench.measures import MEASURES, ROUNDS_AT_MOST, Visit  # noqa: E402
from bench.profile import Profiler  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENT_PORTS = "1024 19999"
NODE_PORTS = "1024 65535"
# What a contestant can cause. The rest of the run goes on without the figure, and ends with status 1.
FAILURES = (AssertionError, RuntimeError, OSError, subprocess.SubprocessError)


def prepare(lab):
    """The same for everybody: many ports, and those in TIME_WAIT soon used again. Otherwise a run would measure the
    kernel's search for ports after a few seconds."""
    lab.client.sysctl("net/ipv4/ip_local_port_range", CLIENT_PORTS)
    lab.node1.sysctl("net/ipv4/ip_local_port_range", NODE_PORTS)
    for host in (lab.client, lab.node1):
        host.sysctl("net/ipv4/tcp_tw_reuse", 1)


def measure(name, place):
    try:
        return MEASURES[name](place)
    except FAILURES as error:
        print(f"   {place.contestant.name}, {name}: {error}", file=sys.stderr)
        return {"failed": str(error)}


def visit(contestant, names, options, program):
    """Runs measures on a fresh process in a network of its own: {measure: figures, or {"failed": text}}."""
    found = {}
    with topology.Lab() as lab:
        prepare(lab)
        generator = Generator(lab, program, options.profiler)
        generator.start()
        try:
            contestant.start(lab)
            place = Visit(contestant, generator, options.seconds)
            for name in names:
                found[name] = measure(name, place)
        except FAILURES as error:
            print(f"   {contestant.name} did not start: {error}", file=sys.stderr)
            found = {name: {"failed": str(error)} for name in names}
        finally:
            contestant.stop()
    return found


def measure_all(chosen, names, options, program):
    """{contestant: {measure: [figures of each round]}}. Every round has another order, the same in every run."""
    samples = {each.name: {name: [] for name in names} for each in chosen}
    began = time.monotonic()
    for number in range(options.rounds):
        order = chosen[number % len(chosen):] + chosen[:number % len(chosen)]
        if number % 2:
            order.reverse()
        for contestant in order:
            wanted = [name for name in names if number < ROUNDS_AT_MOST.get(name, options.rounds)]
            print(f"== round {number + 1} of {options.rounds}: {contestant.name} ({time.monotonic() - began:.0f} s)",
                  file=sys.stderr)
            for name, figures in visit(contestant, wanted, options, program).items():
                if figures:
                    samples[contestant.name][name].append(figures)
    return samples


def processor():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as handle:
        for line in handle:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def environment(chosen, options):
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "versions": sorted({each.version() for each in chosen} - {None}),
        "load_before": round(os.getloadavg()[0], 2),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "contestants": [{"name": each.name, "title": each.title, "remark": each.remark, "relays": each.relays}
                        for each in chosen],
    }


def names_of(text, known, what):
    names = text.split(",") if text else list(known)
    for name in names:
        if name not in known:
            sys.exit(f"bench: unknown {what} {name}; known: {', '.join(known)}")
    return [name for name in known if name in names]


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description="tandem beside nginx and HAProxy")
    parser.add_argument("--binaries", default=os.path.join(ROOT, "build", "release", "bin"),
                        help="where tandemd and tandemctl are (then nothing of them is built)")
    parser.add_argument("--load", help="the load generator (default: built)")
    parser.add_argument("--only", help="these measures: " + ", ".join(MEASURES))
    parser.add_argument("--proxies", help="these, by name")
    parser.add_argument("--rounds", type=int, help="default 5; 1 with --quick")
    parser.add_argument("--seconds", type=float, help="of one measure; default 2, 0.5 with --quick")
    parser.add_argument("--quick", action="store_true", help="to see that it works, not to compare")
    parser.add_argument("--output", help="folder for results.json, RESULTS.md and chart.svg; "
                        "default: this one for a whole run of at least 5 rounds, else build/bench")
    parser.add_argument("--profile", metavar="DIR", help="record each timed run with perf into this folder; the figures "
                        "suffer and are not kept as results")
    options = parser.parse_args()
    options.profiler = Profiler(options.profile) if options.profile else None
    options.rounds = options.rounds or (1 if options.quick else 5)
    options.seconds = options.seconds or (0.5 if options.quick else 2.0)
    return options


def main():
    options = arguments()
    topology.require_root()
    topology.raise_on_signals()
    known = {each.name: each for each in contestants(os.path.abspath(options.binaries))}
    chosen = [known[name] for name in names_of(options.proxies, known, "proxy")]
    names = names_of(options.only, MEASURES, "measure")
    program = os.path.abspath(options.load or os.path.join(ROOT, "build", "release", "bin", "tandem_bench_load"))
    whole = not options.profile and not options.only and not options.proxies and options.rounds >= 5
    output = options.output or (HERE if whole else os.path.join(ROOT, "build", "bench"))
    results = {"environment": environment(chosen, options)}
    results["samples"] = measure_all(chosen, names, options, program)
    results["medians"] = report.medians(results["samples"])
    results["goals"] = report.judge(results["medians"])
    os.makedirs(output, exist_ok=True)
    for name, text in (("results.json", json.dumps(results, indent=1) + "\n"),
                       ("RESULTS.md", report.document(results)), ("chart.svg", chart.draw(results))):
        with open(os.path.join(output, name), "w", encoding="utf-8") as handle:
            handle.write(text)
    print(report.terminal(results))
    print(f"written to {output}")
    failed = any("failed" in figures for measured in results["samples"].values()
                 for rounds in measured.values() for figures in rounds)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
