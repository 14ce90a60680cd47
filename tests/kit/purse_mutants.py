"""Mutant cards for the checks of the financial environment and of passbook and purse: bank cards."""

from typing import Any, Final

from emulator.check.bench import DEBIT_NAME, PURSE_NAME

from .mutant import DENIED, OK, Plan, Seen, Spoil, after, both, cut_in, cut_short, flip, word


def _bank(spoil: Spoil, **more: Any) -> Plan:
    """Return a mutant of a bank card."""
    return Plan(spoil, profile="pboc", psam=False, **more)


def _swap(command: str, old: bytes, new: bytes) -> Spoil:
    """Return what puts bytes in the place of others in the answer to a command."""
    return lambda seen: seen.answer.replace(old, new) if seen.starts(command) else None


def _unverified(seen: Seen) -> bool:
    """Return whether no VERIFY has come since the reset."""
    if seen.starts("0020"):
        seen.session["verified"] = True
    return not seen.session.get("verified")


def _no_restoring(seen: Seen) -> bytes | None:
    """A right PIN does not put the counter back."""
    if not seen.starts("0020") or seen.word & 0xFFF0 != 0x63C0:
        return None
    wrong: int = seen.card.get("wrong", 0) + 1
    seen.card["wrong"] = wrong
    return (0x63C3 - wrong).to_bytes(2)


def _same_random(seen: Seen) -> bytes | None:
    """GET CHALLENGE in the environment itself answers the same bytes each time."""
    fits = seen.starts("0084") and seen.previous.startswith(bytes.fromhex("00A404000E")) and seen.word == OK
    return bytes(len(seen.answer) - 2) + b"\x90\x00" if fits else None


def _of_trade(first: str, spoil: Spoil) -> Spoil:
    """Return what spoils the second command of a trade that began so, or what comes after it."""

    def spoiled(seen: Seen) -> bytes | None:
        if seen.starts("8050"):
            seen.session["trade"] = seen.starts(first)
        return spoil(seen) if seen.session.get("trade") else None

    return spoiled


_ENTRIES: Final = lambda seen: seen.previous.startswith(bytes.fromhex("00B2"))  # noqa: E731

PURSE_MUTANTS: Final[dict[str, Plan]] = {
    "financial-select": _bank(_swap("00A404000E", b"1PAY", b"9PAY")),
    "financial-directory": _bank(_swap("00B2", b"\x4f\x08" + DEBIT_NAME, b"\x4f\x08" + PURSE_NAME[:8])),
    "financial-entries": _bank(word(0x6A82, "00A4040008" + DEBIT_NAME.hex(), only=_ENTRIES)),
    "financial-contactless": _bank(
        _swap("00A404000E325041592E", b"2PAY", b"9PAY"),
        issue={"settings": {"financial": {"contactless": True}}},
        expected={"financial": {"contactless": True}},
    ),
    "financial-challenge": _bank(_same_random),
    "financial-absent": _bank(word(OK, "00A40400", of=0x6A82)),
    "purse-select": _bank(_swap("00A4040009", b"\x84\x09\xa0", b"\x84\x09\xa1")),
    "purse-basic-data": _bank(flip(20, "00B09500")),
    "purse-holder": _bank(cut_short("00B09600")),
    "purse-log-pin": _bank(word(OK, "00B201C4", of=DENIED)),
    "purse-balance": _bank(word(DENIED, "805C0002", only=_unverified)),
    "purse-pin": _bank(word(0x6985, "80500201", of=DENIED)),
    "purse-key-index": _bank(word(0x6A88, "8050", of=0x9403)),
    "purse-too-much": _bank(word(0x6985, "8050", of=0x9401)),
    "purse-parameters": _bank(word(0x9403, "80500103")),
    "purse-lengths": _bank(word(0x9403, "805001020A")),
    "purse-no-proof": _bank(word(OK, "805A", of=0x9406)),
    "purse-order": _bank(word(0x6985, "8054", of=0x6901)),
    "purse-update-plain": _bank(word(OK, "00D6", of=0x6987)),
    "purse-update": _bank(word(0x6581, "04D6", of=OK)),
    "purse-update-wrong-mac": _bank(word(OK, "04D6", of=0x6988)),
    "purse-update-challenge": _bank(word(0x6988, "04D6", of=0x6984)),
    "purse-pin-tries": _bank(_no_restoring),
    "purse-change-pin": _bank(word(0x6A80, "805E01")),
    "purse-load-mac1": _bank(flip(12, "80500002")),
    "purse-load": _bank(flip(3, "805C0002", only=after("8052"))),
    "purse-load-tac": _bank(flip(0, "8052")),
    "purse-load-wrong-mac": _bank(word(OK, "8052", of=0x9302)),
    "purse-purchase": _bank(_of_trade("80500101", flip(3, "805C", only=after("8054")))),
    "purse-purchase-mac2": _bank(_of_trade("80500102", both(flip(4, "8054"), flip(0, "805A")))),
    "purse-purchase-tac": _bank(_of_trade("80500101", both(flip(0, "8054"), flip(4, "805A")))),
    "purse-purchase-wrong-mac": _bank(word(0x6985, "8054", of=0x9302)),
    "purse-record": _bank(flip(9, "00B201C4")),
    "purse-proof": _bank(flip(0, "805A")),
    "purse-cash": _bank(_of_trade("80500201", flip(0, "8054"))),
    "purse-composite": _bank(_of_trade("80500302", flip(0, "8054"))),
    "purse-unload": _bank(flip(0, "805403")),
    "purse-overdraft": _bank(word(0x6985, "8058")),
    "purse-cut-load": _bank(cut_in("8052", flip(3, "805C0002"))),
    "purse-cut-purchase": _bank(cut_in("8054", flip(3, "805C0002"))),
}
"""By check: the card that fails it and only it."""
