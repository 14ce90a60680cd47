"""Try counters: charged durably before anything is compared, restored only after success.

Digest, 9.3: power loss never gives a free try. Part 7, 5.8, 6.6 and 13.1 to 13.3.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cardfs.memory import cells
from cardfs.memory.image import Image
from cardfs.memory.store import Cell, CellKey, MemoryStore
from cardfs.model.errors import StoreFailed
from emulator.card import tries
from emulator.cards import Card
from keys.generate import SeededRandom
from keys.records import KeyId
from tests.kit.card import PIN_CN, CardBench, contents, ref, reference_key
from tests.kit.reference import Reference

WRONG_PIN = bytes.fromhex("000000")


class Recorder(MemoryStore):
    """A store that writes into a diary, and that can fail at its n-th write."""

    def __init__(self, given: Mapping[CellKey, Cell], diary: list[Any]) -> None:
        super().__init__(given)
        self.diary = diary
        self.fails_at: int | None = None
        self.writes = 0

    def write(self, changes: Mapping[CellKey, Cell | None], *, erases: bool = False) -> None:
        if self.writes == self.fails_at:
            self.writes += 1
            raise StoreFailed("no power")
        self.writes += 1
        self.diary.append(("write", {key: cell.meta if cell else None for key, cell in changes.items()}))
        super().write(changes, erases=erases)


class Recorded(CardBench):
    """A bench whose store and comparisons write into one diary."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, profile: str = "ssc-2.0") -> None:
        self.diary: list[Any] = []
        self.store = Recorder(dict(cells.write_cells(contents(profile))), self.diary)
        super().__init__(card=Card(Image(contents(profile), self.store), SeededRandom("counters")))

        def spy(left: bytes, right: bytes) -> bool:
            self.diary.append(("compare", self.card.image.tries.copy()))
            return left == right

        monkeypatch.setattr(tries, "same", spy)

    def again(self) -> CardBench:
        """The same memory after a power cut: loaded from the cells, nothing else is left."""
        return CardBench(card=Card(Image(cells.read_cells(self.store.load()), self.store), SeededRandom("again")))


def tries_cell(at: KeyId) -> CellKey:
    """Where the counter of a key stands."""
    return "tries", f"{at[0].owner}#{at[0].name}.{at[1]}"


PIN_AT = (ref("SSSE", "PIN"), 1)
PUK_AT = (ref("SSSE", "PUK"), 1)
UK_AT = (ref("SSSE", "UKSSSE"), 1)
RK_AT = (ref("DF04", "RK1DF04"), 2)


def _verify(bench: CardBench, good: bool) -> bytes:
    given = PIN_CN if good else WRONG_PIN
    return bytes((0x00, 0x20, 0x00, 0x00, len(given))) + given


def _change(bench: CardBench, good: bool) -> bytes:
    data = (PIN_CN if good else WRONG_PIN) + b"\xff\x12\x34"
    return bytes((0x80, 0x5E, 0x01, 0x00, len(data))) + data


def _authenticate(bench: CardBench, good: bool) -> bytes:
    return bench.authentication("UKSSSE", 0x04, wrong=not good)


def _authenticate_version(bench: CardBench, good: bool) -> bytes:
    return bench.authentication("RK1DF04", 0x84, 2, wrong=not good)


def _unblock(bench: CardBench, good: bool) -> bytes:
    bench.prove(["PUK"])
    apdu = bench.secured("84240000")
    return apdu if good else apdu[:-1] + bytes((apdu[-1] ^ 1,))


Maker = Callable[[CardBench, bool], bytes]
COMMANDS: dict[str, tuple[str, KeyId, Maker, str]] = {
    "VERIFY": ("SSSE", PIN_AT, _verify, "63C"),
    "CHANGE PIN": ("SSSE", PIN_AT, _change, "63C"),
    "EXTERNAL AUTHENTICATION": ("SSSE", UK_AT, _authenticate, "63C"),
    "EXTERNAL AUTHENTICATION, version 2": ("DF04", RK_AT, _authenticate_version, "63C"),
    "PIN CHANGE/UNBLOCK": ("SSSE", PUK_AT, _unblock, "6988"),
}
commands = pytest.mark.parametrize("name", COMMANDS)
profiles = pytest.mark.parametrize("profile", ["ssc-2.0", "ssc-3.0"])


@profiles
@commands
@pytest.mark.parametrize("good", [True, False], ids=["right", "wrong"])
def test_the_try_is_in_the_store_before_the_secret_is_compared(
    name: str, good: bool, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    df, at, make, word = COMMANDS[name]
    bench = Recorded(monkeypatch, profile)
    bench.select_df(df)
    apdu = make(bench, good)
    bench.diary.clear()
    answer = bench.send(apdu)
    assert answer.startswith("9000" if good else word), answer
    kinds = [kind for kind, _ in bench.diary]
    assert kinds == (["write", "compare", "write"] if good else ["write", "compare"])
    assert bench.diary[0][1] == {tries_cell(at): "2"}
    assert bench.diary[1][1][at] == 2
    if good:
        assert bench.diary[2][1][tries_cell(at)] == "3"
        assert bench.card.image.tries[at] == 3
    else:
        assert bench.card.image.tries[at] == 2


@profiles
@commands
def test_when_the_charge_cannot_be_written_nothing_is_compared(
    name: str, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """6581, and neither a wrong nor a right secret tells anything."""
    df, at, make, _ = COMMANDS[name]
    for good in (True, False):
        bench = Recorded(monkeypatch, profile)
        bench.select_df(df)
        apdu = make(bench, good)
        bench.diary.clear()
        before = bench.cells()
        proofs = bench.card.session.proofs
        bench.store.fails_at = bench.store.writes
        assert bench.send(apdu) == "6581"
        assert bench.diary == []
        assert bench.cells() == before
        assert bench.card.image.tries[at] == 3
        assert bench.card.session.proofs == proofs


@profiles
@commands
def test_when_the_restore_cannot_be_written_the_try_stays_spent_and_nothing_is_proven(
    name: str, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    df, at, make, _ = COMMANDS[name]
    bench = Recorded(monkeypatch, profile)
    bench.select_df(df)
    apdu = make(bench, True)
    before = bench.cells()
    proofs = bench.card.session.proofs
    bench.store.fails_at = bench.store.writes + 1
    assert bench.send(apdu) == "6581"
    after = bench.cells()
    assert {key for key in after if after[key] != before[key]} == {tries_cell(at)}
    assert after[tries_cell(at)].meta == "2"
    assert bench.card.image.tries[at] == 2
    assert bench.card.session.proofs == proofs
    assert bench.again().card.image.tries[at] == 2


@profiles
@commands
def test_power_off_gives_no_try_back_and_the_last_one_locks(
    name: str, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    df, at, make, word = COMMANDS[name]
    bench: CardBench = Recorded(monkeypatch, profile)
    store = bench.card.image.store
    for left in (2, 1, 0):
        bench.select_df(df)
        apdu = make(bench, False)
        if name == "PIN CHANGE/UNBLOCK" and left < 2:
            # Authenticating PUK afresh was a success, which restores its counter (Part 7, 6.6).
            assert bench.card.image.tries[at] == 3
            break
        answer = bench.send(apdu)
        assert answer == (f"63C{left}" if word == "63C" else word)
        bench.card.power_off()
        assert bench.card.image.tries[at] == left
        bench = CardBench(card=Card(Image(cells.read_cells(store.load()), store), SeededRandom(str(left))))
        assert bench.card.image.tries[at] == left
    if name != "PIN CHANGE/UNBLOCK":
        bench.select_df(df)
        before = bench.cells()
        for good in (False, True):
            assert bench.send(make(bench, good)) == "6983"
        assert bench.cells() == before


def test_wrong_macs_in_a_row_lock_the_unblock_key_in_one_session() -> None:
    """Part 7, 13.3: after as many failures as the issuer chose; then not even a right MAC does anything."""
    bench = CardBench()
    bench.select_ssse()
    for _ in range(3):
        bench.verify(WRONG_PIN)
    bench.prove(["PUK"])
    for left in (2, 1, 0):
        apdu = bench.secured("84240000")
        assert bench.send(apdu[:-1] + bytes((apdu[-1] ^ 1,))) == "6988"
        assert bench.card.image.tries[PUK_AT] == left
    before = bench.cells()
    assert bench.send(bench.secured("84240000")) == "6985"
    assert bench.authenticate("PUK") == "6983"
    assert bench.cells() == before
    assert bench.verify() == "6983"


@profiles
def test_a_new_pin_of_the_wrong_form_under_a_right_mac_costs_no_try(profile: str) -> None:
    """A wrong MAC decreases the counter (digest, 8.8), a wrong PIN form (6A80) does not and changes nothing."""
    bench = CardBench(profile)
    bench.select_ssse()
    bench.prove(["PUK"])
    apdu = bench.secured("84240000")
    assert bench.send(apdu[:-1] + bytes((apdu[-1] ^ 1,))) == "6988"
    suite = bench.key_suite("STK")
    rules = Reference(suite)
    before = bench.cells()
    for plain in (b"\x12", b"\xab\xcd\xef", b"\x12\xf4\x56"):
        challenge = bench.challenge()
        session = rules.session_key(reference_key("STK", suite), challenge)
        assert bench.send(bench.secured("84240001", rules.encrypt(session, plain), challenge=challenge)) == "6A80"
        assert bench.cells() == before
        assert bench.card.image.tries[PUK_AT] == 2


def test_success_puts_each_counter_back_and_only_that_one() -> None:
    """Part 7, 5.8 and 6.6; every version of a key has its own counter."""
    bench = CardBench()
    bench.select_ssse()
    for version in (1, 2, 3):
        assert bench.authenticate("UKSSSE", version=version, wrong=True) == "63C2"
    assert bench.verify(WRONG_PIN) == "63C2"
    assert bench.authenticate("UKSSSE", version=2) == "9000"
    tries = bench.card.image.tries
    assert [tries[ref("SSSE", "UKSSSE"), version] for version in (1, 2, 3)] == [2, 3, 2]
    assert tries[PIN_AT] == 2
    assert bench.verify() == "9000"
    assert tries[PIN_AT] == 3
    assert [tries[ref("SSSE", "UKSSSE"), version] for version in (1, 2, 3)] == [2, 3, 2]


@pytest.mark.parametrize(("df", "name", "key"), [("SSSE", "BK", "STK"), ("DF03", "LKDF03", "STKDF03")])
def test_lock_keys_never_lock(df: str, name: str, key: str) -> None:
    """Part 7, 13.1 and 13.2: neither wrong authentications nor wrong MACs; x of 63Cx stays F."""
    bench = CardBench()
    bench.select_df(df)
    before = bench.cells()
    for _ in range(20):
        assert bench.authenticate(name, wrong=True) == "63CF"
    bench.prove([name])
    header = "84160000" if df == "SSSE" else "841E0001"
    for _ in range(20):
        apdu = bench.secured(header, key=key)
        assert bench.send(apdu[:-1] + bytes((apdu[-1] ^ 1,))) == "6988"
    assert bench.cells() == before
    assert bench.send(bench.secured(header, key=key)) == "9000"


def test_asking_for_the_pin_counter_costs_nothing() -> None:
    """Part 5, 6.14: VERIFY without data."""
    bench = CardBench()
    bench.select_ssse()
    for left in (3, 2, 1):
        before = bench.cells()
        for _ in range(5):
            assert bench.verify(b"") == f"63C{left}"
        assert bench.cells() == before
        bench.verify(WRONG_PIN)


@pytest.mark.parametrize("tries", [1, 15])
def test_the_limits_are_the_profiles_choice(tries: int) -> None:
    """``pin.tries`` and ``key.tries``, 1 to 15 (digest, 9.3)."""
    bench = CardBench("ssc-2.0", f"[settings.pin]\ntries = {tries}\n[settings.key]\ntries = {tries}\n")
    bench.select_ssse()
    for left in reversed(range(tries)):
        assert bench.verify(WRONG_PIN) == f"63C{left:X}"
        assert bench.authenticate("UKSSSE", wrong=True) == f"63C{left:X}"
    assert bench.verify() == "6983"
    assert bench.authenticate("UKSSSE") == "6983"


def test_keys_without_a_counter_never_lock_and_never_break() -> None:
    """``tries = 0`` on a key of a profile."""
    overrides = """
    [[df]]
    id = "SSSE"
    keys = [{ name = "PUK", tries = 0 }, { name = "UKSSSE", tries = 0 }]
    """
    bench = CardBench("ssc-2.0", overrides)
    bench.select_ssse()
    for _ in range(20):
        assert bench.authenticate("UKSSSE", wrong=True) == "63CF"
    bench.prove(["PUK"])
    for _ in range(20):
        apdu = bench.secured("84240000")
        assert bench.send(apdu[:-1] + bytes((apdu[-1] ^ 1,))) == "6988"
    assert bench.send(bench.secured("84240000")) == "9000"


@profiles
def test_a_spent_try_stays_spent_over_reopening_the_image_file(profile: str, tmp_path: Path) -> None:
    path = tmp_path / "card.sscard"
    Image.create(path, contents(profile))
    for left in (2, 1, 0):
        bench = CardBench(card=Card(Image.open(path)))
        bench.select_ssse()
        assert bench.verify(WRONG_PIN) == f"63C{left}"
        assert bench.authenticate("UKSSSE", wrong=True) == f"63C{left}"
        if left:
            bench.card.power_off()
        bench.card.close()
    bench = CardBench(card=Card(Image.open(path)))
    bench.select_ssse()
    assert bench.verify() == "6983"
    assert bench.authenticate("UKSSSE") == "6983"
    assert bench.card.image.tries[PIN_AT] == 0
    bench.card.close()
