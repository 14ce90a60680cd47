"""What `issue`, `blank`, `personalise` and the demo share: from options to the contents of a card, and to an image."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from .dates import DATE
from .errors import UsageFault
from .targets import require_free

if TYPE_CHECKING:
    from cardfs.model.files import CardContents
    from cardfs.profile.loader import Profile

DEMO_NOTE: Final = "the demo root keys are public test keys"

_INPUTS: Final = (
    click.option(
        "--holder", type=click.Path(path_type=Path), help="TOML file of the holder.  [default: an invented one]"
    ),
    click.option(
        "--roots", type=click.Path(path_type=Path), help="TOML file of root keys.  [default: public test keys]"
    ),
    click.option("--region", default="519900", show_default=True, help="Application city code, six digits."),
    click.option(
        "--serial",
        default="",
        help="Card serial TA..TD, eight hex digits; of a PSAM up to 20 digits.  [default: random]",
    ),
    click.option("--pin", default="123456", show_default=True, help="PIN, 4 to 16 digits; empty for none."),
    click.option("--seed", help="Seed of all random values: the same inputs then give the same card."),
    click.option("--issue-date", type=DATE, help="Date of issue."),
    click.option("--expiry-date", type=DATE, help="Last day of validity."),
    click.option("--card-number", default="", help="Card number, nine characters with the check character."),
    click.option(
        "--with-financial",
        type=click.Choice(["edep", "debit_credit", "both", "none"]),
        is_flag=False,
        flag_value="both",
        help="Add a financial environment with both applications or one (settings.financial.kind).",
    ),
    click.option(
        "--set", "settings", multiple=True, metavar="TOML", help="Change a value of the profile: settings.pin.tries=6"
    ),
    click.option(
        "--value", "values", multiple=True, metavar="TOML", help='Change a value of the holder: name="测试乙"'
    ),
)


def issue_inputs(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options for the contents of a card to a command, and return it."""
    for option in reversed(_INPUTS):
        command = option(command)
    return command


def load_kind(profile: str, settings: tuple[str, ...], financial: str | None = None) -> "Profile":
    """Load a card type with the values of ``--with-financial`` and, over them, of ``--set``.

    Raises:
        ProfileError: no such profile, or a value that it cannot have; names the option or the file.
    """
    from cardfs.profile.inputs import Document
    from cardfs.profile.loader import KIND, ProfileError, load_profile

    by_option = {"settings": {"financial": {"kind": financial}}} if financial else {}
    try:
        return load_profile(
            profile, Document("--with-financial", by_option), Document("--set", assignments("--set", settings))
        )
    except ProfileError as error:
        if error.place != f"--with-financial: {KIND}":
            raise
        # The option's name says already which setting it is.
        raise ProfileError("--with-financial", error.reason) from None


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
    """Load the inputs and issue a card; the demo inputs stand in for those that are not given.

    Args:
        profile: card type, a shipped name or a TOML file.
        holder, roots: TOML files; None for the demo ones.
        with_financial: value of ``--with-financial``; None if it is not given.
        settings, values: assignments of ``--set`` and ``--value``.
        issue_date, expiry_date: dates, or None for the default.
        rest: further fields of `IssueOptions`.

    Returns:
        the contents of the finished card.

    Raises:
        ProfileError, InputError: an input is wrong; names the option, or the file and key.
        UsageFault: an option that a security module does not take.
    """
    from cardfs.issuing.holder import load_holder
    from cardfs.issuing.issue import issue as make
    from cardfs.issuing.options import IssueOptions
    from cardfs.issuing.roots import load_roots
    from cardfs.profile.inputs import Document, NoSuchElement
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
    overrides = Document("--value", assignments("--value", values), Path.cwd())
    try:
        return make(
            kind,
            person,
            load_roots(roots or DEMO / "roots.toml"),
            IssueOptions(issue_date=issue_date, expiry_date=expiry_date, values=overrides, **rest),
        )
    except NoSuchElement as error:
        if not _is_financial(error.name, kind, profile, settings):
            raise
        more = "" if kind.settings.financial.kind == "none" else "=both"
        raise NoSuchElement(error.place, error.name, f"; add it with --with-financial{more}") from None


def _is_financial(element: str, kind: "Profile", profile: str, settings: tuple[str, ...]) -> bool:
    """Return whether cards of a type have an element only with a financial environment that this one lacks."""
    from cardfs.profile.inputs import ProfileError

    if kind.settings.financial.kind == "both":
        return False
    try:
        other = load_kind(profile, (*settings, 'settings.financial.kind="both"'))
    except ProfileError:
        return False
    return any(each.name == element for elements in other.dictionary.values() for each in elements)


PERSONAL: Final = ("holder", "pin", "card_number", "with_financial")
"""Inputs that a security module does not take, since it has no holder."""


def _refuse_holder_options() -> None:
    """Raise `UsageFault` for an option on the holder that stands on the command line; defaults do not count."""
    context = click.get_current_context(silent=True)
    for name in PERSONAL:
        if context and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UsageFault(
                f"--{name.replace('_', '-')}: a security module (PSAM) has no holder and takes no such option"
            )


def demo_contents(profile: str = "ssc-2.0", seed: str | None = None) -> "CardContents":
    """Issue a card from the demo inputs, an invented holder and public root keys, and return its contents.

    Args:
        profile: card type.
        seed: draw from it, so that the card is the same each time; None for another card each time.
    """
    return issue_contents(profile, region="519900", seed=seed)


def authority_json(contents: "CardContents", roots: Path | None) -> str:
    """Return the certification authority's public key as JSON, all bytes in hex.

    Raises:
        UsageFault: the card has no debit/credit application.
    """
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


def write_image(image: Path, contents: "CardContents", *, force: bool) -> None:
    """Make an image file, with ``force`` also in the place of an old one.

    Raises:
        UsageFault: the file exists, and ``force`` is False.
        ImageError: it cannot be written, or what stands there is no card image, or a card in use.
    """
    from cardfs.memory.image import Image

    require_free(image, force=force)
    if image.exists():
        _replace(image, contents)
    else:
        Image.create(image, contents)


def _replace(image: Path, contents: "CardContents") -> None:
    """Replace the image of a card that nobody uses; refuse any other file."""
    from cardfs.memory.image import Image
    from cardfs.memory.sqlite import SqliteStore
    from cardfs.model.errors import LogError

    # Closing it also takes away what a killed process left beside it, which belongs to the old card.
    with suppress(LogError):
        SqliteStore(image).close()
    Image.create(image, contents, replace=True)


def assignments(option: str, texts: tuple[str, ...]) -> dict[str, Any]:
    """Read assignments as TOML, ``settings.pin.tries=6``; a word that is no TOML value counts as a string.

    Returns:
        the values as nested tables; of two for one name the later counts.

    Raises:
        UsageFault: a text is no assignment; names the option.
    """
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
            raise UsageFault(f"{option} {text}: this is no assignment; write name=value, as in TOML")
        if not equals:
            raise UsageFault(f"{option} {text}: the value is missing; write name=value")
        _lay_over(result, table)
    return result


def _lay_over(base: dict[str, Any], top: dict[str, Any]) -> None:
    for name, value in top.items():
        below = base.get(name)
        if isinstance(below, dict) and isinstance(value, dict):
            _lay_over(below, value)
        else:
            base[name] = value
