"""What a runner of tests needs of a rig: wishes of a test, shared stacks and cards, and what to say of a failure.

`sscard.pytest_plugin` is a thin shell over it, and this module knows nothing of pytest.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final, NamedTuple

from cardfs.model.errors import hint
from keys.errors import SscardError

from ..naming import resolve
from ..reader.errors import StackError
from .card import DEMO_PIN, Card
from .rig import Kind, Rig
from .route import ROUTE
from .stock import Stock
from .transport import PcscTransport, release_connections

SHOWN: Final = 40
"""Commands that are shown of a test that failed."""


class TestingError(SscardError):
    """A test wishes for something that there is not; one sentence."""

    __test__ = False  # a runner of tests would take the class for one of them


# -- wishes -------------------------------------------------------------------------------------------


class Wish(NamedTuple):
    """What a test can wish for: values in words, and what for."""

    values: str
    text: str
    zh: str


WISHES: Final[Mapping[str, Wish]] = {
    "profile": Wish("name or TOML file", "card type", "卡型"),
    "pin": Wish("4 to 16 digits, or empty", "the holder's PIN, for the terminal too", "持卡人的 PIN，终端也用它"),
    "region": Wish("six digits", "application city code", "应用城市代码"),
    "holder": Wish("TOML file or mapping", "the holder's elements", "持卡人数据"),
    "values": Wish("mapping", "single elements laid over the holder's", "覆盖持卡人数据的个别数据元"),
    "settings": Wish("mapping", "settings laid over the profile's", "覆盖配置中的设置"),
    "financial": Wish("`edep`, `debit_credit`, `both`", "a financial environment beside it", "附加金融应用环境"),
    "card": Wish(
        "`demo`, `catalogue:ID` or image file", "the user card; of a file a copy is used", "用户卡；卡文件只用其副本"
    ),
    "readers": Wish(
        "number, or list of `demo`, `psam`, `empty`, `catalogue:ID`, image files",
        "all readers, 1 to 16",
        "全部读写器，1 到 16 个",
    ),
    "seed": Wish("text or number", "the same cards and random numbers each time", "每次得到相同的卡和随机数"),
    "clock": Wish("date or time", "where the clock of terminal and trace stands", "终端和跟踪记录的固定时间"),
    "timing": Wish("name", "how slowly cards answer: `contact-9600` …", "卡应答的快慢"),
    "transport": Wish("`process`, `pcsc`", "instead of the option", "代替命令行选项"),
    "isolate": Wish("`True`, `False`", "a PC/SC stack of its own, taken down after the test", "测试专用的 PC/SC 环境"),
}
"""Everything that the marker of a test can say, by name."""

_OF_THE_CARD: Final = ("holder", "values", "settings", "financial")
_OF_THE_RIG: Final = ("seed", "clock", "timing")


def require_wishes(names: Iterable[str]) -> None:
    """Refuse a name that no wish has; raise `TestingError` with the nearest right one."""
    for name in names:
        if name not in WISHES:
            raise TestingError(f"the marker sscard has no {name!r}{hint(name, WISHES)}")


# -- what tests share ---------------------------------------------------------------------------------


class Pool:
    """What the tests of one process share: cards that are issued once, and PC/SC stacks that stay.

    Args:
        report: gets a sentence for each stack that is not a private one.
    """

    def __init__(self, report: Callable[[str], None]) -> None:
        self.stock: Final = Stock()
        self.report: Final = report
        self._links: dict[int, PcscTransport] = {}

    def link(self, count: int) -> PcscTransport:
        """Return the readers of a stack that stays, and lead the PC/SC library there until `give_back`.

        Raises:
            StackError: no stack is possible.
        """
        link = self._links.get(count)
        if link is not None and not _works(link):
            self.drop(link)
            link = None
        if link is None:
            link = self._links[count] = PcscTransport(count, self.report)
        ROUTE.enter(link.stack.socket_path)
        return link

    def give_back(self, link: PcscTransport) -> None:
        """End what a test has left connected; a stack that does not answer any more is taken down."""
        ROUTE.leave(link.stack.socket_path)
        try:
            link.vacate()
        except StackError:
            self.drop(link)

    def drop(self, link: PcscTransport) -> None:
        """Take a stack down; the next test gets another one."""
        self._links = {count: each for count, each in self._links.items() if each is not link}
        release_connections(link.names)
        link.close()

    def close(self) -> None:
        """Take all stacks down."""
        for link in tuple(self._links.values()):
            self.drop(link)


def _works(link: PcscTransport) -> bool:
    try:
        link.stack.look()
    except StackError:
        return False
    return True


# -- one test -----------------------------------------------------------------------------------------


@dataclass(slots=True)
class Bench:
    """The rigs of one test: one in process, one on PC/SC, or the one that it uses.

    Attributes:
        pool: what it shares with other tests.
        wishes: what its marker says, by names of `WISHES`.
        folder: from where relative paths in the wishes lead on.
        profile, holder, roots, settings: of new cards where the wishes say nothing.
        transport: of what is not PC/SC anyhow, where the wishes say nothing.
        rigs: by their transport.
    """

    pool: Pool
    wishes: Mapping[str, Any]
    folder: Path
    profile: Any = "ssc-2.0"
    holder: Any = None
    roots: Any = None
    settings: Mapping[str, Any] | None = None
    transport: Kind = "process"
    rigs: dict[Kind, Rig] = field(default_factory=dict)
    _links: list[PcscTransport] = field(default_factory=list)

    def kind(self, *, pcsc: bool) -> Kind:
        """Return the transport: PC/SC, or what is wished for."""
        wished: Kind = self.wishes.get("transport", self.transport)
        return "pcsc" if pcsc else wished

    def rig(self, kind: Kind, parts: Collection[str]) -> Rig:
        """Return the rig of a transport, made when it is first asked for.

        Args:
            parts: ``card`` and ``psam``, what has a reader where the wishes name no readers.

        Raises:
            SscardError: it cannot be had; one sentence.
        """
        if kind not in self.rigs:
            kept = kind == "pcsc" and not self.wishes.get("isolate", False)
            self._make(kind, self._sources(parts), kept=kept)
        return self.rigs[kind]

    def _sources(self, parts: Collection[str]) -> Sequence[Any]:
        readers = self.wishes.get("readers", [{"card": "demo"}.get(part, part) for part in parts])
        return [None] * readers if isinstance(readers, int) else list(readers)

    def _make(self, kind: Kind, sources: Sequence[Any], *, kept: bool) -> None:
        link = None
        if kept:
            link = self.pool.link(len(sources))
            self._links.append(link)
        rig = Rig(
            len(sources),
            transport=kind,
            roots=self.roots,
            report=self.pool.report,
            stock=self.pool.stock,
            link=link,
            **{name: self.wishes[name] for name in _OF_THE_RIG if name in self.wishes},
        )
        self.rigs[kind] = rig
        try:
            for reader, source in zip(rig.readers, sources, strict=True):
                card = self._card(rig, source)
                if card is not None:
                    reader.replace(card)
                elif link is not None and link.present(reader.place):
                    link.remove(reader.place)
        except BaseException:
            del self.rigs[kind]
            with suppress(StackError):
                rig.close()
            raise

    def _card(self, rig: Rig, source: Any) -> Card | None:
        if source is None or source == "empty":
            return None
        if source == "demo":
            source = self.wishes.get("card", "demo")
        if source == "psam":
            return rig.issue("psam")
        if source == "demo":
            return rig.issue(self._path(self.wishes.get("profile", self.profile)), **self._options())
        if isinstance(source, str | PathLike):
            return resolve(source, made=rig.test_card, file=lambda path: rig.copy(self._path(path)))
        raise TestingError(f"a reader holds 'demo', 'psam', 'empty', 'catalogue:ID' or an image file, not {source!r}")

    def _options(self) -> dict[str, Any]:
        options = {"holder": self.holder, "settings": self.settings}
        options |= {name: self.wishes[name] for name in _OF_THE_CARD if name in self.wishes}
        options |= {name: str(self.wishes[name]) for name in ("pin", "region") if name in self.wishes}
        options["holder"] = self._path(options["holder"])
        return options

    def _path(self, given: Any) -> Any:
        """Return a file as it is seen from the test; anything else as it is."""
        if isinstance(given, str | PathLike):
            path = self.folder / fspath(given)
            if path.is_file():
                return str(path)
        return given

    @property
    def pin(self) -> str:
        """Return what the holder types."""
        return str(self.wishes.get("pin", self._pin_of_card()))

    def _pin_of_card(self) -> str:
        return resolve(self.wishes.get("card", "demo"), made=_pin_of, file=lambda _: DEMO_PIN)

    # -- afterwards ---------------------------------------------------------------------------

    def log(self, last: int = SHOWN) -> str:
        """Return the last commands, decoded, with the reasons of refusals; empty if there were none."""
        return "\n".join(filter(None, (rig.trace.text(last) for rig in self.rigs.values())))

    def save(self, path: Path) -> None:
        """Write all events as JSON lines, secrets masked; OSError."""
        lines = [event.json() + "\n" for rig in self.rigs.values() for event in rig.trace]
        path.write_text("".join(lines), encoding="utf-8")

    def complaints(self, *, faults: bool) -> list[str]:
        """Return what is wrong though the test may have noticed nothing.

        Args:
            faults: whether a fault that never struck counts.

        Returns:
            a sentence each: a defect of the emulator, with its command; a fault that is armed and has never struck.
        """
        cards = [card for rig in self.rigs.values() for card in rig.cards]
        found = [sentence for card in cards for sentence in _defect(card)]
        if faults:
            found += [
                f"the fault {fault} never struck: it met {_commands(fault.seen)}; disarm it, or let it strike"
                for card in cards
                for fault in card.faults
                if not fault.fired and fault not in card.own_faults
            ]
        return found

    def close(self) -> None:
        """Give everything back: readers that stay are ready for the next test, others are taken down."""
        for rig in self.rigs.values():
            with suppress(StackError):  # a stack that is gone; the next test gets another
                rig.close()
        while self._links:
            self.pool.give_back(self._links.pop())


def _pin_of(name: str) -> str:
    from .catalogue.entries import find  # noqa: PLC0415 - most tests need none

    return find(name).pin


def _defect(card: Card) -> Iterable[str]:
    if card.bug is not None:
        yield (
            f"a defect of the emulator, please report it: {card.bug_command} was answered 6F00 because of "
            f"{type(card.bug).__name__}: {card.bug}"
        )


def _commands(count: int) -> str:
    return "no command that it means" if not count else f"{count} that it means, none of them the right one"
