"""The life of a card: which authority allows which operation in which phase (Part 4, 5.2 to 5.4; Part 10, 5).

One table. A row is an edge: an operation, where and in which phase it is allowed, whose authority it takes,
and the phase that follows. What is not in the table is refused.

Each authority loses control at the handover, because the rows of the next phase name another one: the
transport key when the card master key is loaded, the card master key over an environment when that
environment's master key is loaded.
"""

from typing import Final, NamedTuple

from keys.records import KeyRef, Usage, Word

from .memory.contents import LoadedContents
from .model.errors import LifeForbids
from .model.files import CommandSet, DfKind, Phase


class Operation(Word):
    """An operation of personalisation; its value completes the sentence "to …"."""

    SET_HISTORICAL = "set the historical bytes"
    SET_TRANSPORT = "set the transport key"
    UPDATE_TRANSPORT = "update the transport key"
    INSTALL_MASTER = "load the first master key"
    UPDATE_MASTER = "update the master key"
    CREATE_MF = "give the MF its attributes"
    CREATE_DDF = "create an environment"
    CREATE_ADF = "create an application"
    CREATE_EF = "create an EF"
    INSTALL_KEY = "load a key"
    UPDATE_KEY = "update a key"
    RETIRE_KEY = "retire a key"
    WRITE_DATA = "write any file"
    DELETE_FILE = "delete a file"
    DELETE_ALL = "delete the structure"
    END = "end this phase"


class Authority(Word):
    """The authority that an operation takes."""

    NOBODY = "nobody"
    TRANSPORT = "the transport key"
    CARD_MASTER = "the card master key"
    ENVIRONMENT_MASTER = "the environment master key"
    DIRECTORY = "the directory's permission byte"
    """Not a key: FMCOS directories, files and keys name a security state, which the coding checks."""


class Edge(NamedTuple):
    """One row of the life-cycle table; ``kind`` is that of the current DF."""

    operation: Operation
    kind: DfKind
    phase: Phase
    authority: Authority
    following: Phase
    clause: str


_MF, _DDF, _ADF = DfKind.MF, DfKind.DDF, DfKind.ADF
_BLANK, _ACTIVATED, _MASTERED = Phase.BLANK, Phase.ACTIVATED, Phase.MASTERED
_CREATED, _PERSONALISING, _OPERATIONAL = Phase.CREATED, Phase.PERSONALISING, Phase.OPERATIONAL
_PURSE, _DEBIT = CommandSet.PURSE, CommandSet.DEBIT
_TRANSPORT, _CARD, _ENVIRONMENT = Authority.TRANSPORT, Authority.CARD_MASTER, Authority.ENVIRONMENT_MASTER

LIFE: Final[tuple[Edge, ...]] = (
    # COS activation (COS激活): by chip and card manufacturer, nobody's secret yet.
    Edge(Operation.SET_HISTORICAL, _MF, _BLANK, Authority.NOBODY, _BLANK, "Part 10, 5.1.2"),
    Edge(Operation.SET_TRANSPORT, _MF, _BLANK, Authority.NOBODY, _BLANK, "Part 10, 5.1.1"),
    Edge(Operation.UPDATE_TRANSPORT, _MF, _BLANK, _TRANSPORT, _BLANK, "Part 10, 5.1.1"),
    Edge(Operation.END, _MF, _BLANK, Authority.NOBODY, _ACTIVATED, "Part 10, 5.1"),
    # Pre-personalisation (预个人化): the transport key until the card master key replaces it.
    Edge(Operation.UPDATE_TRANSPORT, _MF, _ACTIVATED, _TRANSPORT, _ACTIVATED, "Part 10, 5.2.1"),
    Edge(Operation.CREATE_MF, _MF, _ACTIVATED, _TRANSPORT, _ACTIVATED, "Part 3, 5.1"),
    Edge(Operation.INSTALL_MASTER, _MF, _ACTIVATED, _TRANSPORT, _MASTERED, "Part 10, 5.1.1"),
    # The card master key: itself, environments, and their first master key. Nothing else.
    Edge(Operation.UPDATE_MASTER, _MF, _MASTERED, _CARD, _MASTERED, "Part 4, 5.2"),
    Edge(Operation.CREATE_DDF, _MF, _MASTERED, _CARD, _MASTERED, "Part 4, 5.2"),
    Edge(Operation.DELETE_FILE, _MF, _MASTERED, _CARD, _MASTERED, "Part 10, 5.2.3"),
    Edge(Operation.DELETE_ALL, _MF, _MASTERED, _CARD, _ACTIVATED, "Part 10, 5.1.1"),
    Edge(Operation.END, _MF, _MASTERED, _CARD, _OPERATIONAL, "Part 10, 5.2.6"),
    Edge(Operation.UPDATE_MASTER, _MF, _OPERATIONAL, _CARD, _OPERATIONAL, "Part 4, 5.2"),
    Edge(Operation.INSTALL_MASTER, _DDF, _CREATED, _CARD, _PERSONALISING, "Part 4, 5.2"),
    # From here on the environment master key; the card master key has lost control.
    Edge(Operation.UPDATE_MASTER, _DDF, _PERSONALISING, _ENVIRONMENT, _PERSONALISING, "Part 4, 5.3"),
    Edge(Operation.CREATE_ADF, _DDF, _PERSONALISING, _ENVIRONMENT, _PERSONALISING, "Part 4, 5.3"),
    *(
        Edge(operation, kind, _PERSONALISING, _ENVIRONMENT, _PERSONALISING, clause)
        for operation, clause in (
            (Operation.CREATE_EF, "Part 4, 5.3"),
            (Operation.INSTALL_KEY, "Part 4, 7.3"),
            (Operation.UPDATE_KEY, "Part 4, 7.3"),
            (Operation.RETIRE_KEY, "Part 4, 7.3"),
            (Operation.WRITE_DATA, "Part 10, 5.4.3"),
            (Operation.DELETE_FILE, "Part 10, 5.2.3"),
        )
        for kind in (_DDF, _ADF)
    ),
    Edge(Operation.DELETE_ALL, _DDF, _PERSONALISING, _ENVIRONMENT, _PERSONALISING, "Part 10, 5.2.3"),
    Edge(Operation.END, _DDF, _PERSONALISING, _ENVIRONMENT, _OPERATIONAL, "Part 10, 5.2.6"),
    # In use, keys are still replaced; files and new keys no longer come.
    Edge(Operation.UPDATE_MASTER, _DDF, _OPERATIONAL, _ENVIRONMENT, _OPERATIONAL, "Part 4, 5.3"),
    *(
        Edge(operation, kind, _OPERATIONAL, _ENVIRONMENT, _OPERATIONAL, "Part 4, 7.3")
        for operation in (Operation.UPDATE_KEY, Operation.RETIRE_KEY)
        for kind in (_DDF, _ADF)
    ),
)

EDGES: Final = {(edge.operation, edge.kind, edge.phase): edge for edge in LIFE}

FMCOS_LIFE: Final[tuple[Edge, ...]] = tuple(
    # An FMCOS card has no phases; what its permission bytes allow, it allows all its life.
    Edge(operation, kind, _PERSONALISING, Authority.DIRECTORY, _PERSONALISING, clause)
    for operation, clause in (
        (Operation.CREATE_ADF, "FMCOS 2.0 user manual, 7.13"),
        (Operation.CREATE_EF, "FMCOS 2.0 user manual, 7.13"),
        (Operation.INSTALL_KEY, "FMCOS 2.0 user manual, 7.12"),
        (Operation.UPDATE_KEY, "FMCOS 2.0 user manual, 7.12"),
        (Operation.DELETE_ALL, "FMCOS 2.0 user manual, 7.11"),
    )
    for kind in (_MF, _ADF)
)
FMCOS_EDGES: Final = {(edge.operation, edge.kind, edge.phase): edge for edge in FMCOS_LIFE}
"""The life of a card whose personalisation commands are those of FMCOS."""


def phase_of(card: LoadedContents, df: str) -> Phase:
    """Return the phase of a DF: its own, or if it is an application that of its environment."""
    return card.dfs[card.environment(df)].phase


def command_set_of(card: LoadedContents, df: str) -> CommandSet:
    """Return the command set that a DF has now.

    An application of the financial environment begins to live when personalisation ends: until then it has
    the command set of the environment. An FMCOS card has no such end.
    """
    command_set = card.dfs[df].command_set
    if command_set is not _PURSE and command_set is not _DEBIT:
        return command_set
    if card.dfs[card.environment(df)].phase is _OPERATIONAL or card.info.settings.personalisation.cos == "fmcos":
        return command_set
    return CommandSet.FINANCIAL


def find_edge(card: LoadedContents, df: str, operation: Operation) -> Edge | None:
    """Return the edge that allows an operation in a DF now, or None."""
    edges = FMCOS_EDGES if card.info.settings.personalisation.cos == "fmcos" else EDGES
    return edges.get((operation, card.dfs[df].kind, phase_of(card, df)))


def edge_for(card: LoadedContents, df: str, operation: Operation) -> Edge:
    """Return the edge that allows an operation in a DF now.

    Raises:
        LifeForbids: there is none.
    """
    edge = find_edge(card, df, operation)
    if edge is None:
        raise LifeForbids(f"{card.label(df)} is {phase_of(card, df)}: nobody may {operation} there now")
    return edge


def controlling_key(card: LoadedContents, df: str, authority: Authority) -> KeyRef | None:
    """Return the key behind an authority, seen from a DF; None if the authority is not a key or the card lacks it."""
    match authority:
        case Authority.TRANSPORT:
            return card.ref_by_usage(card.root, Usage.TRANSPORT)
        case Authority.CARD_MASTER:
            return card.ref_by_usage(card.root, Usage.MASTER)
        case Authority.ENVIRONMENT_MASTER:
            return card.ref_by_usage(card.environment(df), Usage.MASTER)
        case _:
            return None


def master_of(card: LoadedContents, df: str) -> KeyRef | None:
    """Return the key that EXTERNAL AUTHENTICATION with P2 00 means in a DF: the one in control of it now, or None."""
    match phase_of(card, df):
        case Phase.BLANK | Phase.ACTIVATED:
            return card.ref_by_usage(card.root, Usage.TRANSPORT)
        case Phase.MASTERED | Phase.CREATED:
            return card.ref_by_usage(card.root, Usage.MASTER)
        case Phase.PERSONALISING:
            return card.ref_by_usage(card.environment(df), Usage.MASTER)
        case _:
            return None
