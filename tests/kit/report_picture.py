"""The pictures of the report in its pages, made from the example that stands there.

    python -m tests.kit.report_picture    write docs/images/report.webp and docs/images/report-zh.webp

Times of day differ each time, so nobody compares the pictures.
"""

import base64
import runpy
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Final

from click.testing import CliRunner
from playwright.sync_api import ViewportSize

from emulator.cli import main as sscard

from .book import blocks, text_of
from .browser import browser
from .panel_picture import TO_WEBP
from .places import ROOT

PAGE: Final = "docs/how-to/judge-a-terminal.md"
SIZE: Final[ViewportSize] = {"width": 1160, "height": 1010}


def main() -> None:
    """Run the example, and write the pictures of its report in both languages."""
    program = next(block.text for block in blocks(text_of(PAGE)) if block.marker[:2] == ("file", "terminal.py"))
    with tempfile.TemporaryDirectory() as folder, chdir(folder), browser() as started:
        Path("terminal.py").write_text(program, encoding="utf-8")
        runpy.run_path("terminal.py")
        CliRunner().invoke(sscard, ["report", "trace.jsonl", "--out", "zh.html", "--language", "zh"])
        for page, name in (("report.html", "report"), ("zh.html", "report-zh")):
            view = started.new_page(viewport=SIZE, device_scale_factor=1.25)
            view.goto(Path(page).resolve().as_uri())
            data = view.evaluate(TO_WEBP, base64.b64encode(view.screenshot()).decode())
            (ROOT / f"docs/images/{name}.webp").write_bytes(base64.b64decode(data))


if __name__ == "__main__":
    main()
