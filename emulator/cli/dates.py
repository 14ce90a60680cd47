"""Dates on the command line."""

from datetime import date
from typing import Final

import click


class _Date(click.ParamType[date]):
    """A date as ``YYYY-MM-DD``."""

    name = "YYYY-MM-DD"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read a date."""
        if isinstance(value, date):
            return value
        text = str(value)
        try:
            # Python also takes other forms of ISO 8601, which nobody else would.
            if len(text) == len(self.name) and text[4] == text[7] == "-":
                return date.fromisoformat(text)
        except ValueError:
            pass
        return self.fail(f"{text!r} is not a date YYYY-MM-DD", param, ctx)


DATE: Final = _Date()
"""The type of an option that takes a date."""
