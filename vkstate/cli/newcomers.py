"""What somebody who comes from Terraform means by a command line that is none of ours."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

_VERBS: Final = {
    "console": "vkstate state show ALIAS",
    "env": "each project has a directory of its own: vkstate -C DIR plan",
    "fmt": "vkstate validate",
    "force-unlock": "the lock ends with the process that holds it: vkstate names that process",
    "get": "there are no modules to get: vkstate plan",
    "graph": "keys do not depend on each other: vkstate plan",
    "login": "the master key is read from $LITELLM_MASTER_KEY: vkstate check",
    "providers": "there are no providers: vkstate check",
    "replace": "vkstate apply --replace ALIAS",
    "rotate": "vkstate apply --replace ALIAS --grace 24h",
    "taint": "vkstate apply --replace ALIAS",
    "test": "vkstate plan",
    "untaint": "nothing is ever marked for later: vkstate plan",
    "workspace": "each project has a directory of its own: vkstate -C DIR plan",
}
_STATE_VERBS: Final = {
    "pull": "the state is a file in git: cat vkstate.state.json",
    "push": "the state is a file in git: git push",
    "replace-provider": "vkstate state rebind",
    "identities": "vkstate state list",
}
_OPTIONS: Final = {
    "-version": "vkstate version",
    "--version": "vkstate version",
    "-chdir": "-C DIR",
    "-replace": "--replace TARGET",
    "-destroy": "vkstate destroy",
    "--destroy": "vkstate destroy",
    "-lock-timeout": "--lock-timeout DURATION",
    "-state": "--state FILE",
    "-var": "--var NAME=VALUE",
    "-var-file": "--var-file FILE",
}


def meant(arguments: Sequence[str], known: Collection[str]) -> str | None:
    """The hint for a command line that was refused; None where nothing is known that it might mean.

    :param known: the options of the command that was reached.
    """
    words = [word for word in arguments if not word.startswith("-")]
    if words[:1] == ["state"] and len(words) > 1 and words[1] in _STATE_VERBS:
        return _STATE_VERBS[words[1]]
    if words and words[0] in _VERBS:
        return _VERBS[words[0]]
    for argument in arguments:
        name = argument.partition("=")[0]
        if name.startswith("-") and not name.startswith("--") and len(name) > 2 and f"-{name}" in known:
            return f"options are written with two dashes: -{argument}"
        if name in _OPTIONS and name not in known:
            return f"write it as {_OPTIONS[name]}"
    return None
