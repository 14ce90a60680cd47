"""What a new card of a test holds: issued from a profile, a holder and root keys, or blank."""

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from cardfs.issuing import issue as issuing
from cardfs.issuing.holder import load_holder
from cardfs.issuing.options import IssueOptions
from cardfs.issuing.roots import Roots, load_roots
from cardfs.model.files import CardContents
from cardfs.profile.inputs import Document
from cardfs.profile.loader import DEMO, Profile, load_profile

FilePath = str | PathLike[str]


def issued(
    profile: FilePath | Profile,
    holder: FilePath | Mapping[str, Any] | None,
    roots: FilePath | Roots | None,
    *,
    settings: Mapping[str, Any] | None,
    financial: str | None,
    values: Mapping[str, Any] | None,
    **options: Any,
) -> CardContents:
    """Return the contents of a finished card; arguments as for `Card.issue`, ``options`` those of `IssueOptions`.

    Raises:
        InputError: an input is wrong.
    """
    kind = _profile(profile, settings, financial)
    return issuing.issue(
        kind,
        _holder(holder, kind),
        roots if isinstance(roots, Roots) else load_roots(Path(roots or DEMO / "roots.toml")),
        IssueOptions(**options, values=Document("values", dict(values), Path.cwd()) if values else None),
    )


def blank(profile: FilePath | Profile, settings: Mapping[str, Any] | None, financial: str | None) -> CardContents:
    """Return the contents of a blank card; arguments as for `Card.blank`.

    Raises:
        InputError: an input is wrong, or a card of this type has no blank state.
    """
    return issuing.blank(_profile(profile, settings, financial))


def _profile(name: FilePath | Profile, settings: Mapping[str, Any] | None, financial: str | None) -> Profile:
    if isinstance(name, Profile):
        return name
    layers = [Document("financial", {"settings": {"financial": {"kind": financial}}})] if financial else []
    if settings:
        layers.append(Document("settings", {"settings": dict(settings)}))
    return load_profile(name if isinstance(name, str) else Path(name), *layers)


def _holder(given: FilePath | Mapping[str, Any] | None, kind: Profile) -> Document:
    if given is None:
        # The invented holder of 1.0 cards has no elements that came later, with DF05.
        invented = load_holder(DEMO / ("holder.toml" if "DF05" in kind.ids else "holder-1.0.toml"))
        return replace(invented, name="the demo holder", lenient=True)
    if isinstance(given, Mapping):
        return Document("holder", dict(given), Path.cwd())
    return load_holder(Path(given))
