"""Which card type a card has: that which is named, else that which the card shows."""

from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Final

from cardfs.profile.loader import Profile, load_profile, shipped_profiles

from ..terminal import Settings, TerminalError, exchange
from ..terminal.card import UserCard
from ..terminal.link import Connection, Reader
from ..terminal.psam import recognise
from .bench import ALGORITHMS, DEBIT_NAME, LOCKED, OK, PURSE_NAME, SELECT_SSSE, select_fid, select_name
from .check import CheckError, Part

BANK: Final = "pboc"
"""The card type of a card that has a financial environment alone."""
_KINDS: Final = {(True, False): "edep", (False, True): "debit_credit", (True, True): "both"}
"""``financial.kind`` by whether there is a purse, and debit/credit."""
_ABSENT: Final = 0x6A82
_PARTS: Final[dict[str, Part]] = {"SSSE": "social", "PSE": "financial", "EDEP": "purse", "DEBIT": "debit"}


def parts(profile: Profile) -> set[Part]:
    """Return the parts that a card of this type has."""
    return {"psam"} if profile.is_psam else {part for df, part in _PARTS.items() if df in profile.ids}


def card_type(reader: Reader, given: str | PathLike[str] | Profile | None) -> Profile:
    """Return the card type that is given, else that which the card shows (terminal interface, 10).

    Raises:
        CheckError: no shipped type is like this card, or checks know nothing of the type.
        InputError: there is no such profile.
        TerminalError: there is no card.
    """
    kind = _given(given) if given is not None else _shown(reader)
    if not parts(kind):
        raise CheckError(f"{kind.name} has neither a social-security nor a financial environment, nor is it a PSAM")
    return kind


def _given(profile: str | PathLike[str] | Profile) -> Profile:
    if isinstance(profile, Profile):
        return profile
    return load_profile(profile if isinstance(profile, str) else Path(profile))


def _shown(reader: Reader) -> Profile:
    connection = reader.open()
    try:
        kind = recognise(connection, Settings())
        if kind == "psam":
            return load_profile("psam")
        financial = _financial(connection)
        if kind == "user":
            return _of_user_card(connection, financial)
        if financial != "none":
            return load_profile(BANK, _with(financial))
        answer = exchange(connection.transmit, SELECT_SSSE)[1]
        raise CheckError(
            f"this is not a social-security card, or it is locked: SELECT of the environment answers {answer:04X};"
            " name --profile"
        )
    finally:
        connection.close()


def _financial(connection: Connection) -> str:
    """Return ``financial.kind`` of a card, by SELECT of both applications."""
    purse, debit = (
        exchange(connection.transmit, select_name(name))[1] in (OK, LOCKED) for name in (PURSE_NAME, DEBIT_NAME)
    )
    return _KINDS.get((purse, debit), "none")


def _medical_mode(connection: Connection) -> str:
    """Return ``structure.medical_mode`` of a card whose environment is selected, by its files (Part 6, 6.6)."""
    if exchange(connection.transmit, select_fid(0x00, 0xDF04))[1] != OK:
        return "offline"
    offline, online = (exchange(connection.transmit, select_fid(0x02, fid))[1] for fid in (0xEF08, 0xEF06))
    return "online" if offline == _ABSENT and online == OK else "offline"


def _with(financial: str, medical: str = "offline") -> dict[str, object]:
    """Return what is laid over a shipped card type."""
    return {"settings": {"financial": {"kind": financial}, "structure": {"medical_mode": medical}}}


def _of_user_card(connection: Connection, financial: str) -> Profile:
    """Return the shipped card type of a user card by version and algorithm, with its financial applications."""
    try:
        data = UserCard(connection, Settings()).begin()
    except TerminalError as error:
        raise CheckError(f"the type of this card is not recognised ({error}); name --profile") from None
    version = data.version[:3] or "1.0"
    fitting = [
        name
        for name in shipped_profiles()
        if parts(kind := load_profile(name)) & {"social"} and kind.specification[:3] == version
    ]
    if not fitting:
        raise CheckError(f"no shipped card type has version {version}; name --profile")
    seen = _with(financial, _medical_mode(connection))
    kinds = [load_profile(name, seen) for name in fitting]
    for kind in kinds:
        if ALGORITHMS[kind.suite] == data.algorithm:
            return kind
    suites = {identifier: suite for suite, identifier in ALGORITHMS.items()}
    return replace(kinds[0], suite=suites.get(data.algorithm, kinds[0].suite))
