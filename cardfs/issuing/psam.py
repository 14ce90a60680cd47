"""Issuing a security module: profile, root keys and region become its contents (Part 9, 5 to 7.3).

It takes the roots file of the cards that it shall work with. A key that is n levels above the card's is
derived from its root by all but the last n of province, city and card factor.
"""

from dataclasses import replace
from typing import Final

from keys.diversify import city_factor, diversify, province_factor
from keys.records import Key, KeyId, KeyRef
from keys.suites import SUITES

from ..model import tlv
from ..model.codecs import CodecError, encode
from ..model.files import CardContents, CardInfo, Contents, Structure, child
from ..model.psam_keys import (
    ALGORITHM_BYTES,
    DIRECTORY_FILE,
    LEVELS_MAX,
    TYPES,
    Head,
    file_for,
    psam_ref,
    room_taken,
    usage_byte,
)
from ..profile.files import EfPlan
from ..profile.inputs import Document, IssueError, NoSuchElement
from ..profile.loader import Profile
from ..profile.tree import KeyPlan
from .holder import suggest
from .options import ISSUE_DATE, IssueOptions, years_later
from .roots import LEVELS, Roots

LABEL: Final = "社会保障应用"
SERIAL_DIGITS: Final = 20
FIRST_SEQUENCE: Final = 1
VERSION: Final = 1


def issue_psam(profile: Profile, roots: Roots, options: IssueOptions) -> CardContents:
    """Issue a security module; both environments get the same.

    Of the options the region gives province and city factor and digits 1 to 6 of the terminal number (Part 9, 7.3),
    the last six digits of the serial give digits 7 to 12. Values have data elements by name: ``terminal_number``.

    Raises:
        IssueError: an input is wrong; it names file and key, never the value of a secret.
    """
    options.require_region()
    digits = _serial(options)
    keys = _keys(profile, roots, options.region)
    contents = {path: _listed(keys, plan) for path, plan in profile.files.items()}
    contents.update(_data(profile, _defaults(profile, options, digits), options.values))
    historical = profile.atr.historical(options.region, bytes.fromhex(digits[-8:]))
    dfs = {
        path: replace(df, directory_sfi=DIRECTORY_FILE) if child(path, DIRECTORY_FILE) in profile.efs else df
        for path, df in profile.dfs.items()
    }
    info = CardInfo(profile.name, profile.suite, profile.atr.build(historical), historical, profile.settings)
    return CardContents(info, dfs, dict(profile.efs), contents, keys, dict(profile.dictionary), psam_names(profile))


def missing_roots(profile: Profile, roots: Roots) -> list[str]:
    """Return the names of the keys that a module issued with these roots lacks."""
    return list(
        dict.fromkeys(plan.root for plan in profile.keys if plan.usage in TYPES and _root(plan) not in roots.values)
    )


def psam_names(profile: Profile) -> dict[str, dict[str, str]]:
    """Return the names of the keys of each DF, by its path and by usage byte and identifier, ``28/12``.

    A key has its name at every level, also at levels that this profile does not give it.
    """
    names: dict[str, dict[str, str]] = {}
    plans = [plan for plan in profile.keys if plan.usage in TYPES and plan.kid is not None]
    for levels in (None, *range(LEVELS_MAX + 1)):
        for plan in plans:
            at = psam_ref(
                plan.ref.owner, usage_byte(plan.usage, plan.levels if levels is None else levels), plan.kid or 0
            )
            names.setdefault(at.owner, {}).setdefault(at.name, _root(plan)[0])
    return names


def _serial(options: IssueOptions) -> str:
    """Return twenty digits; a drawn serial has eight that mean something."""
    digits = options.serial or f"{int.from_bytes(options.random()(8)) % 100_000_000:08d}"
    if len(digits) > SERIAL_DIGITS or not (digits.isascii() and digits.isdigit()):
        raise IssueError(
            "serial", f"write at most {SERIAL_DIGITS} digits for a security module, not {options.serial!r}"
        )
    return digits.zfill(SERIAL_DIGITS)


# -- keys ---------------------------------------------------------------------------------------


def _keys(profile: Profile, roots: Roots, region: str) -> dict[KeyId, Key]:
    """Derive every key that has a root; master keys and own keys are the roots themselves, and must be there."""
    above = LEVELS_MAX - LEVELS.index(roots.level)
    factors = [province_factor(region), city_factor(region, zhejiang_rule=profile.settings.crypto.zhejiang_rule)]
    keys: dict[KeyId, Key] = {}
    missing = [plan.root for plan in profile.keys if plan.usage not in TYPES and _root(plan) not in roots.values]
    if missing:
        raise IssueError(roots.source, f"no root for {', '.join(dict.fromkeys(missing))}")
    # Roots that are already diversified make keys that are nearer to the card's.
    for plan in sorted(profile.keys, key=lambda plan: plan.levels > above):
        root = roots.values.get(_root(plan))
        if root is None:
            continue
        levels = min(plan.levels, above)
        suite = SUITES[plan.suite_name]
        if len(root) < suite.key_length:
            raise IssueError(
                f"{roots.source}: roots.{plan.root}", f"a {suite.name} key needs a root of {suite.key_length} bytes"
            )
        walked = factors[LEVELS_MAX - above : LEVELS_MAX - levels] if plan.levels else []
        value = diversify(suite, root[: suite.key_length], walked)
        ref, key = _placed(plan, value, levels)
        if (ref, 1) in keys:
            if levels != plan.levels:
                # Its place belongs to a key that is there at its own level.
                continue
            raise IssueError(
                profile.source,
                f"two keys have the place {ref.name} in one application; {_root(plan)[0]} is one of them",
            )
        keys[ref, 1] = key
    return keys


def _placed(plan: KeyPlan, value: bytes, levels: int) -> tuple[KeyRef, Key]:
    """Give a key the place that a command finds it at."""
    if plan.usage not in TYPES:
        return plan.ref, plan.key(value, 1)
    if plan.kid is None or file_for(plan.usage, plan.kid) is None:
        raise IssueError(
            plan.where.at("kid"), "this is no identifier of a key in a security module (Part 9, appendix A)"
        )
    ref = psam_ref(plan.ref.owner, usage_byte(plan.usage, levels), plan.kid)
    algorithm = ALGORITHM_BYTES[plan.suite_name]
    key = Key(ref.name, plan.usage, plan.suite_name, value, plan.kid, levels=levels, algorithm=algorithm)
    return ref, key


def _root(plan: KeyPlan) -> tuple[str, int]:
    """Name and version of a root; ``DPK.2`` is the second one of DPK."""
    name, _, version = plan.root.partition(".")
    return name, int(version or 1)


def _listed(keys: dict[KeyId, Key], plan: EfPlan) -> Contents:
    """Return the heads of a key file's records; of a file of another kind what it has before data come."""
    if plan.ef.structure is not Structure.INTERNAL:
        return () if plan.ef.structure is not Structure.TRANSPARENT else bytes(plan.ef.size)
    contents = b"".join(
        Head(usage_byte(key.usage, key.levels), key.kid or 0, key.algorithm or 0).encode()
        for (ref, _), key in keys.items()
        if ref.owner == plan.ef.parent and key.usage in TYPES and file_for(key.usage, key.kid or 0) == plan.ef.fid
    )
    if room_taken(contents) > plan.ef.size:
        raise IssueError(plan.id, f"the keys take {room_taken(contents)} bytes, but only {plan.ef.size} fit")
    return contents


# -- files --------------------------------------------------------------------------------------


def _defaults(profile: Profile, options: IssueOptions, serial: str) -> dict[str, object]:
    """Return what the elements hold unless the options give something else."""
    start = options.issue_date or ISSUE_DATE
    aids = {df.path.rpartition("/")[0]: df.name for df in profile.dfs.values() if df.path.endswith("DF01")}
    return {
        "application": {"aid": {"hex": next(iter(aids.values()), b"").hex()}, "label": LABEL},
        "psam_serial": serial,
        "psam_version": VERSION,
        "terminal_number": options.region + serial[-6:],
        "terminal_sequence": FIRST_SEQUENCE,
        "purchase_key_index": 1,
        "authentication_key_version": 1,
        "start_date": start,
        "end_date": options.expiry_date or years_later(start),
    }


def _data(profile: Profile, defaults: dict[str, object], values: Document | None) -> dict[str, Contents]:
    """Encode every data element; one name may stand in several files, which then hold the same."""
    given = dict(values.data) if values else {}
    names = {element.name for plan in profile.files.values() for element in plan.elements}
    for name in given:
        if name not in names:
            raise NoSuchElement(f"{values.name}: {name}" if values else name, name, suggest(name, names))
    result: dict[str, Contents] = {}
    for path, plan in profile.files.items():
        if not plan.elements:
            continue
        parts = []
        for element in plan.elements:
            value = given.get(element.name, defaults.get(element.name, 0))
            try:
                data = encode(element, value)
            except CodecError as error:
                raise IssueError(element.name, str(error)) from None
            parts.append(data if element.tag is None else tlv.encode(element.tag, data))
        linear = plan.ef.structure is not Structure.TRANSPARENT
        result[path] = tuple(parts) if linear else b"".join(parts).ljust(plan.ef.size, b"\x00")
    return result
