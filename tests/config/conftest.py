"""What the tests of the config share: a directory to write configs in, and the loader with nothing around it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from vkstate.config.config import Config
from vkstate.config.loader import load
from vkstate.config.places import ConfigError
from vkstate.keys import DesiredKey

PROXY = "proxy: {url: 'sandbox://'}\n"


@dataclass(frozen=True)
class Project:
    """A directory with a config; what it says is relative to the directory, as the working directory is."""

    directory: Path

    def write(self, text: str | bytes, name: str = "vkstate.yaml") -> Path:
        """Write a file and return its path, relative to the directory."""
        data = text.encode() if isinstance(text, str) else text
        (self.directory / name).write_bytes(data)
        return Path(name)

    def load(
        self, text: str | bytes, *, variables: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None
    ) -> Config:
        """Load a config with these variables and this environment, and nothing else of either."""
        return load(self.write(text), variables=variables or {}, environ=environ or {})

    def keys(self, text: str, environ: Mapping[str, str] | None = None) -> dict[str, DesiredKey]:
        """The desired keys of a config whose proxy is the sandbox, by alias, in their order."""
        return {str(key.alias): key for key in self.load(PROXY + text, environ=environ).keys}

    def error(
        self, text: str | bytes, *, variables: Mapping[str, str] | None = None, environ: Mapping[str, str] | None = None
    ) -> ConfigError:
        """The error that loading a config ends in."""
        with pytest.raises(ConfigError) as caught:
            self.load(text, variables=variables, environ=environ)
        return caught.value

    def problems(self, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        """The problems of a config whose proxy is the sandbox, as lines; line 1 of the text is line 2 of the file."""
        return [str(problem) for problem in self.error(PROXY + text, environ=environ).problems]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)
