#!/usr/bin/env python3
"""Reads ``terraform show -json``, and prints alias and value of every ``litellm_key`` as CSV.

That is the form of ``vkstate import --values``. A key without an alias or a known value is left out.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from typing import Any


def resources(module: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The resources of a module and of all modules in it."""
    yield from module.get("resources", [])
    for inner in module.get("child_modules", []):
        yield from resources(inner)


def main() -> None:
    """From the JSON on stdin to the CSV on stdout."""
    state = json.load(sys.stdin)
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(("alias", "key"))
    for resource in resources(state.get("values", {}).get("root_module", {})):
        values = resource["values"]
        if resource["type"] == "litellm_key" and values.get("key_alias") and values.get("key"):
            rows.writerow((values["key_alias"], values["key"]))


if __name__ == "__main__":
    main()
