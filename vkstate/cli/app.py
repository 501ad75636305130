"""The ``vkstate`` command: its options, and the boundary at which errors become exit codes."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from vkstate.cli import boundary, quick
from vkstate.cli.commands import Commands
from vkstate.cli.shared import Chdir, ConfigFile, NoColor, StateFile, Var, VarFile, Verbose, gathered

app = typer.Typer(
    name="vkstate",
    cls=Commands,
    help="Manage LiteLLM virtual keys from a YAML file and a state file in git.",
    epilog="Start with 'vkstate init'. Every command explains itself: vkstate COMMAND --help.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)


@app.callback()
def shared_options(
    ctx: typer.Context,
    chdir: Chdir = None,
    config: ConfigFile = None,
    state: StateFile = None,
    var: Var = None,
    var_file: VarFile = None,
    no_color: NoColor = False,
    verbose: Verbose = False,
) -> None:
    """Manage LiteLLM virtual keys from a YAML file and a state file in git."""
    ctx.obj = gathered(chdir, config, state, var, var_file, no_color, verbose)


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code."""
    return boundary.guarded(_answered, arguments)


def _answered(arguments: Sequence[str]) -> int | None:
    code = quick.quick_answer(app, arguments)
    return app(list(arguments), prog_name="vkstate", standalone_mode=False) if code is None else code
