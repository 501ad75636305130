"""A real browser without a screen, and what it makes of a page: paper, pictures of it, answers to a script."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

_CHROMIUM: Final = shutil.which("chromium") or shutil.which("google-chrome")
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--hide-scrollbars",
    *(f"--disable-{part}" for part in ("gpu", "quic", "sync", "background-networking", "component-update")),
)
_PATIENCE: Final = 60.0
_PIXELS: Final = 200
"""Of an inch of paper."""

needs_browser = pytest.mark.skipif(
    _CHROMIUM is None or shutil.which("pdftoppm") is None, reason="chromium or pdftoppm is not installed"
)
needs_scanner = pytest.mark.skipif(shutil.which("zbarimg") is None, reason="zbarimg is not installed")


@dataclass(frozen=True)
class Browser:
    """Runs in a directory of its own, and has that for a home."""

    directory: Path

    def printed(self, page: str) -> Path:
        """The page on paper, as a PDF."""
        paper = self.directory / "page.pdf"
        self._run(page, f"--print-to-pdf={paper}", "--no-pdf-header-footer")
        return paper

    def answer(self, page: str, script: str) -> Any:
        """What an expression of JavaScript says of the page once it is laid out, in a window as wide as its paper."""
        asking = f"<script>document.title = JSON.stringify({script})</script></body>"
        open_page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page).replace("</body>", asking)
        shown = self._run(open_page, "--window-size=1000,1400", "--dump-dom")
        title = re.search(r"<title>(.*?)</title>", shown, re.DOTALL)
        assert title, shown[:1000]
        return json.loads(title[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))

    def _run(self, page: str, *arguments: str) -> str:
        assert _CHROMIUM is not None
        file = self.directory / "page.html"
        file.write_text(page, encoding="utf-8")
        environ = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        done = subprocess.run(
            [_CHROMIUM, *_FLAGS, f"--user-data-dir={self.directory / 'profile'}", *arguments, file.as_uri()],
            env={**environ, "HOME": str(self.directory)},
            capture_output=True,
            encoding="utf-8",
            timeout=_PATIENCE,
            check=True,
        )
        return done.stdout


def sizes(paper: Path) -> list[tuple[float, float]]:
    """Width and height of each page of a PDF, in whole millimetres."""
    done = subprocess.run(["pdfinfo", "-l", "9999", paper], capture_output=True, encoding="utf-8", check=True)
    found = re.findall(r"^Page +\d+ size: +([0-9.]+) x ([0-9.]+) pts", done.stdout, re.MULTILINE)
    return [(round(float(width) * 25.4 / 72), round(float(height) * 25.4 / 72)) for width, height in found]


def scanned(paper: Path) -> list[list[str]]:
    """What the QR codes of each page of a PDF say, in any order."""
    pictures = paper.parent / "pictures"
    pictures.mkdir()
    subprocess.run(["pdftoppm", "-gray", "-r", str(_PIXELS), paper, pictures / "page"], check=True)
    found = []
    for picture in sorted(pictures.iterdir()):
        scan = ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", str(picture)]
        found.append(subprocess.run(scan, capture_output=True, encoding="utf-8", check=True).stdout.splitlines())
    return found
