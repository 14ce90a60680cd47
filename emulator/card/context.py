"""What a command handler works with: the image, the session, and the checks that many commands share."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from cardfs.life import Operation, controlling_key, find_edge
from cardfs.memory.image import Image
from cardfs.memory.transaction import Transaction
from cardfs.model.errors import AccessDenied, NoCurrentEf, StructureMismatch
from cardfs.model.files import CommandSet, Df, Ef, Structure
from cardfs.model.rules import Rule
from cardfs.model.settings import Settings
from keys.errors import CardError, ChallengeUnusable, KeyUnknown, MethodBlocked
from keys.generate import RandomSource
from keys.records import Key, KeyId, KeyRef, KeyState, Usage

from ..status import status_words
from . import reasons
from .apdu import Command
from .session import Prepared, Session

FAILED_TRY = 0x63C0


class Answer:
    """What a handler returns: response data and status word; a returned answer commits, an error drops.

    Attributes:
        reason: why, for the people at the host, when the word is not 9000.
    """

    __slots__ = ("data", "reason", "word")

    def __init__(self, data: bytes = b"", word: int = 0x9000, reason: str = "") -> None:
        self.data = data
        self.word = word
        self.reason = reason


DONE = Answer()


class Selection(NamedTuple):
    """How the DFs of a command set are selected; the other command sets follow Part 5, 6.11.

    SELECT runs by the rules of the DF that was current before. The FCI, and what a selection begins, are a matter of
    the DF that is entered.

    Attributes:
        fci: builds the FCI, whole with tag 6F.
        entered: called after the DF has become current, also when it was so before.
        locked: answers the SELECT of a locked or suspended DF; it may make the DF current or refuse.
    """

    fci: Callable[["Context", Df], bytes]
    entered: Callable[["Context", Df], None]
    locked: Callable[["Context", Df], Answer]


Selections = Mapping[CommandSet, Selection]
NO_SELECTIONS: Final[Selections] = {}


class Context:
    """One command on its way through the card.

    Attributes:
        session: a copy for the handler to change; it counts if the command succeeds.
        challenge: the one that this command takes; it is gone from the session.
        trade: what the INITIALIZE command directly before prepared.
        selections: how DFs of each command set are selected, where they have ways of their own.
        transaction: the changes to the image, None as long as there is none.
        charged: the key or PIN that has spent a try and was right; see `emulator.card.tries`.
    """

    __slots__ = ("challenge", "charged", "command", "image", "random", "selections", "session", "trade", "transaction")

    def __init__(
        self,
        image: Image,
        session: Session,
        command: Command,
        random: RandomSource,
        challenge: bytes | None = None,
        trade: Prepared | None = None,
        selections: Selections = NO_SELECTIONS,
    ) -> None:
        self.image = image
        self.session = session
        self.command = command
        self.random = random
        self.challenge = challenge
        self.trade = trade
        self.selections = selections
        self.transaction: Transaction | None = None
        self.charged: KeyId | None = None

    @property
    def settings(self) -> Settings:
        """The settings of this card."""
        return self.image.info.settings

    @property
    def environment(self) -> str:
        """Path of the environment that the current DF belongs to."""
        return self.image.environment(self.session.df)

    def change(self) -> Transaction:
        """The changes of this command to non-volatile memory."""
        if self.transaction is None:
            self.transaction = self.image.begin()
        return self.transaction

    def refuse(self, error: CardError) -> Answer:
        """Answer with the word of a refusal, and keep what the command has changed nevertheless."""
        return Answer(word=status_words(self.settings.status)[type(error)], reason=error.reason)

    # -- files and access ---------------------------------------------------------------------

    def target(self, sfi: int) -> Ef:
        """Find the EF that a command means, and make it the current one (Part 5, 6.9 and 6.10).

        Args:
            sfi: short identifier, 0 for the current EF.

        Raises:
            FileUnknown, NoCurrentEf
        """
        session = self.session
        if not sfi:
            if session.ef is None:
                raise NoCurrentEf(f"no EF is selected in {self.image.label(session.df)}")
            return self.image.efs[session.ef]
        ef = self.image.ef_by_sfi(session.df, sfi)
        if ef is None:
            raise reasons.no_file(self.image, session.df, sfi)
        # A valid SFI makes the EF current and clears the record pointer (Part 3, 5.3).
        session.ef = ef.path
        session.pointer = None
        return ef

    def require_structure(self, ef: Ef, *, transparent: bool) -> None:
        """Refuse a command that does not fit the structure of ``ef``: `StructureMismatch`."""
        fits = ef.structure is Structure.TRANSPARENT if transparent else ef.structure in _RECORDS
        if not fits:
            raise self.misfit(ef)

    def misfit(self, ef: Ef) -> StructureMismatch:
        """The refusal of a command that does not fit the structure of ``ef``."""
        return reasons.misfit(self.image, ef)

    def require_access(self, ef: Ef, rule: Rule, what: str) -> None:
        """Refuse access that the rule does not allow: `AccessDenied`, with rule and proofs in its reason."""
        if rule.holds(self.session.proofs):
            return
        if self.settings.pin.empty_satisfies and rule.holds(self.session.proofs | self._empty_pins()):
            return
        if not rule.alternatives:
            raise AccessDenied(f"{self.image.label(ef.path)} {what}: nobody may")
        proven = ", ".join(sorted(self.name(ref) for ref in self.session.proofs)) or "nothing"
        raise AccessDenied(f"{self.image.label(ef.path)} {what} needs {rule.text}; proven: {proven}")

    def require_update(self, ef: Ef) -> None:
        """Refuse an update that neither the file's rule nor personalisation allows: `AccessDenied`.

        While an environment is personalised its master key may write every file (Part 10, 5.4.3).
        """
        if ef.update.holds(self.session.proofs):
            return
        image, here = self.image, self.session.df
        edge = find_edge(image, here, Operation.WRITE_DATA)
        if edge is not None and controlling_key(image, here, edge.authority) in self.session.proofs:
            return
        self.require_access(ef, ef.update, "update")

    def name(self, ref: KeyRef) -> str:
        """Name a proof for people; of another world with the DF in front."""
        return (
            ref.name
            if ref.owner in (self.session.df, self.environment)
            else f"{self.image.label(ref.owner)}/{ref.name}"
        )

    def _empty_pins(self) -> frozenset[KeyRef]:
        """PINs that are not set; rules with PIN are then satisfied (Part 7, 5.6). A dead PIN is no empty one."""
        keys = self.image.keys
        return frozenset(
            ref for ref in self.image.pins if not keys[ref, 1].value and keys[ref, 1].state is KeyState.ACTIVE
        )

    # -- keys ---------------------------------------------------------------------------------

    def key_for(self, usage: Usage, owner: str) -> tuple[KeyRef, Key]:
        """Find the key of ``owner`` with one function.

        Raises:
            KeyUnknown: there is none, or it is dead.
        """
        ref = self.image.ref_by_usage(owner, usage)
        if ref is None:
            raise reasons.no_key(self.image, owner, "PIN" if usage is Usage.PIN else f"{usage} key", reasons.of(usage))
        return ref, self.image.key(ref, 1).require(usage)

    def pin(self) -> tuple[KeyRef, Key]:
        """Find the PIN that holds here as access rules do: in the current DF, else in its environment.

        Raises:
            KeyUnknown: there is none, or it is dead.
        """
        here = self.session.df
        return self.key_for(Usage.PIN, here if self.image.ref_by_usage(here, Usage.PIN) else self.environment)

    def version_of(self, ref: KeyRef, version: int | None) -> Key:
        """Choose a version of a key; without a version byte as ``key.version_absent`` says.

        Raises:
            KeyUnknown, MethodBlocked: no such version (``key.version_unknown``).
        """
        keys = self.image.keys
        if version is None:
            version = 1
            if self.settings.key.version_absent == "current":
                active = (each for each in self.image.versions(ref) if keys[ref, each].state is KeyState.ACTIVE)
                version = max(active, default=1)
        key = keys.get((ref, version))
        if key is not None:
            return key
        reason = f"{ref.name} has no version {version}"
        raise MethodBlocked(reason) if self.settings.key.version_unknown == "6983" else KeyUnknown(reason)

    def require_proof(self, ref: KeyRef, what: str) -> None:
        """Refuse what only a proven key allows: `AccessDenied`."""
        if ref not in self.session.proofs:
            proven = ", ".join(sorted(self.name(each) for each in self.session.proofs)) or "nothing"
            raise AccessDenied(f"{what} needs {ref.name}; proven: {proven}")

    def require_challenge(self) -> bytes:
        """The challenge, which has left the session before this command ran: `ChallengeUnusable` if none."""
        if self.challenge is None:
            raise ChallengeUnusable("there is no challenge: GET CHALLENGE first, and use it once")
        return self.challenge

    def session_key(self, key: Key) -> bytes:
        """Derive the session key of this command from the challenge (Part 4, 8.4)."""
        return key.suite.session_key(key.value, self.require_challenge())


_RECORDS = frozenset((Structure.LINEAR_FIXED, Structure.LINEAR_VARIABLE, Structure.CYCLIC))
