"""What it takes to start: ``vkstate version`` and ``--help`` against Python and typer alone, and what they import; and
``vkstate validate`` of a config with 1,000 members.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from bench.client_time import config_text
from bench.measure import Phases, Trial, Verdicts, alternate, seconds_of, table
from bench.projects import project

PYTHON: Final = "python -c pass"
TYPER: Final = "python -c 'import typer'"
COMMANDS: Final = (("version",), ("--help",))
HEAVY: Final = ("pydantic", "requests", "rich", "ruamel")
"""Packages that no command imports which does not use them."""

MEMBERS: Final = 1000
VALIDATE: Final = f"vkstate validate, {MEMBERS:,} members"
VALIDATE_LIMIT: Final = 0.4
"""Seconds that it may take."""
LIMIT: Final = 1.3
"""How much longer than ``import typer`` a command may take that only prints."""

_START: Final = "start"
_PROBE: Final = """
import contextlib, io, sys
from vkstate.cli.app import run
with contextlib.redirect_stdout(io.StringIO()):
    run(sys.argv[1:])
print("\\n".join(sorted(sys.modules)))
"""


def imported_by(*command: str) -> list[str]:
    """Every module that a process has imported when it has run this command."""
    ended = subprocess.run([sys.executable, "-c", _PROBE, *command], capture_output=True, text=True, check=True)
    return ended.stdout.splitlines()


def heavy_among(modules: Sequence[str]) -> list[str]:
    """The packages among these modules that belong to :data:`HEAVY`."""
    return sorted({module.partition(".")[0] for module in modules} & set(HEAVY))


def name_of(command: Sequence[str]) -> str:
    return " ".join(("vkstate", *command))


def _starting(*arguments: str) -> Trial:
    def trial() -> Phases:
        line = [sys.executable, *arguments]
        return {_START: seconds_of(lambda: subprocess.run(line, stdout=subprocess.DEVNULL, check=True))}

    return trial


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m bench.start", description=__doc__, epilog="Exits with 1 where a target is missed."
    )
    made.add_argument("--rounds", type=int, default=21, help="starts of each contender, taking turns; default 21")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    contenders = {PYTHON: _starting("-c", "pass"), TYPER: _starting("-c", "import typer")}
    contenders |= {name_of(command): _starting("-m", "vkstate", *command) for command in COMMANDS}
    with project(config_text(MEMBERS)) as made:
        contenders[VALIDATE] = _starting("-m", "vkstate", *made.arguments(["validate"]))
        alternate(contenders, 2)  # what is read from disk for the first time is slower
        measured = alternate(contenders, given.rounds)
    print(table(measured, {name_of(command): TYPER for command in COMMANDS}, _START))
    verdicts = Verdicts()
    for command in COMMANDS:
        modules = imported_by(*command)
        heavy = heavy_among(modules)
        print(f"{name_of(command)}: {len(modules)} modules; of {', '.join(HEAVY)}: {', '.join(heavy) or 'none'}")
        verdicts.add(f"heavy packages imported by {name_of(command)}", len(heavy), 0)
        verdicts.add(f"start of {name_of(command)}", measured.ratio(name_of(command), TYPER, _START), LIMIT, " x")
    verdicts.add(VALIDATE, measured.series[VALIDATE][_START].median, VALIDATE_LIMIT, " s")
    print(f"\n{verdicts.text()}")
    return verdicts.exit_code


if __name__ == "__main__":
    sys.exit(main())
