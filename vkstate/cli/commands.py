"""Every command by its name. Its module is imported when it is run, so that a start imports nothing that it does not
use; what the lists of commands say of it therefore stands here, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final

from typer.core import TyperCommand, TyperGroup

from vkstate.cli.shared import command


@dataclass(frozen=True)
class Entry:
    """One command: where its function is, as ``module:function`` below ``vkstate.cli``, and its first sentence."""

    at: str
    help: str

    def made(self, name: str) -> TyperCommand:
        module, _, function = self.at.partition(":")
        return command(name, getattr(import_module(f"vkstate.cli.{module}"), function))


@dataclass(frozen=True)
class Family:
    """Commands under a common first word."""

    help: str
    entries: Mapping[str, Entry]

    def made(self, name: str) -> TyperGroup:
        return Commands(name=name, help=self.help, no_args_is_help=True, rich_markup_mode=None, entries=self.entries)


COMMANDS: Final[Mapping[str, Entry | Family]] = {
    "init": Entry("init:init", "Begin a project in this directory."),
    "validate": Entry("validate:validate", "Check the config, without proxy and state."),
    "plan": Entry("plan:plan", "Show what would have to change."),
    "apply": Entry("apply:apply", "Make the proxy match the config."),
    "destroy": Entry("destroy:destroy", "Delete every key of this project."),
    "refresh": Entry("refresh:refresh", "Accept what is on the proxy into the state."),
    "import": Entry("import_:import_keys", "Take keys that exist on the proxy into the state."),
    "extend": Entry("extend:extend", "Give a workshop more time."),
    "block": Entry("block:block", "Refuse keys for the time being, without losing them."),
    "unblock": Entry("block:unblock", "Open blocked keys again."),
    "output": Entry("output:output", "Show the keys, or hand them out."),
    "show": Entry("show:show", "Show which keys this project owns, or a saved plan."),
    "spend": Entry("spend:spend", "Show what each key has spent of its budget."),
    "check": Entry("check:check", "See whether config, state and proxy are well."),
    "schema": Entry("schema:schema", "Print the JSON Schema of vkstate.yaml."),
    "version": Entry("version:version", "Print the version."),
    "state": Family(
        "Look at the state, and mend it.",
        {
            "list": Entry("state:list_keys", "List the recorded aliases, one a line."),
            "show": Entry("state:show_key", "Show what the state records of one key."),
            "mv": Entry("state:move_key", "Rename a key, in the state and on the proxy."),
            "rm": Entry("state:remove_key", "Forget keys without deleting them."),
            "rebuild": Entry("rebuild:rebuild", "Make the state anew from the keys on the proxy."),
            "rebind": Entry("rebind:rebind", "Bind the state to proxy.url, where the same proxy has a new url."),
        },
    ),
    "secrets": Family(
        "Say where the key values are kept, and who may read them.",
        {
            "list": Entry("secrets:list_values", "List whose values are kept, and who may read them."),
            "add-recipient": Entry("secrets:add_recipient", "Let one more person read the values."),
            "remove-recipient": Entry("secrets:remove_recipient", "Let one person read the values no longer."),
            "rekey": Entry("secrets:rekey", "Encrypt to the config's recipients what is encrypted to others."),
            "migrate": Entry("secrets:migrate", "Move the values to the other store, and say so in the config."),
        },
    ),
    "sandbox": Family("The embedded key server.", {"serve": Entry("sandbox:serve", "Serve the sandbox over HTTP.")}),
}


class Commands(TyperGroup):
    """A group whose commands are made when they are asked for."""

    def __init__(self, *, entries: Mapping[str, Entry | Family] = COMMANDS, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.entries = entries
        self.commands = _Made(entries)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # the classes of both are not public in typer
        """Write the list of the commands, of which none is imported for it."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self.entries.items()])


class _Made(MutableMapping[str, Any]):
    """Commands by name, each made once."""

    def __init__(self, entries: Mapping[str, Entry | Family]) -> None:
        self._entries = entries
        self._made: dict[str, TyperCommand | TyperGroup] = {}

    def __getitem__(self, name: str) -> TyperCommand | TyperGroup:
        if name not in self._made:
            self._made[name] = self._entries[name].made(name)
        return self._made[name]

    def __setitem__(self, name: str, made: TyperCommand | TyperGroup) -> None:
        self._made[name] = made

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"{name} is no command that can be taken away")

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
