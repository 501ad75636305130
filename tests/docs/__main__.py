"""``python -m tests.docs``: write the generated parts and the transcripts of the docs anew, where they have changed."""

from __future__ import annotations

from tests.docs.pages import ROOT, pages
from tests.docs.reference import refreshed
from tests.docs.transcripts import has_transcripts, rewritten


def main() -> None:
    """Bring every page up to date, and say which were not."""
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = refreshed(before)
        if has_transcripts(after):
            after = rewritten(after)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(f"{page.relative_to(ROOT)} was brought up to date")


if __name__ == "__main__":
    main()
