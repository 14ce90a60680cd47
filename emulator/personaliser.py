"""The issuing machine's side: take a blank card through its life, command by command (Part 10, 5).

From the contents of a finished card to the commands that build it, over any channel that carries
APDUs, in the coding `emulator.commands.personalise.t514`. The card that comes out is the one that
`cardfs.issuing.issue` makes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from cardfs.memory.securing import of_update
from cardfs.model.files import FINANCIAL_SETS, CardContents, Contents, Df, DfKind, Ef, Protection, Structure, parent
from cardfs.model.records import Mode
from keys.errors import SscardError
from keys.generate import RandomSource, generate_key, system_random
from keys.records import Key, KeyRef, Usage
from keys.suites import MAC_LENGTH, SUITES, Suite

from .commands.personalise import t514
from .commands.personalise.files import LOCAL_KEY, LOCAL_PIN_REFERENCE, PIN_REFERENCE
from .status import explain
from .terminal import Channel, exchange

CHUNK: Final = 0xE0
CHALLENGE_LENGTH: Final = 8
MAX_DATA: Final = 255
Progress = Callable[[str, int, int], None]


class PersonaliseError(SscardError):
    """The card cannot be built; the text is one sentence that names the step."""


@dataclass(frozen=True, slots=True)
class Step:
    """One command of the plan.

    Attributes:
        title: what it does, for people.
        build: makes the command when it is sent; some commands need a challenge of the card first.
    """

    title: str
    build: Callable[["Personaliser"], bytes]


@dataclass(slots=True)
class Personaliser:
    """Builds one card from a blank one.

    Attributes:
        channel: carries APDUs to the blank card.
        contents: the finished card.
        manufacturer_key: transport key with which the blank card is delivered (Part 10, 5.1.1); never printed.
        random: draws the transport key and the temporary environment master keys.
    """

    channel: Channel
    contents: CardContents
    manufacturer_key: bytes = field(repr=False)
    random: RandomSource = system_random

    def run(self, progress: Progress = lambda *_: None) -> int:
        """Send every command to the card.

        Args:
            progress: called before each command with its title, the number of commands done, and that of all.

        Returns:
            the number of commands.

        Raises:
            PersonaliseError: the card refused a command, or its contents cannot be built over this coding.
            TerminalError: the card gave no answer.
        """
        steps = list(self._steps())
        for done, step in enumerate(steps):
            progress(step.title, done, len(steps))
            _, word = exchange(self.channel, step.build(self))
            if word != 0x9000:
                answered = f"{step.title}: the card answered {word:04X}, {explain(word).text}"
                # Nothing has been changed yet.
                raise PersonaliseError(f"{answered}; is it a blank card of this profile?" if not done else answered)
        progress("done", len(steps), len(steps))
        return len(steps)

    # -- the plan ---------------------------------------------------------------------------------

    def _steps(self) -> Iterator[Step]:
        contents = self.contents
        root = min(contents.dfs, key=len)
        card_master = self._master(root)
        suite = SUITES[card_master.suite_name]
        blank_suite = SUITES[contents.info.suite]
        transport = generate_key(blank_suite, self.random)
        environments = [path for path, df in sorted(contents.dfs.items()) if df.kind is DfKind.DDF]
        if not environments:
            raise PersonaliseError(
                "the environment of this card is the MF itself, and only one below the MF can be built"
            )
        self._check(root, environments)
        # Also shows a card of another cipher while nothing is spoilt.
        yield self._authenticate("authenticate the manufacturer's transport key", blank_suite, self.manufacturer_key)
        yield self._transport(transport, blank_suite)
        yield _plain("set the historical bytes", "80E00500", contents.info.historical)
        yield _plain("end of activation", "80E00200")
        mf = contents.dfs[root]
        if mf.name or mf.issuer_data or mf.lock_kid is not None or mf.directory_sfi is not None:
            yield self._authenticate("authenticate the transport key", blank_suite, transport)
            yield _create_df(mf)
        yield self._load("load CMK", card_master, blank_suite, transport)
        for path in environments:
            yield from self._environment(path, suite, card_master.value)
        yield _plain("select the MF", "00A40000", b"\x3f\x00")
        yield self._authenticate("authenticate CMK", suite, card_master.value)
        yield _plain("end of personalisation of the card", "80E00200")

    def _check(self, root: str, environments: list[str]) -> None:
        """Raise `PersonaliseError` for what this coding cannot build: files and keys of the MF, nested environments."""
        contents = self.contents
        above = {root, *environments}
        strange = [path for path in contents.dfs if path not in above and parent(path) not in environments]
        strange += [path for path, ef in contents.efs.items() if ef.parent == root]
        strange += [f"{ref.name}" for (ref, _), key in contents.keys.items() if ref.owner == root and not _top(key)]
        strange += [path for path in environments if parent(path) != root]
        if strange:
            raise PersonaliseError(f"{strange[0]} is outside of every environment; only what is in one can be built")

    def _transport(self, value: bytes, suite: Suite) -> Step:
        """Set the transport key: in clear, or under the manufacturer's if the card takes none in clear."""
        title = "set the transport key"
        settings = self.contents.info.settings
        if settings.personalisation.plain_keys:
            return _plain(title, "80E00300", value)
        key = Key("TRANSPORT", Usage.TRANSPORT, suite.name, value, tries_max=settings.key.tries)
        return self._load(title, key, suite, self.manufacturer_key, update=True)

    def _environment(self, path: str, card_suite: Suite, card_master: bytes) -> Iterator[Step]:
        df = self.contents.dfs[path]
        final = self._master(path)
        suite = SUITES[final.suite_name]
        temporary = replace(final, value=generate_key(suite, self.random))
        yield _plain("select the MF", "00A40000", b"\x3f\x00")
        yield self._authenticate("authenticate CMK", card_suite, card_master)
        yield _create_df(df)
        yield _plain(f"select {df.label}", "00A40000", df.fid.to_bytes(2))
        financial = df.command_set in FINANCIAL_SETS
        yield self._load(f"load a temporary {final.name}", temporary, card_suite, card_master, financial=financial)
        yield self._authenticate(f"authenticate {final.name}", suite, temporary.value)
        below = [each for each in sorted(self.contents.dfs) if each.startswith(f"{path}/")]
        for each in below:
            yield _create_df(self.contents.dfs[each])
        for each in (path, *below):
            if each != path:
                yield _plain(f"select {self.contents.dfs[each].label}", "00A40000", bytes.fromhex(each[-4:]))
                if self.contents.info.settings.state.global_rights == "strict":
                    yield self._authenticate(f"authenticate {final.name}", suite, temporary.value)
            yield from self._directory(each, suite, temporary.value)
        yield _plain(f"select {df.label}", "00A40000", df.fid.to_bytes(2))
        yield self._load(f"replace {final.name}", final, suite, temporary.value, update=True, financial=financial)
        yield self._authenticate(f"authenticate {final.name}", suite, final.value)
        yield _plain(f"end of personalisation of {df.label}", "80E00200")

    def _directory(self, path: str, suite: Suite, master: bytes) -> Iterator[Step]:
        """Yield the commands for files, keys and data of one DF."""
        label = self.contents.dfs[path].label
        files = [ef for _, ef in sorted(self.contents.efs.items()) if ef.parent == path]
        for ef in files:
            title = f"create {label}/{ef.fid:04X}"
            yield _plain(title, "80E00100", t514.ef_data(ef, self._references(ef, title)))
        for (ref, version), key in sorted(self.contents.keys.items(), key=lambda item: item[0]):
            if ref.owner == path and key.usage is not Usage.MASTER:
                title = f"load {ref.name} version {version}"
                financial = self.contents.dfs[path].command_set in FINANCIAL_SETS
                yield self._load(title, key, suite, master, financial=financial)
        for ef in files:
            yield from self._data(ef, label)

    def _references(self, ef: Ef, title: str) -> dict[KeyRef, int]:
        """Return the identifier that stands in a rule for each key that the rules of a file name."""
        kids = {ref: key.kid for (ref, _), key in self.contents.keys.items()}
        environment = ef.parent if self.contents.dfs[ef.parent].kind is DfKind.DDF else parent(ef.parent)
        found = {}
        for ref in ef.read.refs | ef.update.refs:
            kid = kids.get(ref)
            if kid is None:
                kid = PIN_REFERENCE if ref.owner == environment else LOCAL_PIN_REFERENCE
            if ref.owner != (ef.parent if kid & LOCAL_KEY and kid != PIN_REFERENCE else environment):
                raise PersonaliseError(f"{title}: a rule of this file cannot name {ref.name}")
            found[ref] = kid
        return found

    def _data(self, ef: Ef, label: str) -> Iterator[Step]:
        contents = self.contents.contents[ef.path]
        what = f"write {label}/{ef.fid:04X}"
        if ef.structure is Structure.INTERNAL:
            assert isinstance(contents, bytes)  # noqa: S101 - its structure is internal
            yield from _written(ef, contents, b"\x00", what)
            return
        if self.contents.dfs[ef.parent].command_set in FINANCIAL_SETS:
            # Its own update commands begin to work at the end of personalisation only.
            yield from _written(ef, contents, bytes((self.contents.info.settings.data.unwritten_byte,)), what)
            return
        sfi = (ef.sfi or 0) << 3
        if isinstance(contents, bytes):
            unwritten = bytes((self.contents.info.settings.data.unwritten_byte,))
            yield _plain(f"select {label}/{ef.fid:04X}", "00A40200", ef.fid.to_bytes(2))
            for at in range(0, len(contents), CHUNK):
                chunk = contents[at : at + CHUNK]
                if chunk.strip(unwritten):
                    yield self._update(ef, f"00D6{at:04X}", chunk, what)
        elif ef.structure is Structure.CYCLIC:
            for record in reversed(contents):
                yield self._update(ef, f"00DC00{sfi | Mode.PREVIOUS:02X}", record, what)
        else:
            for number, record in enumerate(contents, 1):
                yield self._update(ef, f"00DC{number:02X}{sfi | Mode.NUMBER:02X}", record, f"{what} record {number}")

    # -- commands ---------------------------------------------------------------------------------

    def challenge(self) -> bytes:
        """Return eight random bytes of the card, by GET CHALLENGE; raise `PersonaliseError` if it refuses."""
        data, word = exchange(self.channel, bytes((0x00, 0x84, 0x00, 0x00, CHALLENGE_LENGTH)))
        if word != 0x9000:
            raise PersonaliseError(f"GET CHALLENGE: the card answered {word:04X}, {explain(word).text}")
        return data

    def _master(self, path: str) -> Key:
        for (ref, _), key in self.contents.keys.items():
            if ref.owner == path and key.usage is Usage.MASTER:
                return key
        raise PersonaliseError(f"{self.contents.dfs[path].label} has no master key")

    def _load(
        self,
        title: str,
        key: Key,
        suite: Suite,
        controlling: bytes,
        *,
        update: bool = False,
        financial: bool = False,
    ) -> Step:
        """Make WRITE KEY, enciphered and with a MAC under the controlling key."""
        mode = t514.UPDATE if update else t514.INSTALL

        def build(card: "Personaliser") -> bytes:
            cipher = suite.encrypt_data(controlling, t514.key_data(key, financial=financial))
            covered = bytes((0x84, 0xD4, mode, 0x00, len(cipher) + 4)) + cipher
            return covered + suite.key_load_mac(controlling, card.challenge(), covered)

        return Step(title, build)

    def _authenticate(self, title: str, suite: Suite, master: bytes) -> Step:
        """Make EXTERNAL AUTHENTICATION with the controlling key, P2 00."""

        def build(card: "Personaliser") -> bytes:
            original = self.random(8)
            data = suite.authentication_data(master, card.challenge(), original) + original
            return bytes((0x00, 0x82, 0x00, 0x00, len(data))) + data

        return Step(title, build)

    def _update(self, ef: Ef, header: str, data: bytes, title: str) -> Step:
        """Make UPDATE BINARY or UPDATE RECORD, with a MAC, or enciphered and with a MAC, if the file demands it."""
        protection = of_update(ef, self.contents.info.settings)
        if protection is Protection.NONE:
            return _plain(title, header, data)
        owned = (key for (ref, _), key in self.contents.keys.items() if ref.owner == ef.parent)
        maintenance = next((key for key in owned if key.usage is Usage.MAC_ENC), None)
        if maintenance is None:
            raise PersonaliseError(f"{title}: the file takes updates with a MAC only, and there is no key for it")

        suite, enciphered = maintenance.suite, protection is Protection.CIPHER
        # LD goes before what is enciphered, and the whole is filled up to blocks (Part 4, 8.3.2).
        length = (len(data) // suite.block + 1) * suite.block if enciphered else len(data)
        length += MAC_LENGTH
        if length > MAX_DATA:
            raise PersonaliseError(f"{title}: its {len(data)} bytes and their MAC do not fit into a command")

        def build(card: "Personaliser") -> bytes:
            session = suite.session_key(maintenance.value, card.challenge())
            sent = suite.encrypt_data(session, data) if enciphered else data
            covered = b"\x04" + bytes.fromhex(header)[1:] + bytes((length,)) + sent
            return covered + suite.mac(session, covered)

        return Step(title, build)


def _top(key: Key) -> bool:
    return key.usage in (Usage.MASTER, Usage.TRANSPORT)


def _written(ef: Ef, contents: Contents, unwritten: bytes, what: str) -> Iterator[Step]:
    """Yield the WRITE DATA commands of a file; of a cyclic file the oldest record comes first."""
    head = ef.fid.to_bytes(2)
    if isinstance(contents, bytes):
        for at in range(0, len(contents), CHUNK):
            chunk = contents[at : at + CHUNK]
            if chunk.strip(unwritten):
                yield _plain(what, "80E00600", head + at.to_bytes(2) + chunk)
        return
    cyclic = ef.structure is Structure.CYCLIC
    for number, record in enumerate(reversed(contents) if cyclic else contents, 1):
        if len(head) + 2 + len(record) > MAX_DATA:
            raise PersonaliseError(f"{what} record {number}: its {len(record)} bytes do not fit into a command")
        yield _plain(f"{what} record {number}", "80E00600", head + (0 if cyclic else number).to_bytes(2) + record)


def _plain(title: str, header: str, data: bytes = b"") -> Step:
    command = bytes.fromhex(header) + bytes((len(data),)) + data
    return Step(title, lambda _: command)


def _create_df(df: Df) -> Step:
    data = t514.df_data(
        df.fid, df.kind, df.name, df.lock_kid, df.directory_sfi, df.issuer_data, df.command_set, df.proprietary
    )
    return _plain(f"create {df.label}", "80E00100", data)
