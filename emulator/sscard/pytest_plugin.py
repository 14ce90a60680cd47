"""The plug-in for pytest: fixtures `card`, `psam`, `terminal`, `rig`, the same on PC/SC, and the marker ``sscard``.

pytest loads it with every run, so it loads nothing by itself: cards, PC/SC and everything else come with the first
test that asks for a fixture. What the fixtures do stands in `emulator.rig.testing`.
"""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NoReturn
from zlib import crc32

import pytest

from . import _require_own_packages

if TYPE_CHECKING:
    from emulator.rig.reader import Reader
    from emulator.rig.rig import Rig
    from emulator.rig.testing import Bench, Pool
    from emulator.terminal import Terminal

TRANSPORTS: Final = ("process", "pcsc")
_OF_ANY: Final = frozenset(("card", "psam", "terminal", "rig"))
_OF_PCSC: Final = frozenset(("pcsc_card", "pcsc_psam", "pcsc_rig"))
LOG: Final = "log of the card"
"""Name of the section of a report; it begins with ``log``, so that JUnit takes it with ``junit_logging=log``."""

_BENCH: Final = pytest.StashKey["Bench"]()
_PASSED: Final = pytest.StashKey[bool]()
_LOGGED: Final = pytest.StashKey[bool]()
_NOTES: Final = pytest.StashKey[dict[str, None]]()
_ROUTED: Final = pytest.StashKey[bool]()


# -- options ------------------------------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and settings."""
    transport = "how tests reach the card: process (in this process, the default) or pcsc (a private PC/SC stack)"
    group = parser.getgroup("sscard", "virtual social-security card")
    group.addoption("--sscard-transport", metavar="process|pcsc", help=transport)
    group.addoption(
        "--sscard-trace", metavar="DIR", type=Path, help="write what passed in each test to DIR, as JSON lines"
    )
    parser.addini("sscard_transport", transport, default="process")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; refuse a transport that there is not."""
    config.addinivalue_line(
        "markers", "sscard(profile=, pin=, card=, readers=, seed=, transport=, isolate=, …): what the card is like"
    )
    config.stash[_NOTES] = {}
    if _transport(config) not in TRANSPORTS:
        raise pytest.UsageError(f"there is no transport {_transport(config)!r}; there are: {', '.join(TRANSPORTS)}")


def _transport(config: pytest.Config) -> str:
    return str(config.getoption("sscard_transport") or config.getini("sscard_transport"))


def _wishes(item: pytest.Item) -> dict[str, Any]:
    """Return what the markers of a test say; the nearest one counts."""
    wishes: dict[str, Any] = {}
    for mark in item.iter_markers("sscard"):
        wishes = dict(mark.kwargs) | wishes
    return wishes


# -- before a test ------------------------------------------------------------------------------------


def pytest_collection_finish(session: pytest.Session) -> None:
    """Lead the PC/SC library to stacks of ours if a test needs one: it asks once, where pcscd is, and some test may."""
    if not any(_needs_pcsc(item) for item in session.items):
        return
    try:
        _require_own_packages()
    except ImportError:
        return  # the fixture says so
    from emulator.rig.route import ROUTE  # noqa: PLC0415 - runs without PC/SC need none

    ROUTE.prepare()
    session.config.stash[_ROUTED] = True


def _needs_pcsc(item: pytest.Item) -> bool:
    names = frozenset(getattr(item, "fixturenames", ()))
    if names & _OF_PCSC:
        return True
    return bool(names & _OF_ANY) and _wishes(item).get("transport", _transport(item.config)) == "pcsc"


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse what a marker cannot say."""
    marks = list(item.iter_markers("sscard"))
    if not marks:
        return
    testing = _testing()
    if any(mark.args for mark in marks):
        _refuse('the marker sscard takes names and values: sscard(pin="4711")')
    try:
        testing.require_wishes(_wishes(item))
    except testing.TestingError as error:
        _refuse(error)


def _testing() -> ModuleType:
    """Load what the fixtures are made of, now that somebody wants it."""
    try:
        _require_own_packages()
    except ImportError as error:
        _refuse(error)
    return import_module("emulator.rig.testing")


def _refuse(error: object) -> NoReturn:
    """Fail with one sentence, and without the way there."""
    raise pytest.fail.Exception(str(error), pytrace=False) from None


# -- what a test suite can say for all of its tests ------------------------------------------------------


@pytest.fixture(scope="session")
def sscard_profile() -> Any:
    """Return the type of new cards, a shipped name or a TOML file; override it for all tests."""
    return "ssc-2.0"


@pytest.fixture(scope="session")
def sscard_holder() -> Any:
    """Return the holder of new cards, a TOML file or a mapping; None for the invented one. Override it."""
    return None


@pytest.fixture(scope="session")
def sscard_roots() -> Any:
    """Return the root keys of all cards, a TOML file or what `load_roots` returns; None for test keys. Override it."""
    return None


@pytest.fixture(scope="session")
def sscard_settings() -> Any:
    """Return settings that are laid over the profile's: ``{"pin": {"tries": 6}}``. Override it."""
    return None


# -- the fixtures -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def _sscard_pool(pytestconfig: pytest.Config) -> "Iterator[Pool]":
    notes = pytestconfig.stash[_NOTES]
    pool: Pool = _testing().Pool(lambda line: notes.update({line: None}))
    yield pool
    pool.close()


@pytest.fixture
def _sscard_bench(
    request: pytest.FixtureRequest,
    _sscard_pool: "Pool",
    sscard_profile: Any,
    sscard_holder: Any,
    sscard_roots: Any,
    sscard_settings: Any,
) -> "Iterator[Bench]":
    item = request.node
    bench: Bench = _testing().Bench(
        _sscard_pool,
        _wishes(item),
        item.path.parent,
        profile=sscard_profile,
        holder=sscard_holder,
        roots=sscard_roots,
        settings=sscard_settings,
        transport="pcsc" if _transport(item.config) == "pcsc" else "process",
    )
    item.stash[_BENCH] = bench
    try:
        yield bench
        complaints = bench.complaints(faults=item.stash.get(_PASSED, False))
        _save(item, bench)
    finally:
        bench.close()
    if complaints:
        _refuse("\n".join(complaints))


def _save(item: pytest.Item, bench: "Bench") -> None:
    folder = item.config.getoption("sscard_trace")
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^\w.\[\]-]+", "-", item.nodeid.replace("::", "-"))
        if len(name) > 200:  # longer than the name of a file may be
            name = f"{name[:100]}-{crc32(name.encode()):08x}-{name[-80:]}"
        bench.save(folder / f"{name}.jsonl")


def _rig(request: pytest.FixtureRequest, bench: "Bench", *, pcsc: bool = False) -> "Rig":
    """Return the rig of a fixture, with a reader for each card that the test names among its arguments."""
    from keys.errors import SscardError  # noqa: PLC0415

    kind = bench.kind(pcsc=pcsc)
    # Over PC/SC `card` and `pcsc_card` are one; in process they are two.
    ours = (_OF_ANY if bench.kind(pcsc=False) == kind else frozenset()) | (_OF_PCSC if kind == "pcsc" else frozenset())
    names = {request.fixturename, *request.node.fixturenames} & ours
    wanted = {name.removeprefix("pcsc_") for name in names}
    parts = [part for part in ("card", "psam") if wanted & {part, "terminal", "rig"}]
    try:
        return bench.rig(kind, parts)
    except SscardError as error:
        _refuse(error)


def _reader(request: pytest.FixtureRequest, bench: "Bench", *, psam: bool, pcsc: bool = False) -> "Reader":
    from emulator.rig.errors import RigError  # noqa: PLC0415

    rig = _rig(request, bench, pcsc=pcsc)
    try:
        return rig.reader_of(psam=psam)
    except RigError as error:
        _refuse(error)


@pytest.fixture
def rig(request: pytest.FixtureRequest, _sscard_bench: "Bench") -> "Rig":
    """Return a rig with a new card and a PSAM in two readers, or with what the marker says."""
    return _rig(request, _sscard_bench)


@pytest.fixture
def card(request: pytest.FixtureRequest, _sscard_bench: "Bench") -> "Reader":
    """Return a reader with a new card in it."""
    return _reader(request, _sscard_bench, psam=False)


@pytest.fixture
def psam(request: pytest.FixtureRequest, _sscard_bench: "Bench") -> "Reader":
    """Return a reader with a new PSAM in it, which has the roots of the card."""
    return _reader(request, _sscard_bench, psam=True)


@pytest.fixture
def terminal(request: pytest.FixtureRequest, _sscard_bench: "Bench") -> "Terminal":
    """Return a terminal at a new card and a PSAM; the holder types the card's PIN."""
    _reader(request, _sscard_bench, psam=False)
    return _rig(request, _sscard_bench).terminal(pin=_sscard_bench.pin)


@pytest.fixture
def pcsc_rig(request: pytest.FixtureRequest, _sscard_bench: "Bench") -> "Rig":
    """Return what `rig` returns, on a private PC/SC stack."""
    return _rig(request, _sscard_bench, pcsc=True)


@pytest.fixture
def pcsc_card(request: pytest.FixtureRequest, _sscard_bench: "Bench") -> "Reader":
    """Return what `card` returns, on a private PC/SC stack."""
    return _reader(request, _sscard_bench, psam=False, pcsc=True)


@pytest.fixture
def pcsc_psam(request: pytest.FixtureRequest, _sscard_bench: "Bench") -> "Reader":
    """Return what `psam` returns, on a private PC/SC stack."""
    return _reader(request, _sscard_bench, psam=True, pcsc=True)


# -- after a test -------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: "pytest.CallInfo[None]") -> None:
    """Add to the report of a failure what passed between reader and card."""
    if call.when == "call":
        item.stash[_PASSED] = call.excinfo is None
    bench = item.stash.get(_BENCH, None)
    if bench is None or call.excinfo is None or call.excinfo.errisinstance(pytest.skip.Exception):
        return
    # Before the report is made: what is added to a report never reaches JUnit.
    if not item.stash.get(_LOGGED, False):
        item.stash[_LOGGED] = True
        item.add_report_section(call.when, LOG, bench.log() or "no command reached the card")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand what is to be said of PC/SC to the process that shows the report."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        notes = session.config.stash[_NOTES]
        output["sscard"] = list(notes)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:  # noqa: ARG001 - names of xdist
    """Take what a worker of xdist has to say."""
    node.config.stash[_NOTES].update(dict.fromkeys(getattr(node, "workeroutput", {}).get("sscard", ())))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say whose PC/SC it was, if it was not a private one in namespaces."""
    for note in config.stash[_NOTES]:
        terminalreporter.write_line(f"sscard: {note}")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Lead the PC/SC library nowhere any more."""
    if config.stash.get(_ROUTED, False):
        from emulator.rig.route import ROUTE  # noqa: PLC0415

        ROUTE.remove()
