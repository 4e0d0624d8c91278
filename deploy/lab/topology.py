"""Builds the lab's hosts and switch, cuts their links, and removes everything again."""

import atexit
import json
import os
import shutil
import signal
import sys

from .namespace import Namespace
from .processes import parents_first, signal_pid
from .waiting import Timeout, wait_for

BASE_DIRECTORY = "/run/tandem-lab"
NETWORK4 = "198.51.100"
NETWORK6 = "2001:db8:51:"
VIP4 = f"{NETWORK4}.100"
VIP6 = f"{NETWORK6}:100"
HOSTS = {"client": 50, "node1": 11, "node2": 12, "up1": 21, "up2": 22}


def address4(host):
    return f"{NETWORK4}.{HOSTS[host]}"


def address6(host):
    return f"{NETWORK6}:{HOSTS[host]}"


def start_time(pid):
    """Start of a process in clock ticks since boot: tells it from a later one with the same number."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as handle:
            return int(handle.read().rpartition(")")[2].split()[19])
    except (OSError, ValueError):
        return None


def end_processes(namespaces):
    """Kills whatever still runs in the namespaces; only the lab puts processes there."""
    def remaining():
        return [pid for namespace in namespaces for pid in namespace.pids() if pid != os.getpid()]

    def gone():
        pids = remaining()
        for pid in parents_first(pids):
            signal_pid(pid, signal.SIGKILL)
        return not pids

    try:
        wait_for("processes of the lab to end", gone, 5.0, 0.05)
    except Timeout as error:
        print(f"lab: {error}: {remaining()}", file=sys.stderr)


class Lab:
    """The network of one run.

    with Lab() as lab:
        lab.client.run(["ping", "-c1", lab.address("node1")])
    """

    def __init__(self, prefix=None):
        os.makedirs(BASE_DIRECTORY, mode=0o755, exist_ok=True)
        self.prefix = prefix or self._free_prefix()
        self.directory = os.path.join(BASE_DIRECTORY, self.prefix)
        self.switch = Namespace(f"{self.prefix}-switch")
        self.hosts = {name: Namespace(f"{self.prefix}-{name}") for name in HOSTS}
        self.client, self.node1, self.node2, self.up1, self.up2 = self.hosts.values()
        self.vip = VIP4
        self.vip6 = VIP6
        self.kept = False

    @staticmethod
    def _free_prefix():
        candidates = [f"tdm{os.getpid()}"] + [f"tdm{os.getpid()}x{number}" for number in range(1, 100)]
        return next(name for name in candidates if not os.path.exists(os.path.join(BASE_DIRECTORY, name)))

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, *_):
        if not self.kept:
            self.down()

    def up(self):
        os.mkdir(self.directory, mode=0o700)
        self._write_state()
        atexit.register(self._at_exit, os.getpid())
        try:
            self._build()
        except BaseException:
            self.down()
            raise

    def keep(self):
        """Leaves everything running when this process ends; `remove_leftovers` takes it away later."""
        self.kept = True
        self._write_state()

    def down(self):
        namespaces = [*self.hosts.values(), self.switch]
        end_processes(namespaces)
        for namespace in namespaces:
            namespace.remove()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _at_exit(self, owner):
        if not self.kept and os.getpid() == owner and os.path.exists(self.directory):
            self.down()

    def _write_state(self):
        state = {"owner": os.getpid(), "owner_start": start_time(os.getpid()), "kept": self.kept}
        with open(os.path.join(self.directory, "state.json"), "w", encoding="ascii") as handle:
            json.dump(state, handle)

    def _build(self):
        for namespace in [self.switch, *self.hosts.values()]:
            namespace.create()
            # Addresses are usable at once, and the only router advertisements would be noise.
            for scope in ("all", "default"):
                namespace.sysctl(f"net/ipv6/conf/{scope}/accept_dad", 0)
                namespace.sysctl(f"net/ipv6/conf/{scope}/dad_transmits", 0)
                namespace.sysctl(f"net/ipv6/conf/{scope}/accept_ra", 0)
        self.switch.sysctl("net/ipv6/conf/default/disable_ipv6", 1)
        lines = [
            "link set lo up",
            "link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
            "link set br0 up",
        ]
        for name, namespace in self.hosts.items():
            lines += [
                f"link add {name} type veth peer name eth0 netns {namespace.name}",
                f"link set {name} master br0 up",
            ]
        self.switch.ip_batch(lines)
        for name, namespace in self.hosts.items():
            namespace.ip_batch([
                "link set lo up",
                f"address add {address4(name)}/24 brd + dev eth0",
                f"address add {address6(name)}/64 dev eth0 nodad",
                "link set eth0 up",
            ])
        self.switch.run(["nft", "-f", "-"], input_text="table bridge lab { chain forward {\n"
                        "type filter hook forward priority 0\n}\n}\n")

    @staticmethod
    def address(host):
        return address4(host)

    def path(self, name):
        """A file of this run."""
        return os.path.join(self.directory, name)

    def link(self, host, up):
        """Carrier of a host's interface, changed at the switch, as when a cable is pulled."""
        self.switch.ip("link", "set", host, "up" if up else "down")

    def interface(self, host, up):
        """The host's own interface, changed inside it, as an administrator would."""
        self.hosts[host].ip("link", "set", "eth0", "up" if up else "down")

    def cut(self, source, destination, match=""):
        """Drops what goes from one host to another, one way; `match` is an nft expression that narrows it."""
        self.switch.run(["nft", "add", "rule", "bridge", "lab", "forward", "iifname", source, "oifname",
                         destination, *match.split(), "drop"])

    def drop(self, match):
        """Drops on the switch whatever an nft expression matches, such as 'oifname "client" ether type arp'."""
        self.switch.run(["nft", "add", "rule", "bridge", "lab", "forward", *match.split(), "drop"])

    def make_interface(self, host):
        """A host's interface made anew, with the host's own addresses, after it was deleted."""
        namespace = self.hosts[host]
        self.switch.ip_batch([f"link add {host} type veth peer name eth0 netns {namespace.name}",
                              f"link set {host} master br0 up"])
        namespace.ip_batch([f"address add {address4(host)}/24 brd + dev eth0",
                            f"address add {address6(host)}/64 dev eth0 nodad", "link set eth0 up"])

    def partition(self, first, second, match=""):
        self.cut(first, second, match)
        self.cut(second, first, match)

    def heal(self):
        """Removes every cut and brings every link up."""
        self.switch.run(["nft", "flush", "chain", "bridge", "lab", "forward"])
        for name in self.hosts:
            self.link(name, True)


def remove_leftovers():
    """Removes the labs of earlier runs: kept ones, and those whose owner is gone. Returns what it did, as lines."""
    report = []
    names = sorted(os.listdir(BASE_DIRECTORY)) if os.path.isdir(BASE_DIRECTORY) else []
    for name in names:
        try:
            with open(os.path.join(BASE_DIRECTORY, name, "state.json"), encoding="ascii") as handle:
                state = json.load(handle)
        except (OSError, ValueError):
            state = {}
        owner = state.get("owner")
        alive = owner is not None and start_time(owner) == state.get("owner_start")
        if alive and not state.get("kept"):
            report.append(f"{name}: in use by process {owner}, left alone")
            continue
        Lab(prefix=name).down()
        report.append(f"{name}: removed")
    return report


def raise_on_signals():
    """SIGINT, SIGTERM and SIGHUP become SystemExit, so that every cleanup on the way out runs."""
    def leave(number, _frame):
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)

    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, leave)


def require_root():
    if os.geteuid() != 0:
        sys.exit("the lab makes network namespaces: run it as root")
