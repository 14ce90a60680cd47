"""The tables of files and their access rules, typed or read from `tests/data`, and a check of one file."""

import csv
import re
from functools import cache
from typing import NamedTuple

from tests.kit.card import SSSE, CardBench, contents
from tests.kit.places import DATA


class Row(NamedTuple):
    """What a table says of one EF."""

    df: str
    ef: str
    structure: str
    read: str
    update: str


def _typed(table: str) -> list[Row]:
    """Return the rows of a table typed as ``df / ef / structure / read / update`` lines."""
    return [Row(*(field.strip() for field in line.split("/"))) for line in table.strip().splitlines()]


VERSION_1 = _typed(
    """
    SSSE / EF05 / linear-variable / free                    / UKMF
    SSSE / EF06 / linear-variable / free                    / UKMF
    SSSE / EF07 / transparent     / free                    / UKMF
    DF01 / EF05 / linear-variable / PIN                     / UK1DF01
    DF01 / EF06 / linear-variable / PIN                     / UK4DF01
    DF01 / EF07 / linear-fixed    / PIN | UK2DF01           / UK2DF01
    DF01 / EF08 / linear-variable / PIN                     / UK3DF01
    DF01 / EF09 / linear-variable / PIN | UK2DF01           / UK2DF01
    DF01 / EF0A / linear-fixed    / PIN                     / UK5DF01
    DF02 / EF05 / linear-variable / PIN | UK1DF02           / UK1DF02
    DF02 / EF06 / linear-variable / PIN | UK2DF02           / UK2DF02
    DF02 / EF07 / cyclic          / PIN | UK3DF02           / UK3DF02
    DF03 / EF05 / linear-variable / PIN & RK2DF03           / UK1DF03
    DF03 / EF06 / linear-variable / PIN                     / UK2DF03
    DF03 / EF07 / linear-variable / PIN & RK1DF03           / UK3DF03
    DF03 / EF08 / linear-variable / (PIN & RK3DF03) | UK4DF03 / UK4DF03
    DF03 / EF09 / linear-variable / (PIN & RK4DF03) | UK5DF03 / UK5DF03
    DF03 / EF0A / linear-variable / (PIN & RK5DF03) | UK6DF03 / UK6DF03
    DF04 / EF05 / linear-variable / PIN                     / UK1DF04
    DF04 / EF06 / linear-fixed    / PIN & RK1DF04           / UK2DF04
    DF04 / EF08 / cyclic          / PIN                     / never
    DF04 / EF09 / linear-variable / PIN                     / UK3DF04
    DF04 / EF01 / internal        / never                   / never
    """
)
"""Part 6, tables 4 to 8. EF01 stands for the money file, which has no identifier in the tables."""


STRUCTURES_2 = {
    "SSSE": {"EF05": "linear-variable", "EF06": "linear-variable", "EF07": "transparent", "EF08": "transparent"},
    "DF01": dict.fromkeys("EF05 EF06 EF07 EF08 EF09 EF0A EF15".split(), "linear-variable")
    | dict.fromkeys("EF16 EF17 EF18 EF19 EF1A".split(), "transparent"),
    "DF02": dict.fromkeys("EF05 EF06 EF09 EF15".split(), "linear-variable")
    | dict.fromkeys("EF07 EF16".split(), "cyclic"),
    "DF03": dict.fromkeys("EF05 EF06 EF07 EF15 EF16 EF17 EF18".split(), "linear-variable") | {"EF19": "linear-fixed"},
    "DF04": {"EF05": "linear-variable", "EF06": "linear-variable", "EF08": "cyclic", "EF15": "cyclic"}
    | {"EF01": "internal"},
    "DF05": {"EF05": "linear-variable"},
    "DF06": {"EF05": "linear-variable", "EF06": "linear-variable"},
    "DF07": {"EF05": "linear-variable", "EF06": "linear-variable", "EF07": "linear-variable"},
}
"""V2.0 notice, tables 3 to 8 and annex B: kinds of the files."""


def csv_rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a table in ``data/``."""
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def version_2() -> tuple[Row, ...]:
    """Return the files of V2.0: rules from the data-element table, kinds as typed above."""
    rules = {
        (row["df"], "EF01" if row["ef"] == "internal" else row["ef"]): (row["read_rule"], row["write_rule"])
        for row in csv_rows("data-elements.csv")
    }
    return tuple(Row(df, ef, STRUCTURES_2[df][ef], read, update) for (df, ef), (read, update) in rules.items())


@cache
def table(profile: str) -> tuple[Row, ...]:
    """Return the files that a profile must have, without the directory."""
    if profile == "ssc-1.0":
        return tuple(VERSION_1)
    if profile == "ssc-3.0":
        # Terminal interface, 10.2: EF06 of the SSSE needs RKSSSE; EF0D is added.
        changed = tuple(
            row._replace(read="RKSSSE") if (row.df, row.ef) == ("SSSE", "EF06") else row for row in version_2()
        )
        return (*changed, Row("SSSE", "EF0D", "linear-variable", "free", "UKEF0D"))
    return version_2()


PROFILES = ("ssc-1.0", "ssc-2.0", "ssc-2.0-sm4", "ssc-3.0")
PROVING = ("external-auth", "pin-unblock", "card-block", "app-block", "start-day")
"""Usages that EXTERNAL AUTHENTICATION serves (Part 5, 6.4; Part 6, table 3)."""
ALL_FILES = '[settings.structure]\nmedical_mode = "both"\n'
"""Of a 1.0 card the files of either medical mode; a card of the standard has those of one (Part 6, 6.6)."""


def proving_keys(profile: str) -> list[tuple[str, str]]:
    """Owner and name of every key that EXTERNAL AUTHENTICATION takes, from the card's key file."""
    image = contents(profile, ALL_FILES)
    return [
        (image.dfs[ref.owner].label, ref.name)
        for (ref, version), key in image.keys.items()
        if key.usage in PROVING and version == 1
    ]


def holds(rule: str, proofs: frozenset[str]) -> bool:
    """Evaluate a rule of the tables by its words alone."""
    if rule in ("free", "never"):
        return rule == "free"
    expression = re.sub(r"\w+", lambda name: str(name[0] in proofs), rule)
    return bool(eval(expression))  # noqa: S307 - nothing but True, False, & and | is left


def names(rule: str) -> list[str]:
    """Return the names in a rule."""
    return [] if rule in ("free", "never") else list(dict.fromkeys(re.findall(r"\w+", rule)))


def sfi(row: Row) -> int:
    """SFI = low byte of the FID (digest, 4.1)."""
    return int(row.ef[2:], 16)


def read(bench: CardBench, row: Row) -> str:
    """Read the first record, or the first 4 bytes; return the status word."""
    if row.structure == "transparent":
        return bench.word(bytes((0x00, 0xB0, 0x80 | sfi(row), 0x00, 0x04)))
    return bench.word(bytes((0x00, 0xB2, 0x01, sfi(row) << 3 | 0b100, 0x00)))


def update(bench: CardBench, row: Row) -> str:
    """Write as the structure demands: replace record 1, append to a cyclic file, or write 4 bytes."""
    path = path_of(bench, row)
    old = bench.card.image.contents[path]
    if isinstance(old, bytes):
        return bench.send(bytes((0x00, 0xD6, 0x80 | sfi(row), 0x00, 0x04)) + _other(old[:4]))
    if row.structure == "cyclic":
        record = _other(old[0] if old else bytes(bench.card.image.efs[path].record_length))
        return bench.send(bytes((0x00, 0xDC, 0x00, sfi(row) << 3 | 0b011, len(record))) + record)
    record = old[0] if old else bytes.fromhex("FA0400000000")
    record = record[:2] + _other(record[2:])
    return bench.send(bytes((0x00, 0xDC, 0x01, sfi(row) << 3 | 0b100, len(record))) + record)


def _other(data: bytes) -> bytes:
    """Return bytes of the same length that differ in every byte."""
    return bytes(byte ^ 0x55 for byte in data)


def path_of(bench: CardBench, row: Row) -> str:
    """Return where the card keeps a file of the table."""
    df = SSSE if row.df == "SSSE" else f"{SSSE}/{row.df}"
    return f"{df}/{row.ef}"


def check(bench: CardBench, row: Row, proofs: frozenset[str]) -> None:
    """Read and write one file; both must be as the table says, and a refusal changes nothing."""
    before = bench.cells()
    word = read(bench, row)
    where = f"{row.df}/{row.ef} with {sorted(proofs) or 'nothing'}"
    if row.structure == "internal":
        # Reachable by the trade commands only (Part 6, 6.6): for everybody else it is not there.
        assert word == "6A82", where
        assert update(bench, row) == "6A82", where
        assert bench.word(bytes((0x00, 0xB0, 0x80 | sfi(row), 0x00, 0x04))) == "6A82", where
        assert bench.word(f"00A4020002{row.ef}") == bench.word(f"00A4000002{row.ef}") == "6A82", where
        assert bench.cells() == before, where
        return
    if holds(row.read, proofs):
        empty = not bench.card.image.contents[path_of(bench, row)]
        assert word == ("6A83" if empty else "9000"), f"read {where}"
    else:
        assert word == "6982", f"read {where}"
        assert row.read.replace(" ", "") in bench.reason.replace(" ", "")
    assert bench.cells() == before, where
    word = update(bench, row)
    if not holds(row.update, proofs):
        assert word == "6982", f"write {where}"
        assert bench.cells() == before, where
        return
    assert word == "9000", f"write {where}"
    after = bench.cells()
    changed = {key for key in after if after[key] != before.get(key)}
    assert changed == {("contents", path_of(bench, row))}, where
