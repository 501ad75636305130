"""The options that every command takes, before or after its name, and the decorator that gives them to a command."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Concatenate, Final, ParamSpec, cast

import typer
from typer.core import TyperCommand
from typer.main import get_command

from vkstate.cli.boundary import Interrupted

P = ParamSpec("P")

EPILOG: Final = "The options of 'vkstate --help' (-C, --config, --state, --var, …) may stand here too."


@dataclass(frozen=True)
class Shared:
    """The shared options as given. None and empty mean: not given."""

    chdir: Path | None = None
    config: Path | None = None
    state: Path | None = None
    var: tuple[str, ...] = ()
    var_file: tuple[Path, ...] = ()
    no_color: bool = False
    verbose: bool = False

    def over(self, outer: Shared) -> Shared:
        """These options, completed by those that stood before the command's name."""
        return Shared(
            chdir=self.chdir or outer.chdir,
            config=self.config or outer.config,
            state=self.state or outer.state,
            var=(*outer.var, *self.var),
            var_file=(*outer.var_file, *self.var_file),
            no_color=self.no_color or outer.no_color,
            verbose=self.verbose or outer.verbose,
        )


Chdir = Annotated[Path | None, typer.Option("--chdir", "-C", metavar="DIR", help="Run as if started in DIR.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The config; default vkstate.yaml.")]
StateFile = Annotated[
    Path | None, typer.Option("--state", metavar="FILE", help="The state; default vkstate.state.json by the config.")
]
Var = Annotated[list[str] | None, typer.Option("--var", metavar="NAME=VALUE", help="Set a variable. Repeatable.")]
VarFile = Annotated[
    list[Path] | None, typer.Option("--var-file", metavar="FILE", help="Set variables from a YAML file. Repeatable.")
]
NoColor = Annotated[bool, typer.Option("--no-color", help="No colours; NO_COLOR in the environment does the same.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Every member and attribute, every request, and tracebacks of bugs.")
]


class TextOrJson(StrEnum):
    """The formats of a command that has ``--json`` and none of its own."""

    TEXT = "text"
    JSON = "json"


Formatted = Annotated[
    TextOrJson | None, typer.Option("--format", help="How to write it; --json is short for --format json.")
]

_AS_JSON: Final = "as_json"
_FORMATTED: Final = "format_"

_ANNOTATIONS: Final = {
    "chdir": Chdir,
    "config": ConfigFile,
    "state": StateFile,
    "var": Var,
    "var_file": VarFile,
    "no_color": NoColor,
    "verbose": Verbose,
}


def gathered(
    chdir: Path | None,
    config: Path | None,
    state: Path | None,
    var: list[str] | None,
    var_file: list[Path] | None,
    no_color: bool,
    verbose: bool,
) -> Shared:
    """The shared options from their parameters."""
    return Shared(chdir, config, state, tuple(var or ()), tuple(var_file or ()), no_color, verbose)


def command(name: str, function: Callable[Concatenate[Shared, P], int]) -> TyperCommand:
    """A command made of a function whose first parameter is :class:`Shared` and which returns its exit code."""
    signature = inspect.signature(function, eval_str=True)
    own = list(signature.parameters.values())[1:]
    plain = _FORMATTED not in signature.parameters and _AS_JSON in signature.parameters
    own += [inspect.Parameter(_FORMATTED, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Formatted)] * plain

    def run(ctx: typer.Context, **values: object) -> int:
        if plain and values.pop(_FORMATTED) is TextOrJson.JSON:
            values[_AS_JSON] = True
        given = gathered(**{key: values.pop(key) for key in _ANNOTATIONS})  # type: ignore[arg-type]  # typer's types
        outer = ctx.find_root().obj
        shared = given.over(outer) if isinstance(outer, Shared) else given
        try:
            return function(shared, **values)  # type: ignore[arg-type, call-arg]  # typer fills the signature below
        except KeyboardInterrupt:  # typer would end the run without a word
            raise Interrupted from None

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("ctx", keyword, annotation=typer.Context),
        *(parameter.replace(kind=keyword) for parameter in own),
        *(_hidden(key, annotation) for key, annotation in _ANNOTATIONS.items()),
    ]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]  # functions take it
    run.__doc__ = function.__doc__
    run.__name__ = name
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    alone.command(name, epilog=EPILOG)(run)
    return cast("TyperCommand", get_command(alone))


def _hidden(key: str, annotation: object) -> inspect.Parameter:
    """A shared option as a parameter of a command: valid there, listed only in ``vkstate --help``."""
    kind, option = annotation.__origin__, annotation.__metadata__[0]  # type: ignore[attr-defined]  # Annotated
    quiet = typer.Option(*option.param_decls, metavar=option.metavar, help=option.help, hidden=True)
    default = False if kind is bool else None
    return inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, quiet])
