"""A terminal that goes through every debit/credit command, whatever the issuer's data are."""

from typing import Final

from cardfs.model.files import CardContents
from emulator.commands.financial.debit.objects import READABLE, WRITABLE
from tests.kit.debit import CASH, LOAD_FORMAT, OBJECTS, PIN_BLOCK, WRONG_BLOCK, Answered, DebitBench

MORE: Final = {
    **CASH,
    "9F53": "05",
    "9F54": "000000100000",
    "9F5C": "000000200000",
    "9F68": "20000000",
    "9F6B": "000000010000",
    "9F72": "05",
    "9F73": "20000725",
    "9F75": "000000100000",
    "9F76": "0840",
    "DF4F": LOAD_FORMAT,
    "C9": "80",
    "CA": "01",
}


WHOLE: Final = {**OBJECTS, **MORE}
"""A card that has every object that there is."""


Refused = tuple[str, str, str]
"""Step, status word and reason of a refusal."""


class IssuerDataBench(DebitBench):
    """A terminal that goes on whatever the card answers, and notes what was refused and what changed then."""

    def __init__(self, card_contents: CardContents) -> None:
        """Put a card on the bench; nothing was refused yet."""
        super().__init__(card_contents=card_contents)
        self.steps: list[Refused] = []

    def step(self, name: str, apdu: str | bytes) -> str:
        """Send a command, note status word and reason, and check that a refusal changes nothing."""
        before = self.cells()
        answer = self.ask(apdu)
        last = self.card.last
        assert last is not None
        assert self.card.bug is None, f"{name}: {self.card.bug!r}"
        word = answer[-4:]
        self.steps.append((name, word, last.reason))
        if word == "6985" and not name.startswith("script") and "at its end" not in last.reason:
            assert self.cells() == before, f"{name} is refused and changes the card: {last.reason}"
        return answer

    def cells(self) -> dict[object, object]:
        """Return the non-volatile memory."""
        return dict(self.store.load().items())

    def options_(self, *, cash: bool = False, currency: str = "0156", amount: int = 1000) -> bool:
        """Select and send GET PROCESSING OPTIONS; return whether a transaction has begun."""
        values = f"{'01' if cash else '00'}{amount:012d}{currency}"
        assert self.step("select", bytes.fromhex("00A4040008A000000333010101"))[-4:] in ("9000", "6283", "6985")
        name = f"options{' cash' * cash} {currency}"
        return self.step(name, f"80A80000{len(values) // 2 + 2:02X}83{len(values) // 2:02X}{values}")[-4:] == "9000"

    def ac_(self, p1: str, **more: str) -> str:
        """Send GENERATE AC with P1; keep the first answer, which the issuer's proof needs."""
        values = self.cdol(1000, **more)  # type: ignore[arg-type]
        answer = self.step(f"generate {p1} {more}", f"80AE{p1}00{len(values) // 2:02X}{values}")
        if answer[:2] == "80" and "code" not in more:
            self.first = Answered(answer)
        return answer


def offline(bench: IssuerDataBench) -> None:
    """Generate every cryptogram offline, at home and abroad."""
    for p1 in ("40", "00", "50", "10"):
        for country, currency in (("0156", "0156"), ("0840", "0840"), ("0276", "0978")):
            if bench.options_(currency=currency):
                bench.ac_(p1, country=country, currency=currency)


def cash(bench: IssuerDataBench) -> None:
    """Pay with electronic cash, within and over its limit."""
    for amount in (1000, 99999999):
        if bench.options_(cash=True, amount=amount):
            bench.ac_("40")


def online(bench: IssuerDataBench) -> None:
    """Go online with every answer of the issuer, right and wrong, and send every script."""
    for code in ("00", "05", "Y3", "Z3"):
        for right in (True, False):
            if not bench.options_() or bench.ac_("80")[:2] != "80":
                continue
            if code.isdigit():
                bench.step("external authenticate", bench.proof(code, wrong=not right))
            bench.ac_("40", code=code)
            bench.step("script 04DA9F79", bench.script("04DA9F79", "000000020000"))
            for tag in sorted(WRITABLE):
                bench.step(f"script 04DA{tag:04X}", bench.script(f"04DA{tag:04X}", WHOLE.get(f"{tag:04X}", "00")))
            bench.step("script 04DC0114", bench.script("04DC0114", "7003500142"))
            bench.step("script 84240002", bench.script("84240002", bench.sealed_pin("739154")))
            bench.step("script 84240000", bench.script("84240000"))


def holder(bench: IssuerDataBench) -> None:
    """Verify the PIN, right and wrong, until it is locked."""
    for block in (PIN_BLOCK, WRONG_BLOCK, WRONG_BLOCK, WRONG_BLOCK, PIN_BLOCK):
        if bench.options_():
            bench.step("verify", f"0020008008{block}")
            bench.ac_("40")


def reading(bench: IssuerDataBench) -> None:
    """Read every data object and every file."""
    bench.options_()
    bench.step("internal authenticate", "008800000411223344")
    for tag in sorted((*READABLE, 0x9F17, 0x9F5D, 0x9F50)):
        bench.step(f"get data {tag:04X}", f"80CA{tag:04X}00")
    for sfi in range(1, 13):
        bench.step(f"read {sfi}", f"00B201{sfi << 3 | 4:02X}00")


FLOWS: Final = (offline, cash, online, holder, reading)
