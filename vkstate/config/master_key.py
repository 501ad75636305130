"""Where the master key comes from, and fetching it: only when the proxy is to be talked to.

A config loads, validates and shows without its master key; a source is a plain value until it is resolved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final, TypeAlias

from pydantic import SecretStr

from vkstate.config.interpolation import EnvironmentRef, Part, Scope, environment_value
from vkstate.config.kubernetes import FromKubernetes, secret_text
from vkstate.config.programs import MasterKeyUnreadable, run_program, words_of
from vkstate.errors import VkstateError

DEFAULT_VARIABLE: Final = "LITELLM_MASTER_KEY"


class MasterKeyMissing(VkstateError):
    """The environment variable that holds the master key is not set."""

    summary: ClassVar[str] = "the master key is not set"


@dataclass(frozen=True)
class FromText:
    """Texts and environment variables in a row: normally one variable."""

    parts: tuple[Part, ...] = field(repr=False)


@dataclass(frozen=True)
class FromFile:
    """A file that holds the master key and nothing else; a relative path starts at the config's directory."""

    path: str


@dataclass(frozen=True)
class FromCommand:
    """A program and its arguments, run without a shell in the config's directory; it prints the master key."""

    argv: tuple[str, ...] = field(repr=False)


MasterKeySource: TypeAlias = FromText | FromFile | FromCommand | FromKubernetes

DEFAULT_SOURCE: Final = FromText((EnvironmentRef(DEFAULT_VARIABLE),))


def variables_of(source: MasterKeySource) -> frozenset[str]:
    """The environment variables that hold the master key, or a part of it."""
    parts = source.parts if isinstance(source, FromText) else ()
    return frozenset(part.name for part in parts if isinstance(part, EnvironmentRef))


def resolve_master_key(source: MasterKeySource, *, environ: Mapping[str, str], directory: Path) -> SecretStr:
    """The master key.

    :param environ: the environment, in which variables are looked up and programs run.
    :param directory: the config's directory.
    :raises MasterKeyMissing: an environment variable is not set.
    :raises MasterKeyUnreadable: a file, command or Kubernetes secret does not give one, or it cannot be sent.
    """
    match source:
        case FromText(parts):
            return _from_text(parts, environ)
        case FromFile(path):
            return _from_file(directory / path)
        case FromCommand(argv):
            return _from_command(argv, environ, directory)
        case FromKubernetes():
            return _from_kubernetes(source, environ, directory)


def _from_text(parts: Sequence[Part], environ: Mapping[str, str]) -> SecretStr:
    pieces: list[str] = []
    source, hint = "proxy.master_key", "set proxy.master_key to ${env." + DEFAULT_VARIABLE + "}"
    for part in parts:
        if isinstance(part, str):
            pieces.append(part)
        elif isinstance(part, EnvironmentRef):
            value = environment_value(part, Scope(environ))
            if isinstance(value, str) or not value.text:
                state = "not set" if part.name not in environ else "empty"
                raise MasterKeyMissing(
                    f"proxy.master_key is read from the environment variable {part.name}, which is {state}.",
                    hint=f"export {part.name}=…",
                )
            pieces.append(value.text)
            if part.name in environ and not _is_word(value.text.strip()):
                source = f"the environment variable {part.name}"
                hint = f"give it the master key alone, without a blank or a newline in it: export {part.name}=…"
    return _sendable("".join(pieces), source, hint)


def _from_file(path: Path) -> SecretStr:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise MasterKeyUnreadable(f"{path}: {error.strerror or error}.", hint=f"ls -l {path}") from None
    except UnicodeDecodeError:
        raise MasterKeyUnreadable(f"{path} is not a text file.", hint=f"file {path}") from None
    return _sendable(text, str(path), f"write the master key, and nothing else, to {path}")


def _from_command(argv: Sequence[str], environ: Mapping[str, str], directory: Path) -> SecretStr:
    done = run_program(argv, environ, directory)
    if done.returncode:
        raise MasterKeyUnreadable(
            f"the command {argv[0]} ended with {done.returncode}{words_of(done.stderr)}",
            hint="run the command of proxy.master_key by hand",
        )
    return _sendable(done.stdout, f"the command {argv[0]}", "run the command of proxy.master_key by hand")


def _from_kubernetes(source: FromKubernetes, environ: Mapping[str, str], directory: Path) -> SecretStr:
    text, by_hand = secret_text(source, environ, directory)
    return _sendable(text, f"the key {source.key} of the secret {source.secret}", by_hand)


def _sendable(text: str, source: str, hint: str) -> SecretStr:
    """A master key without the blanks around it, if it can stand in a request's header."""
    key = text.strip()
    if not key:
        raise MasterKeyUnreadable(f"{source} is empty.", hint=hint)
    if not _is_word(key):
        raise MasterKeyUnreadable(
            f"{source} holds more than a master key, which is one word of printable ASCII.", hint=hint
        )
    return SecretStr(key)


def _is_word(text: str) -> bool:
    """Whether a text is one word of printable ASCII."""
    return bool(text) and text.isascii() and all(character.isprintable() and character != " " for character in text)
