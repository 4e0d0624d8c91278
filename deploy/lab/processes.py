"""Child processes inside namespaces: started in a session of their own, ended by pid."""

import os
import signal
import subprocess

from .waiting import wait_for


def signal_pid(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def executable(pid):
    """Base name of the program that a process runs; empty when it is gone."""
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).removesuffix(" (deleted)")
    except OSError:
        return ""


def parents_first(pids):
    """Orders processes so that none is after its child: a dying child then has no parent left to react."""
    def parent(pid):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as handle:
                return int(handle.read().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            return 0

    known = set(pids)

    def depth(pid):
        count = 0
        while (pid := parent(pid)) in known and count < len(known):
            count += 1
        return count

    return sorted(pids, key=depth)


def only_child(pid):
    """The child of a process that has exactly one; None otherwise."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as handle:
            children = [int(word) for word in handle.read().split()]
    except OSError:
        return None
    return children[0] if len(children) == 1 else None


class Process:
    """A program in a namespace; its output goes to a file."""

    def __init__(self, namespace, args, log_path, environment=None):
        self.namespace = namespace
        self.args = [str(arg) for arg in args]
        self.log_path = log_path
        self._log = open(log_path, "ab", buffering=0)
        self.child = subprocess.Popen(
            namespace.command(self.args),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
        )
        self.pid = self.child.pid

    @property
    def running(self):
        return self.child.poll() is None

    @property
    def exit_code(self):
        return self.child.poll()

    def output(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as handle:
            return handle.read()

    def wait_output(self, text, timeout=10.0):
        def seen():
            if text in self.output():
                return True
            if not self.running:
                raise AssertionError(f"{self.args[0]} ended with {self.exit_code}: {self.output()[-2000:]}")
            return False

        wait_for(f"{text!r} from {self.args[0]}", seen, timeout)

    def send_signal(self, number):
        if self.running:
            signal_pid(self.pid, number)

    def wait(self, timeout=10.0):
        return self.child.wait(timeout)

    def stop(self, number=signal.SIGTERM, timeout=10.0):
        """Asks it to end, then insists. Returns the exit code."""
        self.send_signal(number)
        try:
            self.child.wait(timeout)
        except subprocess.TimeoutExpired:
            self._kill_group()
            self.child.wait(timeout)
        self._kill_group()
        self._log.close()
        return self.child.returncode

    def _kill_group(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
