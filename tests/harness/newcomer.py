"""A newcomer at a shell in a terminal of some size: what they type, and what stands on their screen."""

import re
import shlex

from harness.machine import as_user
from harness.screen import Pane
from harness.wait import until

HISTORY = 400
READY = re.compile(r"(^|\n)\w+ (\d+)\$ *$")


class Newcomer(Pane):
    """Their shell tells the status of the last command in its prompt."""

    def __init__(self, name, user, columns, rows):
        shell = ["env", f"PS1={name} $?$ ", "PATH=/usr/bin:/bin", "bash", "--norc", "--noprofile", "-i"]
        super().__init__(name, shlex.join([*(as_user(user) if user else []), *shell]), columns, rows)
        self.asked = self.awaits_shell()

    def awaits_shell(self):
        """The status in the prompt of the shell."""
        return int(until(lambda: READY.search(self.text().rstrip("\n")), f"the shell of {self.name}")[2])

    def begins(self, command):
        """Types a command on an empty screen."""
        self._tmux("send-keys", "-t", self.name, "-R", f" clear; {command}", "")
        self._tmux("clear-history", "-t", self.name)
        self._tmux("send-keys", "-t", self.name, "Enter")

    def says(self):
        """All that the command has printed, also what has scrolled away, wrapped lines joined."""
        return self._tmux("capture-pane", "-p", "-J", "-S", f"-{HISTORY}", "-t", self.name)

    def sees(self):
        """The screen, line by line."""
        return self._tmux("capture-pane", "-p", "-t", self.name)

    def hears(self, text):
        until(lambda: flat(text) in flat(self.says()), f"{text!r} in what {self.name} is told")

    def answers(self, prompt, text):
        """Types when the last line on the screen is that prompt."""
        until(lambda: flat(self.text()).endswith(flat(prompt)), f"{prompt!r} before the cursor of {self.name}")
        self.types(text)

    def runs(self, command, *dialogue):
        """A whole command: (its status, all that it said)."""
        self.begins(command)
        for prompt, text in dialogue:
            self.answers(prompt, text)
        return self.awaits_shell(), self.says()


def flat(text):
    """Without the breaks of lines that a window makes, at words or in them."""
    return re.sub(r"\s+", " ", text).strip()
