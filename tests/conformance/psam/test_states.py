"""CIPHER DATA in any order, against a model of what a temporary key may still do (Part 9, 9.8)."""

from dataclasses import dataclass, field
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.commands.psam.state import RunningMac, State
from tests.kit.psam import BLOCK, PsamBench, mac2, psam_key, walked
from tests.kit.reference import Reference, xor

LIFETIMES: Final = ("per_kind", "single", "until_next_delivery")
KEYS: Final = {
    # usage, identifier: name, may encipher, may make MACs, suite in the DES environment
    (0x28, 0x12): ("UKSSSE", True, True, "3DES"),
    (0x27, 0x24): ("UK3DF01", True, False, "3DES"),
    (0x28, 0x09): ("STK", True, True, "DES"),
    (0x47, 0x0A): ("RKSSSE", True, False, "3DES"),
}
FACTOR: Final = bytes.fromhex("1122334455667788")


@dataclass
class Model:
    """What the module should do, written from the clauses with the computations of the tests."""

    suite: str
    lifetime: str
    session: bytes | None = None
    kind: str = ""
    may: tuple[bool, bool] = (False, False)
    left: set[str] = field(default_factory=set)
    running: bytes | None = None

    def deliver(self, at: tuple[int, int]) -> str:
        name, enciphers, macs, short = KEYS[at]
        self.kind = short if self.suite == "3DES" else "SM4"
        levels = at[0] >> 5
        key = walked(self.kind, psam_key(name, self.kind, levels), levels)
        self.session = Reference(self.kind).session_key(key, FACTOR)
        self.may = (enciphers, macs)
        self.left = {kind for kind, allowed in (("encryption", enciphers), ("mac", macs)) if allowed}
        self.running = None
        return "9000"

    def cipher(self, p1: int, data: bytes) -> str:
        running, self.running = self.running, None
        kind = "mac" if p1 & 1 else "encryption"
        if self.session is None:
            return "6901"
        if not self.may[p1 & 1]:
            return "6985"
        if kind not in self.left:
            return "6901"
        block = BLOCK[self.suite]
        if len(data) % block or len(data) < (2 * block if p1 == 5 else block) or len(data) > 8 * block:
            return "6700"
        rules = Reference(self.kind)
        if kind == "encryption":
            answer = rules.blocks(self.session, data)
        else:
            if p1 in (5, 7):
                state, data = data[:block], data[block:]
            elif running is None:
                return "6901"
            else:
                state = running
            for at in range(0, len(data), block):
                state = rules.blocks(self.session, xor(state, data[at : at + block]))
            answer = state
            if p1 in (7, 3):
                self.running = state
                return "9000"
        if p1 in (0, 1, 5):
            self.finish(kind)
        return answer.hex().upper() + "9000"

    def finish(self, kind: str) -> None:
        if self.lifetime == "until_next_delivery":
            return
        self.left = set() if self.lifetime == "single" else self.left - {kind}
        if not self.left:
            self.session = None


acts = st.one_of(
    st.tuples(st.just("deliver"), st.sampled_from(list(KEYS))),
    st.tuples(
        st.just("cipher"),
        st.sampled_from([0, 1, 2, 3, 5, 7]),
        # Mostly whole blocks of both ciphers, also too few, too many and halves.
        st.sampled_from([4, 4, 4, 8, 8, 2, 2, 1, 3, 10, 16, 17]),
        st.sampled_from([8, 8, 8, 8, 8, 7]),
    ),
    st.tuples(st.just("cipher"), st.sampled_from([7, 3, 1]), st.just(2), st.just(8)),
    st.tuples(st.sampled_from(["select again", "select other", "challenge", "unknown", "reset", "bad delivery"])),
)


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
@pytest.mark.parametrize("lifetime", LIFETIMES)
@settings(max_examples=40, deadline=None)
@given(walk=st.lists(acts, min_size=1, max_size=25))
def test_any_order_of_commands(suite: str, lifetime: str, walk: list[tuple[object, ...]]) -> None:
    bench = PsamBench(suite, f'[settings.psam]\nsession_key_lifetime = "{lifetime}"')
    model = Model(suite, lifetime)
    for act in walk:
        match act:
            case ("deliver", (int() as usage, int() as identifier)):
                assert bench.deliver(usage, identifier, FACTOR) == model.deliver((usage, identifier))
            case ("cipher", int() as p1, int() as blocks, int() as unit):
                data = bytes(at * 7 + p1 & 0xFF for at in range(min(blocks * unit, 255)))
                if len(data) > 0x80 or len(data) % 8:
                    # The gate refuses these before the module looks at its key.
                    model.running = None
                    assert bench.cipher(p1, data) == "6700"
                else:
                    assert bench.cipher(p1, data) == model.cipher(p1, data)
            case ("select again",):
                assert bench.word("00A4000002DF01") == "9000"
                model.running = None
            case ("select other",):
                bench.select_application()
                model.session = model.running = None
            case ("challenge",):
                bench.challenge(4)
                model.running = None
            case ("unknown",):
                assert bench.send("80FB000000") == "6D00"
                model.running = None
            case ("bad delivery",):
                assert bench.deliver(0x28, 0x12, FACTOR, levels=3) == "6A80"
                model.session = model.running = None
            case _:
                bench.card.reset()
                bench.select_application()
                model.session = model.running = None
        assert "session" not in repr(bench.card.session.state)


def remembered(bench: PsamBench) -> State:
    """What the module remembers for its application."""
    state = bench.card.session.state
    assert isinstance(state, State)
    return state


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
def test_one_encryption_may_take_many_commands(suite: str) -> None:
    """Part 9, 9.8.2: until the computation of its kind is finished the key stays."""
    bench = PsamBench(suite)
    assert bench.deliver(0x28, 0x12, FACTOR) == "9000"
    words = [bench.cipher(p1, bytes(32))[-4:] for p1 in (2, 2, 7, 2, 0, 0, 2, 7, 3, 1, 5, 0)]
    assert words == ["9000"] * 5 + ["6901"] * 2 + ["9000"] * 3 + ["6901"] * 2


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
def test_a_key_that_is_used_up_is_no_key_any_more(suite: str) -> None:
    """6985 is for what a key may not do, 6901 for no key; and no secret stays behind."""
    bench = PsamBench(suite)
    assert bench.deliver(0x27, 0x24, FACTOR) == "9000"
    words = [bench.cipher(p1, bytes(32))[-4:] for p1 in (5, 0, 5, 0)]
    assert words == ["6985", "9000", "6901", "6901"]
    assert remembered(bench).delivered is None


REFUSED_DELIVERIES: Final = {
    "6700": "BFDE281211" + "00" * 17,
    "6985": "BFDE2201{length:02X}{factors}",
    "6A80": "BFDE2812{block:02X}{zeros}",
    "6A86": "BFDE3F1208" + "00" * 8,
    "6A88": "BFDE28FF{length:02X}{factors}",
}
"""A DELIVERY SESSION KEY for each word of Part 9, table 24."""


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
@pytest.mark.parametrize("word", REFUSED_DELIVERIES)
def test_a_delivery_that_is_refused_leaves_no_key_of_the_one_before(suite: str, word: str) -> None:
    """Part 9, table 26: 6901, DELIVERY SESSION KEY was not carried out, or is not valid."""
    bench = PsamBench(suite)
    block = BLOCK[suite]
    refused = REFUSED_DELIVERIES[word].format(
        length=8 + block, factors="00" * (8 + block), block=block, zeros="00" * block
    )
    assert bench.deliver(0x28, 0x12, FACTOR) == "9000"
    assert bench.send(refused) == word
    assert bench.cipher(0x00, bytes(block)) == "6901"
    assert remembered(bench).delivered is None
    assert bench.deliver(0x28, 0x12, FACTOR) == "9000"
    assert bench.cipher(0x00, bytes(block))[-4:] == "9000"


def test_a_computation_that_is_refused_leaves_the_key() -> None:
    """Part 9, 9.8.2: the key is valid until a computation of its kind is finished."""
    bench = PsamBench()
    assert bench.deliver(0x28, 0x12, FACTOR) == "9000"
    assert [bench.cipher(0x00, bytes(length))[-4:] for length in (7, 0x48, 8)] == ["6700", "6700", "9000"]


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
@pytest.mark.parametrize("step", ["init", "credit"])
@pytest.mark.parametrize(
    ("refused", "word"),
    [
        ("init without factors", "6700"),
        ("init of another version", "6A88"),
        ("init of another level", "6700"),
        ("init with other parameters", "6A86"),
        ("credit of another length", "6700"),
        ("credit with other parameters", "6A86"),
    ],
)
def test_a_step_of_a_purchase_that_is_refused_ends_it(suite: str, step: str, refused: str, word: str) -> None:
    """Part 9, 9.10.2: CREDIT comes after an INIT SAM that succeeded; table 31, 6901."""
    bench = PsamBench(suite, f'[settings.psam]\nsequence_step = "{step}"')
    command = bench.init_sam()
    answer = bench.ask(command)
    assert answer[-4:] == "9000"
    sequence = bench.sequence()
    mac = mac2(bench)
    wrong = {
        "init without factors": "807001001C" + command[10:66],
        "init of another version": bench.init_sam(9),
        "init of another level": bench.init_sam(levels=2),
        "init with other parameters": "80700101" + command[8:],
        "credit of another length": "8072000003" + mac[:6],
        "credit with other parameters": "8072000104" + mac,
    }
    assert bench.send(wrong[refused]) == word
    assert bench.send("8072000004" + mac) == "6901"
    assert remembered(bench).purchase is None
    assert bench.sequence() == sequence


def test_a_region_that_is_refused_is_not_the_one_before() -> None:
    """Part 9, 9.3."""
    bench = PsamBench()
    assert [bench.send(each) for each in ("BFEC00000151", "BFEC0000015A")] == ["9000", "6A80"]
    assert remembered(bench).region is None


def test_nothing_that_is_remembered_prints_a_secret() -> None:
    bench = PsamBench()
    assert bench.deliver(0x28, 0x12, FACTOR) == "9000"
    delivered = remembered(bench).delivered
    assert delivered is not None
    assert bench.ask(bench.init_sam())[-4:] == "9000"
    assert bench.cipher(0x07, bytes(16)) == "9000"
    shown = repr(bench.card.session) + str(bench.card.session)
    purchase, running = remembered(bench).purchase, bench.card.session.trade
    assert purchase is not None
    assert isinstance(running, RunningMac)
    for secret in (delivered.session, purchase.session, running.state):
        assert repr(secret) not in shown
        assert secret.hex() not in shown.lower()
    assert "28/12" in shown
