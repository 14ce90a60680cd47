"""Commands that need no reader: issue, apdu."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from .dates import DATE
from .errors import UsageFault
from .group import IMAGE, main
from .output import open_trace, write_line
from .targets import Target, require_free, require_no_image, write_file

if TYPE_CHECKING:
    from cardfs.model.files import CardContents
    from cardfs.profile.loader import Profile

    from ..trace.event import Event

DEMO_NOTE = "the demo root keys are public test keys"


_INPUTS: Final = (
    click.option("--holder", type=click.Path(path_type=Path), help="Holder, TOML.  [default: an invented one]"),
    click.option("--roots", type=click.Path(path_type=Path), help="Root keys, TOML.  [default: public test keys]"),
    click.option("--region", default="519900", show_default=True, help="Application city code, six digits."),
    click.option(
        "--serial",
        default="",
        help="Card serial TA..TD, eight hex digits; of a PSAM up to 20 digits.  [default: drawn]",
    ),
    click.option("--pin", default="123456", show_default=True, help="PIN, 4 to 16 digits; empty for none."),
    click.option("--seed", help="Draw from this seed, so that the same inputs give the same card."),
    click.option("--issue-date", type=DATE, help="Date of issue."),
    click.option("--expiry-date", type=DATE, help="Last day of validity."),
    click.option("--card-number", default="", help="Card number, nine characters with the check character."),
    click.option(
        "--with-financial",
        type=click.Choice(["edep", "debit_credit", "both", "none"]),
        is_flag=False,
        flag_value="both",
        help="Put a financial environment on the card, with both applications or one: settings.financial.kind.",
    ),
    click.option("--set", "settings", multiple=True, metavar="TOML", help="Lay over the profile: settings.pin.tries=6"),
    click.option("--value", "values", multiple=True, metavar="TOML", help='Lay over the holder: name="测试乙"'),
)


def issue_inputs(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say what a card shall hold."""
    for option in reversed(_INPUTS):
        command = option(command)
    return command


@main.command(short_help="Make a card image from a profile, holder and root keys.")
@click.argument("image", type=Target(), default=Path("card.sscard"))
@click.option("--profile", default="ssc-2.0", show_default=True, help="Card type: a shipped name or a TOML file.")
@issue_inputs
@click.option("--force", is_flag=True, help="Replace an existing image, and an existing file of --ca-out.")
@click.option(
    "--ca-out",
    type=Target(),
    help="Write the certification authority's public key, which terminals need for debit/credit, as JSON.",
)
@click.option("--list-profiles", is_flag=True, help="List the shipped card types and end.")
def issue(image: Path, *, force: bool, ca_out: Path | None, list_profiles: bool, **inputs: Any) -> None:
    """Make a card image from a profile, a holder and root keys.

    IMAGE is card.sscard if none is given.
    """
    from cardfs.profile.loader import load_profile, shipped_profiles

    if list_profiles:
        for name in shipped_profiles():
            click.echo(f"{name:<14} {load_profile(name).title}")
        return
    require_free(image, force=force)
    if ca_out:
        require_no_image(ca_out, "--ca-out", force=force)
        if ca_out.resolve() == image.resolve():
            raise UsageFault(f"{ca_out}: the card itself, which --ca-out never replaces; name another file")
    contents = issue_contents(**inputs)
    key = authority_json(contents, inputs["roots"]) if ca_out else ""
    write_image(image, contents, force=force)
    click.echo(f"{image}: {contents.info.profile}, {contents.info.suite}, ATR {contents.info.atr.hex().upper()}")
    if ca_out:
        write_file(ca_out, key, "--ca-out", force=force)
        click.echo(f"{ca_out}: the certification authority's public key")
    if inputs["roots"] is None:
        click.echo(f"note: {DEMO_NOTE}", err=True)
    _tell_missing_keys(contents.info.profile, **inputs)


def authority_json(contents: "CardContents", roots: Path | None) -> str:
    """The certification authority's public key as JSON, all bytes in hex; a card without debit/credit is a fault."""
    import json

    from cardfs.issuing.certificates import authority
    from cardfs.issuing.financial import authority_index
    from cardfs.issuing.roots import load_roots
    from cardfs.profile.loader import DEMO

    index = authority_index(contents)
    if index is None:
        raise UsageFault("--ca-out: the card has no debit/credit application, so no authority certifies its keys")
    key = authority(load_roots(roots or DEMO / "roots.toml"), index)
    shown = {
        "rid": key.rid.hex().upper(),
        "index": f"{key.index:02X}",
        "modulus": key.public.modulus.hex().upper(),
        "exponent": key.public.exponent_bytes.hex().upper(),
        "hash": key.check_value.hex().upper(),
    }
    return json.dumps(shown, indent=2) + "\n"


def load_kind(profile: str, settings: tuple[str, ...], financial: str | None = None) -> "Profile":
    """The card type with what ``--with-financial`` says, and over it what ``--set`` does."""
    from cardfs.profile.inputs import Document
    from cardfs.profile.loader import KIND, ProfileError, load_profile

    said = {"settings": {"financial": {"kind": financial}}} if financial else {}
    try:
        return load_profile(
            profile, Document("--with-financial", said), Document("--set", assignments("--set", settings))
        )
    except ProfileError as error:
        # The option's name says already which setting it is.
        raise ProfileError(str(error).replace(f"--with-financial: {KIND}:", "--with-financial:")) from None


def _tell_missing_keys(name: str, *, profile: str, roots: Path | None, settings: tuple[str, ...], **_: Any) -> None:
    """Say which keys a security module was issued without; only CREATE KEY can bring them later."""
    from cardfs.issuing.psam import missing_roots
    from cardfs.issuing.roots import load_roots
    from cardfs.profile.loader import DEMO

    kind = load_kind(profile, settings)
    missing = missing_roots(kind, load_roots(roots or DEMO / "roots.toml")) if kind.is_psam else []
    if missing:
        click.echo(f"note: {name} without {', '.join(missing)}: there are no roots for them", err=True)


def write_image(image: Path, contents: "CardContents", *, force: bool) -> None:
    """Make an image file; with ``force`` also in the place of an old one."""
    from cardfs.memory.image import Image

    require_free(image, force=force)
    if image.exists():
        _replace(image, contents)
    else:
        Image.create(image, contents)


def _replace(image: Path, contents: "CardContents") -> None:
    """Put a new card in the place of an old one that nobody uses; nothing but a card image is replaced."""
    from cardfs.memory.image import Image
    from cardfs.memory.sqlite import SqliteStore
    from cardfs.model.errors import LogError

    # Closing it also takes away what a killed process left beside it, which belongs to the old card.
    with suppress(LogError):
        SqliteStore(image).close()
    Image.create(image, contents, replace=True)


def issue_contents(
    profile: str = "ssc-2.0",
    holder: Path | None = None,
    roots: Path | None = None,
    with_financial: str | None = None,
    settings: tuple[str, ...] = (),
    values: tuple[str, ...] = (),
    issue_date: Any = None,
    expiry_date: Any = None,
    **rest: Any,
) -> "CardContents":
    """Load the inputs and issue; the demo inputs stand in for what is not given."""
    from cardfs.issuing.holder import load_holder
    from cardfs.issuing.issue import issue as make
    from cardfs.issuing.roots import load_roots
    from cardfs.profile.inputs import Document, IssueError
    from cardfs.profile.loader import DEMO

    kind = load_kind(profile, settings)
    if kind.is_psam:
        _refuse_holder_options()
    if with_financial:
        kind = load_kind(profile, settings, with_financial)
    # The invented holder of 1.0 cards has no elements that came later, with DF05.
    person = load_holder(holder or DEMO / ("holder.toml" if "DF05" in kind.ids else "holder-1.0.toml"))
    if holder is None:
        person = replace(person, name="the demo holder", lenient=True)
    said = Document("--value", assignments("--value", values), Path.cwd())
    try:
        return make(
            kind,
            person,
            load_roots(roots or DEMO / "roots.toml"),
            issue_date=issue_date,
            expiry_date=expiry_date,
            values=said,
            **rest,
        )
    except IssueError as error:
        sentence, unknown, _ = str(error).partition(": no such data element")
        name = sentence.rpartition(" ")[2]
        if unknown and _is_financial(name, kind, profile, settings):
            more = "" if kind.settings.financial.kind == "none" else "=both"
            raise IssueError(f"{sentence}{unknown}; --with-financial{more} brings it") from None
        raise


def _is_financial(element: str, kind: "Profile", profile: str, settings: tuple[str, ...]) -> bool:
    """Whether cards of a type have an element only with a financial environment, which this one is without."""
    from cardfs.profile.inputs import ProfileError

    if kind.settings.financial.kind == "both":
        return False
    try:
        other = load_kind(profile, (*settings, 'settings.financial.kind="both"'))
    except ProfileError:
        return False
    return any(each.name == element for elements in other.dictionary.values() for each in elements)


PERSONAL: Final = ("holder", "pin", "card_number", "with_financial")
"""Inputs that mean nothing for a security module, which has no holder."""


def _refuse_holder_options() -> None:
    """Refuse what the caller wrote about a holder; defaults stand for nothing."""
    context = click.get_current_context(silent=True)
    for name in PERSONAL:
        if context and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UsageFault(
                f"--{name.replace('_', '-')}: a security module (PSAM) has no holder and takes no such option"
            )


def assignments(option: str, texts: tuple[str, ...]) -> dict[str, Any]:
    """Read ``settings.pin.tries=6`` as TOML; a word that is no TOML value counts as a string."""
    from cardfs.profile.inputs import TomlWrong, parse_toml

    result: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        for candidate in (text, f"{name}={value!r}"):
            try:
                table = parse_toml(candidate)
                break
            except TomlWrong:
                continue
        else:
            raise UsageFault(f"{option} {text}: not an assignment as TOML has it: name=value")
        if not equals:
            raise UsageFault(f"{option} {text}: a value is missing")
        _lay_over(result, table)
    return result


def _lay_over(base: dict[str, Any], top: dict[str, Any]) -> None:
    for name, value in top.items():
        below = base.get(name)
        if isinstance(below, dict) and isinstance(value, dict):
            _lay_over(below, value)
        else:
            base[name] = value


@main.command(short_help="Run a script of hex APDUs on a card, without a reader.")
@IMAGE
@click.argument("script", type=click.File("rb"), default="-")
@click.option("--trace", type=Target(), help="Write the trace to this file, as JSON lines.")
@click.option("--raw", is_flag=True, help="Print commands, secrets masked, and answers in hex only.")
def apdu(image: Path, script: Any, trace: Path | None, *, raw: bool) -> None:
    """Run a script of hex APDUs on a card, without a reader.

    One APDU a line, spaces allowed; '#' starts a comment; a line 'reset' is a power cycle. An answer
    that waits (61xx) is fetched only if the script says so.
    """
    from cardfs.memory.image import Image

    from ..sscard.cards import Card
    from ..trace.mask import masked_command
    from ..trace.traced import Traced
    from .console import console, trace_text

    commands = _script(script)
    out = console()
    stream = open_trace(trace)

    def tell(event: "Event") -> None:
        if stream:
            write_line(stream, event.json())
        if not raw:
            out.print(trace_text(event), soft_wrap=True)

    memory = Image.open(image)
    try:
        card: Card = Card(memory)
        traced = Traced(card, tell)
        for command in commands:
            if command is None:
                traced.power_off()
                traced.power_on()
                continue
            answer = traced.transmit(command)
            if raw:
                click.echo(f"{masked_command(command)} > {answer.hex().upper()}")
    finally:
        memory.close()
        if stream:
            stream.close()


def _script(script: Any) -> list[bytes | None]:
    """The commands of a script, None for a reset."""
    from cardfs.profile.inputs import decode_text

    name = getattr(script, "name", "<stdin>")
    if script.isatty():
        click.echo("Waiting for APDUs in hex, one a line; Ctrl-D ends the script and runs it.", err=True)
    text = decode_text(script.read(), name, UsageFault)
    lines = [(number, line.split("#")[0].strip()) for number, line in enumerate(text.splitlines(), 1)]
    return [_script_line(name, number, line) for number, line in lines if line]


def _script_line(name: str, number: int, line: str) -> bytes | None:
    if line.lower() == "reset":
        return None
    try:
        return bytes.fromhex(line)
    except ValueError:
        raise UsageFault(f"{name}: line {number}: not hex digits, two for a byte") from None
