"""Forget what the machine is used to, before the first test runs."""

from hypothesis import settings

from . import child

child.forget_habits()

# A shared machine may take long over anything: how long an example takes says nothing.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")
