"""A process that has vkstate imported and forks for each run, so that a run begins at once and can really be killed.

It takes one line of JSON a run, ``{"argv": […], "cwd": …, "env": {…}, "out": path, "err": path}``, answers the pid at
once, and the wait status when that process has ended. One thread only: nothing is lost by the fork.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any, NoReturn

INTERRUPTS = (signal.SIGINT, signal.SIGTERM)


def main() -> None:
    """Serve runs until stdin ends."""
    preload()
    for text in sys.stdin:
        order = json.loads(text)
        signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
        pid = os.fork()
        if pid == 0:
            run(order)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
        _answer(pid)
        _, status = os.waitpid(pid, 0)
        _answer(status)


def preload() -> None:
    """Import all that a run needs, so that what is killed is a run and not an import."""
    import vkstate.cli.app
    import vkstate.cli.applying
    import vkstate.cli.importing
    import vkstate.cli.output
    import vkstate.cli.project
    import vkstate.cli.restating
    import vkstate.cli.saving
    import vkstate.cli.showing
    import vkstate.views.progress  # noqa: F401


def run(order: dict[str, Any]) -> NoReturn:
    """Be the program, in the child. Interrupts wait until it has begun, as they would meet a shell before that."""
    from vkstate.__main__ import main as program

    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    for stream, path in ((sys.stdout, order["out"]), (sys.stderr, order["err"])):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(file, stream.fileno())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["vkstate", *order["argv"]]
    code = 70
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, INTERRUPTS)
        program()
    except KeyboardInterrupt:  # before the program's first line
        code = 128 + signal.SIGINT
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _answer(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
