"""The ``vkstate`` command: its options, its commands, and the boundary at which errors become exit codes."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from vkstate.cli import (
    apply,
    boundary,
    check,
    destroy,
    import_,
    init,
    output,
    plan,
    quick,
    rebind,
    rebuild,
    refresh,
    sandbox,
    schema,
    show,
    state,
    validate,
    version,
)
from vkstate.cli.shared import Chdir, ConfigFile, NoColor, StateFile, Var, VarFile, Verbose, command, gathered

app = typer.Typer(
    name="vkstate",
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


command(app, "init")(init.init)
command(app, "validate")(validate.validate)
command(app, "plan")(plan.plan)
command(app, "apply")(apply.apply)
command(app, "destroy")(destroy.destroy)
command(app, "refresh")(refresh.refresh)
command(app, "import")(import_.import_keys)
command(app, "output")(output.output)
command(app, "show")(show.show)
command(app, "check")(check.check)
command(app, "schema")(schema.schema)
command(app, "version")(version.version)

_state = typer.Typer(help="Look at the state, and mend it.", no_args_is_help=True, rich_markup_mode=None)
command(_state, "list")(state.list_keys)
command(_state, "show")(state.show_key)
command(_state, "mv")(state.move_key)
command(_state, "rm")(state.remove_key)
command(_state, "rebuild")(rebuild.rebuild)
command(_state, "rebind")(rebind.rebind)
app.add_typer(_state, name="state")

_sandbox = typer.Typer(help="The embedded key server.", no_args_is_help=True, rich_markup_mode=None)
command(_sandbox, "serve")(sandbox.serve)
app.add_typer(_sandbox, name="sandbox")


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code."""
    return boundary.guarded(_answered, arguments)


def _answered(arguments: Sequence[str]) -> int | None:
    code = quick.quick_answer(app, arguments)
    return app(list(arguments), prog_name="vkstate", standalone_mode=False) if code is None else code
