"""Something runs out: space and descriptors (X21, X22)."""

import contextlib
import os
import resource
import time

from lab import config
from lab.daemons import Nginx
from lab.topology import VIP4
from lab.waiting import wait_for

from . import nodes
from .peer import SIGNED
from .registry import fault
from .scene import MARGIN


class FullDisk(nodes.TandemNode):
    """Its run directory is a full file system that it alone sees, and its log cannot be written."""

    def arguments(self):
        script = 'mount -t tmpfs -o size=64k lab "$0" && exec "$@"'
        return ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script, self.run_directory,
                *super().arguments()]

    def inside(self):
        """The run directory as the daemon sees it."""
        return f"/proc/{self.process.pid}/root{self.run_directory}"

    def tandemctl(self, *args, timeout=60.0):
        outside, self.run_directory = self.run_directory, self.inside()
        try:
            return super().tandemctl(*args, timeout=timeout)
        finally:
            self.run_directory = outside

    def log(self):
        return ""

    def fill(self):
        with contextlib.suppress(OSError), open(os.path.join(self.inside(), "fill"), "wb", buffering=0) as handle:
            while True:
                handle.write(b"\0" * 1024)


@fault("X21", "No space left for state and log", kinds=("tandem",))
def test_x21_disk_full(scene):
    scene.make(lines=SIGNED, daemon_a=FullDisk)
    os.symlink("/dev/full", scene.a.log_path)
    for node in (scene.a, scene.b):
        node.start()
    scene.wait_roles()
    scene.a.fill()
    moment = scene.now()
    time.sleep(1.0)
    scene.stays(moment, MARGIN)
    scene.expect(scene.a.status() is not None, "status answers", "status does not answer")
    os.unlink(scene.a.log_path)
    stopped = scene.a.stop()
    scene.moved(stopped, scene.skew() + MARGIN)


def limit_descriptors(before, spare):
    """Leaves each process so many descriptors more than it had before."""
    for pid, count in before.items():
        _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (count + spare, hard))


@fault("X22", "100 clients with 48 descriptors left, 100 more with 49", slow=True, kinds=("tandem",))
def test_x22_no_descriptors(scene):
    nginx = Nginx(scene.lab, "up1")
    scene.start(blocks=(config.service(80, upstreams=("up1",)),))
    before = nodes.descriptors(scene.a)
    with contextlib.ExitStack() as clients:
        # A relayed connection takes two: with one of these numbers nothing would be left for status.
        for spare in (48, 49):
            limit_descriptors(before, spare)
            for _ in range(100):
                with contextlib.suppress(OSError):
                    clients.enter_context(scene.lab.client.connect(VIP4, 80, 0.2))
            asked = scene.now()
            answered = all(scene.a.status() is not None for _ in range(3))
            # Not only when the fault has ended the connections.
            scene.expect(answered and scene.now() - asked < 1.0, "status answers", f"no status, {spare} descriptors")
        released = wait_for("priority 0", lambda: scene.priority_zero(scene.a, 0.0), 10.0)[0]
        times = [p.time for p in scene.adverts(scene.a)]
        longest = max(later - earlier for earlier, later in zip(times, times[1:]))
        scene.expect(longest <= 2 * scene.interval, "advertisements until priority 0",
                     f"{longest * 1000:.0f} ms between two advertisements")
        scene.moved(released, scene.skew() + MARGIN)
        why = str(scene.a.instance().get("faults"))
        scene.expect("open files" in why, "status says why", f"status says {why}")
    nginx.stop()
