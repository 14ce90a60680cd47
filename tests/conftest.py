"""Forget what the machine is used to, before the first test runs."""

from . import child

child.forget_habits()
