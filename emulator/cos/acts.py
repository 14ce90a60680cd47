"""What personalisation does, whatever the commands look like: files, keys, phases (Part 4, 5 to 7).

Each function checks the life-cycle table first: the phase, then the authority. An authority is shown
in one of two ways: by a MAC under the controlling key (loading keys), or by having authenticated
with it before (everything else).
"""

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, replace
from typing import Final

from cardfs.atr import with_historical
from cardfs.errors import AccessDenied, ApplicationBlocked, ConditionsUnmet, FileUnknown
from cardfs.files import MAX_RECORDS, MF_FID, Contents, Df, DfKind, Ef, Phase, Structure, child
from cardfs.life import Act, Authority, Edge, controlling_key, edge_for, find_edge
from cardfs.rules import FREE_RULE, NEVER_RULE, Rule, make_rule
from keys.errors import CardError, KeyUnknown, MacMissing, MacWrong, MethodBlocked
from keys.generate import is_odd, is_short, is_weak
from keys.records import Key, KeyRef, KeyState, Usage, same
from keys.suites import MAC_LENGTH, SUITES

from ..commands.pin import is_pin
from ..context import Context
from ..session import Session
from ..status import DataWrong

PIN_REFERENCE: Final = 0xFE
"""Stands for the PIN of the environment where rules name keys by their identifiers."""
LOCAL_PIN_REFERENCE: Final = 0xFD
"""Stands for a PIN of the current DF's own."""
RESERVED_KIDS: Final = frozenset((PIN_REFERENCE, LOCAL_PIN_REFERENCE))

LOCAL_KEY: Final = 0x80
SFIS: Final = range(1, 31)
MAX_NAMED: Final = 127 - len(bytes.fromhex("8400 A500 880100 9F0C00"))
"""Bytes that the DF name and the issuer's data may have together: the rest of an FCI goes off 127."""
CREATES: Final = {DfKind.MF: Act.CREATE_MF, DfKind.DDF: Act.CREATE_DDF, DfKind.ADF: Act.CREATE_ADF}
MASTER_USAGES: Final = frozenset((Usage.MASTER, Usage.TRANSPORT))
KEYLESS: Final = frozenset((Authority.NOBODY, Authority.DIRECTORY))
"""Authorities that no one key stands for; the permission bytes of a directory its coding has checked."""


@dataclass(frozen=True, slots=True)
class KeyLoad:
    """A key on its way into the card, as a coding has read it.

    Attributes:
        kid: None for a key without identifier.
        tries: maximum of the try counter, 0 for none.
        name: what the coding calls the key, if not as the card's own list of names does.
        value: the secret; never printed.
    """

    usage: Usage
    kid: int | None
    version: int
    suite_name: str
    tries: int
    value: bytes
    name: str = ""

    def __repr__(self) -> str:
        return f"KeyLoad({self.usage}, version {self.version})"


# -- authority ------------------------------------------------------------------------------------


def allow(ctx: Context, act: Act) -> Edge:
    """Pass the life-cycle table with an authority that has authenticated itself.

    Raises:
        LifeForbids, AccessDenied
    """
    edge = edge_for(ctx.image, ctx.session.df, act)
    ref = controlling_key(ctx.image, ctx.session.df, edge.authority)
    if edge.authority not in KEYLESS and (ref is None or ref not in ctx.session.proofs):
        raise AccessDenied(f"to {act} takes {edge.authority}, authenticated in this DF")
    return edge


def unwrap_load(ctx: Context, edge: Edge) -> bytes:
    """Verify the MAC of a key load under the controlling key and decipher its data (Part 4, 7.3).

    A wrong MAC costs the controlling key a try; it is charged before the comparison. The initial
    value is the challenge, so a recorded load cannot be repeated (Part 9, 7.1.3 and 7.2.3).

    Raises:
        MacMissing, MethodBlocked, ChallengeUnusable, MacWrong, CipherDataWrong
    """
    ref = controlling_key(ctx.image, ctx.session.df, edge.authority)
    if ref is None:
        raise KeyUnknown(f"the card has no key for {edge.authority}")
    key = ctx.image.key(ref, ctx.image.versions(ref)[-1]).require(*MASTER_USAGES)
    data = verified(ctx, ref, key)
    with Uncharged(ctx, ref):
        return key.suite.decrypt_data(ctx.image.keyed((ref, key.version)), data)


def verified(ctx: Context, ref: KeyRef, key: Key, *, least: int = 1) -> bytes:
    """Return the data of a command without the MAC that a long-term key makes from the challenge.

    A wrong MAC costs the key a try; it is charged before the comparison.

    Args:
        least: how many bytes come before the MAC at least.

    Raises:
        MacMissing, MethodBlocked, ChallengeUnusable, MacWrong
    """
    command = ctx.command
    if not command.secured or len(command.data) < MAC_LENGTH + least:
        raise MacMissing(f"the command ends in no MAC under {key.name}")
    at = (ref, key.version)
    if ctx.image.locked(at):
        raise MethodBlocked(f"{ref.name} is locked, no tries left")
    challenge = key.suite.check_challenge(ctx.require_challenge())
    if key.tries_max:
        ctx.image.charge(at)
    data, mac = command.data[:-MAC_LENGTH], command.data[-MAC_LENGTH:]
    covered = command.header + bytes((len(command.data),)) + data
    if not same(key.suite.key_load_mac(key.value, challenge, covered, keyed=ctx.image.keyed(at)), mac):
        raise MacWrong(f"the MAC does not verify under {key.name} with this challenge")
    ctx.change().restore(at)
    return data


def mac_was_right(ctx: Context, edge: Edge) -> "Uncharged":
    """What is refused in this block, after `unwrap_load`, costs no try: the MAC was right (Part 7, 13.3)."""
    ref = _controller(ctx, edge)
    assert ref is not None  # noqa: S101 - its MAC has been verified
    return Uncharged(ctx, ref)


class Uncharged:
    """A block in which a refusal, after `verified`, costs the key no try."""

    def __init__(self, ctx: Context, ref: KeyRef) -> None:
        self._image = ctx.image
        self._at = (ref, ctx.image.versions(ref)[-1])

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, CardError):
            self._image.refund(self._at)


# -- files ------------------------------------------------------------------------------------------


def create_df(
    ctx: Context,
    fid: int,
    kind: DfKind,
    name: bytes,
    *,
    lock_kid: int | None = None,
    directory_sfi: int | None = None,
    issuer_data: bytes = b"",
) -> None:
    """Create an environment or an application below the current DF, or give the MF its attributes.

    Raises:
        LifeForbids, AccessDenied, DataWrong: the FID or the name is taken, or no DF can be so.
    """
    allow(ctx, CREATES[kind])
    image = ctx.image
    path = image.root if kind is DfKind.MF else child(ctx.session.df, fid)
    if kind is not DfKind.MF:
        _check_fid(ctx, fid, path)
    if name and any(df.name == name and df.path != path for df in image.dfs.values()):
        raise DataWrong("a DF with this name exists (Part 3, 5.2.1)")
    if len(name) > 16 or 0 < len(name) < 5:
        raise DataWrong(f"a DF name has 5 to 16 bytes, not {len(name)}")
    if directory_sfi is not None and directory_sfi not in SFIS:
        raise DataWrong(f"a directory file has SFI 1 to 30, not {directory_sfi:02X}")
    if len(name) + len(issuer_data) > MAX_NAMED:
        raise DataWrong("the FCI of this DF would not have a length of one byte (Part 5, 6.11.4)")
    phase = {DfKind.DDF: Phase.CREATED, DfKind.MF: image.dfs[image.root].phase}.get(kind, Phase.OPERATIONAL)
    df = Df(
        path,
        image.dfs[path].fid if kind is DfKind.MF else fid,
        kind,
        name,
        directory_sfi=directory_sfi,
        issuer_data=issuer_data,
        lock_kid=lock_kid,
        phase=phase,
    )
    ctx.change().put_df(df)


def create_ef(ctx: Context, ef: Ef) -> None:
    """Create an EF below the current DF, empty.

    Raises:
        LifeForbids, AccessDenied, DataWrong: FID or SFI is taken, or no EF can be so.
    """
    allow(ctx, Act.CREATE_EF)
    image = ctx.image
    _check_fid(ctx, ef.fid, ef.path)
    if ef.sfi is not None and (ef.sfi not in SFIS or image.ef_by_sfi(ef.parent, ef.sfi)):
        raise DataWrong(f"SFI {ef.sfi:02X} is taken or not one of 1 to 30 (Part 3, 5.2)")
    flat = ef.structure in (Structure.TRANSPARENT, Structure.INTERNAL)
    sized = flat or ef.structure is Structure.LINEAR_VARIABLE
    if not (ef.size if sized else ef.record_length) or not (flat or 1 <= ef.max_records <= MAX_RECORDS):
        raise DataWrong(f"a {ef.structure} file cannot be of this size")
    unwritten = 0 if ef.structure is Structure.INTERNAL else ctx.settings.data.unwritten_byte
    contents: Contents = bytes((unwritten,)) * ef.size if flat else ()
    ctx.change().put_ef(ef, contents)


def _check_fid(ctx: Context, fid: int, path: str) -> None:
    if fid == MF_FID:
        raise DataWrong("3F00 is the MF (Part 3, 5.2)")
    if path in ctx.image.dfs or path in ctx.image.efs:
        raise DataWrong(f"there is a file {fid:04X} already")


def rule_from(ctx: Context, alternatives: list[list[int]], df: str) -> Rule:
    """Make a rule for a file of ``df`` from key identifiers; b7 means a key of that DF, else the environment's.

    The keys need not be there yet: a rule points at what is loaded later under that identifier.
    """
    if not alternatives:
        return NEVER_RULE
    if [] in alternatives:
        return FREE_RULE
    environment = ctx.image.environment(df)

    def resolve(kid: int) -> KeyRef:
        if kid == PIN_REFERENCE:
            return KeyRef(environment, ctx.image.key_name(environment, None, Usage.PIN))
        if kid == LOCAL_PIN_REFERENCE:
            return KeyRef(df, ctx.image.key_name(df, None, Usage.PIN))
        owner = df if kid & LOCAL_KEY else environment
        return KeyRef(owner, ctx.image.key_name(owner, kid))

    return make_rule(frozenset(resolve(kid) for kid in each) for each in alternatives)


def delete_file(ctx: Context, fid: int) -> None:
    """Delete a file below the current DF with all that is in it; only before the handover, or END.

    Raises:
        LifeForbids, AccessDenied, FileUnknown, ConditionsUnmet: an environment that has its own master key.
        ApplicationBlocked: what is locked is so for good.
    """
    allow(ctx, Act.DELETE_FILE)
    path = child(ctx.session.df, fid)
    df = ctx.image.dfs.get(path)
    if df is None and path not in ctx.image.efs:
        raise FileUnknown(f"{ctx.image.label(ctx.session.df)} has no file {fid:04X}")
    if df is not None and df.kind is DfKind.DDF and df.phase is not Phase.CREATED:
        raise ConditionsUnmet(f"{df.label} has a master key of its own")
    _refuse_locked(ctx, (path,))
    ctx.change().delete(path)
    _forget(ctx, (path,))


def delete_all(ctx: Context, keep: Container[str] = ()) -> None:
    """Delete everything below the current environment, or the whole structure of the card.

    Of an environment its master key stays. Of the card the card master key goes too and the transport
    key becomes valid again (Part 10, 5.1.1); not once an environment has a master key of its own.
    """
    edge = allow(ctx, Act.DELETE_ALL)
    image, here = ctx.image, ctx.session.df
    below = image.children(here)
    if any(image.dfs[path].kind is DfKind.DDF and image.dfs[path].phase is not Phase.CREATED for path in below):
        raise ConditionsUnmet("an environment has a master key of its own")
    _refuse_locked(ctx, below)
    change = ctx.change()
    for path in (*below, *(path for path, ef in image.efs.items() if ef.parent == here and path not in keep)):
        change.delete(path)
    change.delete_keys(at for at, key in image.keys.items() if at[0].owner == here and key.usage not in MASTER_USAGES)
    if edge.kind is DfKind.MF:
        for at, key in image.keys.items():
            if key.usage is Usage.MASTER and at[0].owner == here:
                change.delete_keys((at,))
            elif key.usage is Usage.TRANSPORT:
                change.put_key(at[0], replace(key, state=KeyState.ACTIVE))
        ctx.session = ctx.session._replace(proofs=frozenset())
    change.put_df(replace(image.dfs[here], phase=edge.following))
    _forget(ctx, below)
    kept = controlling_key(image, here, edge.authority)
    ctx.session = ctx.session._replace(
        proofs=frozenset(ref for ref in ctx.session.proofs if ref.owner != here or ref == kept)
    )


def _refuse_locked(ctx: Context, paths: Iterable[str]) -> None:
    for path in paths:
        if path in ctx.image.dfs and ctx.image.dfs[path].blocked:
            raise ApplicationBlocked(f"{ctx.image.label(path)} is permanently locked")


def _forget(ctx: Context, gone: Iterable[str]) -> None:
    """End what was selected or proven of files that are gone."""
    owners = frozenset(gone)
    proofs = frozenset(ref for ref in ctx.session.proofs if ref.owner not in owners)
    ctx.session = ctx.session._replace(ef=None, pointer=None, proofs=proofs)


# -- keys -------------------------------------------------------------------------------------------


def loading_edge(ctx: Context, *, update: bool, retire: bool = False) -> Edge:
    """The edge that allows to load a key here and now, before it is known which one.

    Which key it is stands enciphered in the command. In each phase all loads take one authority, so
    that any of the possible acts leads to the controlling key.

    Raises:
        LifeForbids
    """
    image, here = ctx.image, ctx.session.df
    candidates = _RETIRES if retire else _UPDATES if update else _INSTALLS
    found = (edge for act in candidates if (edge := find_edge(image, here, act)))
    return next(found, None) or edge_for(image, here, candidates[0])


_RETIRES: Final = (Act.RETIRE_KEY,)
_INSTALLS: Final = (Act.INSTALL_KEY, Act.INSTALL_MASTER)
_UPDATES: Final = (Act.UPDATE_KEY, Act.UPDATE_MASTER, Act.UPDATE_TRANSPORT)


def act_for(usage: Usage, *, update: bool) -> Act:
    """The act that loading a key with this function is."""
    if usage is Usage.TRANSPORT:
        return Act.UPDATE_TRANSPORT
    if usage is Usage.MASTER:
        return Act.UPDATE_MASTER if update else Act.INSTALL_MASTER
    return Act.UPDATE_KEY if update else Act.INSTALL_KEY


def load_key(
    ctx: Context, load: KeyLoad, edge: Edge, *, update: bool, check: Callable[[Context, KeyLoad], None] | None = None
) -> None:
    """Store a key that has been deciphered and verified.

    Args:
        check: what refuses a value that cannot be such a key; the standard's rules if None.

    Raises:
        DataWrong: install of a key that is there, or a value that cannot be such a key.
        KeyUnknown: update of a key that is not there.
    """
    image, here = ctx.image, ctx.session.df
    ref = KeyRef(here, load.name or image.key_name(here, load.kid, load.usage))
    at = (ref, load.version)
    present = image.keys.get(at)
    if update and (present is None or present.usage is not load.usage or present.state is not KeyState.ACTIVE):
        raise KeyUnknown(f"{ref.name} version {load.version} is not there to be updated")
    if not update and (present is not None or _identifier_taken(ctx, ref, load)):
        raise DataWrong(f"{ref.name} version {load.version}, or its identifier, is there already")
    (check or check_value)(ctx, load)
    change = ctx.change()
    key = Key(ref.name, load.usage, load.suite_name, load.value, load.kid, load.version, load.tries)
    change.put_key(ref, key)
    change.restore(at)
    # What the old value proved ends with it.
    ctx.session = _without(ctx.session, ref)
    if load.usage in MASTER_USAGES:
        # And so does the control of the key before.
        ctx.session = _without(ctx.session, _controller(ctx, edge))
        if edge.act is Act.INSTALL_MASTER and edge.kind is DfKind.MF:
            _hide_transport_key(ctx)
    if edge.following is not edge.phase:
        change.put_df(replace(image.dfs[here], phase=edge.following))


def set_transport_key(ctx: Context, value: bytes) -> None:
    """Take the transport key of a blank card in clear, where the profile allows that (Part 10, 5.1.1)."""
    allow(ctx, Act.SET_TRANSPORT)
    if not ctx.settings.personalisation.plain_keys:
        raise MacMissing("this card takes no key in clear")
    ref = controlling_key(ctx.image, ctx.session.df, Authority.TRANSPORT)
    if ref is None:
        raise KeyUnknown("the card has no transport key")
    key = ctx.image.key(ref, 1)
    check_value(ctx, KeyLoad(key.usage, None, 1, key.suite_name, key.tries_max, value))
    ctx.change().put_key(ref, replace(key, value=value))
    ctx.change().restore((ref, 1))
    ctx.session = _without(ctx.session, ref)


def retire_key(ctx: Context, load: KeyLoad) -> None:
    """Take a version of a key out of use for good; asked for later it is refused (Part 4, 7.5).

    Raises:
        ConditionsUnmet: a master key, without which nobody would be in control.
        KeyUnknown: it is not there, or out of use already.
    """
    if load.usage in MASTER_USAGES:
        raise ConditionsUnmet("a master key is replaced and never retired")
    ref = KeyRef(ctx.session.df, ctx.image.key_name(ctx.session.df, load.kid, load.usage))
    key = ctx.image.key(ref, load.version).require(load.usage)
    ctx.change().put_key(ref, replace(key, state=KeyState.RETIRED))
    ctx.session = _without(ctx.session, ref)


def check_value(ctx: Context, load: KeyLoad) -> None:
    """Refuse a value that cannot be such a key: length, parity, weak keys (Part 4, 7.2).

    Raises:
        DataWrong
    """
    if load.kid in RESERVED_KIDS or (load.kid is not None and load.usage in (*MASTER_USAGES, Usage.PIN)):
        raise DataWrong("this key cannot have this identifier")
    if load.usage is Usage.PIN:
        if load.suite_name or (load.value and not is_pin(load.value)):
            raise DataWrong("the value is no PIN in cn of 4 to 16 digits")
        return
    suite = SUITES.get(load.suite_name)
    if suite is None or len(load.value) != suite.key_length:
        raise DataWrong("the key has not the length of its cipher")
    settings = ctx.settings.personalisation
    if settings.weak_keys != "accept" and is_weak(suite, load.value):
        raise DataWrong("this is a weak DES key")
    if settings.weak_keys == "refuse-short" and is_short(suite, load.value):
        raise DataWrong("both halves of the key are equal, so it is no stronger than DES")
    if settings.parity == "check" and not is_odd(suite, load.value):
        raise DataWrong("the key has not odd parity")


def _identifier_taken(ctx: Context, ref: KeyRef, load: KeyLoad) -> bool:
    """Whether another key, or another function, already has the identifier or the one place of its kind."""
    others = (ctx.image.keys[ref, version] for version in ctx.image.versions(ref))
    return any(key.usage is not load.usage or key.kid != load.kid for key in others)


def _without(session: Session, *refs: KeyRef | None) -> Session:
    """The session without these proofs."""
    gone = session.proofs.intersection(refs)
    return session._replace(proofs=session.proofs - gone) if gone else session


def _controller(ctx: Context, edge: Edge) -> KeyRef | None:
    return controlling_key(ctx.image, ctx.session.df, edge.authority)


def _hide_transport_key(ctx: Context) -> None:
    """The card master key replaces the transport key, which only deleting the structure brings back."""
    for (ref, _), key in ctx.image.keys.items():
        if key.usage is Usage.TRANSPORT:
            ctx.change().put_key(ref, replace(key, state=KeyState.RETIRED))


# -- the card ----------------------------------------------------------------------------------------


def set_historical(ctx: Context, historical: bytes) -> None:
    """Set the 13 historical bytes of the ATR (Part 10, 5.1.2); the next reset answers them."""
    allow(ctx, Act.SET_HISTORICAL)
    info = ctx.image.info
    if len(historical) != len(info.historical):
        raise DataWrong(f"a card has {len(info.historical)} historical bytes")
    ctx.change().put_info(replace(info, atr=with_historical(info.atr, historical), historical=historical))


def end_phase(ctx: Context) -> None:
    """End the phase of the card or of an environment: activation, or personalisation.

    When the card is operational the hidden transport key is erased, since nothing can revive it.
    """
    edge = allow(ctx, Act.END)
    here = ctx.session.df
    change = ctx.change()
    change.put_df(replace(ctx.image.dfs[here], phase=edge.following))
    if edge.following is Phase.OPERATIONAL:
        hidden = [at for at, key in ctx.image.keys.items() if key.usage is Usage.TRANSPORT and at[0].owner == here]
        if hidden:
            change.delete_keys(hidden)
        ctx.session = _without(ctx.session, _controller(ctx, edge))
