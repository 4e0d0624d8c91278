"""What a daemon must not leave behind. Looked for after every fault."""

from lab.waiting import Timeout, wait_for

from . import nodes

ROUTE_PROTOCOL = 116
RULES = {"-4": 3, "-6": 2}  # of the kernel itself


def growth(node, before):
    """Descriptors that a process has more than before, once it had time to close them; processes made since are new
    and not compared."""
    def grown():
        return {pid: count - before[pid] for pid, count in nodes.descriptors(node).items()
                if count > before.get(pid, count)}

    try:
        wait_for("descriptors to be closed", lambda: not grown(), 2.0, 0.1)
        return []
    except Timeout:
        return [f"{node.host}: {count} descriptors more in process {pid}" for pid, count in grown().items()]


def left_in(namespace, addresses):
    """Addresses, routes, rules and tables in a host without a daemon."""
    found = [f"address {each}" for link in ("eth0", "lo") for each in _addresses(namespace, link) if each in addresses]
    for family in ("-4", "-6"):
        routes = namespace.ip(family, "route", "show", "table", "all", "proto", ROUTE_PROTOCOL, check=False).stdout
        found += [f"route {line}" for line in routes.splitlines()]
        rules = namespace.ip(family, "rule", "show").stdout.splitlines()
        if len(rules) != RULES[family]:
            found.append(f"rules {rules}")
    found += namespace.run(["nft", "list", "tables"]).stdout.splitlines()
    return found


def _addresses(namespace, link):
    try:
        return namespace.addresses(link)
    except RuntimeError:  # the fault may have taken the interface away
        return []


def left_by(node, addresses):
    """Stops a node that still runs and says what remains."""
    try:
        if nodes.running(node):
            node.stop()
        wait_for("the processes to end", lambda: not node.pids(), 2.0)
        wait_for("addresses to leave", lambda: not left_in(node.namespace, addresses), 2.0, 0.1)
        return []
    except Timeout:
        return [*(f"process {pid}" for pid in node.pids()), *left_in(node.namespace, addresses)]
    except AssertionError as error:
        return [f"{node.host}: {error}"]
