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
    """What a handler returns: response data and status word.

    If a handler returns, its changes are committed, whatever the status word. If it raises, they are dropped.

    Attributes:
        data: the response data, of any length.
        word: the status word, an integer.
        reason: why the status word is not 9000, for people; never sent.
    """

    __slots__ = ("data", "reason", "word")

    def __init__(self, data: bytes = b"", word: int = 0x9000, reason: str = "") -> None:
        self.data = data
        self.word = word
        self.reason = reason


DONE = Answer()


class Selection(NamedTuple):
    """How the DFs of a command set are selected; a command set without one follows Part 5, 6.11.

    SELECT runs by the rules of the DF that was current before. The FCI, and the state that a selection begins, are
    those of the DF that is selected.

    Attributes:
        fci: returns the FCI, whole with tag 6F.
        entered: called after the DF has become current, also if it was current before.
        locked: answers the SELECT of a locked or suspended DF; it may make the DF current, or raise.
    """

    fci: Callable[["Context", Df], bytes]
    entered: Callable[["Context", Df], None]
    locked: Callable[["Context", Df], Answer]


Selections = Mapping[CommandSet, Selection]
NO_SELECTIONS: Final[Selections] = {}


class Context:
    """All that the handler of one command works with.

    Attributes:
        image: the non-volatile memory; handlers change it by `change` only.
        session: a copy for the handler to change; it becomes the session if the command succeeds.
        command: the command; a handler may replace it.
        random: the card's random source.
        challenge: the challenge that this command uses up; it has already left the session. None if there is none.
        trade: what the INITIALIZE command directly before prepared, None if there was none.
        selections: how DFs are selected, by command set, where that differs from Part 5, 6.11.
        transaction: the changes to the image, None while there are none.
        charged: the key or PIN whose try was charged and that was right; see `emulator.card.tries`.
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
        """Return the settings of this card."""
        return self.image.info.settings

    @property
    def environment(self) -> str:
        """Return the path of the environment that the current DF belongs to."""
        return self.image.environment(self.session.df)

    def change(self) -> Transaction:
        """Return the transaction of this command, which its first change begins; the engine commits it."""
        if self.transaction is None:
            self.transaction = self.image.begin()
        return self.transaction

    def refuse(self, error: CardError) -> Answer:
        """Return an answer with the status word of a refusal; unlike raising it, this commits what was changed."""
        return Answer(word=status_words(self.settings.status)[type(error)], reason=error.reason)

    # -- files and access ---------------------------------------------------------------------

    def target(self, sfi: int) -> Ef:
        """Return the EF that a command means, and make it the current one (Part 5, 6.9 and 6.10).

        Args:
            sfi: short identifier, 1 to 30; 0 for the current EF.

        Raises:
            FileUnknown: the current DF has no EF with this short identifier.
            NoCurrentEf: it is 0, and no EF is selected.
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
        """Refuse a command that does not fit the structure of an EF.

        Args:
            transparent: whether the command is one for transparent files, else for records.

        Raises:
            StructureMismatch
        """
        fits = ef.structure is Structure.TRANSPARENT if transparent else ef.structure in _RECORDS
        if not fits:
            raise self.misfit(ef)

    def misfit(self, ef: Ef) -> StructureMismatch:
        """Return the refusal of a command that does not fit the structure of an EF."""
        return reasons.misfit(self.image, ef)

    def require_access(self, ef: Ef, rule: Rule, what: str) -> None:
        """Refuse access that a rule does not allow.

        Args:
            what: the access, for the reason: ``read`` or ``update``.

        Raises:
            AccessDenied: its reason names the rule and what is proven.
        """
        if rule.holds(self.session.proofs):
            return
        if self.settings.pin.empty_satisfies and rule.holds(self.session.proofs | self._empty_pins()):
            return
        if not rule.alternatives:
            raise AccessDenied(f"nobody may {what} {self.image.label(ef.path)}")
        proven = ", ".join(sorted(self.name(ref) for ref in self.session.proofs)) or "nothing"
        raise AccessDenied(f"{self.image.label(ef.path)} {what} needs {rule.text}; proven: {proven}")

    def require_update(self, ef: Ef) -> None:
        """Refuse an update that neither the file's rule nor personalisation allows.

        While an environment is personalised its master key may write every file (Part 10, 5.4.3).

        Raises:
            AccessDenied
        """
        if ef.update.holds(self.session.proofs):
            return
        image, here = self.image, self.session.df
        edge = find_edge(image, here, Operation.WRITE_DATA)
        if edge is not None and controlling_key(image, here, edge.authority) in self.session.proofs:
            return
        self.require_access(ef, ef.update, "update")

    def name(self, ref: KeyRef) -> str:
        """Return the name of a key for people; with its DF in front if that is neither current nor its environment."""
        return (
            ref.name
            if ref.owner in (self.session.df, self.environment)
            else f"{self.image.label(ref.owner)}/{ref.name}"
        )

    def _empty_pins(self) -> frozenset[KeyRef]:
        """Return the PINs that are not set, which satisfy a rule (Part 7, 5.6); a dead PIN is not among them."""
        keys = self.image.keys
        return frozenset(
            ref for ref in self.image.pins if not keys[ref, 1].value and keys[ref, 1].state is KeyState.ACTIVE
        )

    # -- keys ---------------------------------------------------------------------------------

    def key_for(self, usage: Usage, owner: str) -> tuple[KeyRef, Key]:
        """Return the key of a DF with a usage, in version 1.

        Args:
            owner: path of the DF.

        Raises:
            KeyUnknown: there is none, or it is dead.
        """
        ref = self.image.ref_by_usage(owner, usage)
        if ref is None:
            raise reasons.no_key(self.image, owner, "PIN" if usage is Usage.PIN else f"{usage} key", reasons.of(usage))
        return ref, self.image.key(ref, 1).require(usage)

    def pin(self) -> tuple[KeyRef, Key]:
        """Return the PIN that access rules mean here: that of the current DF, else of its environment.

        Raises:
            KeyUnknown: there is none, or it is dead.
        """
        here = self.session.df
        return self.key_for(Usage.PIN, here if self.image.ref_by_usage(here, Usage.PIN) else self.environment)

    def version_of(self, ref: KeyRef, version: int | None) -> Key:
        """Return a version of a key.

        Args:
            version: 1 to 3; None if the command names none, and ``key.version_absent`` chooses.

        Raises:
            KeyUnknown, MethodBlocked: there is no such version; ``key.version_unknown`` chooses which is raised.
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
        """Refuse an operation that takes a proven key.

        Args:
            what: the operation, for the reason.

        Raises:
            AccessDenied: the key is not proven.
        """
        if ref not in self.session.proofs:
            proven = ", ".join(sorted(self.name(each) for each in self.session.proofs)) or "nothing"
            raise AccessDenied(f"{what} needs {ref.name}; proven: {proven}")

    def require_challenge(self) -> bytes:
        """Return the challenge of this command, 4, 8 or 16 bytes; it has already left the session.

        Raises:
            ChallengeUnusable: there is none.
        """
        if self.challenge is None:
            raise ChallengeUnusable("there is no challenge: send GET CHALLENGE first, once for each use")
        return self.challenge

    def session_key(self, key: Key) -> bytes:
        """Return the session key of this command, derived from a key and the challenge (Part 4, 8.4).

        Raises:
            ChallengeUnusable: there is no challenge, or one longer than a block of the key's cipher.
        """
        return key.suite.session_key(key.value, self.require_challenge())


_RECORDS = frozenset((Structure.LINEAR_FIXED, Structure.LINEAR_VARIABLE, Structure.CYCLIC))
