"""What a program that the master key comes from is told."""

from __future__ import annotations

from pathlib import Path

from vkstate.config.programs import run_program


def test_it_does_not_see_what_opens_the_key_values(tmp_path: Path) -> None:
    environ = {"VKSTATE_AGE_IDENTITY": "ops.identity", "NAME": "value"}
    assert run_program(["/usr/bin/env"], environ, tmp_path).stdout == "NAME=value\n"
