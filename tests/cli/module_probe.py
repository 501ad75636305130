"""Which modules a command imports: a process forks for each, having imported nothing of vkstate.

It takes one line of JSON a command, ``{"argv": […], "cwd": …}``, and answers with one, ``{"code": …, "modules": […]}``.
The libraries are imported beforehand and hidden: whoever imports one finds it, and does not wait for it again. Hence a
library that only another library imports is not told of.
"""

from __future__ import annotations

import gc
import json
import os
import socketserver
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

LIBRARIES: Final = ("filelock", "pydantic", "pyrage", "requests", "rich", "ruamel", "segno", "sqlite3", "urllib3")
"""What takes long to import, apart from typer, which every command needs."""
_FIRST: Final = (
    *(name for name in LIBRARIES if name != "ruamel"),
    "pydantic.root_model",
    "requests.auth",
    "rich.progress",
    "ruamel.yaml",
    "typer.main",
    "urllib3.exceptions",
)


class Hidden(MetaPathFinder, Loader):
    """Modules that are as good as not imported: an import brings the very same object back."""

    def __init__(self) -> None:
        for name in _FIRST:
            import_module(name)
        names = [name for name in sys.modules if name.partition(".")[0] in LIBRARIES]
        self.modules = {name: sys.modules.pop(name) for name in names}
        sys.meta_path.insert(0, self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Where a hidden module comes from: here."""
        del path, target
        known = self.modules.get(fullname)
        return None if known is None else ModuleSpec(fullname, self, is_package=hasattr(known, "__path__"))

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The module itself."""
        return self.modules[spec.name]

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is left to be done."""


def main() -> None:
    """Serve commands until stdin ends."""
    Hidden()
    gc.disable()  # no command makes so much that it would have to be
    for text in sys.stdin:
        order = json.loads(text)
        inward, outward = os.pipe()
        if os.fork() == 0:
            os.close(inward)
            _run(order, outward)
        os.close(outward)
        with open(inward, encoding="utf-8") as answer:
            sys.stdout.write(answer.read())
        sys.stdout.flush()
        os.wait()


def _run(order: dict[str, Any], outward: int) -> None:
    """Be the program, in the child, and tell what it has imported."""
    from vkstate.__main__ import main as program

    os.chdir(order["cwd"])
    for stream in (0, 1, 2):
        os.dup2(os.open(os.devnull, os.O_RDWR), stream)
    socketserver.BaseServer.serve_forever = lambda *_, **__: None  # type: ignore[method-assign]  # it serves nobody
    sys.argv = ["vkstate", *order["argv"]]
    code: object = None
    try:
        program()
    except SystemExit as end:
        code = end.code
    finally:
        with open(outward, "w", encoding="utf-8") as answer:
            answer.write(json.dumps({"code": code or 0, "modules": sorted(sys.modules)}) + "\n")
        os._exit(0)


if __name__ == "__main__":
    main()
