"""What stdout is written on: its colours and its columns."""

from __future__ import annotations

import shutil
import sys

from vkstate.cli.project import Project
from vkstate.cli.terminal import colourful
from vkstate.views.tables import UNCUT
from vkstate.views.values import ANSI, PLAIN, Palette


def palette(project: Project) -> Palette:
    """Colours where stdout is a terminal that nobody asked to be plain."""
    return ANSI if colourful(no_color=project.shared.no_color) else PLAIN


def width(elsewhere: int = UNCUT) -> int:
    """Columns to write to: the terminal's, or so many in a file or a pipe, where no table is cut."""
    return shutil.get_terminal_size((100, 24)).columns if sys.stdout.isatty() else elsewhere
