"""Two tandemd on the lab's nodes."""

from . import config
from .daemons import Tandem
from .prober import Prober
from .waiting import wait_for

PRIORITY = {"node1": 150, "node2": 100}
# Short enough for quick tests, long enough for a busy machine.
ADVERT_INT = 0.2


class Pair:
    """Two nodes with one configuration each; node1 has the higher priority."""

    def __init__(self, lab, binaries, scratch):
        """`scratch` turns a file name into a path of this test or measurement."""
        self.lab = lab
        self.scratch = scratch
        self.binaries = binaries
        self.advert_int = ADVERT_INT
        self.node1 = Tandem(lab, "node1", binaries, None)
        self.node2 = Tandem(lab, "node2", binaries, None)
        self.nodes = [self.node1, self.node2]
        for node in self.nodes:
            node.log_path = self.scratch(f"{node.host}.log")

    def configure(self, *services, advert_int=ADVERT_INT, **options):
        """Writes both files. Without `services`: the web service on port 80."""
        self.advert_int = advert_int
        services = services or (config.service(80),)
        for node in self.nodes:
            node.configuration = self.scratch(f"{node.host}.conf")
            self.write(node, *services, **options)
        return self

    def write(self, node, *services, advert_int=None, **options):
        """Another file for one node, which does not know of it yet."""
        block = config.instance(PRIORITY[node.host], advert_int or self.advert_int, **options)
        with open(node.configuration, "w", encoding="ascii") as handle:
            handle.write(config.configuration(node.host, block, *services))

    def start(self, *services, **options):
        """Configures, starts both, and waits until node1 is active and serves."""
        self.configure(*services, **options)
        for node in self.nodes:
            node.start()
        self.wait_roles(self.node1, self.node2)
        return self

    def wait_roles(self, active, backup, timeout=15.0):
        """Waits until one is active, the other backup, and only one has the address."""
        active.wait_state("active", timeout=timeout)
        backup.wait_state("backup", timeout=timeout)
        wait_for("the address on the active node only",
                 lambda: active.has(self.lab.vip) and not backup.has(self.lab.vip), timeout)

    def down_interval(self, node="node2"):
        return config.active_down_interval(PRIORITY[node], self.advert_int)

    def skew(self, node="node2"):
        return config.skew_time(PRIORITY[node], self.advert_int)

    def lease(self):
        return config.vip_lease(self.advert_int)

    def prober(self, port=80, interval=0.004):
        return Prober(self.lab.client, self.lab.vip, port, self.scratch(f"prober-{port}.log"), interval)

    def cleanup(self):
        for node in self.nodes:
            node.cleanup()
