"""The scenes in which the store is the encrypted one, and who may open it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.age_people import person
from tests.reliability.scenes import Scene, Stage, fresh, shrunk, steady

OPS: Final = person()
FRIEND: Final = person()
IDENTITY: Final = "ops.identity"
"""The file, in the project, that opens what is encrypted."""
_WITH: Final = ("--identity", IDENTITY)
_FEW: Final = 2


def _section(*recipients: str) -> str:
    return f"secrets: {{store: age, recipients: [{', '.join(recipients)}]}}\n"


class SealedStage(Stage):
    """A stage with a few keys, whose values are encrypted to ops. Nobody's identity is named where it is played."""

    def configure(
        self, *, keys: str = "", members: int = _FEW, budget: int = 5, name: str = "ws", rest: str = ""
    ) -> None:
        """As every stage, with the section that names the recipients."""
        members = min(members, _FEW)
        sealed = rest + _section(OPS.recipient)
        super().configure(keys=keys, members=members, budget=budget, name=name, rest=sealed)


def sealed(set_up: Callable[[Stage], None]) -> Callable[[Stage], None]:
    """The same stage, with the encrypted store."""

    def set_up_sealed(stage: Stage) -> None:
        set_up(SealedStage(stage.workspace, stage.proxy, stage.url, stage.prefix))
        OPS.file(stage.workspace.path / IDENTITY)

    return set_up_sealed


def _another_reader(stage: Stage) -> None:
    """The config names one reader more than the values are encrypted to."""
    sealed(steady)(stage)
    config = stage.workspace.path / "vkstate.yaml"
    config.write_text(config.read_text().replace(OPS.recipient, f"{OPS.recipient}, {FRIEND.recipient}"))


SEALED_SCENES: Final = (
    Scene("create sealed", sealed(fresh)),
    Scene("delete sealed", sealed(shrunk)),
    Scene("destroy sealed", sealed(steady), ("destroy", "--auto-approve")),
    Scene("replace sealed", sealed(steady), ("apply", "--auto-approve", "--replace", "*")),
    Scene("rekey", _another_reader, ("secrets", "rekey", *_WITH)),
    Scene("add a recipient", sealed(steady), ("secrets", "add-recipient", FRIEND.recipient, *_WITH)),
    Scene("migrate to plain", sealed(steady), ("secrets", "migrate", "--to", "plain", *_WITH)),
    Scene("migrate to age", steady, ("secrets", "migrate", "--to", "age", "--recipient", OPS.recipient)),
)
