"""What is compared: each starts in the node's namespace, listens on the virtual address and connects from it."""

import os
import re
import signal

from lab import config
from lab.daemons import Tandem
from lab.namespace import run
from lab.processes import Process, executable
from lab.topology import VIP4, address4
from lab.waiting import wait_for

PORT = 7000
SERVER = address4("up1")

NGINX = """\
daemon off;
user root;
# As in Debian's nginx.conf, but for the connections: its 768 for each worker would not do.
worker_processes auto;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
events {{ worker_connections 20000; }}
stream {{
    server {{
        listen {vip}:{port}{listen};
        proxy_bind {vip};
        proxy_pass {server}:{port};
    }}
}}
"""

# Debian's haproxy.cfg without its log, chroot and HTTP lines.
HAPROXY = """\
global
    {tuning}
defaults
    mode tcp
    timeout connect 5000
    timeout client 50000
    timeout server 50000
    {options}
frontend bench
    bind {vip}:{port}
    default_backend server
backend server
    server one {server}:{port} source {vip}
"""


class Contestant:
    """One way from the client to the server. `name` is for the command line, `title` for people."""

    relays = True
    # The cost beside thousands of idle connections is compared between one kind of each only: it takes long.
    scales = False
    target = VIP4
    program = ""

    def __init__(self, name, title, remark):
        self.name, self.title, self.remark = name, title, remark
        self.lab = self.process = None

    def version(self):
        raise NotImplementedError

    def start(self, lab):
        """Starts it and waits until connections go through."""
        self.lab, self.process = lab, None
        lab.node1.ip("address", "add", f"{VIP4}/32", "dev", "eth0")
        self.process = Process(lab.node1, self.arguments(), lab.path(f"{self.name}.log"))
        self.wait_ready()

    def wait_ready(self):
        def answers():
            if not self.process.running:
                raise AssertionError(f"{self.name} ended with {self.process.exit_code}: {self.process.output()}")
            try:
                self.lab.client.connect(self.target, PORT, 1.0).close()
                return True
            except OSError:
                return False

        wait_for(f"{self.name} to accept", answers, 15.0)

    def arguments(self):
        raise NotImplementedError

    def pids(self):
        return sorted(pid for pid in self.lab.node1.pids() if executable(pid) == self.program)

    def stop(self):
        if self.process is not None:
            self.process.stop(signal.SIGTERM)
            self.process = None

    def write(self, text):
        path = self.lab.path(f"{self.name}.conf")
        with open(path, "w", encoding="ascii") as handle:
            handle.write(text)
        return path


class Direct(Contestant):
    """No proxy: what the machine and the load generator can do."""

    relays = False
    target = SERVER

    def version(self):
        return None

    def start(self, lab):
        self.lab = lab

    def pids(self):
        return []

    def stop(self):
        pass


class Nginx(Contestant):
    program = "nginx"

    def __init__(self, name, title, remark, listen=""):
        super().__init__(name, title, remark)
        self.listen = listen

    def version(self):
        return "nginx " + re.search(r"nginx/(\S+)", run(["nginx", "-v"]).stderr).group(1)

    def arguments(self):
        directory = os.path.join(self.lab.directory, self.name)
        os.makedirs(directory, exist_ok=True)
        path = self.write(NGINX.format(directory=directory, vip=VIP4, port=PORT, server=SERVER, listen=self.listen))
        return ["nginx", "-p", directory, "-c", path, "-e", os.path.join(directory, "error.log")]


class Haproxy(Contestant):
    program = "haproxy"

    def __init__(self, name, title, remark, tuning=(), options=()):
        super().__init__(name, title, remark)
        self.tuning, self.options = tuning, options

    def version(self):
        return "HAProxy " + re.search(r"version (\S+?)-", run(["haproxy", "-v"]).stdout).group(1)

    def arguments(self):
        path = self.write(HAPROXY.format(vip=VIP4, port=PORT, server=SERVER, tuning="\n    ".join(self.tuning),
                                         options="\n    ".join(self.options)))
        return ["haproxy", "-db", "-f", path]


class TandemProxy(Contestant):
    program = "tandemd"

    def __init__(self, name, title, remark, binaries):
        super().__init__(name, title, remark)
        self.binaries, self.daemon = binaries, None

    def version(self):
        words = run([os.path.join(self.binaries, "tandemd"), "--version"], check=False).stdout.split()
        return "tandem " + next((word for word in words if word[:1].isdigit()), "")

    def start(self, lab):
        self.lab, self.daemon = lab, None
        # Priority 255 owns the address: it is active at once.
        path = self.write(config.configuration(
            "bench", config.instance(255, 1.0, "MASTER"), config.service(PORT, ("up1",), PORT, check=False)))
        self.daemon = Tandem(lab, "node1", self.binaries, path)
        self.daemon.start()
        self.process = self.daemon.process
        self.daemon.wait_state("active")
        self.wait_ready()

    def stop(self):
        if self.daemon is not None:
            self.daemon.cleanup()


def tuned_haproxy_lines():
    # 9 500 relayed connections and 256 pipes are what 20 000 descriptors allow.
    return (f"nbthread {os.cpu_count()}", "maxconn 9500", "maxpipes 256", "tune.pipesize 1048576")


def scaling(contestant):
    contestant.scales = True
    return contestant


def contestants(binaries):
    """All of them, in the order of the tables."""
    tuned = tuned_haproxy_lines()
    return [
        Direct("direct", "direct", "no proxy between client and server"),
        Nginx("nginx", "nginx", "Debian's defaults; proxy_half_close off (default): it drops what comes after a FIN"),
        scaling(Nginx("nginx-reuseport", "nginx reuseport", "the same with `listen … reuseport`", " reuseport")),
        scaling(Haproxy("haproxy", "HAProxy", "Debian's defaults, mode tcp")),
        Haproxy("haproxy-tuned", "HAProxy tuned", "option splice-auto, tune.pipesize 1 MiB, maxconn, nbthread = cores",
                tuned, ("option splice-auto",)),
        # splice-auto of HAProxy 2.6 looks again only when the task of the stream wakes, and rarely begins at all.
        Haproxy("haproxy-splice", "HAProxy splice", "tuned, with splice-request and splice-response: it always splices",
                tuned, ("option splice-request", "option splice-response")),
        scaling(TandemProxy("tandem", "tandem", "out of the box", binaries)),
    ]
