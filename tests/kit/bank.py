"""Issued cards with passbook and purse, and the terminal of the bank that has their root keys."""

from typing import Any, Final

from cardfs.model.files import CardContents
from tests.kit.card import contents, roots
from tests.kit.purse import PurseBench
from tests.kit.reference import Reference

FINANCIAL: Final = '[settings.financial]\nkind = "both"\n'
CARDS: Final = {
    "pboc": ("pboc", "", "3DES"),
    "3DES": ("ssc-2.0", FINANCIAL, "3DES"),
    "SM4": ("ssc-2.0-sm4", FINANCIAL, "SM4"),
    "purse alone": ("ssc-3.0", FINANCIAL.replace("both", "edep"), "SM4"),
}


PURSE: Final = "3F00/DDF2/3F01"


DIRECT: Final = '[settings.transport]\nlevel = "apdu"\n'


def issued(name: str, more: str = "") -> CardContents:
    """Return an issued card."""
    profile, overrides, _ = CARDS[name]
    return contents(profile, overrides + more)


class IssuedPurseBench(PurseBench):
    """A card in the bank's terminal, which has the root keys and reads the serial number from the FCI."""

    def __init__(self, name: str, more: str = "") -> None:
        """Select the application of a card of `CARDS` and take its key factor from the FCI."""
        self.suite_name = CARDS[name][2]
        super().__init__(card_contents=issued(name, more), select=False)
        answer = bytes.fromhex(self.select())
        public = answer[answer.index(bytes.fromhex("9F0C1E")) + 3 :][:30]
        self.factor = public[10:20][-8:]

    def key_of(self, name: str) -> tuple[str, bytes]:
        """Return the child of the root, by the last 8 bytes of the serial number (published example: T5.DPK)."""
        root = roots()["F" + name.rstrip("0123456789")]
        return self.suite_name, Reference(self.suite_name).child(root, self.factor)

    def file(self, fid: int) -> Any:
        """Return what a file of the application holds."""
        return self.card.image.contents[f"{PURSE}/{fid:04X}"]
