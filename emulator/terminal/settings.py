"""Settings of a terminal: every point where regions differ or the standard leaves it open, with its default.

The table in docs/reference/settings.md has the same names and defaults. A TOML file writes them as
``[terminal]`` / ``debit_amounts = "account"``; an unknown name or value is refused.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, structs

from cardfs.model.errors import nearest
from cardfs.model.settings import CryptoSettings
from cardfs.profile.inputs import InputError, Misfit, convert, read_document


class TerminalSettings(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a terminal works (terminal interface; Part 9).

    ``v1``, ``v2``, ``v3`` are profiles, by shipped name or path: what the terminal knows of the files and
    access rules of cards of version 1.0, 2.0 and 3.0.
    """

    original_source: Literal["card", "terminal"] = "card"
    pin_and_rk_order: Literal["by-function", "key-first", "pin-first"] = "by-function"
    pin_query: bool = True
    sw_code_rule: Literal["minus-sw", "table"] = "minus-sw"
    debit_amounts: Literal["last-two", "account", "fund"] = "last-two"
    type_byte: Literal["ascii", "binary"] = "ascii"
    proof_type_byte: Literal["binary", "ascii"] = "binary"
    key_index: Annotated[int, Meta(ge=0, le=255)] = 0
    psam_select: Literal["any", "00", "02", "name"] = "any"
    psam_sm4_name: Annotated[str, Meta(pattern="^([0-9A-F]{2}){5,16}$")] = "7378332E73682EC9E7BBE1B1A3D5CF"
    psam_region: Literal["check", "ignore"] = "check"
    device_number: Annotated[str, Meta(pattern=r"^[^|^$]*$")] = ""
    card_check: Literal["off", "warn", "refuse"] = "warn"
    black_list: str = ""
    institutions: Annotated[str, Meta(pattern="^([0-9]{1,24}( [0-9]{1,24})*)?$")] = ""
    categories: Annotated[str, Meta(pattern="^[0-9A-Za-z]*$")] = "1234"
    versions: Annotated[str, Meta(pattern="^[0-9][.][0-9]( [0-9][.][0-9])*$")] = "1.0 2.0 3.0"
    changed_elements: Literal["new", "old"] = "new"
    v1: str = "ssc-1.0"
    v2: str = "ssc-2.0"
    v3: str = "ssc-3.0"


class Settings(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The settings of a terminal and how its region diversifies keys."""

    terminal: TerminalSettings = TerminalSettings()
    crypto: CryptoSettings = CryptoSettings()


def load_settings(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read the settings of a terminal from a TOML file, and lay others over them.

    Args:
        path: the file; None for the defaults.
        overrides: values by section and name, ``{"terminal": {"debit_amounts": "account"}}``.

    Returns:
        the settings; what neither names has its default.

    Raises:
        InputError: the file cannot be read, or a setting is unknown or cannot have this value.

    Example:
        >>> import sscard
        >>> sscard.load_settings(overrides={"terminal": {"debit_amounts": "account"}}).terminal.debit_amounts
        'account'
    """
    document = read_document(path, InputError) if path else None
    data: dict[str, Any] = dict(document.data) if document else {}
    where = document.name if document else "--set"
    for section, values in (overrides or {}).items():
        below = data.get(section)
        data[section] = {**below, **values} if isinstance(below, dict) and isinstance(values, dict) else values
    _refuse_unknown(data, where)
    try:
        return convert(data, Settings)
    except Misfit as error:
        raise InputError(f"{where}: {error.path.lstrip('.') or 'settings'}", error.reason) from None


def _refuse_unknown(data: Mapping[str, Any], where: str) -> None:
    known = {
        f"{section.name}.{each.name}" for section in structs.fields(Settings) for each in structs.fields(section.type)
    }
    sections = {name.partition(".")[0] for name in known}
    given = []
    for section, values in data.items():
        if isinstance(values, dict) and values:
            given += [f"{section}.{each}" for each in values]
        elif section not in sections:
            given.append(section)
    for name in given:
        if name not in known:
            last = {each.rpartition(".")[2]: each for each in sorted(known)}
            near = nearest(name.rpartition(".")[2], last)
            meant = f"; did you mean {last[near]}?" if near else ""
            raise InputError(f"{where}: {name}", f"no such setting{meant}")
