"""The places of each key in a PSAM and in an HSM. No key value is here.

Sources: identifiers and types in a PSAM: Part 9, appendix B, and where the provinces define them
(空白行由各个省份组织定义) the type and identifier of terminal interface, appendix B, which lists every
address of an HSM. Keys without an address are local ones that readers know.
"""

from typing import Final, NamedTuple

MAC, ENCRYPTION, BOTH = 6, 7, 8
"""Types of a PSAM's keys (Part 9, 6.3)."""


class TableKey(NamedTuple):
    """A key as the tables have it.

    Attributes:
        name: as in the lists of keys, and as a file of root keys calls it.
        kind: type in a PSAM, the low five bits of its usage byte.
        identifier: in a PSAM.
        address: first logical address (密钥逻辑地址) in an HSM, 0 for none; one for each of ``groups`` (组数).
    """

    name: str
    kind: int
    identifier: int
    address: int
    groups: int

    @property
    def kinds(self) -> tuple[int, ...]:
        """Return the types to try in a PSAM: maintenance keys have 6 in Part 9 and 8 in the terminal interface."""
        if self.name.startswith("STK"):
            return BOTH, MAC
        return (self.kind, BOTH if self.kind == ENCRYPTION else ENCRYPTION)


_ROWS: Final = (
    ("IRK", 7, 0x08, 0x0170, 3),
    ("STK", 8, 0x09, 0x0173, 1),
    ("STKDF01", 8, 0x20, 0x0174, 1),
    ("STKDF02", 8, 0x21, 0x0185, 1),
    ("STKDF03", 8, 0x22, 0x0186, 1),
    ("STKDF04", 8, 0x23, 0x0175, 1),
    ("STKDF05", 8, 0xB3, 0x008C, 1),
    ("STKDF07", 8, 0x3C, 0x0079, 1),
    ("UKSSSE", 8, 0x12, 0x0094, 3),
    ("BK", 8, 0x11, 0x0091, 1),
    ("PUK", 8, 0x10, 0x0090, 1),
    ("RKMFEF0C", 8, 0x5D, 0, 0),
    ("RKSSSE", 7, 0x0A, 0x004C, 3),
    ("UKEF0D", 8, 0x13, 0, 0),
    ("LKDF03", 8, 0x40, 0x0092, 1),
    ("LKDF04", 8, 0x41, 0x0093, 1),
    ("RK1DF01", 7, 0x2E, 0x004F, 3),
    ("UK1DF01", 8, 0x42, 0x0097, 3),
    ("UK2DF01", 8, 0x43, 0x009A, 3),
    ("UK3DF01", 7, 0x24, 0x0176, 3),
    ("UK4DF01", 7, 0x25, 0x0179, 3),
    ("UK5DF01", 8, 0x44, 0x009D, 3),
    ("UK6DF01", 7, 0x2F, 0x0052, 3),
    ("UK7DF01", 7, 0x30, 0x0055, 3),
    ("UK8DF01", 7, 0x31, 0x0058, 3),
    ("UK9DF01", 7, 0x32, 0x005B, 3),
    ("UKADF01", 7, 0x33, 0x005E, 3),
    ("UKBDF01", 7, 0x34, 0x0061, 3),
    ("RK1DF02", 7, 0x35, 0x0064, 3),
    ("UK1DF02", 7, 0x26, 0x0187, 3),
    ("UK2DF02", 8, 0x45, 0x00A0, 3),
    ("UK3DF02", 8, 0x46, 0x00A3, 3),
    ("UK4DF02", 7, 0x27, 0x018A, 3),
    ("UK5DF02", 7, 0x28, 0x018D, 3),
    ("UK6DF02", 7, 0x36, 0x0067, 3),
    ("RK1DF03", 7, 0x2B, 0x0193, 3),
    ("RK2DF03", 7, 0x2C, 0x0196, 3),
    ("UK1DF03", 8, 0x47, 0x00A6, 3),
    ("UK2DF03", 7, 0x29, 0x0190, 3),
    ("UK3DF03", 8, 0x48, 0x00A9, 3),
    ("UK4DF03", 7, 0x37, 0x006A, 3),
    ("UK5DF03", 7, 0x38, 0x006D, 3),
    ("UK6DF03", 7, 0x39, 0x0070, 3),
    ("UK7DF03", 7, 0x3A, 0x0073, 3),
    ("UK8DF03", 7, 0x3B, 0x0076, 3),
    ("RK1DF04", 7, 0x2D, 0x0182, 3),
    ("UK1DF04", 8, 0x49, 0x00AC, 3),
    ("UK2DF04", 7, 0x2A, 0x017C, 3),
    ("UK4DF04", 8, 0x54, 0, 0),
    ("UK6DF04", 8, 0x5C, 0, 0),
    ("DSK", 8, 0x4A, 0x00AF, 3),
    ("DLK", 8, 0x4B, 0x00B2, 3),
    ("DTK", 8, 0x4C, 0x00B5, 3),
    ("UK1DF05", 7, 0xB4, 0x008D, 3),
    ("RK1DF06", 8, 0x52, 0, 0),
    ("UK1DF06", 8, 0x53, 0, 0),
    ("UK2DF06", 8, 0x54, 0, 0),
    ("RK1DF07", 7, 0x3D, 0x007A, 3),
    ("UK1DF07", 7, 0x3E, 0x007D, 3),
    ("RK2DF07", 7, 0x3F, 0x0080, 3),
    ("UK2DF07", 7, 0xB0, 0x0083, 3),
    ("RK3DF07", 7, 0xB1, 0x0086, 3),
    ("UK3DF07", 7, 0xB2, 0x0089, 3),
)

TABLE: Final = {row[0]: TableKey(*row) for row in _ROWS}

PURCHASE_ADDRESSES: Final = {1: 0x017F, 2: 0x0199, 3: 0x019C}
"""First address of DPK by its version; a PSAM has the version in place of an identifier (appendix B, note *)."""

PURCHASE: Final = "DPK"
_GROUPS: Final = 3


class Address(NamedTuple):
    """The key of an address: name, version and group, both from 1."""

    name: str
    version: int
    group: int


ADDRESSES: Final[dict[int, Address]] = {
    key.address + group: Address(key.name, group + 1, group + 1)
    for key in TABLE.values()
    for group in range(key.groups)
} | {
    first + group: Address(PURCHASE, version, group + 1)
    for version, first in PURCHASE_ADDRESSES.items()
    for group in range(_GROUPS)
}
"""All addresses of terminal interface, appendix B."""


def address_of(name: str, version: int = 1) -> str:
    """Return the address of a key as the national functions write it, four hex digits; empty if it has none."""
    first = PURCHASE_ADDRESSES.get(version, 0) if name == PURCHASE else 0
    key = TABLE.get(name)
    if key is not None and key.address and version <= key.groups:
        first = key.address + version - 1
    return f"{first:04X}" if first else ""
