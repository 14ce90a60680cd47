"""The project's own terminal at a card of the catalogue: each function of its entry, and what it returned."""

import fnmatch
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cardfs.issuing.roots import load_roots
from emulator.rig.card import Card
from emulator.rig.catalogue.entries import SHIPPED, Call, Entry
from emulator.rig.catalogue.making import make
from emulator.terminal import FUNCTIONS, Hsm, HsmCard, InProcess, Settings, Terminal, TerminalError, load_settings
from emulator.terminal.base import Result
from keys.generate import SeededRandom

STEPS: Final = ("Step1", "Step2", "Step3")
NEVER: Final = "!"
"""Stands for a PIN that nobody may be asked for."""
NEW_PROMPTS: Final = ("请输入新密码", "请再次输入新密码")


@dataclass
class Outcome:
    """What a function of the terminal returned.

    Attributes:
        code: 0, or the error's code.
        text: pOutInfo, or the error's text of table A.1.
        warns: the checks that found something.
        prompts: what the pad asked for.
    """

    code: int
    text: str
    warns: tuple[str, ...] = ()
    prompts: list[str] = field(default_factory=list)


class CatalogueBench:
    """The card of an entry and those beside it, which stay the same from one function to the next."""

    def __init__(self, entry: Entry) -> None:
        """Make the card; the cards beside it are made when a function needs them."""
        self.entry = entry
        self.tried = make(entry.id, random=SeededRandom("tried"))
        self._beside: dict[str, Card] = {}
        self._infos: dict[int, str] = {}

    def beside(self, name: str) -> Card:
        """Return another card of the catalogue, made once."""
        if name not in self._beside:
            self._beside[name] = make(name, random=SeededRandom(name))
        return self._beside[name]

    def _info(self, user: Card) -> str:
        """Return pCardInfo of a card, read once."""
        if id(user) not in self._infos:
            self._infos[id(user)] = info_of(user)
        return self._infos[id(user)]

    def run(self, call: Call) -> Outcome:
        """Let the terminal do a function; return what it returned, with `NEVER` refusing to type anything."""
        psam = self.entry.is_psam
        user = self.beside(call.card) if psam else self.tried
        module = self.tried if psam else (None if call.psam == "none" else self.beside(call.psam))
        prompts: list[str] = []

        def pad(prompt: str) -> str:
            prompts.append(prompt)
            if prompt in NEW_PROMPTS:
                return call.new_pin
            typed = self.entry.pin if call.pin is None else call.pin
            assert typed != NEVER, f"asked for a PIN: {prompt}"
            return typed

        settings = settings_of(call)
        reader = InProcess(user)
        terminal = Terminal(
            reader if call.kind == 1 else None,
            InProcess(module) if module else None,
            contactless=reader if call.kind == 2 else None,
            pad=pad,
            settings=settings,
            clock=lambda: self.entry.date,
        )
        info = self._info(user) if call.info is None else call.info
        hsm = Hsm(load_roots(), settings)
        try:
            done = _do(terminal, hsm, call, info)
            code, text = 0, done.text
        except TerminalError as error:
            code, text = error.code, error.text
        terminal.close()
        for card in (user, module):
            assert card is None or card.bug is None, card
        return Outcome(code, text, tuple(each.check for each in terminal.findings), prompts)


def settings_of(call: Call) -> Settings:
    """Return the settings of the terminal that a call asks for; a black list is a file beside the entries."""
    chosen = dict(call.terminal)
    if "black_list" in chosen:
        chosen["black_list"] = str(SHIPPED / Path(str(chosen["black_list"])).name)
    return load_settings(overrides={"terminal": chosen})


def info_of(card: Card) -> str:
    """Return pCardInfo of a card, straight from its memory: ``identification code|card number|``."""
    contents = card.contents
    found: dict[int, bytes] = {}
    for path, elements in contents.dictionary.items():
        records = contents.contents[path]
        if elements and elements[0].name == "card_identification_code" and isinstance(records, tuple):
            found = {record[0]: record[2:] for record in records}
    return f"{found.get(0x01, b'').hex().upper()}|{found.get(0x07, b'').decode('ascii').rstrip(chr(0))}|"


def matches(text: str, pattern: str) -> bool:
    """Return whether a text is what a pattern says; ``*`` stands for anything."""
    return fnmatch.fnmatchcase(text, pattern.replace("[", "[[]").replace("?", "[?]"))


def _do(terminal: Terminal, hsm: Hsm, call: Call, info: str) -> Result:
    """Do a function."""
    name, arguments = call.function, call.arguments
    if name == "load":
        amount, time = arguments
        card = terminal.identify(call.kind, card_info=info)
        user = HsmCard(card.region, card.historical)
        return terminal.load(info, amount, lambda text: hsm.load(text, user, time), call.kind)
    if name == "balance":
        return terminal.balance(call.kind)
    if name == "proof":
        trade, sequence = arguments
        return terminal.proof(info, trade, sequence, call.kind)
    if name.endswith("_HSM"):
        return _steps(terminal, hsm, call, info)
    first: tuple[object, ...] = (call.kind,)
    if name in ("iReadCard",):
        return FUNCTIONS[name](terminal, *first, int(arguments[0]), info, *arguments[1:])
    if name in ("iReadCardBas", "iVerifyPIN", "iChangePIN", "iReadDebitRecord"):
        return FUNCTIONS[name](terminal, *first)
    return FUNCTIONS[name](terminal, *first, info, *arguments)


def _steps(terminal: Terminal, hsm: Hsm, call: Call, info: str) -> Result:
    """Do a function in steps, with an HSM between them."""
    name, card = call.function, None
    steps = [f"{name}_{step}" for step in STEPS if f"{name}_{step}" in FUNCTIONS]
    if name == "iReadCardBas_HSM":
        return FUNCTIONS[steps[1]](terminal, hsm.basic(FUNCTIONS[steps[0]](terminal, call.kind).text))
    data = terminal.identify(call.kind, card_info=info)
    card = HsmCard(data.region, data.historical)
    done = FUNCTIONS[steps[0]](terminal, call.kind, info, *call.arguments[:1])
    if name == "iDoDebit_HSM":
        return FUNCTIONS[steps[1]](terminal, hsm.purchase(done.text, card))
    done = FUNCTIONS[steps[1]](terminal, hsm.authentication(done.text, card), *call.arguments[1:])
    return FUNCTIONS[steps[2]](terminal, hsm.secured(done.text, card)) if len(steps) == 3 else done
