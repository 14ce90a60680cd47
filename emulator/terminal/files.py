"""General reading and writing of files (通用读卡, 通用写卡; terminal interface, 2 and 3)."""

from typing import Any

from cardfs.model.elements import decides_itself, ends_new, filled, meant
from cardfs.model.files import Element
from cardfs.model.tlv import encode_record
from cardfs.profile.loader import KeyPlan

from .base import CONTACT_FIRST, Base, Result, Session, Step, result
from .card import OK, UserCard
from .errors import INPUT_WRONG, KEY_MISSING, NO_HSM_NEEDED, TerminalError
from .hsm import hexadecimal
from .keytable import address_of
from .layout import FILE_END, ITEM_END, FilePlan, FileRequest, Need, coded, coded_record, shown, shown_record, split

BY_PIN, BY_KEY = 1, 2
NO_ACCESS = -0x6982


class FileFunctions(Base):
    """The functions of terminal interface, 2 and 3.

    Of every function ``card_info`` is ``identification code|card number|`` of the card that is expected, and ``kind``
    the type of card, 1 to 4 (terminal interface, 1.1.2). Every function returns a `Result` and raises `TerminalError`
    with a code of table A.1; a refused command has minus its status word.
    """

    def read(self, card_info: str, address: str, auth_type: int = BY_PIN, kind: int = CONTACT_FIRST) -> Result:
        """Read the items of an address after the proofs that their files ask for (iReadCard; terminal interface, 2.1).

        Args:
            card_info: ``identification code|card number|`` of the card that is expected.
            address: ``DF01EF0A|37|$DF01EF15|2A|40:2|$``; a file without items is read whole.
            auth_type: 1 for the PIN, 2 for the key, if a file takes either.
            kind: type of card, 1 to 4.

        Text: the address with values in the places of the items.

        Raises:
            TerminalError: bad address (-23), no such file or item, or a proof failed.
        """
        if auth_type not in (BY_PIN, BY_KEY):
            raise TerminalError(f"the type of authentication is 1 (PIN) or 2 (key), not {auth_type}", INPUT_WRONG)
        with self._session(kind) as session:
            self._begin(session.card, card_info)
            asked = session.card.layout.parse(address)
            return _Reading(session.card).all(asked, self._prover(session, auth_type))

    def read_hsm_step1(self, card_info: str, address: str, kind: int = CONTACT_FIRST) -> Result:
        """Return what the HSM needs for the key that a file asks for (iReadCard_HSM_Step1; terminal interface, 2.2).

        One file only; what follows is ignored. Text: ``algorithm|key address|factor|original|``.
        """
        return self._first_step("read", card_info, address, kind)

    def read_hsm_step2(self, key: str) -> Result:
        """Authenticate with what the HSM computed, and read (iReadCard_HSM_Step2; terminal interface, 2.3).

        Args:
            key: authentication data and original, 32 hex digits.

        Raises:
            TerminalError: no first step (-12), bad digits (-41, -42), or the card refuses.
        """
        with self._continue("read", 2, last=True) as step:
            self._second_step(step, key)
            reading = _Reading(step.session.card)
            return reading.all([step.data["asked"]], lambda _: None)

    def write(self, card_info: str, address: str, data: str, kind: int = CONTACT_FIRST) -> Result:
        """Write the items of an address (iWriteCard; terminal interface, 3.1). Nothing is written unless all fit.

        Args:
            data: the address with values in the places of the items; of a cyclic file the fields of a
                record to append, of a transparent file its bytes in hex.

        Raises:
            TerminalError: bad address or data (-23, -41, -42), no such file or item, or a proof failed.
        """
        with self._session(kind) as session:
            self._begin(session.card, card_info)
            asked = session.card.layout.parse(address)
            for each in asked:
                _choose(each.plan, BY_KEY, writing=True)
            updates = _updates(asked, data, new=self._writes_new)
            prove = self._prover(session, BY_KEY, writing=True)
            self._open_psam(session)
            for plan, records in updates:
                session.card.select(plan.df)
                prove(plan)
                _write(session.card, plan, records, new=self._writes_new)
        return Result()

    def write_hsm_step1(self, card_info: str, address: str, kind: int = CONTACT_FIRST) -> Result:
        """Return what the HSM needs for the key that a file asks for (iWriteCard_HSM_Step1; terminal interface, 3.2).

        One file only. Text: ``algorithm|key address|factor|original|``.
        """
        return self._first_step("write", card_info, address, kind)

    def write_hsm_step2(self, key: str, data: str) -> Result:
        """Authenticate with what the HSM computed, and write (iWriteCard_HSM_Step2; terminal interface, 3.3).

        Args:
            key: authentication data and original, 32 hex digits.
            data: the address with values in the places of the items, as for `write`.
        """
        with self._continue("write", 2, last=True) as step:
            asked: FileRequest = step.data["asked"]
            updates = _updates([asked], data, new=self._writes_new)
            self._second_step(step, key)
            for plan, records in updates:
                _write(step.session.card, plan, records, new=self._writes_new)
        return Result()

    @property
    def _writes_new(self) -> bool:
        return self.settings.terminal.changed_elements == "new"

    # -- proofs -------------------------------------------------------------------------------

    def _prover(self, session: Session, auth_type: int, *, writing: bool = False) -> Any:
        """Return a function that fulfils the rule of a file in the selected DF: the PIN once, a key once in its DF."""
        proven: set[tuple[str, str]] = set()
        order = self.settings.terminal.pin_and_rk_order

        def prove(plan: FilePlan) -> None:
            need = _choose(plan, auth_type, writing=writing)
            if order == "pin-first" and need.pin:
                verify()
            for key in need.keys:
                if (plan.df, key.ref.name) not in proven:
                    self._authenticate(session, key)
                    proven.add((plan.df, key.ref.name))
            if order != "pin-first" and need.pin:
                verify()

        def verify() -> None:
            if ("", "PIN") not in proven:
                session.card.verify(self.pad)
                proven.add(("", "PIN"))

        return prove

    def _authenticate(self, session: Session, key: KeyPlan) -> None:
        """Authenticate by EXTERNAL AUTHENTICATION, with data that the PSAM computes."""
        card = session.card
        psam = session.psam or self._open_psam(session)
        randoms = card.randoms()
        data = psam.authentication_data(key.root, card.data, randoms) + randoms.original
        card.external_authentication(key.kid or 0, data, key.ref.name)

    def _first_step(self, function: str, card_info: str, address: str, kind: int) -> Result:
        with self._session(kind, keep=True) as session:
            card = session.card
            self._begin(card, card_info)
            name, items = split(address)[0]
            asked = FileRequest(card.layout.file(name), items)
            _check_items(asked)
            plan = asked.plan
            need = _choose(plan, BY_KEY, writing=function == "write")
            if not need.keys:
                raise TerminalError(f"{name} asks for no key: use the function without HSM", NO_HSM_NEEDED)
            key = need.keys[0]
            place = address_of(key.root)
            if not place or len(need.keys) > 1:
                raise TerminalError(f"the tables have no HSM address for the key that {name} asks for", KEY_MISSING)
            card.select(plan.df)
            pin_last = self.settings.terminal.pin_and_rk_order == "key-first"
            if need.pin and not pin_last:
                card.verify(self.pad)
            randoms = card.randoms()
            step = Step(function, 1, session, {"asked": asked, "key": key, "pin": need.pin and pin_last})
            self._keep(step)
            return authentication_request(card, place, randoms.factor, randoms.original)

    def _second_step(self, step: Step, key: str) -> None:
        plan: KeyPlan = step.data["key"]
        step.session.card.external_authentication(plan.kid or 0, hexadecimal(key, 16), plan.ref.name)
        if step.data["pin"]:
            step.session.card.verify(self.pad)


def authentication_request(card: UserCard, address: str, factor: bytes, original: bytes) -> Result:
    """Return the result of a first step: ``algorithm|key address|factor|original|``."""
    return result(
        algorithm=card.data.algorithm,
        key_address=address,
        factor=factor.hex().upper(),
        original=original.hex().upper(),
    )


def _choose(plan: FilePlan, auth_type: int, *, writing: bool) -> Need:
    """Return the proofs that open a file (terminal interface, 2.1.3): of several ways the one asked for."""
    needs = plan.update if writing else plan.read
    if not needs:
        what = "write" if writing else "read"
        raise TerminalError(f"nobody may {what} {plan.name}: no PIN and no key allows it", NO_ACCESS)
    fitting = [need for need in needs if need.pin is (auth_type == BY_PIN)]
    return next((need for need in needs if need == Need(False, ())), (fitting or list(needs))[0])


def _check_items(asked: FileRequest) -> None:
    """Raise `TerminalError` for items that the file cannot have."""
    plan = asked.plan
    if plan.transparent and asked.items:
        raise TerminalError(f"{plan.name} is a transparent file and has no items", INPUT_WRONG)
    for item in asked.items:
        plan.record_number(item) if plan.cyclic else plan.item(item)


class _Reading:
    """Reads what an address asks for."""

    def __init__(self, card: UserCard) -> None:
        self._card = card
        self._meanings: dict[tuple[str, str], Element] = {}

    def all(self, asked: list[FileRequest], prove: Any) -> Result:
        for each in asked:
            _check_items(each)
        text, found, labels = "", {}, {}
        for each in asked:
            self._card.select(each.plan.df)
            prove(each.plan)
            self._card.open_file(each.plan)
            values = self._values(each)
            found[each.plan.name] = values
            labels.update({f"{each.plan.name}/{item}": self._label(each.plan, item) for item in values})
            text += each.plan.name + ITEM_END + "".join(value + ITEM_END for value in values.values()) + FILE_END
        return Result(text, found, labels)

    def _values(self, asked: FileRequest) -> dict[str, str]:
        plan, card = asked.plan, self._card
        if plan.transparent:
            return {"": card.read_binary(plan).hex().upper()}
        if plan.cyclic:
            numbers = asked.items or tuple(str(number) for number in range(1, 255))
            records = {}
            for number in numbers:
                record = card.read_record(plan, plan.record_number(number))
                if record is None:
                    if asked.items:
                        raise TerminalError(f"{plan.name} has no record {number}", -0x6A83)
                    break
                records[number] = shown_record(plan.elements, record)
            return records
        return {item: self._item(plan, item) for item in asked.items or _all_items(plan)}

    def _label(self, plan: FilePlan, item: str) -> str:
        meaning = self._meanings.get((plan.name, item))
        return plan.label(item) if meaning is None else meaning.zh

    def _item(self, plan: FilePlan, text: str) -> str:
        item = plan.item(text)
        record = self._card.read_record(plan, item.number)
        if record is None:
            raise TerminalError(f"{plan.name} of this card has no record {item.number} for item {text}", -0x6A83)
        if record[:1] != bytes((item.element.tag or 0,)):
            raise TerminalError(
                f"record {item.number} of {plan.name} has tag {record[:1].hex().upper()} and not {text}: this card's "
                "files differ from those that the terminal knows",
                -0x6A83,
            )
        meaning, value = meant(item.element, record[2:], lambda tag: _value_of(self._card, plan, tag))
        self._meanings[plan.name, text] = meaning
        return shown(meaning, value)


def _value_of(card: UserCard, plan: FilePlan, tag: int) -> bytes:
    """Return the value of another element of the selected file, empty if the card does not have or show it."""
    item = plan.item(f"{tag:02X}")
    record, word = card.ask(bytes((0x00, 0xB2, item.number, 0x04, 0x00)))
    return record[2:] if word == OK and record[:1] == bytes((tag,)) else b""


def _all_items(plan: FilePlan) -> list[str]:
    """Return every item of a file, repeated ones with their number."""
    tags = [f"{element.tag or 0:02X}" for element in plan.elements]
    return [tag if tags.count(tag) == 1 else f"{tag}:{tags[:at].count(tag) + 1}" for at, tag in enumerate(tags)]


def _updates(asked: list[FileRequest], data: str, *, new: bool) -> list[tuple[FilePlan, list[tuple[int, bytes]]]]:
    """Return what to write: of each file the records by number, or its bytes. All of it is checked here.

    Args:
        new: whether values of elements whose meaning changed are of the new one (V2.0 notice, annex C).
    """
    given = split(data)
    if [name for name, _ in given] != [each.plan.name for each in asked]:
        raise TerminalError("the data and the address name different files", INPUT_WRONG)
    updates = []
    for each, (name, values) in zip(asked, given, strict=True):
        _check_items(each)
        plan = each.plan
        whole = plan.cyclic or plan.transparent
        if (whole and each.items) or len(values) != (1 if whole else len(each.items)) or not values:
            raise TerminalError(f"{name}: write one value for each item of the address", INPUT_WRONG)
        if plan.cyclic:
            records = [(0, coded_record(plan.elements, values[0], name))]
        elif plan.transparent:
            records = [(0, coded(plan.elements[0], values[0]))]
        else:
            records = [_record(plan, item, value, new=new) for item, value in zip(each.items, values, strict=True)]
        updates.append((plan, records))
    return updates


def _record(plan: FilePlan, text: str, value: str, *, new: bool) -> tuple[int, bytes]:
    item = plan.item(text)
    element = item.element
    later = element.later if new else None
    data = coded(element, value) if later is None else filled(element, coded(later, value))
    return item.number, encode_record(element.tag or 0, data)


def _write(card: UserCard, plan: FilePlan, records: list[tuple[int, bytes]], *, new: bool) -> None:
    card.open_file(plan)
    if new:
        _require_together(card, plan, {record[0] for _, record in records} if not plan.transparent else set())
    for number, record in records:
        if plan.transparent:
            card.update_binary(plan, record)
        else:
            card.update_record(plan, number, record)


def _require_together(card: UserCard, plan: FilePlan, tags: set[int]) -> None:
    """Refuse half of a change of meaning, unless the card shows that the other half is there (V2.0 notice, annex C)."""
    for element in plan.elements:
        tag, other = element.tag or 0, element.together
        if other is None or (tag in tags) is (other in tags):
            continue
        if (tag in tags and decides_itself(element)) or ends_new(_value_of(card, plan, other)):
            continue
        raise TerminalError(
            f"{plan.name}: items {other:02X} and {tag:02X} change their meaning together on a card of this version, "
            "and it does not show that they have: write both, or set terminal.changed_elements to old",
            INPUT_WRONG,
        )
