"""Forget what the machine is used to, before the first test runs."""

import pytest
from hypothesis import settings

from tests.kit import child

child.forget_habits()

# A shared machine may take long over anything: how long an example takes says nothing.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse a test named after a place in memory: each process of a run would know it by another name."""
    for item in items:
        if " at 0x" in item.nodeid:
            raise pytest.UsageError(f"{item.nodeid} needs an id of its own")
