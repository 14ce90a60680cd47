"""Checks of tear protection (防拔): the power goes before and after every write, each time on a copy of the card."""

from typing import Any, Final

from cardfs.model.codecs import pin_to_cn

from .bench import OK, Bench
from .check import Check, Failed, Need, NotTested
from .commands import another_pin
from .trades import begin_load, begin_purchase, credit, debit, enter

ON_OURS: Final = frozenset[Need](("ours", "writes", "roots", "pin"))


def _holder(b: Bench) -> Any:
    return next(plan for plan in b.files("SSSE") if plan.ef.fid == 0xEF06)


def _update(b: Bench) -> None:
    plan = _holder(b)
    number = len(plan.elements)

    def prepare(bench: Bench) -> None:
        bench.enter("SSSE")
        bench.satisfy(plan.ef.read)
        bench.satisfy(plan.ef.update)
        bench.open(plan)

    def look(bench: Bench) -> bytes:
        bench.enter("SSSE")
        bench.satisfy(plan.ef.read)
        bench.open(plan)
        return bench.need(bytes((0x00, 0xB2, number, 0x04, 0x00)), f"READ RECORD of {plan.id}")

    def operate(bench: Bench) -> None:
        length = plan.elements[-1].length
        record = bytes((plan.elements[-1].tag or 0, length)) + b"\x19" * length
        bench.need(bytes((0x00, 0xDC, number, 0x04, len(record))) + record, "UPDATE RECORD")

    b.cut(prepare, operate, look)


def _change_pin(b: Bench) -> None:
    old, new = pin_to_cn(b.means.pin), another_pin(b.means.pin)

    def prepare(bench: Bench) -> None:
        bench.enter("SSSE")
        bench.tries()
        bench.verify()

    def operate(bench: Bench) -> None:
        data = old + b"\xff" + new
        bench.need(bytes((0x80, 0x5E, 0x01, 0x00, len(data))) + data, "CHANGE PIN")

    def look(bench: Bench) -> str:
        for name, pin in (("old", old), ("new", new)):
            bench.enter("SSSE")
            if bench.send(bytes((0x00, 0x20, 0x00, 0x00, len(pin))) + pin).word == OK:
                return name
        return "neither"

    b.cut(prepare, operate, look)


def _try(b: Bench) -> None:
    """Cut the power in VERIFY with a wrong PIN, after its first write: the try is gone."""
    bench, card = b.fork()
    bench.enter("SSSE")
    tries = bench.tries()
    if tries < 2:
        raise NotTested("the PIN has one try left")
    wrong = another_pin(b.means.pin)
    card.fault("power-cut", on="VERIFY", nth=1, moment="after")
    bench.send_lost(bytes((0x00, 0x20, 0x00, 0x00, len(wrong))) + wrong)
    card.disarm()
    bench.reset()
    bench.enter("SSSE")
    left = bench.tries()
    if left != tries - 1:
        raise Failed(f"a wrong PIN and a power cut left {left} tries of {tries}")


def _money(bench: Bench) -> tuple[bytes, ...]:
    enter(bench)
    shown = [bench.need(bytes.fromhex("B026000104"), "GET BALANCE")]
    bench.open(next(plan for plan in bench.files("DF04") if plan.ef.fid == 0xEF08))
    record = bench.send(bytes.fromhex("00B2010400"))
    # The time of a trade differs from copy to copy; sequence, type and amount do not.
    return (*shown, record.data[:3], record.data[16:20])


def _load(b: Bench) -> None:
    enter(b)
    begun: dict[int, bytes] = {}

    def prepare(bench: Bench) -> None:
        begun[id(bench)] = credit(bench, begin_load(bench))

    def operate(bench: Bench) -> None:
        bench.need(begun[id(bench)], "CREDIT FOR LOAD")

    b.cut(prepare, operate, _money)


def _purchase(b: Bench) -> None:
    enter(b)
    begun: dict[int, bytes] = {}

    def loaded(bench: Bench) -> Any:
        bench.need(credit(bench, begin_load(bench)), "CREDIT FOR LOAD")
        return _money(bench)

    def prepare(bench: Bench) -> None:
        begun[id(bench)] = debit(bench, begin_purchase(bench))

    def operate(bench: Bench) -> None:
        bench.need(begun[id(bench)], "DEBIT FOR PURCHASE")

    b.cut(prepare, operate, _money, start=loaded)


POWER: Final = (
    Check("power-update", "An update is whole or not at all", "更新要么完整要么不发生", "Part 7, 14", _update, ON_OURS),
    Check(
        "power-change-pin",
        "CHANGE PIN is whole or not at all",
        "修改密码要么完整要么不发生",
        "Part 7, 14",
        _change_pin,
        ON_OURS,
    ),
    Check("power-try", "A power cut gives no try back", "断电不退回尝试次数", "Part 7, 5.8", _try, ON_OURS),
    Check(
        "power-load", "A load is whole or not at all", "划入要么完整要么不发生", "Part 7, 11.8 and 14", _load, ON_OURS
    ),
    Check(
        "power-purchase",
        "A purchase is whole or not at all",
        "消费要么完整要么不发生",
        "Part 7, 12.6 and 14",
        _purchase,
        ON_OURS,
    ),
)
