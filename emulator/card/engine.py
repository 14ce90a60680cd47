"""The card: bytes in, bytes out.

``parse → row → life-cycle gate → P1 P2 → lengths → handler → transport → commit``

A returned answer commits image and session together; an error drops both. The core does no input or
output of its own: a card is a function of image, session, command bytes and random source.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, NamedTuple

from cardfs.life import command_set_of
from cardfs.memory.image import Image
from cardfs.model.atr import protocols
from cardfs.model.errors import ApplicationBlocked, CardBlocked, StoreFailed
from cardfs.model.files import CommandSet, Df
from keys.errors import CardError
from keys.generate import RandomSource, system_random

from ..status import (
    BUG,
    MOST_BYTES,
    ApplicationSuspended,
    ExpectedLengthWrong,
    LengthWrong,
    ParametersWrong,
    TradeStateWrong,
    status_words,
    waiting_word,
)
from .apdu import BY_NAME, GET_RESPONSE, SELECT, Command, parse
from .context import DONE, FAILED_TRY, Answer, Context
from .gate import check_lengths, fits, no_command
from .gate import parameters as allowed_parameters
from .row import any_sequence
from .session import Prepared, Session
from .table import CommandSets, Row, Table

WRONG_LE: Final = 0x6C00


class Outcome(NamedTuple):
    """What the card did with the last command, for people and tests; never sent.

    Attributes:
        raw, response: bytes of the command and of the answer, status word included.
        command, row: the command as parsed and its row of the command table; None if the card found none.
        df, ef: paths of the DF and the EF that were current afterwards; None without a current EF.
        word: the status word, an integer.
        reason: why the card refused, in one sentence; empty for a plain success.

    Example:
        >>> import sscard
        >>> card = sscard.Card.issue()
        >>> answer = card.transmit(bytes.fromhex("0020000003123456"))
        >>> f"{card.last.word:04X}", card.last.reason
        ('6A88', 'MF has no PIN; SSSE has one')
    """

    raw: bytes
    response: bytes
    command: Command | None
    row: Row | None
    df: str
    ef: str | None
    word: int
    reason: str

    def __repr__(self) -> str:
        """Show the outcome without command and answer, which may hold a PIN."""
        name = self.row.name if self.row else "no command"
        return f"Outcome({name}, {self.word:04X}, df={self.df}, ef={self.ef}, reason={self.reason!r})"


_Done = tuple[bytes, bytes, Command | None, Row | None, str, str | None, int, str]
"""The fields of an `Outcome`."""


class Card:
    """A card: answers command APDUs from its image, its session and the command sets that it is given.

    Attributes:
        image: its non-volatile memory.
        sets: the command sets; the engine itself knows no command.
        random: its random source.
        bug: the exception behind the last 6F00 that was a defect of this program, None if there was none.
        bug_command: name of the command that met it.
    """

    def __init__(self, image: Image, sets: CommandSets, random: RandomSource = system_random) -> None:
        self.image = image
        self.sets = sets
        self.random = random
        self.bug: Exception | None = None
        self.bug_command = ""
        self._last: _Done | None = None
        self._outcome: Outcome | None = None
        settings = image.info.settings
        self._tables: dict[CommandSet, Table] = {}
        self._status_words = status_words(settings.status)
        self._extended = settings.transport.extended
        self._forgetful = settings.challenge.survives == "nothing"
        self._keeps_failed = not settings.challenge.failure_consumes
        # T=1 carries whole APDUs; under T=0 the card itself answers 61xx and 6Cxx (Part 2, 9.3).
        self._tpdu = settings.transport.level == "tpdu" and protocols(image.info.atr)[0] != 1
        self._session = Session(image.root)

    @property
    def atr(self) -> bytes:
        """Return the answer to reset (Part 2, 8)."""
        return self.image.info.atr

    @property
    def session(self) -> Session:
        """Return a copy of the volatile state, for people and tests."""
        return self._session.copy()

    @property
    def last(self) -> Outcome | None:
        """Return what the card did with the last command; None before the first."""
        if self._last is not None:
            # Built on demand: after most commands it is not needed. A trace needs it each time: no slow constructor.
            self._outcome, self._last = tuple.__new__(Outcome, self._last), None
        return self._outcome

    def power_on(self) -> None:
        """Reset cold: select the MF and forget all proofs (Part 4, 7.5)."""
        self._session = Session(self.image.root)

    def power_off(self) -> None:
        """Cut the power: forget everything volatile (Part 4, 7.5)."""
        self._session = Session(self.image.root)

    def reset(self) -> None:
        """Reset warm: forget the session as a loss of power does."""
        self._session = Session(self.image.root)

    def close(self) -> None:
        """Close the image."""
        self.image.close()

    def find_row(self, raw: bytes) -> tuple[Row | None, Command | None]:
        """Return the row that a command would have now, and the command as parsed; None for what the card knows not."""
        command = parse(raw, extended=self._extended)
        if command is None:
            return None, None
        return self._table_in(self._session.df).find(command.cla, command.ins, command.p1), command

    def spoil_pending(self, change: Callable[[bytes], bytes]) -> bool:
        """Change the data that wait for GET RESPONSE, as a faulty card would; return whether any wait."""
        session = self._session
        if session.pending:
            session.pending = change(session.pending)
            return True
        return False

    def transmit(self, raw: bytes) -> bytes:
        """Answer one command APDU: response data, then SW1 SW2. Any bytes get an answer; nothing is raised."""
        session = self._session
        command = parse(raw, extended=self._extended)
        row: Row | None = None
        if session.pending or session.scan is not None:
            _interrupt(session, command)
        # It leaves the session before the command runs: a failing command ends it (Part 5, table 49).
        trade, session.trade = session.trade, None
        try:
            row = self._find(command)
            answer = self._run(row, command, trade) if command is not None else DONE
            word, data, reason = answer.word, answer.data, answer.reason
        except CardError as error:
            word, data, reason = self._status_words[type(error)], b"", error.reason
            if isinstance(error, ExpectedLengthWrong) and word == WRONG_LE:
                word |= error.available & 0xFF
                if trade is not None and row is not None and row.keeps_trade:
                    # Nothing was done yet; the command comes again with the right Le (Part 2, 9.3.2.1).
                    session.trade = trade
            if isinstance(error, StoreFailed) and row is not None and row.failure_locks:
                self._lock()
            if self._forgetful and not self._keeps_failed:
                session.challenge = None
            self._forget(row)
        except Exception as error:
            self.bug, self.bug_command = error, row.name if row else f"INS {raw[1:2].hex().upper()}"
            word, data, reason = BUG, b"", f"a defect of this program: {type(error).__name__}"
            self._forget(row)
        response = data + word.to_bytes(2)
        session = self._session
        self._last = (raw, response, command, row, session.df, session.ef, word, reason)
        return response

    def _table(self, command_set: CommandSet) -> Table:
        """Build the command table of a command set when it is first needed, and cache it."""
        table = self._tables[command_set] = self.sets.table(self.image.info.settings, command_set)
        return table

    def _table_in(self, df: str) -> Table:
        """Return the command table of a DF."""
        command_set = command_set_of(self.image, df)
        return self._tables.get(command_set) or self._table(command_set)

    def _find(self, command: Command | None) -> Row:
        """Return the row of a command, by class, instruction and P1.

        Raises:
            CardBlocked, ApplicationBlocked: the card or the application is locked.
            LengthWrong, UnknownClass, UnknownInstruction: there is no such command here.
        """
        if self.image.info.blocked:
            raise CardBlocked("the card is permanently locked")
        if command is None:
            self._nothing_but_select()
            raise LengthWrong("the command has fewer than four bytes")
        command_set = command_set_of(self.image, self._session.df)
        table = self._tables.get(command_set) or self._table(command_set)
        row = table.find(command.cla, command.ins, command.p1)
        if row is None:
            self._nothing_but_select()
            raise no_command(self.image, self._session.df, command, self._table_in)
        return row

    def _nothing_but_select(self) -> None:
        """Refuse a command that the card does not have with the lock if the DF is locked for good (Part 7, 13.2)."""
        df = self._session.df
        if self.image.dfs[df].blocked:
            raise self._lock_of(df)

    def _run(self, row: Row, command: Command, trade: Prepared | None) -> Answer:
        """Pass the gate, run the handler, commit."""
        session, image = self._session, self.image
        df = image.dfs[session.df]
        if (df.blocked or df.suspended) and not row.selects:
            early = self._locked(row, command, df)
            if early is not None:
                return early
        if row.in_sequence is not any_sequence and not row.in_sequence(trade):
            raise TradeStateWrong("its INITIALIZE command did not come directly before it")
        if not row.parameters(command.p1, command.p2):
            rows = self._table_in(session.df).beside(row)
            raise ParametersWrong(allowed_parameters(rows))
        check_lengths(row, command)
        challenge = session.challenge
        if challenge is not None and not self._take_challenge(row, command):
            challenge = None
        ctx = Context(image, session.copy(), command, self.random, challenge, trade, self.sets.selections)
        try:
            answer = row.handler(ctx)
            if answer.data and not row.fetches:
                answer = self._deliver(row, ctx, answer)
            charged = ctx.charged
            if charged is not None:
                # It was right, and the command succeeds: the tries come back with what else it changes.
                ctx.charged = None
                (ctx.transaction or image).restore(charged)
            if ctx.transaction is not None:
                ctx.transaction.commit()
        except CardError:
            self._refund(ctx, challenge)
            raise
        self._session = session = ctx.session
        if trade is not None and row.keeps_trade and session.trade is None:
            session.trade = trade
        if answer.word & 0xFFF0 == FAILED_TRY:
            self._keep_challenge(challenge)
        return answer

    def _refund(self, ctx: Context, challenge: bytes | None) -> None:
        """Give back what a refused command has taken and may keep: a challenge, and the try of a secret that was right.

        Raises:
            StoreFailed: the try stays spent.
        """
        self._keep_challenge(challenge)
        if ctx.charged is not None:
            self.image.refund(ctx.charged)

    def _take_challenge(self, row: Row, command: Command) -> bool:
        """Return whether the command uses the challenge up; if so, take it out of the session."""
        if row.takes_challenge or command.secured or self._forgetful:
            # It leaves the session before the command runs, so that no way out gives it back.
            self._session.challenge = None
            return True
        return False

    def _locked(self, row: Row, command: Command, df: Df) -> Answer | None:
        """Return what a locked application answers instead of the command; None if the command runs.

        GET RESPONSE still fetches data that wait.

        Raises:
            ApplicationBlocked, CardBlocked, ApplicationSuspended: the lock refuses the command.
        """
        if df.blocked and not (row.fetches and self._session.pending):
            early = self._blocked(row, command, df.path)
            if early is not None:
                return early
        if df.suspended and not row.while_suspended:
            raise ApplicationSuspended(f"{df.label} is locked until APPLICATION UNBLOCK")
        return None

    def _blocked(self, row: Row, command: Command, df: str) -> Answer | None:
        """Return what an application that is locked for good answers; None if the command runs.

        Only SELECT works there (Part 7, 13.2), and what ``settings.block`` allows.

        Raises:
            ApplicationBlocked, CardBlocked
        """
        refusal, settings = self._lock_of(df), self.image.info.settings.block
        if isinstance(refusal, ApplicationBlocked):
            if row.reads and settings.ef_readable:
                return None
            if row.ends_an_application and settings.repeat_sw == "9000" and fits(row, command):
                # Its MAC cannot be verified any more: the key is dead.
                return DONE
        raise refusal

    def _lock_of(self, df: str) -> CardError:
        """Return the refusal of a DF that is locked for good: its own lock, or in JR/T 0025 that of its environment."""
        if (
            self.image.dfs[df].command_set is not CommandSet.SOCIAL
            and self.image.dfs[self.image.environment(df)].blocked
        ):
            # For JR/T 0025 the environment is the card.
            return CardBlocked(f"{self.image.label(self.image.environment(df))} is permanently locked")
        return ApplicationBlocked(f"{self.image.label(df)} is permanently locked")

    def _lock(self) -> None:
        """Lock the card whose memory is damaged (Part 5, tables 53, 57, 68 and 72, 6581).

        If the memory cannot even store the lock, the card stays locked while it is in use.
        """
        locked = replace(self.image.info, blocked=True)
        change = self.image.begin()
        change.put_info(locked)
        try:
            change.commit()
        except StoreFailed:
            self.image.info = locked

    def _forget(self, row: Row | None) -> None:
        """Take out of the session what a refusal of this command ends (`Row.refused`)."""
        if row is not None and row.refused is not None:
            challenge = self._session.challenge
            self._session = row.refused(self._session)
            self._keep_challenge(challenge)

    def _keep_challenge(self, challenge: bytes | None) -> None:
        """Put the challenge back after a failure, where ``challenge.failure_consumes`` is off."""
        if self._keeps_failed and challenge is not None:
            self._session.challenge = challenge

    def _deliver(self, row: Row, ctx: Context, answer: Answer) -> Answer:
        """Cut response data as the transport does: whole, 61xx with data that wait, or 6Cxx (Part 2, 9.3).

        Raises:
            ExpectedLengthWrong: Le is not the length of the data.
        """
        data, command = answer.data, ctx.command
        le = command.le
        if not self._tpdu:
            if len(data) <= (le or MOST_BYTES):
                return answer
            if le is None or command.le_zero:
                return _first_part(ctx, answer)
            return Answer(data[:le], answer.word, answer.reason)
        if command.data or row.data_or_not:
            # Case 4: never 9000 at this point. Without data, P3 00 could also be Lc 00.
            ctx.session.pending = data
            # A warning goes first and by itself; GET RESPONSE then fetches the data as after 61xx.
            return Answer(b"", waiting_word(len(data)) if answer.word == DONE.word else answer.word, answer.reason)
        wanted = le or MOST_BYTES
        if wanted == len(data):
            return answer
        if wanted != MOST_BYTES or len(data) < wanted:
            raise ExpectedLengthWrong(len(data))
        return _first_part(ctx, answer)


def _first_part(ctx: Context, answer: Answer) -> Answer:
    """Answer as many bytes as one answer carries; leave the rest for GET RESPONSE (Part 5, 6.6.1)."""
    rest = answer.data[MOST_BYTES:]
    ctx.session.pending = rest
    return Answer(answer.data[:MOST_BYTES], waiting_word(len(rest)), answer.reason)


def _interrupt(session: Session, command: Command | None) -> None:
    """Drop pending response data and a SELECT-next walk if the command does not continue them.

    This holds even if the command fails or is unknown. Only GET RESPONSE continues pending data; only the same SELECT
    by name continues a walk (Part 5, 6.11.5).
    """
    scan = session.scan
    if command is not None and not command.cla:
        if command.ins == GET_RESPONSE:
            return
        if scan is not None and command.ins == SELECT and command.p1 == BY_NAME and command.data == scan.name:
            session.pending = b""
            return
    session.pending = b""
    session.scan = None
