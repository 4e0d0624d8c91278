"""A tandemd whose log goes nowhere: standard error is a full pipe that nobody reads."""

import os

from .daemons import Tandem


class BlockedLog:
    """A pipe with a name. full: nothing can be written to it until drain()."""

    def __init__(self, path, full=True):
        self.path = path
        if os.path.exists(path):
            os.unlink(path)
        os.mkfifo(path)
        # Open for reading too, so that opening it never waits and writing to it never fails.
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        if full:
            self._fill()

    def _fill(self):
        for size in (65536, 4096, 1):
            try:
                while True:
                    os.write(self._descriptor, b"\n" * size)
            except BlockingIOError:
                pass

    def read(self):
        """What is in the pipe now."""
        parts = []
        try:
            while True:
                parts.append(os.read(self._descriptor, 65536))
        except BlockingIOError:
            return b"".join(parts).decode(errors="replace").lstrip("\n")

    def close(self):
        os.close(self._descriptor)


class BlockedTandem(Tandem):
    """Like Tandem; its log cannot be read as a file."""

    def log(self):
        return "(the log is blocked)"

    def start(self, timeout=10.0):
        self.blocked = BlockedLog(self.log_path)
        super().start(timeout)

    def cleanup(self):
        super().cleanup()
        if getattr(self, "blocked", None):
            self.blocked.close()
            os.unlink(self.log_path)
            self.blocked = None
