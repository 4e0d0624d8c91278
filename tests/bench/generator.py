"""The load generator in the lab: a server, clients with a result, and connections that are held."""

import contextlib
import json
import subprocess

from lab.namespace import CommandError
from lab.processes import Process
from lab.waiting import wait_for

from . import counters
from .contestants import PORT, SERVER

GRACE = 40


class Generator:
    """`profiler` may be None."""

    def __init__(self, lab, program, profiler=None):
        self.lab, self.program, self.profiler = lab, program, profiler
        self.server = None
        self._descriptors = 0

    def start(self):
        self.server = Process(self.lab.up1, [self.program, "serve", SERVER, PORT], self.lab.path("server.log"))
        self.server.wait_output("serving")
        self._descriptors = counters.descriptors([self.server.pid])

    def stop(self):
        self.server.stop()

    def run(self, workload, contestant, connections=1, seconds=2.0, count=None, warmup=0.3):
        """One run; the result with rates and the processor time of the proxy."""
        args = [self.program, workload, contestant.target, PORT, "--connections", connections, "--seconds", seconds,
                "--warmup", warmup, "--watch", f"server={self.server.pid}"]
        pids = contestant.pids()
        if pids:
            args += ["--watch", "proxy=" + ",".join(map(str, pids))]
        if count:
            args += ["--count", count]
        if workload == "connect":
            args += ["--source", self.lab.address("client")]
        profiled = contextlib.nullcontext()
        if self.profiler and pids:
            profiled = self.profiler.around(f"{contestant.name}-{workload}-{connections}", pids)
        with profiled:
            done = self.lab.client.run(args, check=False, timeout=seconds + GRACE)
        if done.returncode != 0:
            raise CommandError(f"{contestant.name}, {workload}: {done.stderr.strip()} {done.stdout.strip()}")
        return json.loads(done.stdout)

    @contextlib.contextmanager
    def held(self, contestant, connections):
        """So many connections that did one ping and then idle."""
        args = [self.program, "hold", contestant.target, PORT, "--connections", connections, "--seconds", 20]
        child = subprocess.Popen(self.lab.client.command(args), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 text=True, start_new_session=True)
        try:
            if child.stdout.readline().split() != ["held", str(connections)]:
                raise CommandError(f"{contestant.name}: {connections} connections could not be opened")
            yield
            if child.poll() is not None:
                raise CommandError(f"{contestant.name}: an idle connection was closed")
        finally:
            child.stdin.close()
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            child.stdout.close()

    def settle(self):
        """Waits until the proxy has closed what the last measure left behind: the server then has nothing open."""
        wait_for("the connections of the last measure to end",
                 lambda: counters.descriptors([self.server.pid]) <= self._descriptors, 15.0, 0.02)
