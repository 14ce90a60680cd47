"""Issuing: profile, holder, root keys and options become the contents of a card (Part 10, 5).

The same inputs give the same card; a serial that is not given is drawn, from the seed of the options if there is one.
A card has parts, each with a module of its own: the social-security environment, the financial environment; a security
module is a card by itself.
"""

from dataclasses import replace
from typing import Final

from keys.diversify import HISTORICAL_LENGTH
from keys.records import Key, KeyRef, Usage

from ..memory import fmcos_heads as fmcos
from ..model.atr import HEADS
from ..model.files import MF_FID, MF_PATH, CardContents, CardInfo, Df, DfKind, Phase
from ..profile.inputs import Document, IssueError
from ..profile.loader import Profile
from .draft import Draft
from .financial import issue_financial
from .options import IssueOptions
from .psam import issue_psam
from .roots import Roots
from .social import issue_social

_DEFAULTS: Final = IssueOptions()


def issue(profile: Profile, holder: Document, roots: Roots, options: IssueOptions = _DEFAULTS) -> CardContents:
    """Return the contents of a card.

    Args:
        profile: from `load_profile`.
        holder: from `load_holder`; a security module has none and does not read it.
        roots: from `load_roots`.
        options: everything else; see `IssueOptions`.

    Raises:
        IssueError: an input is wrong; it names file and key, never the value of a secret.
    """
    if profile.is_psam:
        return issue_psam(profile, roots, options)
    if profile.settings.personalisation.cos == "fmcos":
        raise IssueError(
            "settings.personalisation.cos",
            "an FMCOS card is not issued: make a blank one and build it over its own commands",
        )
    draft = Draft.of(profile, holder, roots, options)
    social, financial = issue_social(draft), issue_financial(draft)
    contents = social.contents | financial.contents
    return CardContents(
        CardInfo(profile.name, profile.suite, profile.atr.build(draft.historical), draft.historical, profile.settings),
        dict(profile.dfs),
        dict(profile.efs),
        {path: contents[path] for path in profile.files},
        social.keys | financial.keys,
        dict(profile.dictionary),
        profile.names,
    )


def blank(profile: Profile) -> CardContents:
    """Return a blank card: an MF with the manufacturer's transport key, waiting to be activated (Part 10, 5.1).

    The names of keys and data elements are the profile's, so that people read the card built later;
    the card itself does nothing with them. An FMCOS card comes with an MF and a master key of its own.

    Raises:
        IssueError: the profile is of a security module, or FMCOS does not have its cipher.
    """
    if profile.is_psam:
        raise IssueError(profile.name, "a security module has no blank state; CREATE KEY fills an issued one")
    settings = profile.settings
    historical = bytes(HISTORICAL_LENGTH)
    if settings.personalisation.cos == "fmcos":
        if profile.suite != "3DES":
            raise IssueError(
                "settings.personalisation.cos",
                f"FMCOS 2.0 has only DES and 3DES, but {profile.name} has {profile.suite}",
            )
        # FMCOS is contactless; readers show such a card with an ATR for T=1.
        atr = replace(profile.atr, head=HEADS["T=1"]).build(historical)
        return fmcos.blank(CardInfo(profile.name, profile.suite, atr, historical, settings), MF_PATH, MF_FID)
    info = CardInfo(profile.name, profile.suite, profile.atr.build(historical), historical, settings)
    transport = Key(
        name="TRANSPORT",
        usage=Usage.TRANSPORT,
        suite_name=profile.suite,
        value=bytes.fromhex(settings.personalisation.maker_key),
        tries_max=settings.key.tries,
    )
    return CardContents(
        info,
        {MF_PATH: Df(MF_PATH, MF_FID, DfKind.MF, phase=Phase.BLANK)},
        {},
        {},
        {(KeyRef(MF_PATH, transport.name), 1): transport},
        dict(profile.dictionary),
        profile.names,
    )
