"""No key and no PIN leaves the card: not in an answer, a repr, a reason, an error, a log, a trace or a listing.

Part 4, 6.4 and 7.4. Everything that comes out of a broad mix of commands is searched for the secrets
of the card as bytes, as hexadecimal in either case, and for the digits of the PIN.
"""

import io
import json
import logging
import random
import re
import traceback
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cardfs.issuing.holder import load_holder
from cardfs.issuing.issue import issue
from cardfs.issuing.options import IssueOptions
from cardfs.issuing.roots import Roots, load_roots, parse_roots
from cardfs.memory.image import Image
from cardfs.memory.sqlite import SqliteStore
from cardfs.model.errors import ImageError
from cardfs.profile.inputs import Document, IssueError, read_document
from cardfs.profile.loader import DEMO, load_profile
from emulator.card.apdu import parse
from emulator.card.context import Answer, Context
from emulator.cards import Card
from emulator.cli import main
from emulator.cli.console import trace_text
from emulator.commands.social.rows import ROWS
from emulator.trace.event import JsonLines
from emulator.trace.traced import Traced
from keys.generate import SeededRandom
from keys.records import KeyRef
from tests.kit.card import PSE, SSSE, CardBench, HandmadeBench, contents, handmade, reference_key, roots
from tests.kit.reference import Reference

PIN = "739154628013"
"""Twelve digits, so that no clock shows them by chance."""
PIN_CN = bytes.fromhex(PIN)
NEW_PIN = "648207319555"
NEW_CN = bytes.fromhex(NEW_PIN)
WINDOW = 5
"""As many bytes of a secret in a row are taken for a leak."""
LETTERS = re.compile(r"[^0-9A-Za-z]")


class Secrets:
    """What must not appear anywhere."""

    def __init__(self, *values: bytes) -> None:
        self.windows = {
            value[at : at + WINDOW] for value in values if len(value) >= WINDOW for at in range(len(value) - WINDOW + 1)
        }
        self.hex = {window.hex() for window in self.windows}

    def check_bytes(self, data: bytes, where: object) -> None:
        """No window of a secret in bytes."""
        for at in range(len(data) - WINDOW + 1):
            assert data[at : at + WINDOW] not in self.windows, where

    def check(self, text: str, where: object) -> None:
        """No window of a secret in a text: in hex of either case with any separators, as digits, or in a repr."""
        packed = LETTERS.sub("", text).lower()
        width = 2 * WINDOW
        for at in range(len(packed) - width + 1):
            assert packed[at : at + width] not in self.hex, (where, text[:200])
        if "\\x" in text:
            raw = text.encode().decode("unicode_escape", errors="replace").encode("latin-1", errors="replace")
            self.check_bytes(raw, where)
        self.check_bytes(text.encode("latin-1", errors="replace"), where)


def secret_card(profile: str, overrides: str = "", pin: str = PIN) -> tuple[Card, Secrets]:
    """A demo card with a long PIN, and everything on it that is secret."""
    base = contents(profile, overrides)
    keys = {
        at: key if key.suite_name else type(key)(key.name, key.usage, "", bytes.fromhex(pin), None, 1, key.tries_max)
        for at, key in base.keys.items()
    }
    card = type(base)(base.info, base.dfs, base.efs, base.contents, keys, base.dictionary)
    return Card(Image.in_memory(card), SeededRandom("secrets")), Secrets(
        *(key.value for key in keys.values()), bytes.fromhex(pin), NEW_CN
    )


def test_the_search_finds_what_it_is_for() -> None:
    secrets = Secrets(bytes.fromhex("0123456789ABCDEF"))
    for leak in ("..2345 6789 AB..", "234567:89ab", "PIN 2345678,9ab", "0xEF 01 23 45 67 89".replace("EF", "")):
        with pytest.raises(AssertionError):
            secrets.check(leak, "")
    with pytest.raises(AssertionError):
        secrets.check(repr(bytes.fromhex("0123456789ABCDEF")), "")
    with pytest.raises(AssertionError):
        secrets.check_bytes(bytes.fromhex("FF456789ABCDFF"), "")
    secrets.check("2345 6789", "")


# -- a broad mix of commands ----------------------------------------------------------------------


class Script(CardBench):
    """Every command of the table, done right at least once, with a listener on all that comes out."""

    def __init__(self, card: Card, secrets: Secrets) -> None:
        super().__init__(card=card)
        self.secrets = secrets
        self.stream = io.StringIO()
        self.lines: list[str] = []
        json_lines = JsonLines(self.stream)

        def sink(event: Any) -> None:
            json_lines(event)
            self.lines.append(trace_text(event).plain)
            self.lines.append(repr(event))

        self.traced = Traced(card, sink, clock=lambda: 0.0)
        self.done: set[str] = set()

    def send(self, apdu: str | bytes) -> str:
        raw = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
        answer = self.traced.transmit(raw)
        card = self.card
        assert card.bug is None
        assert card.last is not None
        self.secrets.check_bytes(answer, raw.hex())
        self.secrets.check(card.last.reason, "reason")
        self.secrets.check(repr(card.last), "outcome")
        self.secrets.check(repr(card.last.command), "command")
        self.secrets.check(repr(card.session), "session")
        if card.last.row and (card.last.word == 0x9000 or card.last.word >> 8 == 0x61):
            self.done.add(card.last.row.name)
        return answer.hex().upper()

    def finish(self) -> None:
        """Search everything that was told."""
        for line in (*self.lines, *self.stream.getvalue().splitlines()):
            self.secrets.check(line, "trace")
        for line in self.stream.getvalue().splitlines():
            json.loads(line)

    def good_ones(self, df: str) -> None:
        """All commands with their rights, both PINs, wrong PINs, wrong keys."""
        self.select_df(df)
        self.ask("00B2012C00")
        self.ask("00B2012D00")
        self.ask("00B0850000")
        self.verify(PIN_CN)
        self.verify(PIN_CN[:-1] + b"\x00")
        self.verify(PIN_CN[1:])
        self.verify(PIN_CN + b"\x12\x34")
        self.verify(b"")
        # Forgotten length, wrong class, cut short, one byte too many, extended: still a PIN.
        for raw in (
            bytes.fromhex("0020000006") + PIN_CN[:-1],
            bytes.fromhex("0020000006") + PIN_CN + b"\x00",
            bytes.fromhex("0020000006") + PIN_CN + b"\x00\x01",
            bytes.fromhex("8020000006") + PIN_CN,
            bytes.fromhex("FF20000006") + PIN_CN,
            bytes.fromhex("0020010006") + PIN_CN,
            bytes.fromhex("00200000000006") + PIN_CN,
            bytes.fromhex("00200000") + PIN_CN,
            bytes.fromhex("002000000C") + PIN.encode(),
            bytes.fromhex("0021000006") + PIN_CN,
            bytes.fromhex("002C000006") + PIN_CN,
            bytes.fromhex("805E01000D") + PIN_CN + b"\xff" + NEW_CN[:-1],
            bytes.fromhex("805E00000D") + PIN_CN + b"\xff" + NEW_CN,
            bytes.fromhex("805E01000C") + PIN_CN + NEW_CN,
            bytes.fromhex("005E01000D") + PIN_CN + b"\xff" + NEW_CN,
            bytes.fromhex("805E010000000D") + PIN_CN + b"\xff" + NEW_CN,
        ):
            self.ask(raw)
        self.verify(PIN_CN)
        self.send(bytes.fromhex("805E01000D") + PIN_CN + b"\xff" + NEW_CN)
        self.send(bytes.fromhex("805E01000D") + NEW_CN + b"\xff" + PIN_CN)
        image = self.card.image
        here = {SSSE, self.card.session.df}
        for (ref, _), key in list(image.keys.items()):
            if ref.owner in here and key.kid is not None:
                self.authenticate(ref.name, key.kid, wrong=True)
                self.authenticate(ref.name, key.kid)
        self.ask(bytes.fromhex("0088000010") + bytes(range(16)))
        self.ask(bytes.fromhex("008800001102") + bytes(range(16)))
        for sfi in range(1, 31):
            self.ask(bytes((0x00, 0xB2, 0x01, sfi << 3 | 5, 0x00)))
            self.ask(bytes((0x00, 0xB0, 0x80 | sfi, 0x00, 0x00)))
        self.ask("00DC012C00")
        suite = self.key_suite("STK")
        rules = Reference(suite)
        self.prove(["PUK"])
        for new in (NEW_CN, PIN_CN):
            challenge = self.challenge()
            session = rules.session_key(reference_key("STK", suite), challenge)
            enciphered = rules.encrypt(session, new)
            raw = self.secured("84240001", enciphered, challenge=challenge)
            assert self.send(raw) == "9000"
            self.send(raw)
        self.send(self.secured("84240000"))


@pytest.mark.parametrize("level", ["tpdu", "apdu"])
@pytest.mark.parametrize("profile", ["ssc-1.0", "ssc-2.0", "ssc-3.0"])
@pytest.mark.clause("Part 4, 6.2", "what computes with keys shows none of them")
@pytest.mark.clause("Part 4, 6.4", "no PIN in any answer, reason or trace")
@pytest.mark.clause("Part 4, 7.4", "no key in any answer, reason or trace")
def test_no_secret_in_any_answer_reason_repr_or_trace(
    profile: str, level: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    card, secrets = secret_card(
        profile, f'[settings.transport]\nlevel = "{level}"\nextended = {_extended(level)}\n[settings.pin]\ntries = 15\n'
    )
    script = Script(card, secrets)
    for df in ("SSSE", "DF01", "DF04"):
        script.good_ones(df)
        _random_traffic(script, df)
    script.card.power_on()
    script.select_ssse()
    script.prove(["UKMF" if profile == "ssc-1.0" else "UKSSSE"])
    record = card.image.contents[f"{SSSE}/EF06"][0]
    assert isinstance(record, bytes)
    assert script.send(bytes((0x00, 0xDC, 0x01, 0x34, len(record))) + record) == "9000"
    assert script.send("00D6870001AB") == "9000"
    assert script.send("00B0870001").endswith("9000") is (profile == "ssc-1.0")
    if profile != "ssc-1.0":
        script.prove(["RKSSSE"])
        assert script.send("00B0870001").endswith("9000")
    script.select_df("DF03")
    script.prove(["LKDF03"])
    assert script.send(script.secured("841E0001", key="STKDF03")) == "9000"
    script.select_ssse()
    script.prove(["BK"])
    assert script.send(script.secured("84160000")) == "9000"
    assert script.done >= {row.name for row in ROWS} - ({"GET RESPONSE"} if level == "apdu" else set())
    script.finish()
    for record_ in caplog.records:
        secrets.check(record_.getMessage(), "log")
    captured = capsys.readouterr()
    secrets.check(captured.out + captured.err, "console")


def _extended(level: str) -> str:
    return "true" if level == "apdu" else "false"


def _random_traffic(script: Script, df: str) -> None:
    """Known instructions with any parameters and data, which the card may like or not."""
    chance = random.Random(df)  # noqa: S311 - which commands are tried
    for _ in range(400):
        ins = chance.choice([0xA4, 0xB0, 0xB2, 0xC0, 0xDC, 0xD6, 0x84, 0x88, 0x82, 0x20, 0x24, 0x5E, 0x1E, 0xCA])
        cla = chance.choice([0x00, 0x00, 0x80, 0x84, 0x04])
        if (cla, ins) in ((0x84, 0x1E), (0x84, 0x16)):
            continue
        head = bytes((cla, ins, chance.choice([0, 1, 2, 4, 0x83]), chance.choice([0, 1, 4, 0x2C, 0x34])))
        data = chance.randbytes(chance.choice([0, 1, 4, 8, 16]))
        body = bytes((len(data),)) + data if data else b""
        script.send(head + body + chance.choice([b"", b"\x00", b"\x08"]))
    script.card.power_on()


# -- objects, errors, files -----------------------------------------------------------------------


def test_no_secret_in_the_repr_of_any_object() -> None:
    card, secrets = secret_card("ssc-2.0")
    image = card.image
    command = parse(bytes.fromhex("0020000006") + PIN_CN)
    assert command is not None
    card.transmit(bytes.fromhex("0020000006") + PIN_CN)
    ctx = Context(image, card.session, command, card.random)
    change = image.begin()
    change.kill_keys([SSSE])
    change.put_key(KeyRef(SSSE, "PIN"), image.keys[KeyRef(SSSE, "PIN"), 1])
    roots = load_roots(DEMO / "roots.toml")
    root_secrets = Secrets(*roots.values.values())
    objects: list[Any] = [card, image, image.store, image.store.load(), image.keys, image.info, card.last, card.session]
    objects += [command, ctx, change, Answer(b"data"), *image.keys.values(), *image.store.load().values()]
    objects += [contents(), load_profile("ssc-2.0"), card._table, image.dfs, image.efs, handmade()]
    for each in objects:
        for text in (repr(each), str(each), f"{each}"):
            secrets.check(text, type(each))
    root_secrets.check(repr(roots) + str(roots), Roots)


@pytest.mark.clause("Part 4, 6.2", "a failure in the middle shows no key")
def test_no_secret_in_a_traceback_or_an_error(tmp_path: Path) -> None:
    card, secrets = secret_card("ssc-2.0")

    def broken(length: int, /) -> bytes:
        raise ValueError(length)

    card.random = broken
    card.transmit(bytes.fromhex("00A4000002DDF1"))
    card.transmit(bytes.fromhex("0084000008"))
    assert card.bug is not None
    secrets.check("".join(traceback.format_exception(card.bug)), "traceback")
    assert card.last is not None
    secrets.check(card.last.reason, "reason")
    # A damaged image with its keys still in it.
    path = tmp_path / "card.sscard"
    SqliteStore.create(path, ((key, cell) for key, cell in card.image.store.load().items() if key[0] != "df"))
    with pytest.raises(ImageError) as error:
        Image.open(path)
    secrets.check("".join(traceback.format_exception(error.value)), "image error")


@pytest.mark.parametrize("pin", [f"{PIN}x", f"{PIN}12345", "73", "７３９１５４６２８０１３"])
@pytest.mark.clause("Part 4, 6.4", "the refusal of a PIN does not repeat it")
def test_no_pin_in_the_refusal_of_a_pin(pin: str) -> None:
    secrets = Secrets(PIN_CN)
    with pytest.raises(IssueError) as error:
        issue(
            load_profile("ssc-2.0"),
            load_holder(DEMO / "holder.toml"),
            load_roots(DEMO / "roots.toml"),
            IssueOptions(pin=pin),
        )
    secrets.check("".join(traceback.format_exception_only(error.value)), "error")
    assert pin not in str(error.value)


ROOT = "DEADBEEFCAFEF00D0123456789ABCDEF"


@pytest.mark.parametrize(
    "table",
    [
        {"level": ROOT, "roots": {"IRK": ROOT}},
        {"roots": {"IRK": ROOT + "0"}},
        {"roots": {"IRK": ROOT + "00"}},
        {"roots": {"IRK": ROOT[:-1] + "x"}},
        {"roots": {"IRK": int(ROOT, 16)}},
        {"roots": {"IRK": [ROOT]}},
        {"roots": {"IRK": {"2": ROOT}}},
        {"roots": {"IRK.2": ROOT}},
        {"roots": ROOT},
        {"roots": {"IRK": ROOT, "IRK.1": ROOT}},
    ],
)
def test_no_root_in_the_refusal_of_a_roots_file(table: dict[str, Any]) -> None:
    secrets = Secrets(bytes.fromhex(ROOT))
    with pytest.raises(IssueError) as error:
        parse_roots(Document("roots.toml", table))
    secrets.check("".join(traceback.format_exception_only(error.value)), "error")
    assert str(int(ROOT, 16)) not in str(error.value)


@pytest.mark.clause("Part 4, 7.5", "the keys of a locked card are erased from its file")
def test_erased_keys_are_gone_from_the_file_of_a_locked_card(tmp_path: Path) -> None:
    """Part 4, 7.5: the values of dead keys are nowhere in the image any more."""
    path = tmp_path / "card.sscard"
    made = contents("ssc-3.0")
    Image.create(path, made)
    values = {at: key.value for at, key in made.keys.items() if len(key.value) == 16}
    data = path.read_bytes()
    assert all(value in data for value in values.values()), "the search would find them"
    bench = CardBench(card=Card(Image.open(path)))
    bench.select_df("DF04")
    bench.prove(["LKDF04"])
    assert bench.send(bench.secured("841E0001", key="STKDF04")) == "9000"
    bench.card.close()
    data = path.read_bytes()
    for (ref, _), value in values.items():
        assert (value in data) is (ref.owner != f"{SSSE}/DF04"), ref
    bench = CardBench(card=Card(Image.open(path)))
    bench.select_ssse()
    bench.prove(["BK"])
    assert bench.send(bench.secured("84160000")) == "9000"
    bench.card.close()
    data = path.read_bytes()
    assert not any(value in data for value in values.values())


# -- the command line -----------------------------------------------------------------------------


@pytest.fixture
def issued(tmp_path: Path) -> tuple[Path, Secrets]:
    """An image made by the command line, with a PIN of its own."""
    path = tmp_path / "card.sscard"
    made = CliRunner().invoke(main, ["issue", str(path), "--pin", PIN, "--serial", "000001AC", "--profile", "ssc-3.0"])
    assert made.exit_code == 0, made.output
    image = Image.open(path, writable=False)
    secrets = Secrets(*(key.value for key in image.keys.values()), *load_roots(DEMO / "roots.toml").values.values())
    image.close()
    secrets.check(made.output, "issue")
    return path, secrets


@pytest.mark.clause("Part 4, 6.4", "no PIN in what the command line shows")
@pytest.mark.clause("Part 4, 7.4", "no key in what the command line shows")
def test_no_secret_in_what_the_command_line_shows(issued: tuple[Path, Secrets], tmp_path: Path) -> None:
    path, secrets = issued
    shown = CliRunner().invoke(main, ["show", str(path)])
    assert shown.exit_code == 0, shown.output
    assert "UKSSSE" in shown.output
    secrets.check(shown.output, "show")
    script = tmp_path / "script"
    trace = tmp_path / "trace.jsonl"
    script.write_text(
        f"00A4000002DDF1\n0020000006{PIN}\n0020000006{PIN[:-2]}00\n805E01000D{PIN}FF{NEW_PIN}\nreset\n"
        f"00A4000002DDF1\n805E01000D{NEW_PIN}FF{PIN}\n8020000006{PIN}\n0088000010{'00' * 16}\n"
    )
    ran = CliRunner().invoke(main, ["apdu", str(path), str(script), "--trace", str(trace)])
    assert ran.exit_code == 0, ran.output
    assert "VERIFY" in ran.output
    secrets.check(ran.output, "apdu")
    secrets.check(trace.read_text(), "trace")
    Secrets(NEW_CN).check(ran.output + trace.read_text(), "apdu")


def test_no_secret_in_what_the_command_line_refuses(issued: tuple[Path, Secrets], tmp_path: Path) -> None:
    path, secrets = issued
    roots = tmp_path / "roots.toml"
    roots.write_text(f'[roots]\nIRK = "{ROOT}00"\n')
    script = tmp_path / "script"
    script.write_text(f"0020000006{PIN}x\n")
    for arguments in (
        ["issue", str(path), "--pin", PIN],
        ["issue", str(tmp_path / "new"), "--pin", f"{PIN}x"],
        ["issue", str(tmp_path / "new"), "--roots", str(roots)],
        ["apdu", str(path), str(script)],
    ):
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 2, arguments
        secrets.check(result.output, arguments[0])
        Secrets(PIN_CN, bytes.fromhex(ROOT)).check(result.output, arguments[0])
        assert result.output.count("\n") == 1


def test_the_second_environment_of_a_handmade_card_keeps_its_secrets_too() -> None:
    bench = HandmadeBench()
    secrets = Secrets(*(key.value for key in bench.card.image.keys.values() if len(key.value) > 4))
    bench.word("00A4000002DDF2")
    for sfi in range(1, 31):
        answer = bench.ask(bytes((0x00, 0xB2, 0x01, sfi << 3 | 5, 0x00)))
        secrets.check_bytes(bytes.fromhex(answer), PSE)
        secrets.check(bench.reason, PSE)


def test_a_file_of_root_keys_does_not_show_them() -> None:
    document = read_document(DEMO / "roots.toml", IssueError)
    assert all(value.hex().upper() not in repr(document).upper() for value in roots().values())
