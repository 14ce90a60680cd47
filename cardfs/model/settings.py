"""Named settings: every point that the public sources leave open, with its default.

The names and defaults are one list with the table in the README. A profile writes them as
``[settings.read]`` / ``le_mismatch = "shorter"``; an unknown name or value is refused.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct
from msgspec.structs import fields

from .errors import nearest

Tries = Annotated[int, Meta(ge=1, le=15)]
Byte = Annotated[int, Meta(ge=0, le=255)]
Refusal = Literal[
    "access_denied",
    "application_blocked",
    "application_suspended",
    "balance_short",
    "card_blocked",
    "challenge_unusable",
    "cipher_data_wrong",
    "conditions_unmet",
    "counter_exhausted",
    "data_wrong",
    "expected_length_wrong",
    "file_unknown",
    "function_missing",
    "issuer_data_wrong",
    "key_index_unknown",
    "key_unknown",
    "length_wrong",
    "life_forbids",
    "mac_missing",
    "mac_wrong",
    "method_blocked",
    "no_current_ef",
    "no_space",
    "offset_outside",
    "parameters_wrong",
    "pin_form_wrong",
    "proof_missing",
    "record_length_wrong",
    "record_unknown",
    "response_missing",
    "secured_data_wrong",
    "securing_unsupported",
    "store_failed",
    "structure_mismatch",
    "tlv_wrong",
    "trade_mac_wrong",
    "trade_state_wrong",
    "unknown_class",
    "unknown_instruction",
]
"""Names of the refusals whose status word a profile may replace; one list with the card's table of words."""


class _Section(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One group of settings."""


class StructureSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where the social-security environment stands (Part 3, 6.2), and what a 1.0 card has (Part 6, 6.6)."""

    ssse_location: Literal["ddf", "mf"] = "ddf"
    medical_mode: Literal["offline", "online", "both"] = "offline"


class DirectorySettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The directory file (Part 3, 6.3)."""

    sfi: Annotated[int, Meta(ge=1, le=30)] = 0x1E
    wrap_70: bool = False


class SelectSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """SELECT (Part 3, 5.2; Part 5, 6.11): from where a DF is found by its name and its FID, and how."""

    names: Literal["card", "environment"] = "card"
    fids: Literal["card", "near"] = "card"
    ef_with_p1_00: bool = True
    partial_names: bool = True
    mf_fci: Literal["empty", "fid"] = "empty"


class ReadSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """READ RECORD with an Le that is not the length (Part 2, 9.3.2.1; Part 5, 6.10.4)."""

    le_mismatch: Literal["6Cxx", "shorter"] = "6Cxx"


class DataSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Data elements (V2.0 notice, 7)."""

    an_fill: Literal["00", "30"] = "00"
    tag60_home: Literal["DF02/EF06", "DF03/EF05"] = "DF02/EF06"
    unwritten_byte: Byte = 0x00


class AccessSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Access rules on which sources differ."""

    df05_read: Literal["free", "PIN"] = "free"
    ef06_ssse: Literal["by-version", "free", "RKSSSE"] = "by-version"


class PinSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The PIN (Part 5, 6.8.3 and 6.14; Part 7, 5.6 to 5.8)."""

    tries: Tries = 3
    empty_satisfies: bool = True
    empty_form: Literal["both", "lc04", "ld00"] = "both"
    query_when_locked: Literal["63C0", "6983"] = "63C0"
    ill_formed: Literal["compare", "refuse"] = "compare"


class KeySettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Keys of EXTERNAL AUTHENTICATION."""

    tries: Tries = 3
    version_absent: Literal["1", "current"] = "1"
    version_unknown: Literal["6A88", "6983"] = "6A88"


class ChallengeSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The life of a challenge (Part 5, 6.5.1)."""

    survives: Literal["reading", "nothing"] = "reading"
    failure_consumes: bool = True


class StateSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The life of proofs (Part 7, 5.8 and 6.6)."""

    global_rights: Literal["within_environment", "strict"] = "within_environment"
    pin_scope: Literal["power-off", "df-change"] = "power-off"


class BlockSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """APPLICATION BLOCK (Part 5, 6.1.5 against Part 7, 13.2)."""

    repeat_sw: Literal["9000", "9303"] = "9000"
    ef_readable: bool = False


class SmSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Updates and reading under secure messaging (Part 4, 8; Part 7, 7.3)."""

    update_commands: Literal["off", "per-file"] = "off"
    read_commands: Literal["off", "per-file"] = "off"


class TradeSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Medical trades (Part 5, 7; Part 7, 11 to 14)."""

    type_byte: Literal["ascii", "binary"] = "ascii"
    load_tac_balance: Literal["new", "old"] = "new"
    algorithm_byte: Literal["psam", "fci"] = "psam"
    init_lifetime: Literal["keeps", "ends"] = "keeps"
    proof_type_byte: Literal["both", "binary", "ascii"] = "both"
    record_sequence: Literal["after", "before"] = "after"
    proof_sequence: Literal["before", "after"] = "before"


class PsamSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The security module (Part 9); a user card does not read them."""

    sm4_fid: Annotated[int, Meta(ge=0, le=0xFFFF)] = 0xDDF2
    mac_answer: Literal["block", "mac4"] = "block"
    session_key_lifetime: Literal["per_kind", "single", "until_next_delivery"] = "per_kind"
    sequence_step: Literal["init", "credit"] = "init"
    mac2_error: Literal["9302", "63CF"] = "9302"
    level_error_init_sam: Literal["6700", "6A80"] = "6700"
    check_algorithm_byte: bool = False
    auth_error: Literal["63Cx", "6982"] = "63Cx"
    init_environment: Literal["remember", "ignore"] = "remember"
    root_level: Literal["third", "second"] = "third"
    stk_type: Literal["08", "06"] = "08"


class FinancialSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The financial environment (JR/T 0025): which applications it has."""

    kind: Literal["none", "edep", "debit_credit", "both"] = "none"
    contactless: bool = False
    listed: Literal["all", "debit_credit"] = "all"


class EdepSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Passbook and purse (电子存折/电子钱包; JR/T 0025)."""

    fci_version: Literal["02", "none"] = "02"
    blocked_select: Literal["coding", "6283", "6A81"] = "coding"
    balance_error: Literal["9401", "6985"] = "9401"
    second_command_error: Literal["6901", "6985"] = "6901"
    pin_cleared_after_trade: bool = False
    overdraft_tac_key: Literal["xor", "direct"] = "xor"
    command_iv: Literal["challenge", "zero"] = "challenge"
    reload_pin_tries: Tries = 3


class EmvSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Debit/credit (借贷记; JR/T 0025)."""

    script_chaining: bool = False
    pin_block_key: Literal["ac", "enc"] = "ac"
    arpc_error: Literal["6300", "63Cx"] = "6300"
    failure_limit: Annotated[int, Meta(ge=1, le=255)] = 100
    sm4_algorithm_id: Annotated[int, Meta(ge=0, le=0xFF)] = 0x04


class CryptoSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Diversification (Part 9, 7.3; terminal interface, 10.3)."""

    level3_factor: Literal["T6..TD", "T8..TD+0000"] = "T6..TD"
    zhejiang_rule: bool = True
    ssf33: Literal["refuse"] = "refuse"


class KidSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Key identifiers that no public source gives."""

    rk1df01: Byte = 0x88
    rk1df02: Byte = 0x88


class PersonalisationSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Personalisation commands, which the standard leaves to the card manufacturer (Part 10, 5).

    ``cos``: whose coding; an FMCOS card has its own blank state and master key, and its manual no rule on
    weak keys. ``plain_keys``: whether a key may come in clear, to a blank card or as FMCOS has it.
    ``maker_key``: transport key that a blank card comes with, a public value. ``weak_keys``: which DES
    keys are refused (Part 4, 7.2): none, weak and semi-weak ones, or those and double-length keys with
    equal halves as well. ``parity``: whether DES keys must have odd parity. ``space``: what limits the files of
    an FMCOS directory, the memory of the card or the size that the directory was given. ``protect``: how a plain
    key of an FMCOS card becomes one that is only updated enciphered: by an update in clear, or enciphered too.
    """

    cos: Literal["t514", "fmcos", "none"] = "t514"
    plain_keys: bool = True
    maker_key: Annotated[str, Meta(pattern="^[0-9A-F]{32}$")] = "404142434445464748494A4B4C4D4E4F"
    weak_keys: Literal["accept", "refuse-weak", "refuse-short"] = "refuse-weak"
    parity: Literal["ignore", "check"] = "ignore"
    space: Literal["card", "directory"] = "card"
    protect: Literal["plain", "enciphered"] = "plain"


class TransportSettings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """APDU transport (Part 2, 9).

    ``level``: ``tpdu`` means that under T=0 the card answers 61xx and 6Cxx itself, ``apdu`` that it
    answers data at once. ``get_response_short``: what an Le below the waiting length gets; Part 5,
    table 20 has the first bytes and 61xx, Part 2, 9.3.2.1 has 6Cxx.
    """

    level: Literal["tpdu", "apdu"] = "tpdu"
    extended: bool = False
    get_response_short: Literal["61xx", "6Cxx"] = "61xx"


class Settings(_Section, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """All settings of a card."""

    structure: StructureSettings = StructureSettings()
    directory: DirectorySettings = DirectorySettings()
    select: SelectSettings = SelectSettings()
    read: ReadSettings = ReadSettings()
    data: DataSettings = DataSettings()
    access: AccessSettings = AccessSettings()
    pin: PinSettings = PinSettings()
    key: KeySettings = KeySettings()
    challenge: ChallengeSettings = ChallengeSettings()
    state: StateSettings = StateSettings()
    block: BlockSettings = BlockSettings()
    sm: SmSettings = SmSettings()
    trade: TradeSettings = TradeSettings()
    psam: PsamSettings = PsamSettings()
    financial: FinancialSettings = FinancialSettings()
    edep: EdepSettings = EdepSettings()
    emv: EmvSettings = EmvSettings()
    crypto: CryptoSettings = CryptoSettings()
    kid: KidSettings = KidSettings()
    transport: TransportSettings = TransportSettings()
    personalisation: PersonalisationSettings = PersonalisationSettings()
    check_order: Literal["default"] = "default"
    status: dict[Refusal, Annotated[str, Meta(pattern="^(6[245789ABDEF]|9[1-9A-F])[0-9A-F]{2}$")]] = {}
    """Status words of this card manufacturer, by the name of the refusal: ``access_denied = "6985"``."""


def near_setting(dotted: str) -> str:
    """Return the end of an error that names the most similar setting or section; empty if none is similar."""
    first, _, last = dotted.removeprefix("settings.").partition(".")
    sections = {each.name: each.type for each in fields(Settings)}
    near = nearest(first, sections)
    kind = sections.get(near)
    if last and isinstance(kind, type) and issubclass(kind, Struct):
        inner = nearest(last, kind.__struct_fields__)
        near = f"{near}.{inner}" if inner else "" if near == first else near
    return f"; did you mean settings.{near}?" if near else ""
