"""Golden files: what people see, compared whole; ``--update-golden`` writes them anew."""

from __future__ import annotations

from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


def compare(name: str, text: str, *, update: bool) -> None:
    """Assert that a text is the golden file of this name, below ``tests/golden``.

    :param update: write the file first.
    """
    path = GOLDEN / name
    if update:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    assert text == path.read_bytes().decode()
