"""Who works on a state: the word that the holder of its lock leaves beside it."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from vkstate.expiry import format_instant, parse_instant
from vkstate.state.directory import beside
from vkstate.state.durable import NotAFile, ReadFailed, read_file

_MOST_PIDS: Final = 1 << 31


@dataclass(frozen=True)
class Holder:
    """Who holds a lock, by its own word. ``since`` is aware, UTC."""

    who: str
    host: str
    pid: int
    command: str
    since: datetime

    def __str__(self) -> str:
        return f"{self.who} on {self.host} (pid {self.pid}) since {format_instant(self.since)}, running {self.command}"

    @property
    def is_gone(self) -> bool:
        """Whether that process surely no longer exists: it was one of this host, and its number is free."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:  # it exists, and is somebody else's
            return False
        return False


def holder_of(state_path: Path) -> Holder | None:
    """Who works on a state now, by their own word; None where nobody left any, or their process is surely gone.

    The lock itself is not tried: for that moment, it would be held against others.
    """
    holder = word_at(beside(state_path, ".lock.json"))
    return None if holder is None or holder.is_gone else holder


def word_at(path: Path) -> Holder | None:
    """The word that a holder left, whether it is still there or not; None where it cannot be read."""
    try:
        form = json.loads(read_file(path).data)
        who, host, pid, command, since = (form[name] for name in ("who", "host", "pid", "command", "since"))
        holder = Holder(str(who), str(host), int(pid), str(command), parse_instant(str(since)))
    except (OSError, ReadFailed, NotAFile, ValueError, KeyError, TypeError, RecursionError):
        return None
    return holder if 0 < holder.pid < _MOST_PIDS else None
