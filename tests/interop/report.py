"""What a run found, as vrrp/INTEROP.md and as a JUnit file. Neither has dates or times in it but for the JUnit durations."""

import xml.etree.ElementTree as tree

from scenarios import CHAINS, COMBINATIONS, HIGH, LOW, SCENARIOS, SLACK

NAMES = {"keepalived": "keepalived", "frr": "FRR vrrpd", "tandem": "tandemd, `v3_checksum_as_v2`"}

EXPLANATION = {
    "tandem wins": "tandemd arrives with the higher priority and takes the address",
    "tandem stops": "SIGTERM while active: priority 0 on the link, the peer answers after its skew time",
    "tandem returns": "tandemd comes back and preempts",
    "tandem killed": "SIGKILL while active: the peer answers after its active down interval; the lease ends the old address",
    "peer wins": "the peer arrives with the higher priority; tandemd gives way",
    "peer stops": "SIGTERM to the active peer: tandemd answers after its skew time",
    "peer returns": "the peer comes back and preempts",
    "peer killed": "SIGKILL to the active peer: tandemd answers after its active down interval; the peer, started again, gets"
                   " the address back. Until then the kernel of a killed keepalived or FRR answers too: they have no lease",
    "tandem nopreempt": "tandemd arrives with the higher priority and `nopreempt`: it stays backup until the peer leaves",
    "peer nopreempt": "the same, with the peer as the one that must not preempt",
}


def cell(text):
    return text.replace("|", "\\|")


def matrix(outcomes):
    """`outcomes`: {(combination name, scenario): Outcome}."""
    lines = ["| peer | version | family | transport | authentication | " + " | ".join(SCENARIOS) + " |",
             "|---" * (5 + len(SCENARIOS)) + "|"]
    failures = []
    for combination in COMBINATIONS:
        words = []
        for scenario in SCENARIOS:
            outcome = outcomes.get((combination.name, scenario))
            words.append("not run" if outcome is None else "pass" if outcome.passed else "**fail**")
            if outcome is not None and not outcome.passed:
                failures.append(f"- {combination.name}, {scenario}: {outcome.note}")
        lines.append("| " + " | ".join([NAMES[combination.peer], str(combination.version), f"IPv{combination.family}",
                                        combination.transport, combination.authentication or "none", *words]) + " |")
    return lines + ([""] + failures if failures else [])


def mismatch_table(observations):
    """`observations`: list of (Mismatch, Observation)."""
    lines = ["| what differs | peer | who answers | tandemd's log | `tandemctl status` counts | the peer's log |", "|---|---|---|---|---|---|"]
    for mismatch, seen in observations:
        lines.append("| " + " | ".join(cell(word) for word in [
            mismatch.title, NAMES[mismatch.peer], seen.answering + (f" ({seen.note})" if seen.note else ""),
            f"`{seen.tandem_log}`" if seen.tandem_log else "nothing", seen.tandem_status or "nothing",
            f"`{seen.peer_log}`" if seen.peer_log else "nothing"]) + " |")
    return lines


def document(versions, outcomes, observations):
    passed = sum(1 for outcome in outcomes.values() if outcome.passed)
    lines = [
        "# Interoperation", "",
        "Written by `tests/run --only interop-full`; do not edit. tandemd against the real daemons of Debian 12, each cell in network",
        "namespaces of its own:", "",
        *(f"- {name} {version}" for name, version in versions), "",
        "Who answers is asked from a third host, by ARP request or neighbour solicitation every 10 ms, and compared with the addresses",
        "on both hosts, with the MAC address in the cache of a fourth host that only hears announcements, and with priority 0 on the",
        f"link. Priorities {HIGH} and {LOW}; interval 100 ms in version 3, 1 s in version 2; every bound is the protocol's own plus",
        f"{SLACK * 1000:.0f} ms. Version 3 over IPv4 uses the checksum with pseudo-header, the only form that these two releases know. tandemd",
        "accepts both forms and sends the other one, that of RFC 9568, with `v3_checksum_as_v2`: the last line, with a second tandemd.", "",
        f"## Scenarios: {passed} of {len(outcomes)} pass", "",
        *matrix(outcomes), "",
        *(f"- **{name}**: {EXPLANATION[name]}." for chain in CHAINS for name, _ in chain.steps), "",
        "## What cannot work, and who says so", "",
        "Each line is a pair of configurations that do not match. \"Nothing\" is what was found, not what is wished for.", "",
        *mismatch_table(observations), "",
        "## Needed beside a peer", "",
        "- keepalived 2.2.7 sends unicast IPv6 with hop limit 64 unless it has `unicast_ttl 255`: only then may `min_ttl 255` stand behind",
        "  that peer in tandemd's file.",
        "- keepalived 2.2.7 discards advertisements whose addresses differ from its own: same addresses in the same blocks on both hosts.",
        "- FRR: a macvlan in bridge mode with the virtual MAC address per family, `addrgenmode random` for IPv6, `arp_ignore=1` on the",
        "  interface below it. It has no unicast and no authentication.",
        "- keepalived and FRR leave the address on the host when they are killed: both hosts answer until they are started again.", "",
    ]
    return "\n".join(lines)


def junit(path, cases):
    """`cases`: list of (class, name, seconds, failure text or None)."""
    suite = tree.Element("testsuite", name="interop", tests=str(len(cases)),
                         failures=str(sum(1 for case in cases if case[3] is not None)))
    for kind, name, seconds, failure in cases:
        element = tree.SubElement(suite, "testcase", classname=kind, name=name, time=f"{seconds:.2f}")
        if failure is not None:
            tree.SubElement(element, "failure", message=failure.splitlines()[0] if failure else "").text = failure
    tree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)
