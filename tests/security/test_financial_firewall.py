"""The firewall between the two environments of a card, at work (Part 4, 5.5 and 6.1).

A card with both worlds is driven in lockstep with a twin that has not met the other world: whatever was proven,
begun, counted down, exchanged or locked over there, here every answer and every cell is the twin's. The commands
are those of the tables, all of them: with many parameters and made-up data, and in whole trades that succeed.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any, Final

import pytest

from cardfs.issuing.holder import load_holder
from cardfs.issuing.issue import issue
from cardfs.issuing.options import IssueOptions
from cardfs.issuing.roots import load_roots
from cardfs.memory.cells import CARD
from cardfs.memory.image import Image
from cardfs.model.files import CardContents, CommandSet
from cardfs.profile.inputs import Document
from cardfs.profile.loader import DEMO, load_profile
from emulator.card.row import Row
from emulator.cards import Card
from emulator.commands.sets import SETS
from keys.records import KeyRef, KeyState, Usage
from tests.kit import debit as debit_kit
from tests.kit import purse as purse_kit
from tests.kit.card import MF, ORIGINAL, PIN_CN, SSSE, CardBench
from tests.kit.medical import MedicalBench
from tests.kit.reference import Reference

PSE, EDEP, DEBIT, PPSE = "3F00/DDF2", "3F00/DDF2/3F01", "3F00/DDF2/3F02", "3F00/DDF2/3F03"
FINANCIAL: Final = (PSE, EDEP, DEBIT, PPSE)
SOCIAL: Final = (SSSE, *(f"{SSSE}/DF0{n}" for n in range(1, 8)))
NAMES: Final = {PSE: b"1PAY.SYS.DDF01", PPSE: b"2PAY.SYS.DDF01", EDEP: purse_kit.AID, DEBIT: debit_kit.AID}
CMK: Final = KeyRef(MF, "CMK")
WRONG: Final = bytes.fromhex("999999")
HANDS_OFF: Final = frozenset((0xA4,))
"""SELECT is what goes to and fro; it is asked for by itself."""


@cache
def issued(suite: str) -> CardContents:
    """A card with everything: money in every account, both financial applications, both names."""
    profile = "ssc-2.0" if suite == "3DES" else "ssc-3.0"
    values = {"purse_balance": 50000, "passbook_balance": 60000, "electronic_cash_balance": 7000}
    return issue(
        load_profile(profile, {"settings": {"financial": {"kind": "both", "contactless": True}}}),
        replace(load_holder(DEMO / "holder.toml"), lenient=True),
        load_roots(DEMO / "roots.toml"),
        IssueOptions(
            region="519900", serial="000001AC", pin="739154", seed="firewall", values=Document("--value", values)
        ),
    )


def steady(length: int) -> bytes:
    """Random numbers that are the same for a card and its twin, however often either has asked before."""
    return bytes(range(0x31, 0x31 + length))


class Recorded(CardBench):
    """A card that writes down what it answers."""

    def __init__(self, made: CardContents) -> None:
        super().__init__(card=Card(Image.in_memory(made), steady))
        self.answers: list[str] = []

    def send(self, apdu: str | bytes) -> str:
        answer = super().send(apdu)
        self.answers.append(answer)
        return answer

    def enter(self, df: str) -> None:
        """SELECT a DF the way terminals do."""
        if df == MF:
            answer = self.ask("00A40000023F00")
        elif df in NAMES:
            answer = self.ask(bytes((0x00, 0xA4, 0x04, 0x00, len(NAMES[df]))) + NAMES[df])
        else:
            self.select_ssse()
            answer = self.ask(f"00A4000002{df[-4:]}") if df != SSSE else "9000"
        assert answer.endswith("9000"), (df, answer)
        assert self.card.session.df == df

    def world(self, dfs: Iterable[str]) -> dict[Any, Any]:
        """The cells of one world."""
        root = next(iter(dfs))
        return {at: cell for at, cell in self.cells().items() if at[1].startswith(root)}


def terminal_for(kind: type[Any], bench: Recorded, made: CardContents, **fields: Any) -> Any:
    """A terminal of one world at a card that is there already; what it sends is written down."""

    class There(kind):  # type: ignore[misc]
        def send(self, apdu: str | bytes) -> str:
            return bench.send(apdu)

    found = There.__new__(There)
    CardBench.__init__(found, card=bench.card)
    for name, value in {"card_contents": made, **fields}.items():
        setattr(found, name, value)
    return found


class PurseTerminal(purse_kit.PurseBench):
    """The terminal of the card made by hand; here keys have other names."""

    def key_of(self, name: str) -> tuple[str, bytes]:
        return super().key_of({"DLK1": "DLK", "DPK1": "DPK"}.get(name, name))


def purse(bench: Recorded, made: CardContents) -> Any:
    return terminal_for(PurseTerminal, bench, made, sequence=0)


def debit(bench: Recorded, made: CardContents) -> Any:
    values = {at[0].name: key.value for at, key in made.keys.items() if at[0].owner == DEBIT}
    return terminal_for(debit_kit.IssuedDebitBench, bench, made, values=values, set="", first=None)


def social(bench: Recorded, made: CardContents) -> Any:
    return terminal_for(MedicalBench, bench, made, binary=False)


# -- what a world does ------------------------------------------------------------------------------------------


def samples(row: Row) -> Iterator[bytes]:
    """Commands of a row with many parameters, a few lengths, and made-up data."""
    firsts = (row.p1,) if row.p1 is not None else (0, 1, 2, 3, 5, 0x40, 0x80, 0x82, 0x85, 0x95, 0x96, 0x9F)
    sfis = (0x01, 0x02, 0x05, 0x06, 0x07, 0x0B, 0x18, 0x19)
    seconds = (0, 1, 2, 4, 0x0A, 0x36, 0x79, 0x80, *(sfi << 3 | 4 for sfi in sfis))
    pairs = [(p1, p2) for p1 in firsts for p2 in seconds if row.parameters(p1, p2)]
    lengths = [lc for lc in (0, 2, 3, 4, 7, 8, 10, 11, 14, 15, 16, 17, 19, 20, 29, 36) if lc in row.lc][:3]
    for p1, p2 in pairs[:24]:
        for lc in lengths:
            data = bytes((lc,)) + bytes(range(1, lc + 1)) if lc else b""
            le = b"" if row.le is None else bytes((next((le for le in (256, 8) if le in row.le), 4) & 0xFF,))
            yield bytes((row.cla, row.ins, p1, p2)) + (data + le or b"\x00")


def rows_in(bench: Recorded, df: str) -> list[Row]:
    """Every row that works in a DF: those of its command set, and those of personalisation."""
    info = bench.card.image.info
    table = SETS.table(info.settings, bench.card.image.dfs[df].command_set)
    return [*dict.fromkeys((*table.rows.values(), *table._by_p1.values()))]


def poke(bench: Recorded, df: str) -> None:
    """Send every row's commands in a DF."""
    bench.enter(df)
    for row in rows_in(bench, df):
        if row.ins not in HANDS_OFF:
            for command in samples(row):
                bench.ask(command)
                assert bench.card.session.df == df


def use(bench: Recorded, made: CardContents, df: str) -> None:
    """Do what a DF is for, with its keys, so that it succeeds."""
    bench.enter(df)
    if df == EDEP:
        terminal = purse(bench, made)
        assert terminal.send(b"\x00\x20\x00\x00\x03" + PIN_CN) == "9000"
        terminal.do(terminal.load(purse_kit.ED, 1000))
        terminal.do(terminal.load(purse_kit.EP, 100))
        terminal.do(terminal.spend(1, purse_kit.EP, 70, 6, index=1))
        terminal.do(terminal.unload(30))
        terminal.do(terminal.limit(500))
        terminal.do(terminal.protected("04D6950A", b"\x01"))
        terminal.do(terminal.reload(PIN_CN))
        assert terminal.ask("00B201C400").endswith("9000")
    elif df == DEBIT:
        terminal = debit(bench, made)
        terminal.start(300)
        terminal.ask("0020008008" + "26739154FFFFFFFF")
        terminal.ac("ARQC", 300)
        assert terminal.arpc() == "9000"
        terminal.ac("TC", 300, code="00")
        terminal.start(200, cash=True)
        terminal.ac("TC", 200)
        assert terminal.ask("80CA9F7900").endswith("9000")
    elif df.endswith("DF04"):
        terminal = social(bench, made)
        terminal.get_ready()
        terminal.load()
        terminal.purchase()
    else:
        bench.ask("00B2012C00")


# -- what happened in the other world before ----------------------------------------------------------------------


def refs(made: CardContents, world: tuple[str, ...]) -> list[KeyRef]:
    return [*dict.fromkeys(ref for ref, _ in made.keys if ref.owner in world)]


def prove_everything(bench: Recorded, made: CardContents, world: tuple[str, ...]) -> None:
    """With real commands: PINs, keys, a challenge that waits, and a trade that has begun."""
    if world is SOCIAL:
        terminal = social(bench, made)
        terminal.select_df("DF04")
        assert terminal.verify() == "9000"
        for name in ("UKSSSE", "RKSSSE", "BK", "PUK", "RK1DF04", "UK1DF04"):
            assert terminal.authenticate(name) == "9000", name
        terminal.begin_load()
        assert bench.card.session.trade is not None
        return
    other = debit(bench, made)
    other.start(100)
    assert bench.card.session.state is not None
    bench.ask("0020008008" + "26739154FFFFFFFF")
    other.ac("ARQC", 100)
    assert other.arpc() == "9000"
    assert bench.ask("0084000000")
    terminal = purse(bench, made)
    bench.enter(EDEP)
    assert terminal.send(b"\x00\x20\x00\x00\x03" + PIN_CN) == "9000"
    bench.challenge(8)
    assert terminal.initialize(1, purse_kit.EP, 1, 100)[1] == "9000"
    assert bench.card.session.trade is not None


def begin_and_challenge(bench: Recorded, made: CardContents, world: tuple[str, ...]) -> None:
    """A challenge is the last thing that happened."""
    bench.enter(world[0])
    bench.challenge(8)
    assert bench.card.session.challenge is not None


def forge_proofs(bench: Recorded, made: CardContents, world: tuple[str, ...]) -> None:
    """Every key of the other world proven, those too that no command proves, and the card master key."""
    card = bench.card
    card._session = card.session._replace(proofs=frozenset((*refs(made, world), CMK)))


def spend_all_tries(bench: Recorded, made: CardContents, world: tuple[str, ...]) -> None:
    image = bench.card.image
    for at in [at for at in image.tries if at[0].owner in world]:
        while image.tries[at]:
            image.charge(at)


def exchange_keys(bench: Recorded, made: CardContents, world: tuple[str, ...]) -> None:
    """Every key and PIN of the other world is another one."""
    change = bench.card.image.begin()
    for (ref, _), key in bench.card.image.keys.items():
        if ref.owner in world:
            change.put_key(ref, replace(key, value=bytes(byte ^ 0x55 for byte in key.value)))
    change.commit()


def remove_keys(bench: Recorded, made: CardContents, world: tuple[str, ...]) -> None:
    change = bench.card.image.begin()
    change.delete_keys(at for at in bench.card.image.keys if at[0].owner in world)
    change.commit()


def lock_everything(bench: Recorded, made: CardContents, world: tuple[str, ...]) -> None:
    """As APPLICATION BLOCK or CARD BLOCK leaves it: locked, and the keys dead."""
    change = bench.card.image.begin()
    for path in world:
        change.put_df(replace(bench.card.image.dfs[path], blocked=True))
    change.kill_keys(world)
    change.commit()


def lock_for_a_time(bench: Recorded, made: CardContents, world: tuple[str, ...]) -> None:
    change = bench.card.image.begin()
    for path in world:
        change.put_df(replace(bench.card.image.dfs[path], suspended=True))
    change.commit()


def empty_files(bench: Recorded, made: CardContents, world: tuple[str, ...]) -> None:
    change = bench.card.image.begin()
    for path, contents in bench.card.image.contents.items():
        if path.startswith(world[0]):
            change.put_contents(path, bytes(len(contents)) if isinstance(contents, bytes) else ())
    change.commit()


Before = Callable[[Recorded, CardContents, tuple[str, ...]], None]
BEFORE: Final[tuple[Before, ...]] = (
    prove_everything,
    begin_and_challenge,
    forge_proofs,
    spend_all_tries,
    exchange_keys,
    remove_keys,
    lock_everything,
    lock_for_a_time,
    empty_files,
)
INTO: Final = [(df, SOCIAL, FINANCIAL) for df in FINANCIAL] + [(df, FINANCIAL, SOCIAL) for df in SOCIAL]


@pytest.mark.clause("Part 4, 5.5", "what happened in one environment has no effect on any command of the other")
@pytest.mark.parametrize("before", BEFORE, ids=lambda each: str(each.__name__))
@pytest.mark.parametrize(("df", "other", "own"), INTO, ids=lambda each: each[-4:] if isinstance(each, str) else "")
def test_whatever_happened_in_the_other_world_every_command_answers_as_if_it_had_not(
    df: str, other: tuple[str, ...], own: tuple[str, ...], before: Before
) -> None:
    made = issued("3DES")
    card, twin = Recorded(made), Recorded(made)
    before(card, made, other)
    there, here = card.world(other), card.world(own)
    card.answers.clear()
    for bench in (card, twin):
        use(bench, made, df)
        poke(bench, df)
    assert card.answers == twin.answers
    assert card.world(own) == twin.world(own)
    assert card.world(own) != here or df not in (EDEP, DEBIT, f"{SSSE}/DF04")
    assert card.world(other) == there, "and nothing is changed over there"


@pytest.mark.clause("Part 4, 6.1", "the applications of the financial environment do not reach each other either")
@pytest.mark.parametrize("suite", ["3DES", "SM4"])
def test_everything_at_once_in_the_other_cipher_and_between_the_two_applications(suite: str) -> None:
    made = issued(suite)
    for df, others in ((EDEP, (DEBIT, *SOCIAL)), (DEBIT, (EDEP, *SOCIAL)), (f"{SSSE}/DF04", FINANCIAL)):
        card, twin = Recorded(made), Recorded(made)
        for before in (spend_all_tries, exchange_keys, forge_proofs):
            before(card, made, others)
        for bench in (card, twin):
            use(bench, made, df)
        assert card.answers == twin.answers
        assert {at: cell for at, cell in card.cells().items() if at[1].startswith(df)} == {
            at: cell for at, cell in twin.cells().items() if at[1].startswith(df)
        }


def test_every_command_of_every_command_set_of_a_user_card_is_sent() -> None:
    """The commands above leave out none that the card could answer."""
    made = issued("3DES")
    bench = Recorded(made)
    for df in (*FINANCIAL, SSSE):
        for row in rows_in(bench, df):
            assert row.ins in HANDS_OFF or [*samples(row)], row.name
    assert {bench.card.image.dfs[df].command_set for df in bench.card.image.dfs} == set(CommandSet) - {CommandSet.PSAM}


# -- one thing at a time, so that it can be read ------------------------------------------------------------------


def _trade(bench: Recorded, df: str) -> str:
    """The second command of a trade, with whatever data."""
    return bench.ask("805401000F" + "00" * 15 + "08" if df == EDEP else "B02A00000B" + "00" * 11)


def test_a_trade_that_has_begun_is_not_ended_in_the_other_world_nor_after_coming_back() -> None:
    made = issued("3DES")
    bench = Recorded(made)
    terminal = purse(bench, made)
    bench.enter(EDEP)
    said, word = terminal.initialize(1, purse_kit.EP, 1, 100)
    assert word == "9000"
    command = terminal.debit(said, 100, 6, index=1)
    bench.enter(f"{SSSE}/DF04")
    assert bench.card.session.trade is None
    assert bench.ask(command)[-4:] != "9000"
    bench.enter(EDEP)
    assert bench.ask(command) == "6901"
    trades = social(bench, made)
    trades.get_ready()
    begun = trades.begin_load()
    credit = trades.credit(begun)
    bench.enter(DEBIT)
    assert bench.card.session.trade is None
    assert bench.ask(credit)[-4:] != "9000"
    bench.enter(f"{SSSE}/DF04")
    assert bench.ask(credit)[-4:] == "6901"


def test_a_transaction_of_debit_credit_does_not_survive_a_visit_of_the_other_world() -> None:
    made = issued("3DES")
    bench = Recorded(made)
    terminal = debit(bench, made)
    terminal.start(100)
    terminal.ac("ARQC", 100)
    bench.enter(SSSE)
    assert bench.card.session.state is None
    bench.enter(DEBIT)
    assert terminal.arpc()[-4:] == "6985"
    assert terminal.generate("40", terminal.cdol(100, code="00"))[-4:] == "6985"


@pytest.mark.parametrize(
    ("asked_in", "used_in"), [(SSSE, EDEP), (SSSE, DEBIT), (EDEP, SSSE), (DEBIT, SSSE), (PSE, EDEP)]
)
def test_a_challenge_is_for_the_directory_that_gave_it(asked_in: str, used_in: str) -> None:
    bench = Recorded(issued("3DES"))
    bench.enter(asked_in)
    bench.challenge(4 if asked_in == EDEP else 8)
    bench.enter(used_in)
    assert bench.card.session.challenge is None
    if used_in == EDEP:
        assert bench.send("84180000" + "04" + "00" * 4) == "6984"
    elif used_in == SSSE:
        assert bench.send("0082000410" + "00" * 16) == "6984"


@pytest.mark.clause("Part 4, 5.5", "a PIN of one environment opens nothing in the other and is counted by itself")
def test_each_pin_opens_its_own_files_and_has_its_own_tries() -> None:
    made = issued("3DES")
    bench = Recorded(made)
    log, address = "00B201C400", "00B2012C00"
    bench.select_df("DF01")
    assert bench.ask(address) == "6982"
    assert bench.verify() == "9000"
    assert bench.ask(address)[-4:] == "9000"
    bench.enter(EDEP)
    assert bench.ask(log) == "6982", "the social-security PIN opens no purse"
    assert bench.send(b"\x00\x20\x00\x00\x03" + PIN_CN) == "9000"
    assert bench.ask(log) == "6A83", "open, and there is no record yet"
    bench.card.power_off()
    bench.card.power_on()
    bench.enter(EDEP)
    assert bench.send(b"\x00\x20\x00\x00\x03" + PIN_CN) == "9000"
    bench.select_df("DF01")
    assert bench.ask(address) == "6982", "the PIN of the purse opens no file of the other world"
    for left in ("63C2", "63C1", "63C0", "6983"):
        bench.enter(EDEP)
        assert bench.send(b"\x00\x20\x00\x00\x03" + WRONG) == left
    tries = {ref: number for (ref, _), number in bench.card.image.tries.items() if ref.name == "PIN"}
    assert tries == {KeyRef(EDEP, "PIN"): 0, KeyRef(DEBIT, "PIN"): 3, KeyRef(SSSE, "PIN"): 3}
    bench.select_df("DF01")
    assert bench.verify() == "9000"
    for _ in range(3):
        bench.verify(WRONG)
    assert bench.send(b"\x00\x20\x00\x00\x03" + WRONG) == "6983"
    bench.enter(DEBIT)
    assert bench.ask("80CA9F1700")[-6:] == "039000"


# -- locks, by the commands that lock -------------------------------------------------------------------------------


def block_purse(bench: Recorded, made: CardContents) -> None:
    terminal = purse(bench, made)
    bench.enter(EDEP)
    terminal.do(terminal.protected("841E0001"))


def block_environment_from_purse(bench: Recorded, made: CardContents) -> None:
    terminal = purse(bench, made)
    bench.enter(EDEP)
    terminal.do(terminal.protected("84160000"))


def block_debit(bench: Recorded, made: CardContents) -> None:
    _script(bench, made, "841E0000")


def block_environment_from_debit(bench: Recorded, made: CardContents) -> None:
    _script(bench, made, "84160000")


def _script(bench: Recorded, made: CardContents, header: str) -> None:
    terminal = debit(bench, made)
    terminal.start(100)
    terminal.ac("ARQC", 100)
    assert terminal.arpc() == "9000"
    assert bench.ask(terminal.script(header)) == "9000"


def block_social_application(bench: Recorded, made: CardContents) -> None:
    bench.select_df("DF03")
    bench.prove(("LKDF03",))
    assert bench.send(bench.secured("841E0001", b"", "STKDF03")) == "9000"


def social_card_block(bench: Recorded, made: CardContents) -> None:
    bench.select_ssse()
    bench.prove(("BK",))
    assert bench.send(bench.secured("84160000", b"", "STK")) == "9000"


LOCKS: Final[dict[Callable[[Recorded, CardContents], None], tuple[str, ...]]] = {
    # what locks, and where everything still works
    block_purse: (DEBIT, PSE, *SOCIAL),
    block_debit: (EDEP, PSE, *SOCIAL),
    block_environment_from_purse: SOCIAL,
    block_environment_from_debit: SOCIAL,
    block_social_application: (*FINANCIAL, SSSE, f"{SSSE}/DF01", f"{SSSE}/DF04"),
}


@pytest.mark.clause("Part 4, 5.5", "locking an application, or one environment, leaves the other as it is")
@pytest.mark.parametrize("lock", LOCKS, ids=lambda each: str(each.__name__))
def test_a_lock_stops_at_the_firewall(lock: Callable[[Recorded, CardContents], None]) -> None:
    made = issued("3DES")
    for df in LOCKS[lock]:
        card, twin = Recorded(made), Recorded(made)
        lock(card, made)
        own = SOCIAL if df in SOCIAL else (df,)
        if own is SOCIAL and lock is not block_social_application:
            assert card.world(SOCIAL) == twin.world(SOCIAL)
        for bench in (card, twin):
            bench.card.power_off()
            bench.card.power_on()
            bench.answers.clear()
            use(bench, made, df)
            if df in (PSE, SSSE, EDEP, DEBIT):
                poke(bench, df)
        assert card.answers == twin.answers, df


def test_what_is_locked_over_there_is_said_from_everywhere() -> None:
    made = issued("3DES")
    for lock, words in (
        (block_purse, {EDEP: "6283", DEBIT: "9000", PSE: "9000", PPSE: "9000"}),
        (block_debit, {EDEP: "9000", DEBIT: "6283", PSE: "9000", PPSE: "9000"}),
        (block_environment_from_purse, dict.fromkeys(FINANCIAL, "6A81")),
        (block_environment_from_debit, dict.fromkeys(FINANCIAL, "6A81")),
    ):
        bench = Recorded(made)
        lock(bench, made)
        for start in (MF, SSSE, f"{SSSE}/DF04"):
            for df, word in words.items():
                bench.card.power_on()
                bench.enter(start)
                name = NAMES[df]
                answer = bench.send(bytes((0x00, 0xA4, 0x04, 0x00, len(name))) + name)
                assert (answer[-4:] if answer[:2] != "61" else "9000") == word, (lock, start, df)
                where = start if word == "6A81" else df
                assert bench.card.session.df == where
        assert not bench.card.image.info.blocked
        dead = {at[0].owner for at, key in bench.card.image.keys.items() if key.state is KeyState.DEAD}
        assert dead <= set(FINANCIAL)
        if words[PSE] == "6A81":
            left = [at for at, key in bench.card.image.keys.items() if at[0].owner in FINANCIAL and key.value]
            assert not left


def test_card_block_of_the_social_security_card_is_for_all_applications() -> None:
    """Part 5, 6.2.1 says so in these words: all applications on the card, and every later command answers 6A81."""
    made = issued("3DES")
    bench = Recorded(made)
    social_card_block(bench, made)
    for df in FINANCIAL:
        name = NAMES[df]
        assert bench.send(bytes((0x00, 0xA4, 0x04, 0x00, len(name))) + name) == "6A81"
    assert all(key.state is KeyState.DEAD for key in bench.card.image.keys.values())


# -- the card master key ---------------------------------------------------------------------------------------------


@pytest.mark.clause("Part 4, 5.2", "after the handover the card master key can do nothing in either environment")
@pytest.mark.parametrize("df", [*FINANCIAL, *SOCIAL])
def test_the_card_master_key_touches_neither_world(df: str) -> None:
    """Loads with a right MAC under it, and everything else with it proven, whether or not a command proves it."""
    made = issued("3DES")
    bench = Recorded(made)
    value = made.keys[CMK, 1].value
    before = bench.world((df,))
    rules = Reference("3DES")
    for mode in ("00", "01", "02"):
        for head in ("00FF010033000010", "0701010033000010", "0DFF010033000010", "10010100330000FF"):
            bench.enter(df)
            plain = bytes.fromhex(head[:-2] + "10") + bytes(16)
            cipher = rules.encrypt(value, plain)
            covered = bytes.fromhex(f"84D4{mode}00") + bytes((len(cipher) + 4,)) + cipher
            answer = bench.send(covered + rules.key_load_mac(value, bench.challenge(), covered))
            assert answer in ("6985", "6988", "6983", "6A88"), answer
    changed = {at for at, cell in bench.world((df,)).items() if cell != before[at]}
    assert {at[0] for at in changed} <= {"tries"}, "a wrong MAC costs the master key that is in control a try"
    bench.enter(df)
    bench.card._session = bench.card.session._replace(proofs=frozenset((CMK,)))
    proven = bench.world((df,))
    for command in (
        "80E0010006" + "EE01C4010000",
        "80E001000A" + "3F09220000000041424344",
        "80E0060006" + "000100000102",
        "80E1000102" + "0001",
        "80E1000300",
        "80E0020000",
    ):
        assert bench.ask(command) in ("6985", "6982", "6700"), command
    assert bench.world((df,)) == proven


def test_the_card_master_key_proves_itself_nowhere_any_more() -> None:
    made = issued("3DES")
    bench = Recorded(made)
    value = made.keys[CMK, 1].value
    for df in (MF, SSSE, PSE):
        bench.enter(df)
        data = Reference("3DES").auth(value, bench.challenge(), ORIGINAL) + ORIGINAL
        assert bench.send(bytes((0x00, 0x82, 0x00, 0x00, len(data))) + data) == "6A88"
        assert not bench.card.session.proofs


# -- no state is shared -----------------------------------------------------------------------------------------------


def test_after_every_change_of_world_the_session_is_that_of_a_card_just_inserted() -> None:
    """But for PINs, which last until power-off and whose owner is part of them (Part 7, 5.8)."""
    made = issued("3DES")
    for world, other in ((SOCIAL, FINANCIAL), (FINANCIAL, SOCIAL)):
        bench = Recorded(made)
        prove_everything(bench, made, world)
        for df in other:
            bench.enter(df)
            fresh = Recorded(made)
            fresh.enter(df)
            session = bench.card.session
            owners = {bench.card.image.keys[ref, 1].usage for ref in session.proofs}
            assert owners <= {Usage.PIN}
            assert not any(ref.owner in other for ref in session.proofs)
            ours = session._replace(proofs=frozenset(), scan=None)
            assert ours == fresh.card.session._replace(proofs=frozenset(), scan=None)


def test_no_cell_belongs_to_both_worlds() -> None:
    bench = Recorded(issued("3DES"))
    for kind, path in bench.cells():
        roots = [root for root in (PSE, SSSE) if path.startswith(root)]
        assert len(roots) == 1 or path.partition("#")[0] == MF or (kind, path) == (CARD, ""), (kind, path)
