"""The programs that run in the lab: nginx as upstream, tandemd, keepalived as a peer."""

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import time

from .namespace import run
from .processes import Process, executable, only_child, parents_first, signal_pid
from .waiting import wait_for

LARGE_SIZE = 8 << 20

NGINX_CONFIGURATION = """\
daemon off;
user root;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log {directory}/access.log;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen {port} reuseport;
        listen [::]:{port} reuseport;
        default_type application/json;
        location / {{ return 200 '{{"upstream":"{name}","peer":"$remote_addr","port":$remote_port}}\\n'; }}
        location = /large {{ alias {directory}/large; }}
    }}
}}
"""


class Nginx:
    """A web server that answers with its own name and the peer address it saw, and has a large file."""

    def __init__(self, lab, host, port=8080):
        self.host = host
        directory = lab.path(f"nginx-{host}-{port}")
        os.makedirs(directory)
        content = random.Random(host).randbytes(LARGE_SIZE)
        self.large_digest = hashlib.sha256(content).hexdigest()
        with open(os.path.join(directory, "large"), "wb") as handle:
            handle.write(content)
        path = os.path.join(directory, "nginx.conf")
        with open(path, "w", encoding="ascii") as handle:
            handle.write(NGINX_CONFIGURATION.format(directory=directory, port=port, name=host))
        self._namespace, self._port = lab.hosts[host], port
        self._arguments = ["nginx", "-p", directory, "-c", path, "-e", os.path.join(directory, "error.log")]
        self._log = os.path.join(directory, "output.log")
        self.start()

    def start(self):
        self._process = Process(self._namespace, self._arguments, self._log)
        wait_for(f"nginx on {self.host}", self._answers)

    def _answers(self):
        if not self._process.running:
            raise AssertionError(f"nginx ended: {self._process.output()}")
        try:
            self._namespace.connect("127.0.0.1", self._port, 1.0).close()
            return True
        except OSError:
            return False

    def stop(self):
        self._process.stop(signal.SIGTERM)


class Daemon:
    """What the daemons of a node have in common. The subclass sets `program`, `host`, `namespace`, `process`, `log_path`."""

    def has(self, address):
        return address in self.namespace.addresses()

    def log(self):
        if not os.path.exists(self.log_path):
            return ""
        with open(self.log_path, encoding="utf-8", errors="replace") as handle:
            return handle.read()

    def pids(self):
        """All its processes in this namespace, parents first."""
        return parents_first([pid for pid in self.namespace.pids() if executable(pid) == self.program])

    def node_pid(self):
        """The process that elects: the only child of the one that was started, or that one itself."""
        return only_child(self.process.pid) or self.process.pid

    def signal_all(self, number):
        """Signals every process, parents before children. Returns the moment."""
        pids = self.pids()
        moment = time.monotonic()
        for pid in pids:
            signal_pid(pid, number)
        return moment


class Tandem(Daemon):
    """One tandemd with its run directory and its tandemctl."""

    program = "tandemd"

    def __init__(self, lab, host, binaries, configuration):
        """`configuration`: path of the file to run with."""
        self.lab, self.host = lab, host
        self.namespace = lab.hosts[host]
        self.configuration = configuration
        self.daemon = os.path.join(binaries, "tandemd")
        self.control = os.path.join(binaries, "tandemctl")
        self.run_directory = lab.path(f"run-{host}")
        self.log_path = lab.path(f"{host}.log")
        self.environment = {}
        self.process = None

    def arguments(self):
        return [self.daemon, "-f", self.configuration, "-n", "-l", "-D", "-i", self.host,
                "--run-dir", self.run_directory]

    def start(self, timeout=10.0):
        """Starts it and waits until its control socket answers."""
        os.makedirs(self.run_directory, mode=0o700, exist_ok=True)
        self.process = Process(self.namespace, self.arguments(), self.log_path, self.environment)

        def ready():
            if not self.process.running:
                raise AssertionError(f"tandemd on {self.host} ended with {self.process.exit_code}:\n{self.log()}")
            return self.status() is not None

        wait_for(f"tandemd on {self.host} to answer; log:\n{self.log()}", ready, timeout)

    def tandemctl(self, *args, timeout=60.0):
        """Runs tandemctl against this node; returns the completed process."""
        return run([self.control, "--run-dir", self.run_directory, *map(str, args)], check=False, timeout=timeout)

    def tandemctl_command(self, *args):
        """The line a person would type."""
        return " ".join([f"ip netns exec {self.namespace.name}", self.control, "--run-dir", self.run_directory, *args])

    def status(self):
        """The status document, or None when no daemon answers."""
        done = self.tandemctl("--json", "status")
        if done.returncode != 0:
            return None
        return json.loads(done.stdout)

    def events(self, name=None):
        """The event list, or those of it that have this id."""
        listed = json.loads(self.tandemctl("--json", "events").stdout)["events"]
        return [event for event in listed if name in (None, event["id"])]

    def instance(self, name=None):
        """Status of one instance (default: the first); None when no daemon answers."""
        status = self.status()
        if status is None:
            return None
        return next((i for i in status["instances"] if name is None or i["name"] == name), None)

    def state(self, name=None):
        found = self.instance(name)
        return found["state"] if found else None

    def wait_state(self, state, name=None, timeout=15.0):
        try:
            wait_for(f"{self.host} to be {state}", lambda: self.state(name) == state, timeout, 0.05)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {self.state(name)}; log:\n{self.log()[-4000:]}") from None

    def kill_all(self):
        """SIGKILL to every process; the lease, not the daemon, must take the address away."""
        moment = self.signal_all(signal.SIGKILL)
        if self.process:
            self.process.wait()
        wait_for(f"tandemd on {self.host} to end", lambda: not self.pids(), interval=0.005)
        return moment

    def terminate(self, timeout=15.0):
        """SIGTERM to the daemon and wait. Returns (moment of the signal, exit code)."""
        moment = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            return moment, self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"tandemd on {self.host} did not end on SIGTERM; log:\n{self.log()[-4000:]}") from None

    def cleanup(self):
        """Ends whatever is left and removes the addresses it may have left behind."""
        self.signal_all(signal.SIGCONT)
        self.signal_all(signal.SIGKILL)
        if self.process:
            self.process.stop(signal.SIGKILL)
            self.process = None
        wait_for(f"tandemd on {self.host} to end", lambda: not self.pids())
        for address in (self.lab.vip, self.lab.vip6):
            if self.has(address):
                self.namespace.ip("address", "del", f"{address}/{128 if ':' in address else 32}", "dev", "eth0",
                                  check=False)
        shutil.rmtree(self.run_directory, ignore_errors=True)


class Keepalived(Daemon):
    """The real keepalived as elector on one node, for interoperation and to check the lab itself."""

    program = "keepalived"

    def __init__(self, lab, host, configuration_text):
        self.lab, self.host = lab, host
        self.namespace = lab.hosts[host]
        self.directory = lab.path(f"keepalived-{host}")
        os.makedirs(self.directory, exist_ok=True)
        self.configuration = os.path.join(self.directory, "keepalived.conf")
        with open(self.configuration, "w", encoding="ascii") as handle:
            handle.write(configuration_text)
        self.log_path = os.path.join(self.directory, "output.log")
        self.environment = {}
        self.process = None

    def start(self):
        def pid_file(name):
            return os.path.join(self.directory, name + ".pid")

        self.process = Process(self.namespace, [
            "keepalived", "-n", "-l", "-D", "-P", "-f", self.configuration, "-p", pid_file("parent"),
            "-r", pid_file("vrrp"), "-c", pid_file("check"),
        ], self.log_path, self.environment)
        self.process.wait_output("Entering BACKUP STATE")

    def kill_all(self):
        return self.signal_all(signal.SIGKILL)

    def terminate(self):
        moment = time.monotonic()
        self.process.stop(signal.SIGTERM)
        return moment
