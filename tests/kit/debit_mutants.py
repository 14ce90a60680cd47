"""Mutant cards for the checks of debit/credit: bank cards.

Where an answer to GENERATE AC stands in template 80: CID at 2, counter at 3, cryptogram at 5, 9F10 at 13, in it the
verification results at 17, the amount of the issuer's part at 23 and its MAC at 28.
"""

from collections.abc import Callable
from typing import Any, Final

from .mutant import OK, Plan, Seen, Spoil, after, after_cut, cut_in, flip, has, word

_AAC, _TC, _ARQC = 0x00, 0x40, 0x80
_CID, _COUNTER, _VALUE, _RESULTS, _MAC = 2, 4, 5, 17, 31
_GENERATE: Final = "80AE"
_CASH_FLAG: Final = 7
"""Where the PDOL of GET PROCESSING OPTIONS has 9F7A."""

If = Callable[[Seen], bool]


def _bank(spoil: Spoil, **more: Any) -> Plan:
    """Return a mutant of a bank card."""
    return Plan(spoil, profile="pboc", psam=False, **more)


def _swap(command: str, old: bytes, new: bytes) -> Spoil:
    """Return what puts bytes in the place of others in the answer to a command."""
    return lambda seen: seen.answer.replace(old, new) if seen.starts(command) else None


def _noted(spoil: Spoil) -> Spoil:
    """Return what spoils with notes on the session: transactions, whether electronic cash pays, scripts, the last."""

    def spoiled(seen: Seen) -> bytes | None:
        if seen.command[:2] == b"\x80\xa8":
            seen.session["begun"] = seen.session.get("begun", 0) + 1
            seen.session["cash"] = seen.command[_CASH_FLAG : _CASH_FLAG + 1] == b"\x01"
        if seen.command[:2] == b"\x04\xda":
            seen.session["script"] = True
        if seen.command[1] not in (0xC0, 0xCA):
            seen.session["last"] = seen.command
        return spoil(seen)

    return spoiled


def _cash(seen: Seen) -> bool:
    """Return whether electronic cash pays."""
    return bool(seen.session.get("cash"))


def _behind(command: str) -> If:
    """Return whether the last command but GET DATA begins so."""
    return lambda seen: bool(seen.session["last"].startswith(bytes.fromhex(command)))


def _changed(at: int, bits: int, only: If, command: str = _GENERATE) -> Spoil:
    """Return what changes bits of one byte in answers of template 80."""

    def spoil(seen: Seen) -> bytes | None:
        if not seen.starts(command) or seen.answer[:1] != b"\x80" or not only(seen):
            return None
        data = bytearray(seen.answer)
        data[at] ^= bits
        return bytes(data)

    return spoil


def _untold(byte: int, bit: int) -> Spoil:
    """Return what takes a bit out of the verification results, where it is set."""
    at = _RESULTS + byte
    return _changed(at, bit, lambda seen: bool(seen.answer[at] & bit))


def _kind(kind: int) -> If:
    """Return whether GENERATE AC answers a cryptogram of a kind."""
    return lambda seen: seen.answer[_CID] & 0xC0 == kind


def _asked(p1: int, code: bytes = b"") -> If:
    """Return whether GENERATE AC asks for a cryptogram, and brings a response code."""
    return lambda seen: seen.origin[2] == p1 and seen.origin[5:7].startswith(code)


def _all(*conditions: If) -> If:
    """Return whether all of it is so."""
    return lambda seen: all(each(seen) for each in conditions)


def _same_random(seen: Seen) -> bytes | None:
    """GET CHALLENGE in debit/credit answers the same bytes each time."""
    there = seen.starts("0084") and seen.df == "DEBIT" and seen.word == OK
    return bytes(len(seen.answer) - 2) + b"\x90\x00" if there else None


def _no_restoring(seen: Seen) -> bytes | None:
    """A right PIN does not put the counter back."""
    if seen.starts("00200080") and seen.word & 0xFFF0 == 0x63C0:
        seen.card["wrong"] = True
    return bytes.fromhex("9F1701029000") if seen.starts("80CA9F17") and seen.card.get("wrong") else None


_FIRST_AAC: Final = _asked(_AAC)
_LOGGED_ONLINE: Final = lambda seen: not _cash(seen) and "begun" in seen.session and "script" not in seen.session  # noqa: E731

DEBIT_MUTANTS: Final[dict[str, Plan]] = {
    "debit-select": _bank(_swap("00A4040008A0", b"\x50\x0a", b"\x51\x0a")),
    "debit-partial": _bank(word(OK, "00A40402", of=0x6A82)),
    "debit-log": _bank(word(0x6A82, "00B2015C", of=0x6A83)),
    "debit-data": _bank(_swap("80CA9F13", b"\x9f\x13\x02", b"\x9f\x14\x02")),
    "debit-data-unknown": _bank(word(OK, "80CADF7E")),
    "debit-unknown": _bank(word(0x6E00, "8074")),
    "debit-parameters": _bank(word(0x6A80, "80AEC0")),
    "debit-order": _bank(word(0x6A80, "80AE", of=0x6985, only=after("00A4"))),
    "debit-challenge": _bank(_same_random),
    "debit-options": _bank(flip(4, "80A8")),
    "debit-options-wrong": _bank(word(OK, "80A8", of=0x6700)),
    "debit-options-twice": _bank(word(OK, "80A8", of=0x6985)),
    "debit-counter": _bank(
        _noted(flip(4, "80CA9F36", only=_all(lambda seen: seen.session.get("begun") == 2, _behind("00B2"))))
    ),
    "debit-counter-answered": _bank(_changed(_COUNTER, 0x01, _FIRST_AAC)),
    "debit-records": _bank(flip(0, "00B20114")),
    "debit-mandatory": _bank(_swap("00B20214", b"\x8d\x1d", b"\xcb\x1d")),
    "debit-once": _bank(_swap("00B2010C", b"\x9f\x62\x01", b"\x9f\x14\x01")),
    "debit-lists": _bank(_swap("00B20214", b"\x9f\x49\x03\x9f\x37\x04", b"\x9f\x49\x03\x9f\x38\x04")),
    "debit-track-2": _bank(flip(4, "00B2010C", df="DEBIT")),
    "debit-record-absent": _bank(word(0x6A82, "00B2FE")),
    "debit-generate": _bank(flip(0, _GENERATE)),
    "debit-not-more": _bank(_changed(_CID, _TC, _FIRST_AAC)),
    "debit-generate-length": _bank(word(OK, _GENERATE, of=0x6700)),
    "debit-issuer-data": _bank(_noted(flip(8, "80CA9F79", only=_behind("80AE00")))),
    "debit-results": _bank(_changed(_RESULTS, 0x40, _FIRST_AAC), roots=False),
    "debit-ended": _bank(word(OK, _GENERATE, of=0x6985, only=after("80AE00"))),
    "debit-issuer-early": _bank(word(0x6300, "0082", of=0x6985, only=after("00B2"))),
    "debit-script-early": _bank(word(0x6988, "04DA", of=0x6985, only=after("00B2"))),
    "debit-internal-late": _bank(word(OK, "0088", of=0x6985, only=after("80AE000034"))),
    "debit-cut-counter": _bank(after_cut(flip(3, "80CA9F36"))),
    "debit-pin-tries": _bank(_no_restoring),
    "debit-pin-told": _bank(_untold(0, 0x04), roots=False),
    "debit-pin-wrong-told": _bank(_untold(0, 0x02), roots=False),
    "debit-cut-pin": _bank(after_cut(lambda seen: bytes.fromhex("9F1701009000") if seen.starts("80CA9F17") else None)),
    "debit-aac": _bank(_changed(_VALUE, 0x01, _FIRST_AAC)),
    "debit-arqc": _bank(_changed(_RESULTS + 2, 0x01, _kind(_ARQC))),
    "debit-issuer-mac": _bank(_changed(_MAC, 0x01, _FIRST_AAC)),
    "debit-issuer-right": _bank(word(0x6300, "0082", of=OK)),
    "debit-issuer-wrong": _bank(word(0x6985, "0082", of=0x6300)),
    "debit-issuer-twice": _bank(word(0x6300, "0082", of=0x6985, only=after("0082"))),
    "debit-approved": _bank(_changed(_CID, _TC, _asked(_TC, b"00"))),
    "debit-refused": _bank(_changed(_CID, _TC, _asked(_TC, b"05"))),
    "debit-tc": _bank(_changed(_VALUE, 0x01, _asked(_TC, b"00"))),
    "debit-second-results": _bank(_changed(_RESULTS, 0x40, _asked(_TC, b"05"))),
    "debit-third": _bank(word(OK, _GENERATE, of=0x6985, only=after("80AE40"))),
    "debit-last-online": _bank(_noted(flip(4, "80CA9F13", only=_behind(_GENERATE)))),
    "debit-incomplete-told": _bank(_untold(1, 0x80)),
    "debit-issuer-told": _bank(_untold(0, 0x08)),
    "debit-issuer-told-next": _bank(_untold(1, 0x08)),
    "debit-script": _bank(word(0x6581, "04DA9F58", of=OK)),
    "debit-script-wrong": _bank(word(OK, "04DA", of=0x6988)),
    "debit-script-after-wrong": _bank(word(OK, "04DA", of=0x6985, only=after("04DA"))),
    "debit-script-told": _bank(_untold(2, 0x08)),
    "debit-issuer-certificate": _bank(flip(-5, "00B2021C")),
    "debit-static": _bank(flip(-5, "00B2031C")),
    "debit-card-certificate": _bank(flip(-5, "00B2051C")),
    "debit-dynamic": _bank(flip(10, "0088")),
    "debit-combined": _bank(flip(30, "80AE90")),
    "debit-logged": _bank(_noted(flip(11, "00B2015C", only=_LOGGED_ONLINE))),
    "debit-cash-load": _bank(word(0x6A80, "04DA9F79", of=OK)),
    "debit-cash-approved": _bank(_noted(_changed(_CID, _TC, _all(_cash, _kind(_TC))))),
    "debit-cash-balance": _bank(_noted(flip(8, "80CA9F79", only=_all(_cash, _behind(_GENERATE))))),
    "debit-cash-tc": _bank(_noted(_changed(_VALUE, 0x01, _all(_cash, _kind(_TC))))),
    "debit-cash-too-much": _bank(_noted(_changed(_CID, 0xC0, _all(_cash, has(bytes.fromhex("000000000002")))))),
    "debit-cash-single": _bank(_noted(_changed(_CID, 0xC0, _all(_cash, has(bytes.fromhex("000000050001")))))),
    "debit-cash-logged": _bank(_noted(flip(11, "00B2015C", only=_cash))),
    "debit-cut-payment": _bank(cut_in("80AE", flip(7, "80CA9F79"))),
    "debit-cut-load": _bank(cut_in("04DA", flip(7, "80CA9F79"))),
}
"""By check: the card that fails it and only it."""
