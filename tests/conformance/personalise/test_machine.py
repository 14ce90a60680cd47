"""A model of who is in control, against the card, in any order of commands.

However the commands follow each other: no key is read out, no dead key lives again, and after the
handover the card master key has no power over an environment (Part 4, 5.2, 7.4 and 7.5).

The model knows phases, master keys, keys with versions, counters and proofs; the attacker knows every
key there ever was and sends well-formed commands under any of them, from anywhere.
"""

from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from tests.kit.card import MF, PSE, SSSE
from tests.kit.issuer import (
    ADF,
    AIDS,
    INSTALL,
    MANUFACTURER_KEY,
    NAMES,
    PSE_ADF,
    RETIRE,
    UPDATE,
    IssuerBench,
    Secret,
    master,
    secret,
)
from tests.kit.reference import Reference

DFS: Final = (MF, SSSE, PSE, ADF, PSE_ADF)
MASTERS: Final = ("maker", "transport", "cmk", "cmk 2", "emk", "emk 2", "fmk", "stranger")
VALUES: Final = {name: MANUFACTURER_KEY if name == "maker" else secret(name) for name in MASTERS}
# Name, type, level, KID in an environment, KID in an application.
KEYS: Final[dict[str, tuple[int, int, int, int | None]]] = {
    "UK": (0x0D, 0, 0x04, 0x83),
    "LK": (0x0D, 3, 0x07, 0x81),
    "STK": (0x07, 0, 0x02, 0x82),
    "BK": (0x0D, 2, 0x05, None),
}
LIMIT: Final = 3
TRIES: Final = bytes((0x33,))
BLANK, ACTIVATED, MASTERED, OPERATIONAL = "blank", "activated", "mastered", "operational"
CREATED, PERSONALISING = "created", "personalising"

masters = st.sampled_from(MASTERS)
names = st.sampled_from(tuple(KEYS))
versions = st.sampled_from((1, 1, 1, 2))


def key_value(name: str, version: int, new: bool) -> bytes:
    """An application key: one of two values for each."""
    return secret(f"{name}.{version}.{new}", "DES" if name == "STK" else "3DES")


@dataclass
class Held:
    """A key as the model sees it."""

    value: bytes
    state: str = "active"
    tries: int = LIMIT


@dataclass
class Model:
    """What the standard says of this card."""

    phase: dict[str, str] = field(default_factory=lambda: {MF: BLANK})
    # Master keys by owner: of the MF the transport key until the card master key replaces it.
    top: dict[str, Held] = field(default_factory=lambda: {MF: Held(MANUFACTURER_KEY)})
    hidden: Held | None = None
    keys: dict[tuple[str, str, int], Held] = field(default_factory=dict)
    locked: set[str] = field(default_factory=set)
    here: str = MF
    proofs: set[tuple[str, str]] = field(default_factory=set)
    dead_card: bool = False

    def environment(self, df: str) -> str:
        return df[:9]

    def control(self) -> tuple[str, Held]:
        """Owner of the key in control of the current DF, and the key."""
        environment = self.environment(self.here)
        owner = MF if self.phase[environment] == CREATED else environment
        return owner, self.top[owner]

    def exists(self, df: str) -> bool:
        return df in self.phase or df in self.adfs

    adfs: set[str] = field(default_factory=set)

    def enter(self, df: str) -> None:
        """Proofs of an environment last inside it, those of an application end with every change."""
        if df == self.here:
            return
        environment = self.environment(df)
        self.proofs = {each for each in self.proofs if each[0] == environment}
        self.here = df

    def gone(self, *roots: str) -> None:
        """Files and their keys are deleted."""
        for root in roots:
            self.adfs = {df for df in self.adfs if not df.startswith(root)}
            self.keys = {at: key for at, key in self.keys.items() if not at[0].startswith(root)}
            self.proofs = {each for each in self.proofs if not each[0].startswith(root)}
            for table in (self.phase, self.top):
                table.pop(root, None)


class Life(RuleBasedStateMachine):
    """Random commands at a card and at the model."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = IssuerBench()
        self.model = Model()
        self.dead: set[tuple[str, str]] = set()
        self.secrets = {
            *VALUES.values(),
            *(key_value(name, version, new) for name in KEYS for version in (1, 2) for new in (False, True)),
        }

    # -- sending -------------------------------------------------------------------------------

    def expect(self, good: bool, command: bytes) -> None:
        """Send a command: it works just when the model says so, and otherwise changes counters at most."""
        before = self.bench.cells()
        good = good and not self.model.dead_card
        answer = self.bench.send(command)
        assert (answer[-4:] == "9000") is good, (command.hex(), answer, self.bench.reason, self.model)
        if not good:
            after = self.bench.cells()
            changed = {at[0] for at in before.keys() | after.keys() if before.get(at) != after.get(at)}
            assert changed <= {"tries"}, (command.hex(), changed)
        self.no_secret_in(answer)

    def no_secret_in(self, answer: str) -> None:
        data = bytes.fromhex(answer[:-4])
        assert not any(value in data for value in self.secrets)

    def usable(self) -> bool:
        """Whether commands but SELECT work in the current DF."""
        return self.model.here not in self.model.locked and not self.model.dead_card

    def challenge(self) -> bytes:
        return self.bench.challenge() if self.usable() else bytes(8)

    # -- commands ------------------------------------------------------------------------------

    @rule(df=st.sampled_from(DFS))
    def select(self, df: str) -> None:
        """A DF below the last one, else the first with this FID anywhere; a locked one becomes current with 9303."""
        model = self.model
        path = ""
        for fid in df.split("/"):
            path = f"{path}/{fid}" if path else fid
            if not model.exists(path):
                path = next((each for each in sorted(DFS) if model.exists(each) and each.endswith(fid)), "")
            word = self.bench.word(f"00A4000002{fid}")
            if not path or model.dead_card:
                assert word == ("6A81" if model.dead_card else "6A82"), (df, word)
                return
            assert word == ("9303" if path in model.locked else "9000"), (df, word)
            model.enter(path)

    @rule()
    def power(self) -> None:
        self.bench = IssuerBench.of(self.bench)
        self.model.here, self.model.proofs = MF, set()

    @rule(who=masters)
    def prove_the_key_in_control(self, who: str) -> None:
        model = self.model
        data = Reference("3DES").auth(VALUES[who], challenge := self.challenge(), bytes(8)) + bytes(8)
        assert len(challenge) == 8
        owner, key = model.control()
        # In use there is no key in control, and P2 00 is not used for any other here.
        asked = self.usable() and model.phase[model.environment(model.here)] != OPERATIONAL
        good = asked and key.tries > 0 and key.value == VALUES[who]
        self.expect(good, b"\x00\x82\x00\x00\x10" + data)
        if good:
            key.tries = LIMIT
            model.proofs.add((owner, "master"))
        elif asked and key.tries:
            key.tries -= 1

    @rule(name=names, version=versions, new=st.booleans(), local=st.booleans())
    def prove_a_key(self, name: str, version: int, new: bool, local: bool) -> None:
        model = self.model
        kid = KEYS[name][3 if local else 2]
        if kid is None:
            return
        owner = model.here if local else model.environment(model.here)
        value = key_value(name, version, new)
        suite = "DES" if name == "STK" else "3DES"
        data = Reference(suite).auth(value, self.challenge(), bytes(8)) + bytes(8) + bytes((version,))
        key = model.keys.get((owner, name, version))
        if kid != KEYS[name][3 if owner in AIDS else 2]:
            key = None  # the DF has this key under its other identifier
        asked = self.usable() and key is not None and key.state == "active" and name != "STK"
        assert key is not None or not asked
        if key is None or not asked:
            self.expect(False, bytes((0x00, 0x82, 0x00, kid, 0x11)) + data)
            return
        countless = name in ("LK", "BK")  # failures never lock them (Part 7, 13.1 and 13.2)
        good = (key.tries > 0 or countless) and key.value == value
        self.expect(good, bytes((0x00, 0x82, 0x00, kid, 0x11)) + data)
        if good:
            key.tries = LIMIT
            model.proofs.add((owner, name))
        elif key.tries and not countless:
            key.tries -= 1

    @rule(p1=st.sampled_from((INSTALL, UPDATE, UPDATE, RETIRE)), what=masters, under=masters, right=st.booleans())
    def load_a_master_key(self, p1: int, what: str, under: str, right: bool = False) -> None:
        model = self.model
        under = self.right() if right else under
        phase = model.phase[model.environment(model.here)]
        owner, key = model.control()
        adf = model.here in AIDS
        edge = not adf and (
            (p1 == INSTALL and phase in (ACTIVATED, CREATED))
            or (p1 == UPDATE and phase in (MASTERED, PERSONALISING, OPERATIONAL))
        )
        # Where this command means another kind of key, its MAC is looked at before that is seen.
        looked = edge or (p1 == INSTALL and phase == PERSONALISING) or (p1 == UPDATE and phase != CREATED)
        looked = looked or (p1 == RETIRE and model.here != MF and phase in (PERSONALISING, OPERATIONAL))
        verified = self.usable() and key.tries > 0 and key.value == VALUES[under]
        challenge = self.challenge()
        command = self.bench.key_load(master(VALUES[what]), p1, under=VALUES[under], challenge=challenge)
        good = edge and verified
        self.expect(good, command)
        if not good:
            if self.usable() and looked and key.tries and key.value != VALUES[under]:
                key.tries -= 1
            return
        key.tries = LIMIT
        model.proofs -= {(owner, "master"), (model.here, "master")}
        if phase == ACTIVATED:
            model.hidden = key
            model.phase[MF] = MASTERED
        elif phase == CREATED:
            model.phase[model.here] = PERSONALISING
        model.top[model.here] = Held(VALUES[what])

    @rule(what=masters, under=masters)
    def update_the_transport_key(self, what: str, under: str) -> None:
        model = self.model
        phase = model.phase[model.environment(model.here)]
        _, key = model.control()
        good = self.usable() and model.here == MF and phase in (BLANK, ACTIVATED)
        looked = self.usable() and phase != CREATED
        good = good and key.tries > 0 and key.value == VALUES[under]
        command = self.bench.key_load(
            Secret(0x0F, VALUES[what]), UPDATE, under=VALUES[under], challenge=self.challenge()
        )
        self.expect(good, command)
        if good:
            model.top[MF] = Held(VALUES[what])
            model.proofs.discard((MF, "master"))
        elif looked and key.tries and key.value != VALUES[under]:
            key.tries -= 1

    @rule(
        p1=st.sampled_from((INSTALL, INSTALL, INSTALL, UPDATE, RETIRE)),
        name=names,
        version=versions,
        new=st.booleans(),
        under=masters,
        right=st.booleans(),
    )
    def load_a_key(self, p1: int, name: str, version: int, new: bool, under: str, right: bool) -> None:
        model = self.model
        here = model.here
        kind, level, *kids = KEYS[name]
        kid = kids[here in AIDS]
        if kid is None:
            return
        phase = model.phase[model.environment(here)]
        _, key = model.control()
        under = self.right() if right else under
        place = here != MF and (phase == PERSONALISING or (phase == OPERATIONAL and p1 != INSTALL))
        there = model.keys.get((here, name, version))
        fits = there is None if p1 == INSTALL else there is not None and there.state == "active"
        value = key_value(name, version, new)
        load = Secret(kind, value, "DES" if name == "STK" else "3DES", kid, version, level)
        verified = self.usable() and key.tries > 0 and key.value == VALUES[under]
        good = place and fits and verified
        self.expect(good, self.bench.key_load(load, p1, under=VALUES[under], challenge=self.challenge()))
        looked = place or (p1 == UPDATE and phase != CREATED) or (p1 == INSTALL and phase in (ACTIVATED, CREATED))
        if not good:
            if self.usable() and looked and key.tries and key.value != VALUES[under]:
                key.tries -= 1
            return
        key.tries = LIMIT
        if p1 == RETIRE:
            assert there is not None
            there.state = "retired"
        else:
            model.keys[here, name, version] = Held(value)
        if p1 != INSTALL or (here, name) in model.proofs:
            model.proofs.discard((here, name))

    @rule(value=masters)
    def set_the_transport_key(self, value: str) -> None:
        good = self.model.phase == {MF: BLANK}
        self.expect(good, b"\x80\xe0\x03\x00\x10" + VALUES[value])
        if good:
            self.model.top[MF] = Held(VALUES[value])
            self.model.proofs.clear()

    @rule(path=st.sampled_from((SSSE, PSE)))
    def create_an_environment(self, path: str) -> None:
        model = self.model
        good = model.here == MF and model.phase[MF] == MASTERED and (MF, "master") in model.proofs
        good = good and path not in model.phase
        body = bytes.fromhex(path[-4:]) + b"\x01\x07\x00\x00" + NAMES[path]
        self.expect(good, bytes((0x80, 0xE0, 0x01, 0x00, len(body))) + body)
        if good:
            model.phase[path] = CREATED

    def in_control(self) -> bool:
        """Whether the master key of the current environment is proven, while it is being filled."""
        environment = self.model.environment(self.model.here)
        here_filled = self.model.here != MF and self.model.phase[environment] == PERSONALISING
        return self.usable() and here_filled and (environment, "master") in self.model.proofs

    @rule()
    def create_an_application(self) -> None:
        model = self.model
        path = ADF if model.environment(model.here) != PSE else PSE_ADF
        good = self.in_control() and model.here in NAMES and path not in model.adfs
        body = bytes.fromhex(path[-4:]) + b"\x02\x81\x00\x00" + AIDS[path]
        self.expect(good, bytes((0x80, 0xE0, 0x01, 0x00, len(body))) + body)
        if good:
            model.adfs.add(path)

    @rule(fid=st.sampled_from((0xEF05, 0xEF06)))
    def create_a_file_and_write_it(self, fid: int) -> None:
        model = self.model
        body = fid.to_bytes(2) + bytes((0xC4, fid & 0x1F, 0)) + b"\x00\x08\x00\xfe\x01\x00\x00"
        if f"{model.here}/{fid:04X}" not in self.bench.card.image.efs:
            self.expect(self.in_control(), bytes((0x80, 0xE0, 0x01, 0x00, len(body))) + body)
        written = self.in_control()
        there = f"{model.here}/{fid:04X}" in self.bench.card.image.efs
        self.expect(there and written, bytes((0x00, 0xD6, 0x80 | fid & 0x1F, 0x00, 0x02, 0xAA, 0xBB)))
        answer = self.bench.ask(bytes((0x00, 0xB0, 0x80 | fid & 0x1F, 0x00, 0x08)))
        self.no_secret_in(answer)

    @rule(path=st.sampled_from((SSSE, PSE, ADF, PSE_ADF)))
    def delete_below(self, path: str) -> None:
        model = self.model
        above = path[:-5]
        if model.here == MF:
            good = above == MF and model.phase[MF] == MASTERED and (MF, "master") in model.proofs
            good = good and model.phase.get(path) == CREATED
        else:
            path = f"{model.here}/{path[-4:]}"
            good = self.in_control() and path in model.adfs and path not in model.locked
        self.expect(good, b"\x80\xe1\x00\x01\x02" + bytes.fromhex(path[-4:]))
        if good:
            model.gone(path)

    @rule()
    def delete_everything(self) -> None:
        model = self.model
        here = model.here
        if here == MF:
            good = model.phase[MF] == MASTERED and (MF, "master") in model.proofs
            good = good and all(phase == CREATED for df, phase in model.phase.items() if df != MF)
        else:
            good = (
                self.in_control() and here in NAMES and not any(df in model.locked for df in model.adfs if here in df)
            )
        self.expect(good, b"\x80\xe1\x00\x03\x00")
        if not good:
            return
        if here == MF:
            assert model.hidden is not None
            model.gone(SSSE, PSE)
            model.phase[MF], model.top[MF], model.hidden = ACTIVATED, model.hidden, None
            model.proofs.clear()
        else:
            model.adfs = {df for df in model.adfs if here not in df}
            model.keys = {at: key for at, key in model.keys.items() if not at[0].startswith(here)}
            model.proofs = {each for each in model.proofs if each == (here, "master")}

    @rule()
    def end(self) -> None:
        model = self.model
        phase = model.phase[model.environment(model.here)]
        proven = (model.here, "master") in model.proofs
        good = self.usable() and (
            (model.here == MF and (phase == BLANK or (phase == MASTERED and proven)))
            or (model.here in NAMES and phase == PERSONALISING and proven)
        )
        self.expect(good, b"\x80\xe0\x02\x00\x00")
        if good:
            model.phase[model.here] = ACTIVATED if phase == BLANK else OPERATIONAL
            if phase != BLANK:
                model.proofs.discard((model.here, "master"))
                model.hidden = None if model.here == MF else model.hidden

    @precondition(lambda self: any(name in ("LK", "BK") for _, name in self.model.proofs))
    @rule(card=st.booleans(), new=st.booleans())
    def lock(self, card: bool, new: bool) -> None:
        model = self.model
        owner = model.environment(model.here) if card else model.here
        right, stk = (owner, "BK" if card else "LK"), model.keys.get((owner, "STK", 1))
        value = key_value("STK", 1, new)
        rules = Reference("DES")
        covered = bytes.fromhex("8416000004" if card else "841E000104")
        command = covered + rules.mac(rules.session_key(value, self.challenge()), covered)
        lock_key = model.keys.get((owner, right[1], 1))
        good = self.usable() and right in model.proofs and stk is not None and stk.state == "active"
        good = good and lock_key is not None and lock_key.state == "active"
        good = good and stk is not None and stk.value == value
        again = not card and model.here in model.locked
        before = self.bench.cells()
        self.expect(good or again, command)
        if again:
            # It has succeeded already (Part 5, 6.1.5).
            assert self.bench.cells() == before
        if not good:
            return
        gone = set(model.phase) | model.adfs if card else {df for df in model.adfs | set(NAMES) if owner in df}
        for at, key in model.keys.items():
            if at[0] in gone:
                key.state = "dead"
        if card:
            model.dead_card = True
        else:
            model.locked |= {df for df in gone if model.exists(df)}

    @rule(raw=st.binary(min_size=4, max_size=40), ins=st.sampled_from((0xB0, 0xB2, 0xC0, 0x88, 0x84, 0xA4, 0xCA)))
    def read_anything(self, raw: bytes, ins: int) -> None:
        """On a copy with the same session, since the model does not follow these."""
        copy = IssuerBench.of(self.bench)
        copy.card._session = self.bench.card._session
        before = copy.cells()
        self.no_secret_in(copy.ask(bytes((0x00, ins)) + raw[2:]))
        assert copy.cells() == before

    # -- what issuing machines do, so that cards get somewhere ----------------------------------

    def right(self) -> str:
        """The name of the key in control of the current DF."""
        _, key = self.model.control()
        return next(name for name in MASTERS if VALUES[name] == key.value)

    @precondition(lambda self: not self.model.dead_card)
    @rule(path=st.sampled_from((SSSE, SSSE, PSE)))
    def go_on(self, path: str) -> None:
        """The next step of the way to an environment with an application."""
        model = self.model
        top = model.phase[MF]
        self.select(MF if top in (BLANK, ACTIVATED) or path not in model.phase else path)
        if top == BLANK:
            self.end()
        elif top == ACTIVATED:
            self.load_a_master_key(INSTALL, "cmk", self.right())
        elif path not in model.phase:
            self.prove_the_key_in_control(self.right())
            self.create_an_environment(path)
        elif model.phase[path] == CREATED:
            self.load_a_master_key(INSTALL, "emk" if path == SSSE else "fmk", self.right())
        else:
            self.prove_the_key_in_control(self.right())
            self.create_an_application()

    @precondition(lambda self: bool(self.model.adfs) and not self.model.dead_card)
    @rule(df=st.sampled_from(DFS[1:]), new=st.booleans())
    def load_its_keys(self, df: str, new: bool) -> None:
        """All keys of a DF, under the key in control."""
        self.select(df)
        for name in KEYS:
            self.load_a_key(INSTALL, name, 1, new, "stranger", right=True)

    @precondition(lambda self: any(name == "UK" for _, name, _ in self.model.keys) and not self.model.dead_card)
    @rule(df=st.sampled_from(DFS[1:]), name=names)
    def prove_right(self, df: str, name: str) -> None:
        """A key with its right value, and the key in control."""
        self.select(df)
        key = self.model.keys.get((self.model.here, name, 1))
        if key is not None:
            new = key.value == key_value(name, 1, True)
            self.prove_a_key(name, 1, new, local=self.model.here in AIDS)
        self.prove_the_key_in_control(self.right())

    @precondition(lambda self: len(self.model.keys) > 3 and not self.model.dead_card)
    @rule(df=st.sampled_from((ADF, ADF, PSE_ADF, SSSE)), card=st.sampled_from((False, False, False, True)))
    def lock_for_good(self, df: str, card: bool) -> None:
        """Everything that it takes to lock an application, an environment or the card."""
        self.select(df)
        model = self.model
        name = "BK" if card else "LK"
        owner = model.environment(model.here) if card else model.here
        key, stk = model.keys.get((owner, name, 1)), model.keys.get((owner, "STK", 1))
        if key is None or stk is None or not self.usable():
            return
        self.prove_a_key(name, 1, key.value == key_value(name, 1, True), local=owner in AIDS)
        self.lock(card, stk.value == key_value("STK", 1, True))

    # -- what always holds ---------------------------------------------------------------------

    @invariant()
    def dead_keys_stay_dead_and_have_no_value(self) -> None:
        cells = self.bench.cells()
        for at in self.dead:
            assert at in cells, at
        for at, cell in cells.items():
            if at[0] == "key" and '"dead"' in cell.meta:
                self.dead.add(at)
        for at in self.dead:
            assert '"dead"' in cells[at].meta
            assert cells[at].data == b""

    @invariant()
    def the_card_has_the_phases_and_keys_of_the_model(self) -> None:
        model, image = self.model, self.bench.card.image
        assert {df: str(image.dfs[df].phase) for df in image.dfs if df in (MF, *NAMES)} == model.phase
        assert {df for df in image.dfs if df in AIDS} == model.adfs
        found: dict[Any, Any] = {}
        for (ref, version), key in image.keys.items():
            if str(key.usage) not in ("master", "transport"):
                name = next(n for n, row in KEYS.items() if key.kid in row[2:])
                found[ref.owner, name, version] = (key.value, str(key.state))
        expected = {at: (b"" if key.state != "active" else key.value, key.state) for at, key in model.keys.items()}
        assert found == expected

    @invariant()
    def the_card_master_key_is_not_proven_where_it_has_no_power(self) -> None:
        session = self.bench.card.session
        environment = session.df[:9]
        if self.model.phase.get(environment) in (PERSONALISING, OPERATIONAL) and environment != MF:
            assert not any(ref.owner == MF for ref in session.proofs)


class Handed(Life):
    """The same from a card with an environment that has been handed over, and another that has not."""

    def __init__(self) -> None:
        super().__init__()
        bench, model = self.bench, self.model
        bench.cmk, bench.masters = VALUES["cmk"], {SSSE: VALUES["emk"], PSE: VALUES["fmk"]}
        bench.transport = VALUES["transport"]
        assert bench.send(b"\x80\xe0\x03\x00\x10" + bench.transport) == "9000"
        assert bench.end() == "9000"
        bench.load_card_master().create_environment().hand_over()
        assert bench.create_df(0xDF01, 0x02, AIDS[ADF], lock=0x81) == "9000"
        for df in (SSSE, ADF):
            bench.select(df)
            for name, (kind, level, kid, local) in KEYS.items():
                its = kid if df == SSSE else local
                if its is not None:
                    value = key_value(name, 1, False)
                    suite = "DES" if name == "STK" else "3DES"
                    assert bench.load(Secret(kind, value, suite, its, 1, level)) == "9000"
                    model.keys[df, name, 1] = Held(value)
        bench.create_environment(PSE)
        model.phase = {MF: MASTERED, SSSE: PERSONALISING, PSE: CREATED}
        model.top = {MF: Held(bench.cmk), SSSE: Held(bench.masters[SSSE])}
        model.hidden = Held(bench.transport)
        model.adfs = {ADF}
        model.here = PSE
        self.power()


@pytest.mark.clause("Part 4, 5.2", "no order of commands gives the card master key power after the handover")
@pytest.mark.clause("Part 4, 7.4", "no order of commands reads a key out")
@pytest.mark.clause("Part 4, 7.5", "no order of commands revives a dead or retired key")
@pytest.mark.parametrize("start", [Life, Handed])
def test_no_order_of_commands_breaks_the_rules_of_control(start: type[Life]) -> None:
    run_state_machine_as_test(
        start,
        settings=settings(
            max_examples=60,
            stateful_step_count=50,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
