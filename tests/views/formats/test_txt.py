from __future__ import annotations

from dataclasses import replace

from tests.views.samples import WORKSHOP, handout, handout_key, value_of
from vkstate.views.formats.txt import as_txt


def test_the_file_that_the_example_of_the_collection_saves() -> None:
    members = [handout_key(f"{WORKSHOP}-participant{number}", f"participant{number}", WORKSHOP) for number in (1, 2)]
    assert as_txt(handout(*members), reveal=True) == (
        "# Workshop Keys - ai-workshop-2024\n"
        "# API Endpoint: https://llm.example.com/v1\n"
        "\n"
        "User: participant1\n"
        "Email: participant1@workshop.example.com\n"
        f"Key: {value_of('ai-workshop-2024-participant1').reveal()}\n"
        "Alias: ai-workshop-2024-participant1\n"
        "\n"
        "User: participant2\n"
        "Email: participant2@workshop.example.com\n"
        f"Key: {value_of('ai-workshop-2024-participant2').reveal()}\n"
        "Alias: ai-workshop-2024-participant2\n"
        "\n"
    )


def test_no_name_starts_a_line_of_its_own() -> None:
    key = replace(handout_key("alias", "user", "ws"), user="x\nKey: sk-of-somebody-else", workshop="ws\nAlias: y")
    text = as_txt(handout(key), reveal=True)
    assert [line for line in text.splitlines() if line.startswith(("Key: ", "Alias: "))] == [
        f"Key: {value_of('alias').reveal()}",
        "Alias: alias",
    ]
