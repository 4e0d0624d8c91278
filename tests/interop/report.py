"""What a run found, as vrrp/INTEROP.md. The document has no dates or times: it can be compared."""

from scenarios import COMBINATIONS, HIGH, LOW, SCENARIOS, SLACK

NAMES = {"keepalived": "keepalived", "frr": "FRR vrrpd", "tandem": "tandemd, `v3_checksum_as_v2`"}

DOCUMENT = """\
# Interoperation

Written by `tests/run --only interop-full`; do not edit. tandemd beside the real daemons of Debian 12, each line in
network namespaces of its own:

{versions}

A third host asks who answers, by ARP request or neighbour solicitation every 10 ms; that is compared with the addresses
on both hosts, with the MAC address in the cache of a fourth host that only hears announcements, and with priority 0 on
the link. Priorities {high} and {low}; interval 1 s in version 2, 100 ms in version 3; every bound is the protocol's own
plus {slack} ms.

## Scenarios: {passed} of {all} pass

{matrix}

- **tandem wins**: tandemd arrives with the higher priority and takes the address; nobody goes without an answer.
- **tandem stops**: SIGTERM while active: priority 0 on the link, the peer answers after its skew time.
- **tandem returns**: tandemd comes back and preempts.
- **tandem killed**: SIGKILL while active: the peer answers after its active down interval, the lease ends the address.
- **peer wins**: the peer arrives with the higher priority and tandemd gives way.
- **peer stops**: SIGTERM to the active peer: tandemd answers after its skew time.
- **peer returns**: the peer comes back and preempts.
- **peer killed**: SIGKILL to the active peer: tandemd answers after its active down interval; started again, the peer
  gets the address back. Until then the kernel of a killed keepalived or FRR answers too: they have no lease.
- **tandem nopreempt**: tandemd arrives with the higher priority and stays backup until the peer leaves.
- **peer nopreempt**: the same, with the peer as the one that must not preempt.

Version 3 over IPv4 has two forms of checksum. Both releases know only the one with pseudo-header. tandemd accepts both
and sends the other one, that of RFC 9568, with `v3_checksum_as_v2`: the line with a second tandemd.

## What cannot work, and who says so

Pairs of configurations that do not match. "Nothing" is what was found, not what is wished for.

{mismatches}

## Needed beside a peer

- keepalived 2.2.7 sends unicast IPv6 with hop limit 64 unless it has `unicast_ttl 255`; only then may `min_ttl 255`
  stand behind that peer in tandemd's file.
- keepalived 2.2.7 discards advertisements whose addresses differ from its own: the same addresses on both hosts.
- FRR needs a macvlan in bridge mode with the virtual MAC address for each family, `addrgenmode random` for IPv6, and
  `arp_ignore=1` on the interface below it. It has no unicast and no authentication.
"""


def table(header, rows):
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(word.replace("|", "\\|") for word in line) + " |" for line in lines)


def matrix(outcomes):
    """`outcomes`: {(combination name, scenario): Outcome}."""
    def word(combination, scenario):
        outcome = outcomes.get((combination.name, scenario))
        return "not run" if outcome is None else "pass" if outcome.passed else "**fail**"

    rows = [[NAMES[each.peer], str(each.version), f"IPv{each.family}", each.transport, each.authentication or "none",
             *(word(each, scenario) for scenario in SCENARIOS)] for each in COMBINATIONS]
    failures = [f"- {name}, {scenario}: {outcome.note}" for (name, scenario), outcome in sorted(outcomes.items())
                if not outcome.passed]
    shown = table(["peer", "version", "family", "transport", "authentication", *SCENARIOS], rows)
    return "\n".join([shown, "", *failures]) if failures else shown


def mismatch_table(observations):
    """`observations`: list of (Mismatch, Observation)."""
    def quoted(text):
        return f"`{text}`" if text else "nothing"

    header = ["what differs", "peer", "who answers", "tandemd's log", "alarm in `tandemctl status`", "the peer's log"]
    return table(header, [
        [mismatch.title, NAMES[mismatch.peer], seen.answering + (f" ({seen.note})" if seen.note else ""),
         quoted(seen.tandem_log), seen.tandem_status or "nothing", quoted(seen.peer_log)]
        for mismatch, seen in observations])


def document(versions, outcomes, observations):
    return DOCUMENT.format(
        versions="\n".join(f"- {name} {version}" for name, version in versions), high=HIGH, low=LOW,
        slack=round(SLACK * 1000), passed=sum(1 for outcome in outcomes.values() if outcome.passed), all=len(outcomes),
        matrix=matrix(outcomes), mismatches=mismatch_table(observations))
