"""One network namespace: run commands and Python code in it."""

import ctypes
import json
import os
import socket
import subprocess
import threading

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class CommandError(RuntimeError):
    """A command of the lab failed; the text has the command and what it said."""


def run(args, check=True, input_text=None, timeout=30):
    """Runs a command to its end and returns it with its output as text."""
    done = subprocess.run(args, input=input_text, capture_output=True, text=True, timeout=timeout)
    if check and done.returncode != 0:
        raise CommandError(f"{' '.join(args)}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done


class Namespace:
    """A named network namespace. `create` and `remove` are called by Lab."""

    def __init__(self, name):
        self.name = name
        self.path = f"/run/netns/{name}"

    def create(self):
        run(["ip", "netns", "add", self.name])

    def remove(self):
        if os.path.exists(self.path):
            run(["ip", "netns", "del", self.name], check=False)

    def command(self, args):
        """The command line that runs `args` inside; the process keeps its pid (nsenter executes it)."""
        return ["nsenter", f"--net={self.path}", *map(str, args)]

    def run(self, args, **options):
        return run(self.command(args), **options)

    def ip(self, *args, check=True):
        return run(["ip", "-n", self.name, *map(str, args)], check=check)

    def ip_batch(self, lines):
        run(["ip", "-n", self.name, "-batch", "-"], input_text="\n".join(lines) + "\n")

    def call(self, function, *args, **options):
        """Runs a Python function in a thread that has entered the namespace; sockets it makes stay there."""
        outcome = {}

        def body():
            try:
                with open(self.path, encoding="ascii") as handle:
                    if _libc.setns(handle.fileno(), CLONE_NEWNET) == -1:
                        raise OSError(ctypes.get_errno(), f"setns {self.name}")
                outcome["value"] = function(*args, **options)
            except BaseException as error:  # handed to the caller's thread
                outcome["error"] = error

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        if "error" in outcome:
            raise outcome["error"]
        return outcome["value"]

    def socket(self, family=socket.AF_INET, kind=socket.SOCK_STREAM, protocol=0):
        return self.call(socket.socket, family, kind, protocol)

    def connect(self, address, port, timeout=2.0, source=None):
        """A connected TCP socket of this namespace."""
        return self.call(socket.create_connection, (address, port), timeout, source)

    def sysctl(self, name, value):
        def write():
            with open("/proc/sys/" + name, "w", encoding="ascii") as handle:
                handle.write(str(value))

        self.call(write)

    def addresses(self, interface="eth0"):
        """Addresses of an interface as text, both families."""
        shown = json.loads(self.ip("-j", "address", "show", "dev", interface).stdout)
        return [entry["local"] for link in shown for entry in link.get("addr_info", []) if "local" in entry]

    def pids(self):
        """Processes that live in the namespace."""
        return [int(word) for word in run(["ip", "netns", "pids", self.name], check=False).stdout.split()]
