"""The steps that bring an issued card into a state: by commands and trades where they can, else in its memory.

Each step is a class: its fields are what the data say, ``do`` does it.
"""

import datetime
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from cardfs.memory.image import Image
from cardfs.memory.transaction import Transaction
from cardfs.model.codecs import pin_to_cn
from cardfs.model.files import SSSE_NAME, Contents, Df
from cardfs.model.tlv import RECORD_TEMPLATE, encode, objects
from keys.generate import SeededRandom
from keys.records import Key, KeyId, KeyState, Usage
from keys.suites import complement

from ...cards import Card
from ...commands.medical.money import MONEY_NAMES, read_money, write_money
from ...terminal import Hsm, HsmCard, InProcess, Settings, Terminal, exchange, load_settings

ORIGINAL: Final = bytes(8)
FAILED: Final = range(0x63C0, 0x63D0)
"""Status words of a wrong secret."""

ALGORITHM: Final = 0x86
"""Tag in 9F0C of the FCI that announces the algorithm (terminal interface, 10.1)."""

Tries = Annotated[int, Meta(ge=0, le=15)]
Amount = Annotated[str, Meta(pattern="^[0-9]{1,8}[.][0-9]{2}$")]
Time = Annotated[str, Meta(pattern="^[0-9]{14}$")]
Counter = Annotated[int, Meta(ge=0, le=0xFFFF)]
Fen = Annotated[int, Meta(ge=0, le=0xFFFFFFFF)]
Hex = Annotated[str, Meta(pattern="^([0-9A-F]{2})+$")]


class StepError(ValueError):
    """A step cannot be done on this card; one sentence."""


class Work:
    """A card on its way into the state of an entry.

    Args:
        image: its memory.
        seed: makes the card's random numbers the same each time.
        pin: the holder's PIN.
        psam: makes a PSAM that goes with it.
        hsm: the HSM of its issuer.
        date: the day of the trades.
    """

    def __init__(self, image: Image, seed: str, pin: str, psam: Any, hsm: Hsm, date: datetime.date) -> None:
        self.image = image
        self.card = Card(image, SeededRandom(seed))
        self.pin = pin
        self.hsm = hsm
        self._psam = psam
        self._date = date

    # -- commands -----------------------------------------------------------------------------

    def ask(self, command: bytes) -> tuple[bytes, int]:
        """Send a command, fetch its answer, and return data and status word."""
        return exchange(self.card.transmit, command)

    def must(self, command: bytes, *words: int) -> bytes:
        """Send a command and return its data; raise `StepError` unless the status word is 9000 or one of ``words``."""
        data, word = self.ask(command)
        if word not in (0x9000, *words):
            row, _ = self.card.find_row(command)
            reason = self.card.last.reason if self.card.last else ""
            raise StepError(f"{row.name if row else command[:4].hex().upper()}: {word:04X}, {reason}")
        return data

    def select(self, path: str) -> None:
        """Reset the card and select a DF of the social-security environment by its path."""
        self.card.power_on()
        self.must(b"\x00\xa4\x04\x00" + bytes((len(SSSE_NAME),)) + SSSE_NAME)
        if path != self.card.session.df:
            self.must(b"\x00\xa4\x00\x00\x02" + self.image.dfs[path].fid.to_bytes(2))

    def authenticate(self, at: KeyId, *, wrong: bool = False) -> None:
        """Send EXTERNAL AUTHENTICATION with a key of the selected DF or its environment, or with wrong data."""
        key = self.image.keys[at]
        if not key.value:
            raise StepError(f"{key.name} is {key.state}")
        challenge = self.must(b"\x00\x84\x00\x00\x08")
        proof = key.suite.authentication_data(key.value, challenge, ORIGINAL)
        data = (complement(proof) if wrong else proof) + ORIGINAL
        if key.version != 1:
            data += bytes((key.version,))
        self.must(bytes((0x00, 0x82, 0x00, key.kid or 0, len(data))) + data, *(FAILED if wrong else ()))

    def secured(self, header: bytes, maintenance: Key) -> None:
        """Send a command without data but a MAC under a maintenance key (Part 4, 8.2)."""
        session = maintenance.suite.session_key(maintenance.value, self.must(b"\x00\x84\x00\x00\x08"))
        covered = header + b"\x04"
        self.must(covered + maintenance.suite.mac(session, covered))

    # -- what the card has --------------------------------------------------------------------

    def df(self, label: str) -> Df:
        """Return a DF by its label, ``DF04``; raise `StepError` if the card has none."""
        found = next((df for df in self.image.dfs.values() if df.label == label), None)
        if found is None:
            raise StepError(f"the card has no {label}")
        return found

    def file(self, label: str) -> str:
        """Return the path of an EF by its label, ``SSSE/EF05``; raise `StepError` if the card has none."""
        found = next((path for path in self.image.efs if self.image.label(path) == label), None)
        if found is None:
            raise StepError(f"the card has no file {label}")
        return found

    def key(self, name: str, version: int = 1) -> KeyId:
        """Return where a key is, by its name; raise `StepError` if the card has none."""
        found = next((at for at in self.image.keys if at[0].name == name and at[1] == version), None)
        if found is None:
            raise StepError(f"the card has no key {name} of version {version}")
        return found

    def key_for(self, df: str, usage: Usage) -> KeyId | None:
        """Return the key of a DF with a usage, None if it has none."""
        ref = self.image.ref_by_usage(df, usage)
        return None if ref is None else (ref, 1)

    def change(self) -> Transaction:
        """Return a change of the card's memory."""
        return self.image.begin()

    # -- trades -------------------------------------------------------------------------------

    def terminal(self, settings: Settings | None = None) -> Terminal:
        """Return a terminal at the card and a PSAM of its region; the holder types the PIN."""
        return Terminal(
            InProcess(self.card),
            InProcess(self._psam()),
            pad=lambda _prompt: self.pin,
            settings=settings,
            clock=lambda: self._date,
        )


class _Step(Struct, frozen=True, forbid_unknown_fields=True, tag_field="step"):
    """One step."""

    def do(self, work: Work) -> None:
        """Do it; raise `StepError` if the card cannot be brought there."""
        raise NotImplementedError


# -- by commands -------------------------------------------------------------------------------------


class WrongPin(_Step, frozen=True, forbid_unknown_fields=True, tag="wrong-pin"):
    """VERIFY with a wrong PIN until so many tries are left (以错误 PIN 校验，直到剩余次数)."""

    left: Tries

    def do(self, work: Work) -> None:
        """Do it."""
        at = work.key("PIN")
        if not work.pin:
            raise StepError("the card has no PIN")
        work.select(at[0].owner)
        wrong = pin_to_cn(work.pin[:-1] + str((int(work.pin[-1]) + 1) % 10))
        while work.image.tries[at] > self.left:
            work.must(bytes((0x00, 0x20, 0x00, 0x00, len(wrong))) + wrong, *FAILED)


class WrongKey(_Step, frozen=True, forbid_unknown_fields=True, tag="wrong-key"):
    """EXTERNAL AUTHENTICATION with wrong data until so many tries are left (以错误数据外部认证，直到剩余次数)."""

    key: str
    left: Tries
    version: int = 1

    def do(self, work: Work) -> None:
        """Do it."""
        at = work.key(self.key, self.version)
        if at not in work.image.tries:
            raise StepError(f"{self.key} has no counter")
        work.select(at[0].owner)
        while work.image.tries[at] > self.left:
            work.authenticate(at, wrong=True)


class BlockApplication(_Step, frozen=True, forbid_unknown_fields=True, tag="block-application"):
    """APPLICATION BLOCK by its lock key; in the memory where the card has no lock key for it (永久锁定应用)."""

    df: str

    def do(self, work: Work) -> None:
        """Do it."""
        df = work.df(self.df)
        lock, maintenance = (work.key_for(df.path, usage) for usage in (Usage.APP_BLOCK, Usage.MAC_ENC))
        if lock is None or maintenance is None:
            change = work.change()
            inside = [path for path in work.image.files_below(df.path) if path in work.image.dfs]
            for path in (df.path, *inside):
                change.put_df(replace(work.image.dfs[path], blocked=True))
            change.kill_keys((df.path, *inside))
            change.commit()
            return
        work.select(df.path)
        work.authenticate(lock)
        work.secured(b"\x84\x1e\x00\x01", work.image.keys[maintenance])


class BlockCard(_Step, frozen=True, forbid_unknown_fields=True, tag="block-card"):
    """CARD BLOCK with BK and STK (永久锁定卡片)."""

    def do(self, work: Work) -> None:
        """Do it."""
        lock = work.key("BK")
        work.select(lock[0].owner)
        work.authenticate(lock)
        work.secured(b"\x84\x16\x00\x00", work.image.keys[work.key("STK")])


class Load(_Step, frozen=True, forbid_unknown_fields=True, tag="load"):
    """A load, as issuer and terminal make it (帐户划入)."""

    amount: Amount
    time: Time
    times: int = 1

    def do(self, work: Work) -> None:
        """Do it."""
        terminal = work.terminal()
        data = terminal.identify(1)
        card = HsmCard(data.region, data.historical)
        for _ in range(self.times):
            terminal.load(data.info, self.amount, lambda text: work.hsm.load(text, card, self.time), 1)


class Purchase(_Step, frozen=True, forbid_unknown_fields=True, tag="purchase"):
    """A purchase with a PSAM (消费交易): ``total`` and what account or fund pay of it, by terminal.debit_amounts."""

    total: Amount
    time: Time
    covered: Amount = "0.00"
    amounts: Literal["last-two", "account", "fund"] = "last-two"
    times: int = 1

    def do(self, work: Work) -> None:
        """Do it."""
        terminal = work.terminal(load_settings(overrides={"terminal": {"debit_amounts": self.amounts}}))
        info = terminal.identify(1).info
        for _ in range(self.times):
            terminal.debit(info, f"{self.total}|{self.covered}|{self.time}|", 1)


# -- in the memory -----------------------------------------------------------------------------------


class Money(_Step, frozen=True, forbid_unknown_fields=True, tag="money"):
    """Fields of the money file, amounts in fen (医疗保险金额文件): what no test can bring about by trades."""

    balance: Fen | None = None
    load_counter: Counter | None = None
    purchase_counter: Counter | None = None
    self_paid: Fen | None = None
    fund: Fen | None = None

    def do(self, work: Work) -> None:
        """Do it."""
        path = next(
            (
                path
                for path, elements in work.image.dictionary.items()
                if tuple(each.name for each in elements)[: len(MONEY_NAMES)] == MONEY_NAMES
            ),
            None,
        )
        contents = work.image.contents[path] if path else None
        if path is None or not isinstance(contents, bytes):
            raise StepError("the card has no money file")
        given = {name: getattr(self, name) for name in self.__struct_fields__ if getattr(self, name) is not None}
        _put(work, path, write_money(replace(read_money(contents), **given)))


class Suspend(_Step, frozen=True, forbid_unknown_fields=True, tag="suspend"):
    """A financial application that is locked until APPLICATION UNBLOCK (临时锁定应用)."""

    df: str

    def do(self, work: Work) -> None:
        """Do it."""
        change = work.change()
        change.put_df(replace(work.df(self.df), suspended=True))
        change.commit()


class RetireKey(_Step, frozen=True, forbid_unknown_fields=True, tag="retire-key"):
    """A key version that a newer one has replaced (密钥版本停用)."""

    key: str
    version: int = 1

    def do(self, work: Work) -> None:
        """Do it."""
        at = work.key(self.key, self.version)
        change = work.change()
        change.put_key(at[0], replace(work.image.keys[at], value=b"", state=KeyState.RETIRED))
        change.commit()


class OtherKey(_Step, frozen=True, forbid_unknown_fields=True, tag="other-key"):
    """Another value of a key, as on a card of another issuer or a copy (密钥值不同)."""

    key: str
    version: int = 1

    def do(self, work: Work) -> None:
        """Do it."""
        at = work.key(self.key, self.version)
        key = work.image.keys[at]
        change = work.change()
        change.put_key(at[0], replace(key, value=bytes(byte ^ 0x0F for byte in key.value)))
        change.commit()


class LimitKey(_Step, frozen=True, forbid_unknown_fields=True, tag="tries"):
    """Tries of a PIN or key that no command of a terminal takes (剩余次数)."""

    key: str
    left: Tries
    df: str = ""

    def do(self, work: Work) -> None:
        """Do it."""
        owner = work.df(self.df).path if self.df else ""
        found = [at for at in work.image.tries if at[0].name == self.key and owner in ("", at[0].owner)]
        if not found:
            raise StepError(f"the card has no key {self.key} with a counter")
        change = work.change()
        for at in found:
            change.put_tries(at, self.left)
        change.commit()


class Announce(_Step, frozen=True, forbid_unknown_fields=True, tag="announce"):
    """Another algorithm in tag 9F0C of the FCI (FCI 声明的算法)."""

    algorithm: Hex

    def do(self, work: Work) -> None:
        """Do it."""
        change = work.change()
        change.put_df(replace(work.df("SSSE"), issuer_data=encode(ALGORITHM, bytes.fromhex(self.algorithm))))
        change.commit()


class Record(_Step, frozen=True, forbid_unknown_fields=True, tag="record"):
    """Other bytes in a record of a file, tag and length included (记录内容)."""

    file: str
    record: Annotated[int, Meta(ge=1, le=254)]
    hex: Hex

    def do(self, work: Work) -> None:
        """Do it."""
        path = work.file(self.file)
        records = _records(work, path)
        if self.record > len(records):
            raise StepError(f"{self.file} has {len(records)} records")
        _put(work, path, (*records[: self.record - 1], bytes.fromhex(self.hex), *records[self.record :]))


class Flip(_Step, frozen=True, forbid_unknown_fields=True, tag="flip"):
    """The last bit of an object in a record is wrong (数据对象最后一位错误)."""

    file: str
    record: Annotated[int, Meta(ge=1, le=254)]
    tag: Hex

    def do(self, work: Work) -> None:
        """Do it."""
        path, tag = work.file(self.file), int(self.tag, 16)
        records = _records(work, path)
        inside = dict(objects(dict(objects(records[self.record - 1]))[RECORD_TEMPLATE]))
        if tag not in inside:
            raise StepError(f"record {self.record} of {self.file} has no object {self.tag}")
        inside[tag] = inside[tag][:-1] + bytes((inside[tag][-1] ^ 0x01,))
        changed = encode(RECORD_TEMPLATE, b"".join(encode(each, value) for each, value in inside.items()))
        _put(work, path, (*records[: self.record - 1], changed, *records[self.record :]))


class Atr(_Step, frozen=True, forbid_unknown_fields=True, tag="atr"):
    """Another answer to reset (复位应答)."""

    hex: Hex

    def do(self, work: Work) -> None:
        """Do it."""
        change = work.change()
        change.put_info(replace(work.image.info, atr=bytes.fromhex(self.hex)))
        change.commit()


Step = (
    WrongPin
    | WrongKey
    | BlockApplication
    | BlockCard
    | Load
    | Purchase
    | Money
    | Suspend
    | RetireKey
    | OtherKey
    | LimitKey
    | Announce
    | Record
    | Flip
    | Atr
)
"""Every step; data name one by its tag: ``{ step = "wrong-pin", left = 1 }``."""


def _put(work: Work, path: str, contents: Contents) -> None:
    change = work.change()
    change.put_contents(path, contents)
    change.commit()


def _records(work: Work, path: str) -> tuple[bytes, ...]:
    contents = work.image.contents[path]
    if isinstance(contents, bytes):
        raise StepError(f"{work.image.label(path)} has no records")
    return contents
