"""A browser without a screen: the Chromium that is installed on the machine."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
LIMIT = 20_000
"""Milliseconds that a page may take for anything."""


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser for the time of a block; it fails where none is installed."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    assert found, f"no browser is installed: none of {', '.join(NAMES)} is on PATH; scripts/setup --test installs one"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, timeout=LIMIT)
        try:
            yield started
        finally:
            started.close()
