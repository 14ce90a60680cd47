"""Every worked vector, through the code that a card or a security module uses."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.hashes import SM3, Hash

from cardfs.model.atr import AtrPlan
from cardfs.model.codecs import check_character
from keys import suites
from keys.diversify import card_factor, city_factor, diversify, province_factor
from keys.suites import SM4, Suite
from tests.kit.card import PIN_CN, HandmadeBench, scripted
from tests.kit.places import DATA

Vector = Mapping[str, Any]
FILE: Final = DATA / "vectors-social-security.json"
VECTORS: Final[list[Vector]] = json.loads(FILE.read_text())
COUNT: Final = 211


def raw(value: str) -> bytes:
    """Hex to bytes."""
    return bytes.fromhex(value)


def rules(vector: Vector) -> Suite:
    """The suite of the vector's key."""
    return suites.suite(vector["suite"])


def session_rules(vector: Vector) -> Suite:
    """The suite under which a session key of this suite works: single-length in the DES world."""
    return suites.DES if vector["suite"] in ("DES", "3DES") else SM4


def key_of(vector: Vector) -> bytes:
    """The vector's key."""
    return raw(vector["key"])


# -- plain functions (Part 4; Part 9, 7) ---------------------------------------------------------


def block_encrypt(v: Vector) -> bytes:
    return rules(v).cipher.encrypt(key_of(v), raw(v["data"]))


def factor(v: Vector) -> bytes:
    """Part 9, 7.3.1 to 7.3.3."""
    if v["level"] == 1:
        return province_factor(v["city_code"])
    if v["level"] == 2:
        return city_factor(v["city_code"])
    return card_factor(raw(v["atr_historical"]))


def one_level(v: Vector) -> bytes:
    return rules(v).diversify(key_of(v), raw(v["factor"]))


def all_levels(v: Vector) -> bytes:
    return diversify(rules(v), key_of(v), map(raw, v["factors_in_use_order"]))


def session_key(v: Vector) -> bytes:
    return rules(v).session_key(key_of(v), raw(v["challenge"]))


def trade_session_key(v: Vector) -> bytes:
    """Part 7, 11.2 and 12.2: the random, the sequence, and the terminal's or 8000."""
    tail = v["terminal_sequence"][-4:] if "terminal_sequence" in v else "8000"
    made = raw(v["random"] + v.get("purchase_sequence", v.get("load_sequence", "")) + tail)
    assert made == raw(v["input"])
    return rules(v).session_key(key_of(v), made)


def authentication_data(v: Vector) -> bytes:
    made = rules(v).session_key(key_of(v), raw(v["challenge"]))
    assert made == raw(v["session_key"])
    return rules(v).authentication_data(key_of(v), raw(v["challenge"]), raw(v["original"]))


def encrypt_data(v: Vector) -> bytes:
    """Part 4, 8.3; what was enciphered deciphers to the same."""
    enciphered = session_rules(v).encrypt_data(key_of(v), raw(v["plaintext"]))
    assert session_rules(v).decrypt_data(key_of(v), enciphered) == raw(v["plaintext"])
    return enciphered


def mac(v: Vector) -> bytes:
    data = raw(v.get("header", "") + v["data"])
    return session_rules(v).mac(key_of(v), data, raw(v.get("iv", "")))


def tac_key(v: Vector) -> bytes:
    return rules(v).tac_key(key_of(v))[1]


def tac(v: Vector) -> bytes:
    rule, key = rules(v).tac_key(key_of(v))
    assert key == raw(v["tac_key"])
    return rule.mac(key, raw(v["data"]))


def key_load_encrypt(v: Vector) -> bytes:
    """Part 9, 7.1.2: as Part 4, 8.3, but under the master key itself."""
    return rules(v).encrypt_data(key_of(v), raw(v["plaintext"]))


def key_load_mac(v: Vector) -> bytes:
    return rules(v).key_load_mac(key_of(v), raw(v["challenge"]), raw(v["header"] + v["data"]))


# -- the security module (Part 9, 9) -------------------------------------------------------------


def deliver_session_key(v: Vector) -> bytes:
    """Part 9, 9.7: third, second, first level factor, then the session factor."""
    data, levels = raw(v["data"]), v["levels"]
    assert raw(v["apdu"]) == raw("BFDE" + v["usage"] + v["key_id"]) + bytes((len(data),)) + data
    assert raw(v["usage"])[0] >> 5 == levels
    factors = [data[at : at + 8] for at in range(0, 8 * levels, 8)]
    return rules(v).session_key(diversify(rules(v), key_of(v), reversed(factors)), data[8 * levels :])


def cipher_data(v: Vector) -> bytes:
    """Part 9, 9.8: ECB of whole blocks, or a MAC whose initial value comes first."""
    rule, data = session_rules(v), raw(v["data"])
    assert raw(v["apdu"]) == raw("80FA" + v["p1"] + "00") + bytes((len(data),)) + data
    if v["p1"] == "05":
        last = rule.cipher.cbc(key_of(v), data[: rule.block], data[rule.block :])[-rule.block :]
    else:
        last = rule.cipher.encrypt(key_of(v), data)
    if "expect_mac4" in v:
        assert rule.truncate(last) == raw(v["expect_mac4"])
    if "expect_auth_data" in v:
        folded = bytes(a ^ b for a, b in zip(last[:8], last[8:], strict=True))
        assert folded == raw(v["expect_auth_data"])
    return last


def cipher_data_chain(v: Vector) -> bytes:
    """Part 9, 9.8: first, next and last MAC blocks give what one computation gives."""
    rule = session_rules(v)
    state = b""
    for step in v["steps"]:
        data = raw(step["data"])
        if step["p1"] == "07":
            state, data = data[: rule.block], data[rule.block :]
        state = rule.cipher.cbc(key_of(v), state, data)[-rule.block :] if data else state
    assert rule.truncate(state) == raw(v["expect_mac4"])
    whole = rule.cipher.cbc(key_of(v), bytes(rule.block), raw(v["padded_message"]))
    assert whole[-rule.block :] == state
    return state


def init_sam_for_purchase(v: Vector) -> bytes:
    """Part 9, 9.9; Part 7, 12.3: the card's DPK from the root, SESPK, MAC1, and the MAC2 of the card."""
    data, levels = raw(v["data"]), v["levels"]
    assert raw(v["apdu"]) == raw("80700100") + bytes((len(data),)) + data
    random, sequence, amounts, kind, time = data[:4], data[4:6], data[6:18], data[18:19], data[19:26]
    factors = [data[at : at + 8] for at in range(28, 28 + 8 * levels, 8)]
    assert 28 + 8 * levels == len(data)
    key = diversify(rules(v), key_of(v), reversed(factors))
    terminal_sequence = raw(v["terminal_sequence"])
    session = rules(v).session_key(key, random + sequence + terminal_sequence[-2:])
    assert session == raw(v["session_key"])
    assert session_rules(v).mac(session, amounts) == raw(v["expect_mac2"])
    return terminal_sequence + session_rules(v).mac(session, amounts + kind + raw(v["terminal_number"]) + time)


# -- commands, sent to a card that holds the vector's key ------------------------------------------


def _terminal(v: Vector, key: str, lead: str, **changes: Any) -> HandmadeBench:
    """A card whose ``key`` is the vector's, whose challenges are ``lead`` and then the vector's."""
    random = scripted(*([lead] if lead else []), v["challenge"])
    suite = "SM4" if v["suite"] == "SM4" else "3DES"
    return HandmadeBench(suite=suite, random=random, values={key: key_of(v)}, **changes)


LEAD: Final = "5566778811223344"


def external_authentication(v: Vector) -> None:
    bench = _terminal(v, "UK", "")
    bench.challenge(len(raw(v["challenge"])))
    assert bench.send(v["expect"]) == "9000"
    assert {ref.name for ref in bench.session.proofs} == {"UK"}


def _ready(v: Vector) -> HandmadeBench:
    """A card where the right of the command is proven and the vector's challenge was drawn last."""
    right, key = {"24": ("PUK", "STK"), "1E": ("LK01", "STK01"), "16": ("BK", "STK")}[v["expect"][2:4]]
    bench = _terminal(v, key, LEAD, maintenance=v["suite"])
    if right == "LK01":
        bench.select_df("DF01")
    bench.prove((right,))
    bench.challenge(len(raw(v["challenge"])))
    return bench


def maintenance(v: Vector) -> HandmadeBench:
    """Prove the right with a first challenge, then send the command under the vector's (Part 7, 13)."""
    sent = raw(v["expect"])
    assert _ready(v).send(sent[:-1] + bytes((sent[-1] ^ 1,))) == "6988"
    bench = _ready(v)
    assert bench.send(sent) == "9000"
    return bench


def pin_change(v: Vector) -> None:
    """Part 5, 6.8: the new PIN is the vector's, and the old one is not."""
    bench = maintenance(v)
    assert bench.verify(PIN_CN) == "63C2"
    assert bench.verify(raw(v["new_pin"])) == "9000"


def pin_unblock(v: Vector) -> None:
    bench = maintenance(v)
    assert bench.tries("PIN") == 3
    assert bench.verify(PIN_CN) == "9000"


def application_block(v: Vector) -> None:
    bench = maintenance(v)
    assert bench.send("0084000008") == "9303"


def card_block(v: Vector) -> None:
    bench = maintenance(v)
    assert bench.send("0084000008") == "6A81"


def key_load_command(v: Vector) -> None:
    """Part 9, 9.5 and 9.6: cipher and MAC under the master key, put together as the module sends them."""
    command = raw(v["expect"])
    rule, key = rules(v), key_of(v)
    enciphered = rule.encrypt_data(key, raw(v["plaintext"]))
    covered = command[:4] + bytes((len(enciphered) + 4,)) + enciphered
    assert covered + rule.key_load_mac(key, raw(v["challenge"]), covered) == command
    assert rule.decrypt_data(key, command[5:-4]) == raw(v["plaintext"])


APDUS: Final[dict[str, Callable[[Vector], None]]] = {
    "0082": external_authentication,
    "8424": pin_change,
    "841E": application_block,
    "8416": card_block,
    "84D4": key_load_command,
}


def command(v: Vector) -> bytes:
    """A whole command: the card takes it, and it has the effect."""
    sent = v["expect"]
    handler = pin_unblock if sent.startswith("842400000") else APDUS[sent[:4]]
    handler(v)
    return raw(sent)


def internal_authentication(v: Vector) -> bytes:
    """Part 5, 6.7: the card that holds the key gives the answer."""
    bench = HandmadeBench(suite=v["suite"], values={"IRK": key_of(v)})
    answer = bench.ask(v["command"])
    assert answer[-4:] == "9000"
    return raw(answer[:-4])


# -- others ----------------------------------------------------------------------------------------


def card_number(v: Vector) -> bytes:
    """V2.0 notice, appendix A2."""
    return check_character(v["body"]).encode()


def check_byte(v: Vector) -> bytes:
    """Part 2, 8.3.3.11: the XOR of T0 to TCK is zero."""
    whole = raw(v["atr_without_tck"])
    return AtrPlan(whole[:-13], b"").build(whole[-13:])[len(whole) :]


def pin_proof(v: Vector) -> bytes:
    """The PKI applet of third-generation cards: SM4 under the beginning of SM3(PIN in cn)."""
    digest = Hash(SM3())
    digest.update(raw(v["pin"]))
    key = digest.finalize()[:16]
    assert key == key_of(v)
    return SM4.cipher.encrypt(key, raw(v["challenge"]))


HANDLERS: Final[dict[str, Callable[[Vector], bytes]]] = {
    "apdu": command,
    "apdu-pair": internal_authentication,
    "atr-tck": check_byte,
    "auth-data": authentication_data,
    "block-encrypt": block_encrypt,
    "card-number-check": card_number,
    "cipher-data": cipher_data,
    "cipher-data-chain": cipher_data_chain,
    "deliver-session-key": deliver_session_key,
    "diversify": one_level,
    "diversify-chain": all_levels,
    "encrypt-data": encrypt_data,
    "factor": factor,
    "init-sam-for-purchase": init_sam_for_purchase,
    "keyload-encrypt": key_load_encrypt,
    "keyload-mac": key_load_mac,
    "mac": mac,
    "mac-command": mac,
    "mac-trade": mac,
    "pki-pin-proof": pin_proof,
    "session-key": session_key,
    "session-key-trade": trade_session_key,
    "tac": tac,
    "tac-key": tac_key,
}

TEXTS: Final = frozenset(("card-number-check",))
"""Kinds whose expected value is characters and not hex."""


def run(vector: Vector) -> None:
    """Compute one vector and compare."""
    expected = vector["expect"].encode() if vector["kind"] in TEXTS else raw(vector["expect"])
    assert HANDLERS[vector["kind"]](vector) == expected


@pytest.mark.parametrize("vector", VECTORS, ids=[each["id"] for each in VECTORS])
@pytest.mark.clause("Part 4, 8.2.4.1", "worked vectors")
@pytest.mark.clause("Part 4, 8.2.4.2", "worked vectors")
@pytest.mark.clause("Part 4, 8.4.1", "worked vectors")
@pytest.mark.clause("Part 4, 8.4.2", "worked vectors")
def test_a_worked_vector_is_reproduced(vector: Vector) -> None:
    """The clause stands in the vector's ``source``."""
    run(vector)


def test_every_kind_of_vector_has_a_handler_and_every_handler_a_vector() -> None:
    assert {each["kind"] for each in VECTORS} == set(HANDLERS)


def test_all_vectors_are_executed_and_none_twice(request: pytest.FixtureRequest) -> None:
    assert len(VECTORS) == COUNT == len({each["id"] for each in VECTORS})
    mine = [item for item in request.session.items if item.name.startswith("test_a_worked_vector_is_reproduced[")]
    if len(request.session.items) > 1:  # not when this test was picked alone
        assert Counter(item.name for item in mine) == Counter(
            f"test_a_worked_vector_is_reproduced[{each['id']}]" for each in VECTORS
        )
    assert not [item for item in mine if item.get_closest_marker("skip") or item.get_closest_marker("xfail")]


def test_a_vector_with_a_wrong_result_is_noticed() -> None:
    """The comparison itself works, for every kind."""
    for vector in {each["kind"]: each for each in VECTORS}.values():
        end = "0" if vector["expect"][-1] != "0" else "1"
        with pytest.raises(AssertionError):
            run({**vector, "expect": vector["expect"][:-1] + end})
