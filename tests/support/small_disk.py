"""A disk of a few MiB that can be filled and emptied: a tmpfs of one's own."""

import errno
import os
import subprocess


class SmallDisk:
    """Mounted at `path`. `why_not` says why there is none: only root may mount, and not everywhere."""

    def __init__(self, path, size="4m"):
        self.path, self.why_not = path, None
        os.mkdir(path)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", path],
                              capture_output=True, text=True)
        if done.returncode != 0:
            self.why_not = "a tmpfs cannot be mounted: " + done.stderr.strip().splitlines()[0].rpartition(": ")[2]
        self._filler = os.path.join(path, "filler")

    def fill(self):
        """To the last byte: a second writer may free some meanwhile."""
        with open(self._filler, "ab", buffering=0) as file:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def empty(self):
        """Takes away what fill() wrote."""
        if os.path.exists(self._filler):
            os.remove(self._filler)

    def remove(self):
        if self.why_not is None:
            subprocess.run(["umount", "-l", self.path], check=False)
