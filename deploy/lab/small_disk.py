"""A tandemd with a small file system of its own, which can be filled."""

import contextlib
import os

from .daemons import Tandem

SIZE = 4 << 20


class TandemOnSmallDisk(Tandem):
    """Like Tandem; sees a file system of 4 MiB, full from the start, where the others see an empty directory."""

    @staticmethod
    def file_in(lab, name):
        """The path of a file on it, for configurations of every node of the lab."""
        return os.path.join(lab.path("small-disk"), name)

    def arguments(self):
        script = f'mount -t tmpfs -o size={SIZE} lab "$0" && fallocate --length {SIZE} "$0/filler" && exec "$@"'
        return ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-c", script, self.lab.path("small-disk"),
                *super().arguments()]

    def start(self, timeout=10.0):
        os.makedirs(self.lab.path("small-disk"), exist_ok=True)
        super().start(timeout)

    def make_room(self):
        os.unlink(self._inside("filler"))

    def lines(self, name):
        """Of a file on it."""
        with contextlib.suppress(FileNotFoundError), open(self._inside(name), encoding="ascii") as handle:
            return handle.readlines()
        return []

    def _inside(self, name):
        return f"/proc/{self.process.pid}/root{self.file_in(self.lab, name)}"
