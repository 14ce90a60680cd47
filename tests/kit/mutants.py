"""`MUTANTS`: for each check of cards a card that fails it and no other."""

from typing import Final

from emulator.check.check import Check

from .debit_mutants import DEBIT_MUTANTS
from .mutant import (
    DENIED,
    OK,
    Plan,
    Seen,
    Spoil,
    after,
    after_cut,
    both,
    checked,
    cut_in,
    cut_short,
    flip,
    has,
    of_version,
    word,
)
from .purse_mutants import PURSE_MUTANTS

_SETTINGS: Final = {"access": {"df05_read": "PIN"}}


def _algorithm(seen: Seen) -> bytes | None:
    """Announce SM4 instead of 3DES."""
    return seen.answer.replace(b"\x86\x01\x01", b"\x86\x01\x03") if seen.starts("00A404") else None


def _environment_name(seen: Seen) -> bytes | None:
    """Answer another name in the FCI of the environment."""
    return seen.answer.replace(b"sx1.sh", b"sx9.sh") if seen.starts("00A404") else None


def _query(seen: Seen) -> bytes | None:
    """A query directly after a query costs a try."""
    again = seen.command[:5] == seen.previous[:5] == bytes.fromhex("0020000000")
    return (seen.word - 1).to_bytes(2) if again and seen.word & 0xFFF0 == 0x63C0 else None


def _survives_reset(seen: Seen) -> bytes | None:
    """What was read once opens after a reset."""
    if seen.file != "SSSE/EF07" or not seen.starts("00B0"):
        return None
    if seen.word == OK:
        seen.card["read"] = True
    return b"\x00\x90\x00" if seen.word == DENIED and seen.card.get("read") else None


def _right_stays(seen: Seen) -> bytes | None:
    """The right of a key survives the selection of another application."""
    if seen.file != "DF01/EF05" or not seen.starts("00B2"):
        return None
    if seen.word == OK:
        seen.session["read"] = True
    return b"\x00\x90\x00" if seen.word == DENIED and seen.session.get("read") else None


def _right_elsewhere(seen: Seen) -> bytes | None:
    """A key of DF01 opens DF02."""
    if seen.df == "DF01" and seen.starts("0082") and seen.word == OK:
        seen.session["proven"] = True
    opened = seen.file == "DF02/EF05" and seen.starts("00B2") and seen.word == DENIED and seen.session.get("proven")
    return b"\x00\x90\x00" if opened else None


def _pin_opens(seen: Seen) -> bytes | None:
    """The PIN opens the fingerprint."""
    if seen.starts("00200000") and len(seen.origin) > 5 and seen.word == OK:
        seen.session["verified"] = True
    opened = seen.file == "SSSE/EF07" and seen.starts("00B0") and seen.word == DENIED and seen.session.get("verified")
    return b"\x00\x90\x00" if opened else None


def _pin_here_only(seen: Seen) -> bytes | None:
    """The PIN that was verified in the environment opens nothing in DF01."""
    if seen.df == "SSSE" and seen.starts("00200000") and len(seen.origin) > 5:
        seen.session["verified"] = True
    refused = seen.file == "DF01/EF05" and seen.starts("00B2") and seen.session.get("verified")
    return DENIED.to_bytes(2) if refused else None


_RANDOM: Final = bytes(range(16))
_KEYS: Final = bytes(range(1, 17))


def _module(spoil: Spoil) -> Plan:
    """Return a mutant of a PSAM."""
    return Plan(spoil, profile="psam")


def _opens(file: str) -> Spoil:
    """Return what reads a record of a file with nothing proven."""

    def spoil(seen: Seen) -> bytes | None:
        if seen.file != file or seen.word != DENIED:
            return None
        return bytes.fromhex("0101009000") if seen.starts("00B2") or seen.starts("00B0") else None

    return spoil


def _no_digits(seen: Seen) -> bytes | None:
    """Answer a terminal number that is not of digits."""
    return b"\xff" * 6 + b"\x90\x00" if seen.file == "MF/EF16" and len(seen.answer) == 8 else None


def _short_sequence(seen: Seen) -> bytes | None:
    """Answer a terminal trade sequence of 3 bytes."""
    return seen.answer[1:] if seen.file == "DF01/EF19" and len(seen.answer) == 6 else None


MUTANTS: Final[dict[str, Plan]] = {
    "atr": Plan(atr=True),
    "select-environment": Plan(_environment_name),
    "algorithm": Plan(_algorithm, psam=False),
    "select-by-name": Plan(word(0x6A82, "00A4040006D15600000502")),
    "select-by-identifier": Plan(word(0x6A82, "00A4000002DF05")),
    "select-files": Plan(
        lambda seen: b"\x6f\x00" + seen.answer if seen.starts("00A4020002EF1A") and seen.word == OK else None
    ),
    "select-absent": Plan(word(OK, "00A4020002E0E0")),
    "get-challenge": Plan(cut_short("0084000010")),
    "read-by-number": Plan(flip(0, "00B20204", file="SSSE/EF05")),
    "read-by-identifier": Plan(flip(2, "00B20300", file="SSSE/EF05")),
    "read-by-short-identifier": Plan(flip(2, "00B2032C")),
    "read-next": Plan(flip(0, "00B20002")),
    "read-past-the-end": Plan(word(0x6A82, "00B20804", file="SSSE/EF05")),
    "read-length": Plan(word(0x6700, "00B2030401")),
    "read-several": Plan(flip(0, "00B20105")),
    "read-binary": Plan(flip(0, "00B0000808")),
    "read-binary-behind": Plan(word(OK, "00B0012801", of=0x6B00)),
    "structure": Plan(word(OK, "00B0000001", of=0x6981)),
    "no-current-file": Plan(word(0x6A82, "00B2010400", of=0x6986)),
    "internal-authentication": Plan(
        lambda seen: seen.answer[1:] if len(seen.answer) > 2 and _RANDOM[::-1] in seen.origin else None
    ),
    "get-response": Plan(lambda seen: b"\x69\x85" if seen.command[1] == 0xC0 and seen.word == 0x6F00 else None),
    "unknown-key": Plan(word(0x6984, "0082007F")),
    "pin-query": Plan(_query),
    "pin-tries": Plan(word(0x63C1, "00200000", of=0x63C2, only=lambda seen: len(seen.origin) > 5)),
    "change-pin": Plan(word(0x6A80, "805E")),
    "update-record": Plan(word(0x6581, "00DC", of=OK, file="SSSE/EF06")),
    "challenge-missing": Plan(word(0x63C2, "00820004", of=0x6984, only=has(_RANDOM))),
    "challenge-once": Plan(word(OK, "0082", of=0x6984, df="SSSE", only=lambda seen: _RANDOM not in seen.origin)),
    "reset-ends-proofs": Plan(_survives_reset),
    "class": Plan(word(0x6D00, "F0B2")),
    "instruction": Plan(word(0x6E00, "0074")),
    "select-parameters": Plan(word(OK, "00A405")),
    "select-lengths": Plan(word(0x6A82, "00A4020001")),
    "read-record-parameters": Plan(word(0x6A83, "00B2FF")),
    "read-binary-parameters": Plan(word(0x6A82, "00B0E5")),
    "challenge-parameters": Plan(word(OK, "00840001")),
    "challenge-lengths": Plan(word(OK, "0084000005")),
    "internal-parameters": Plan(word(0x6A88, "00880001")),
    "internal-lengths": Plan(word(0x6A80, "008800000F")),
    "verify-parameters": Plan(word(OK, "00200100")),
    "response-parameters": Plan(lambda seen: b"\x6f\x00" if seen.command.startswith(b"\x00\xc0\x01") else None),
    "external-lengths": Plan(word(0x63C2, "008200040F")),
    "verify-lengths": Plan(word(0x63C2, "0020000009")),
    "balance-parameters": Plan(word(0x6985, "B0260004")),
    "load-lengths": Plan(word(0x6985, "B02800010A")),
    "purchase-parameters": Plan(word(0x6985, "B0280102")),
    "files-apart": Plan(word(OK, "00A402", of=0x6A82, df="DF02")),
    "environments-apart": Plan(word(OK, "00A4020002EF05", df="PSE"), issue={"financial": "both"}),
    "right-ends": Plan(_right_stays),
    "right-elsewhere": Plan(_right_elsewhere),
    "pin-alone": Plan(_pin_opens),
    "pin-everywhere": Plan(_pin_here_only),
    "challenge-ends": Plan(word(0x63C2, "0082", of=0x6984, df="DF01")),
    "power-update": Plan(after_cut(flip(2, "00B2", file="SSSE/EF06"))),
    "power-change-pin": Plan(
        after_cut(word(0x63C1, "0020000003", only=lambda seen: seen.session.setdefault("from", True)))
    ),
    "power-try": Plan(after_cut(word(0x63C3, "0020000000", of=0x63C2))),
    "power-load": Plan(cut_in("B02A", flip(0, "B0260001"))),
    "power-purchase": Plan(cut_in("B02C", flip(0, "B0260001"))),
    "trade-order": Plan(word(0x6985, "B02A", of=0x6901)),
    "trade-pin": Plan(word(0x6985, "B0260001", of=DENIED)),
    "trade-key-index": Plan(word(0x6A88, "B028", of=0x9403)),
    "load-mac1": Plan(flip(12, "B0280001")),
    "load": Plan(flip(3, "B0260001", only=after("B02A"))),
    "load-tac": Plan(flip(0, "B02A")),
    "load-wrong-mac": Plan(word(0x6985, "B02A", of=0x9302)),
    "purchase": Plan(flip(3, "B0260001", only=after("B02C"))),
    "purchase-mac2": Plan(both(flip(4, "B02C"), flip(0, "B02E")), psam=False),
    "purchase-tac": Plan(both(flip(0, "B02C"), flip(4, "B02E"))),
    "purchase-wrong-mac": Plan(word(0x6985, "B02C", of=0x9302)),
    "purchase-record": Plan(flip(5, "00B20104", file="DF04/EF08")),
    "purchase-too-much": Plan(word(0x6985, "B028", of=0x9401)),
    "proof": Plan(flip(0, "B02E")),
    "purchase-psam": Plan(
        word(0x6985, "B0280101", only=lambda seen: not seen.origin.endswith(bytes.fromhex("519900000001")))
    ),
    "free-files": Plan(word(0x6A86, "00B0012800", of=0x6B00, file="DF01/EF17")),
    "read-rules-ssse": Plan(
        lambda seen: (
            b"\x00\x90\x00" if seen.file == "SSSE/EF08" and seen.word == DENIED and seen.starts("00B0") else None
        )
    ),
    **{
        f"read-rules-df0{number}": Plan(_opens(f"DF0{number}/EF{ef}"))
        for number, ef in ((1, "06"), (2, "06"), (3, "06"), (4, "05"), (6, "05"), (7, "05"))
    },
    "read-rules-df05": Plan(expected=_SETTINGS),
    "update-rules-ssse": Plan(word(OK, "00D6", of=DENIED, file="SSSE/EF07")),
    **{
        f"update-rules-df0{number}": Plan(word(OK, "00DC", of=DENIED, file=f"DF0{number}/EF05"))
        for number in range(1, 8)
    },
    "records-ssse": Plan(word(OK, "00B0", of=0x6B00, file="SSSE/EF08")),
    **{
        f"records-df0{number}": Plan(flip(0, "00B20104", file=f"DF0{number}/EF{ef}"))
        for number, ef in ((1, "06"), (2, "06"), (3, "06"), (4, "05"), (6, "05"), (7, "05"))
    },
    "records-df05": Plan(flip(0, "00B20104", file="DF05/EF05"), issue={"settings": _SETTINGS}, expected=_SETTINGS),
    **{f"internal-version-{number}": Plan(flip(0, "0088000011", only=of_version(number))) for number in (1, 2, 3)},
    "internal-version-absent": Plan(flip(0, "0088000010", only=has(_KEYS))),
    "internal-version-unknown": Plan(word(0x6A80, "0088", of=0x6A88)),
    **{
        f"external-version-{number}": Plan(word(0x63C2, "0082000411", of=OK, only=of_version(number)))
        for number in (1, 2, 3)
    },
    "external-wrong": Plan(word(0x6300, "0082", only=has(_KEYS))),
    "application-keys": Plan(word(0x63C2, "0082", of=OK, df="DF07")),
    "psam-environment": _module(_environment_name),
    "psam-application": _module(
        lambda seen: (
            seen.answer.replace(bytes.fromhex("D15600000590"), bytes.fromhex("D15600000591"))
            if seen.starts("00A404")
            else None
        )
    ),
    "psam-public-information": _module(word(OK, "00B0000000", of=0x6C0F, file="MF/EF15")),
    "psam-terminal-number": _module(
        lambda seen: b"\xff" * 6 + b"\x90\x00" if seen.file == "MF/EF16" and len(seen.answer) == 8 else None
    ),
    "psam-sequence": _module(
        lambda seen: seen.answer[1:] if seen.file == "DF01/EF19" and len(seen.answer) == 6 else None
    ),
    "psam-information": _module(word(DENIED, "00B0", file="DF01/EF1B")),
    "psam-keys-hidden": _module(both(word(OK, "00A40200020011"), word(OK, "00B0000008"))),
    "psam-cipher-order": _module(word(0x6985, "80FA")),
    "psam-factors": _module(word(0x6700, "BFDE")),
    "psam-credit-order": _module(word(0x9302, "8072")),
    "psam-sequence-protected": _module(word(OK, "00D6", of=DENIED, file="DF01/EF19")),
    "psam-update-rules": _module(word(OK, "00D6", of=DENIED, file="MF/EF16")),
    **PURSE_MUTANTS,
    **DEBIT_MUTANTS,
}
"""By check: the card that fails it and only it."""


def assert_fails_alone(check: Check) -> None:
    """Assert that the mutant of a check fails it and no other, and that the outcome says why."""
    report = checked(MUTANTS[check.id])
    assert [outcome.id for outcome in report.failed] == [check.id], [(each.id, each.why) for each in report.failed]
    (failed,) = report.failed
    assert failed.why
    assert failed.clause == check.clause
