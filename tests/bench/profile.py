"""Where a proxy spends its time: perf around one run of the load generator."""

import contextlib
import os
import signal
import subprocess

from lab.namespace import run
from lab.waiting import wait_for

# The timer of the processor's clock works in virtual machines without counters too.
RECORD = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "997", "-g"]
REPORT = ["perf", "report", "--stdio", "--no-children", "-g", "caller,0.5,callee,function,percent", "--percent-limit", "0.5"]


class Profiler:
    """Writes NAME.data and NAME.txt of each run into `directory`."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)

    @contextlib.contextmanager
    def around(self, name, pids):
        data = os.path.join(self.directory, name + ".data")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(data)
        child = subprocess.Popen([*RECORD, "-o", data, "-p", ",".join(map(str, pids))], stdin=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        try:
            wait_for("perf to record", lambda: os.path.exists(data) or child.poll() is not None)
            yield
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGINT)
            child.wait(20)
        report = run([*REPORT, "-i", data], check=False, timeout=120)
        with open(os.path.join(self.directory, name + ".txt"), "w", encoding="utf-8") as handle:
            handle.write(report.stdout or report.stderr)
