"""FRR's zebra and vrrpd as elector on one node, with sockets and files of their own."""

import json
import os
import shutil
import signal
import time

from .namespace import run
from .processes import Process, executable, parents_first, signal_pid
from .waiting import wait_for

PROGRAMS = "/usr/lib/frr"
# FRR changes to this user before it writes; its group may open the command sockets.
USER, GROUP = "frr", "frr"


def virtual_mac(virtual_router_id, family):
    return f"00:00:5e:00:0{1 if family == 4 else 2}:{virtual_router_id:02x}"


class Frr:
    """One virtual router. FRR does not make the interface that carries the virtual MAC and the address: a macvlan in
    bridge mode, which is there before vrrpd starts and which zebra holds down while the router is not master."""

    def __init__(self, lab, host, family, address, lines, virtual_router_id=51, nopreempt=False):
        """`lines`: what follows `vrrp VRID` in the configuration, for example ["version 3", "priority 100"]."""
        self.lab, self.host = lab, host
        self.namespace = lab.hosts[host]
        self.directory = lab.path(f"frr-{host}")
        self.interface = f"vrrp{family}-{virtual_router_id}"
        os.makedirs(self.directory)
        # The way to it is not for others, but frr must reach its own.
        os.chmod(lab.directory, 0o711)
        shutil.chown(self.directory, USER, GROUP)
        self._write("zebra.conf", ["hostname zebra"])
        # The order is vrrpd's: the version makes the router, the rest changes it.
        inner = [f" vrrp {virtual_router_id} {line}" for line in lines]
        if nopreempt:
            inner.append(f" no vrrp {virtual_router_id} preempt")
        self._write("vrrpd.conf", ["hostname vrrpd", "log stdout debugging", "debug vrrp", "interface eth0", *inner])
        self._make_interface(family, address, virtual_mac(virtual_router_id, family))
        self._zebra = self._run("zebra")
        wait_for("zebra to listen", lambda: os.path.exists(os.path.join(self.directory, "zserv")))
        self.process = None
        # The interface is up as soon as it exists; it is vrrpd that holds it down, also after a clean end.
        self.start()
        self.terminate()
        wait_for(f"{self.interface} to be held down", lambda: not self.carrier())

    def carrier(self):
        """The interface is not held down: this node answers for the address."""
        shown = json.loads(self.namespace.ip("-j", "link", "show", "dev", self.interface).stdout)
        return "LOWER_UP" in shown[0]["flags"]

    def _write(self, name, lines):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="ascii") as handle:
            handle.write("\n".join([*lines, ""]))
        shutil.chown(path, USER, GROUP)

    def _make_interface(self, family, address, mac):
        # Only the interface that has an address answers for it, and none that is held down.
        for name, value in (("arp_ignore", 1), ("ignore_routes_with_linkdown", 1)):
            for scope in ("all", "default", "eth0"):
                self.namespace.sysctl(f"net/ipv4/conf/{scope}/{name}", value)
        self.namespace.ip("link", "add", self.interface, "link", "eth0", "address", mac, "type", "macvlan",
                          "mode", "bridge")
        self.namespace.ip("link", "set", self.interface, "addrgenmode", "random")
        self.namespace.ip("address", "add", f"{address}/{24 if family == 4 else 64}", "dev", self.interface,
                          *([] if family == 4 else ["nodad"]))
        self.namespace.ip("link", "set", self.interface, "up")

    def _run(self, program):
        def path(name):
            return os.path.join(self.directory, name)

        # Real-time, as the others are: a late advertisement of a busy machine is not what tests are about.
        return Process(self.namespace, [
            "chrt", "--rr", "20", os.path.join(PROGRAMS, program), "-u", USER, "-g", GROUP,
            "-f", path(f"{program}.conf"), "-i", path(f"{program}.pid"), "-z", path("zserv"),
            "--vty_socket", self.directory, "-A", "127.0.0.1", "-P", "0",
        ], self.lab.path(f"{program}-{self.host}.log"))

    def start(self):
        self.process = self._run("vrrpd")
        wait_for("vrrpd to take commands", lambda: self.show() is not None)

    def show(self):
        """`show vrrp`, or None."""
        done = run(["vtysh", "--vty_socket", self.directory, "-d", "vrrpd", "-c", "show vrrp"], check=False)
        return done.stdout if done.returncode == 0 and "Status" in done.stdout else None

    def command(self, *lines):
        """Commands of the configuration mode."""
        run(["vtysh", "--vty_socket", self.directory, "-d", "vrrpd", "-c", "configure terminal",
             *(word for line in lines for word in ("-c", line))])

    def log(self):
        return self.process.output() if self.process else ""

    def terminate(self):
        moment = time.monotonic()
        self.process.stop(signal.SIGTERM)
        return moment

    def kill_all(self):
        """SIGKILL to vrrpd; the interface stays as it was."""
        pids = parents_first([pid for pid in self.namespace.pids() if executable(pid) == "vrrpd"])
        moment = time.monotonic()
        for pid in pids:
            signal_pid(pid, signal.SIGKILL)
        self.process.wait()
        return moment
