"""A real terminal for tests of what people look at: tmux draws it, resizes it, presses keys."""

import os
import shutil
import subprocess
import tempfile
import unittest

from daemon import wait_until

NEEDS_TMUX = unittest.skipUnless(shutil.which("tmux"), "tmux is missing: apt install tmux")
WIDTHS = (40, 80, 200)


class Terminal:
    """A tmux server of its own, with one window that runs a shell."""

    def __init__(self, env, columns, rows):
        self.folder = tempfile.mkdtemp(prefix="covey-tmux-")
        self.columns = columns
        self.env = {**env, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), "env", "PS1=$ ", "ENV=", "sh")

    def tmux(self, *arguments):
        done = subprocess.run(["tmux", "-f", os.devnull, "-S", f"{self.folder}/s", *arguments], env=self.env,
                              capture_output=True, text=True, timeout=30)
        if done.returncode != 0:
            raise AssertionError(f"tmux {arguments}: {done.stderr}")
        return done.stdout

    def type(self, text):
        self.tmux("send-keys", "-l", text)

    def press(self, *keys):
        self.tmux("send-keys", *keys)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))
        self.columns = columns

    def screen(self):
        return self.tmux("capture-pane", "-p")

    def wait_for(self, *words):
        """The screen, once all of `words` are on it."""
        wait_until(lambda: all(word in self.screen() for word in words),
                   lambda: f"the screen shows {words}:\n{self.screen()}")
        return self.screen()

    def wait_until_gone(self, *words):
        wait_until(lambda: not any(word in self.screen() for word in words),
                   lambda: f"the screen shows none of {words}:\n{self.screen()}")

    def cursor_is_shown(self):
        return self.tmux("display-message", "-p", "#{cursor_flag}").strip() == "1"

    def close(self):
        if os.path.exists(f"{self.folder}/s"):
            self.tmux("kill-server")
        shutil.rmtree(self.folder, ignore_errors=True)
