"""The two daemons with the same handles: start, stop, kill, which process is which."""

import os
import signal

from lab import frames
from lab.daemons import Keepalived, Tandem


def write(path, text):
    with open(path, "w", encoding="ascii") as handle:
        handle.write(text)


class TandemNode(Tandem):
    kind = "tandem"

    def __init__(self, lab, host, text, binaries):
        super().__init__(lab, host, binaries, lab.path(f"{host}.conf"))
        write(self.configuration, text)
        self.mac = frames.hardware_address(self.namespace)

    def alarms(self):
        """Kind and MAC address of each, of every instance."""
        return [(alarm["kind"], alarm.get("mac")) for instance in (self.status() or {"instances": []})["instances"]
                for alarm in instance.get("alarms", [])]

    def stop(self):
        moment, code = self.terminate()
        if code != 0:
            raise AssertionError(f"tandemd on {self.host} ended with {code}:\n{self.log()[-2000:]}")
        return moment


class KeepalivedNode(Keepalived):
    kind = "keepalived"

    def __init__(self, lab, host, text, _binaries=None):
        super().__init__(lab, host, text)
        self.mac = frames.hardware_address(self.namespace)

    def start(self):
        # What is left of an earlier life would be taken for a running daemon and its log for this one's.
        for name in os.listdir(self.directory):
            if name.endswith((".pid", ".log")):
                os.unlink(os.path.join(self.directory, name))
        super().start()

    def alarms(self):
        return []

    def stop(self):
        return self.terminate()

    def kill_all(self):
        moment = super().kill_all()
        self.process.wait()
        return moment

    def cleanup(self):
        self.signal_all(signal.SIGCONT)
        self.signal_all(signal.SIGKILL)
        if self.process:
            self.process.stop(signal.SIGKILL)


KINDS = {"tandem": TandemNode, "keepalived": KeepalivedNode}


def descriptors(node):
    """Open descriptors of all processes of a node, by pid."""
    found = {}
    for pid in node.pids():
        try:
            found[pid] = len(os.listdir(f"/proc/{pid}/fd"))
        except OSError:
            pass
    return found


def running(node):
    return node.process is not None and node.process.running


