"""The two nodes of a cell: tandemd on node1 and the other implementation on node2, driven in the same way."""

import os

from lab import frames
from lab.daemons import Keepalived, Tandem
from lab.frr import Frr, virtual_mac
from lab.topology import VIP4, VIP6, address4, address6
from lab.waiting import wait_for

VIRTUAL_ROUTER_ID = 51
# keepalived competes with a busy machine as tandemd does: real-time, and not killed for a slow moment.
GLOBAL_LINES = ("vrrp_rt_priority 20", "vrrp_rlimit_rttime 5000000")


def vip(family):
    return VIP4 if family == 4 else VIP6


def instance_text(host, version, family, priority, interval, unicast=False, password=None, nopreempt=False,
                  addresses=None, lines=(), min_ttl=None):
    """A configuration of one vrrp_instance that tandemd and keepalived both read."""
    address = address4 if family == 4 else address6
    other = "node2" if host == "node1" else "node1"
    inner = ["state BACKUP", "interface eth0", f"virtual_router_id {VIRTUAL_ROUTER_ID}", f"version {version}",
             f"priority {priority}", f"advert_int {interval:g}", *lines]
    if nopreempt:
        inner.append("nopreempt")
    if unicast:
        inner += [f"unicast_src_ip {address(host)}", "unicast_peer {",
                  f"    {address(other)}" + (f" min_ttl {min_ttl}" if min_ttl else ""), "}"]
    if password is not None:
        inner += ["authentication {", "    auth_type PASS", f"    auth_pass {password}", "}"]
    inner += ["virtual_ipaddress {", *(f"    {each}" for each in addresses or (vip(family),)), "}"]
    return "\n".join(["global_defs {", f"    router_id {host}", *(f"    {line}" for line in GLOBAL_LINES), "}", "",
                      "vrrp_instance VI {", *(f"    {line}" for line in inner), "}", ""])


class TandemNode:
    """tandemd on node1, or as its own peer on node2."""

    def __init__(self, lab, binaries, family, text, host="node1"):
        self.host = host
        self.name = f"tandem on {host}"
        self._daemon = Tandem(lab, host, binaries, lab.path(f"{host}.conf"))
        with open(self._daemon.configuration, "w", encoding="ascii") as handle:
            handle.write(text)
        self.family = family
        self.macs = {frames.hardware_address(lab.hosts[host])}

    def start(self):
        self._daemon.start()

    def stop(self):
        moment, code = self._daemon.terminate()
        if code != 0:
            raise AssertionError(f"tandemd ended with {code}:\n{self.log()[-2000:]}")
        return moment

    def kill(self):
        return self._daemon.kill_all()

    def holds(self):
        return self._daemon.has(vip(self.family))

    def state(self):
        return self._daemon.state()

    def status(self):
        return self._daemon.status()

    def log(self):
        return self._daemon.log()

    def end(self):
        self._daemon.cleanup()


class KeepalivedNode:
    """keepalived on node2."""

    name = "keepalived"
    host = "node2"

    def __init__(self, lab, family, text):
        self._daemon = Keepalived(lab, self.host, text)
        self._log = self._daemon.log_path
        self.family = family
        self.macs = {frames.hardware_address(lab.hosts[self.host])}

    def start(self):
        self._daemon.start()

    def stop(self):
        return self._daemon.terminate()

    def kill(self):
        moment = self._daemon.kill_all()
        self._daemon.process.wait()
        # A later start would take what is left for a running daemon, as long as a killed child is not buried.
        for name in ("parent", "vrrp", "check"):
            path = os.path.join(self._daemon.directory, name + ".pid")
            if os.path.exists(path):
                os.unlink(path)
        return moment

    def holds(self):
        return self._daemon.has(vip(self.family))

    def log(self):
        with open(self._log, encoding="utf-8", errors="replace") as handle:
            return handle.read()


class FrrNode:
    """FRR's vrrpd on node2: the address is on a macvlan that is there always, up or held down."""

    name = "frr"
    host = "node2"

    def __init__(self, lab, version, family, priority, interval, nopreempt=False, addresses=None):
        lines = [f"version {version}", f"priority {priority}", f"advertisement-interval {round(interval * 1000)}",
                 *(f"{'ip' if family == 4 else 'ipv6'} {address}" for address in addresses or (vip(family),))]
        self._daemon = Frr(lab, self.host, family, vip(family), lines, VIRTUAL_ROUTER_ID, nopreempt)
        self.macs = {frames.hardware_address(lab.hosts[self.host]), virtual_mac(VIRTUAL_ROUTER_ID, family)}

    def start(self):
        self._daemon.start()

    def stop(self):
        return self._daemon.terminate()

    def kill(self):
        return self._daemon.kill_all()

    def holds(self):
        return self._daemon.carrier()

    def log(self):
        return self._daemon.log()


def wait_holding(holder, other, timeout):
    wait_for(f"the address on {holder.name} and not on {other.name}",
             lambda: holder.holds() and not other.holds(), timeout)
