"""Every mistake in a profile is one sentence with file, place and reason."""

from collections.abc import Callable
from pathlib import Path

import pytest

from cardfs.profile.inputs import ProfileError
from cardfs.profile.loader import load_profile

HEAD = """
name = "ssc-x"
specification = "2.00"
suite = "3DES"
[atr]
chip_maker = "0081"
cos = "000000"
card_maker = "8660"
[[df]]
id = "MF"
kind = "mf"
keys = [{ name = "CMK", usage = "master" }]
[[df]]
id = "SSSE"
kind = "ddf"
parent = "MF"
fid = 0xDDF1
name = "sx1.sh.社会保障"
keys = [
  { name = "PIN", usage = "pin" },
  { name = "UKSSSE", kid = 4, usage = "external-auth" },
  { name = "STK", kid = 2, usage = "mac-enc" },
]
[[df]]
id = "DF01"
parent = "SSSE"
keys = [{ name = "UK1DF01", kid = 0x83, usage = "external-auth" }]
[[df]]
id = "DF02"
parent = "SSSE"
"""
EF = """
[[ef]]
id = "DF01/EF05"
structure = "linear-variable"
read = "PIN"
update = "UK1DF01"
elements = [{ tag = 0x20, type = "an", length = 2, name = "one" }]
"""
GOOD = HEAD + EF
BARE = EF[: EF.index("elements")]

Refused = Callable[[str], str]


@pytest.fixture
def refused(tmp_path: Path) -> Refused:
    """Load a profile's text and give the sentence of its refusal."""

    def load(text: str) -> str:
        path = tmp_path / "ssc-x.toml"
        path.write_text(text)
        with pytest.raises(ProfileError) as caught:
            load_profile(path)
        return str(caught.value)

    return load


def test_the_example_is_good(tmp_path: Path) -> None:
    path = tmp_path / "ssc-x.toml"
    path.write_text(GOOD)
    assert list(load_profile(path).efs) == ["3F00/DDF1/DF01/EF05"]


SWAPS = [
    # the head
    ('name = "ssc-x"', "", "ssc-x.toml: 'name' is missing"),
    ('name = "ssc-x"', 'name = "x"\ncolour = 1', "ssc-x.toml: colour: unknown key"),
    ('name = "ssc-x"', "name = 1", "ssc-x.toml: name: expected `str`, got `int`"),
    (
        'name = "ssc-x"',
        'name = "x"\nkeys = [{ name = "A" }]',
        "ssc-x.toml: keys[0]: 'keys' belongs in a [[df]] or [[ef]]",
    ),
    ('suite = "3DES"', 'suite = "SSF33"', "ssc-x.toml: suite: SSF33 is not public, so no card can be issued with it"),
    ('suite = "3DES"', 'suite = "AES"', "ssc-x.toml: suite: no suite 'AES'; there are DES, 3DES, SM4"),
    (
        'suite = "3DES"',
        'suite = "3DES"\nmaintenance_suite = "SM4"',
        "ssc-x.toml: maintenance_suite: a card holds one algorithm, but SM4 and 3DES are two",
    ),
    # extends
    ('name = "ssc-x"', 'extends = "nix"', "ssc-x.toml: extends: nix: neither a file nor a shipped profile ("),
    ('name = "ssc-x"', "extends = 1", "ssc-x.toml: extends: expected the name or path of a profile"),
    (
        'name = "ssc-x"',
        'extends = "ssc-x.toml"',
        "ssc-x.toml: extends: profiles extend each other in a circle: ssc-x.toml -> ssc-x.toml",
    ),
    # settings
    ("[atr]", "[settings.pin]\ntries = 16\n[atr]", "ssc-x.toml: settings.pin.tries: expected `int` <= 15"),
    (
        "[atr]",
        "[settings.pin]\ntry = 3\n[atr]",
        "ssc-x.toml: settings.pin.try: no such setting",
    ),
    (
        "[atr]",
        "[settings.pn]\ntries = 3\n[atr]",
        "ssc-x.toml: settings.pn: no such setting; did you mean settings.pin?",
    ),
    (
        "[atr]",
        '[settings.read]\nle_mismatch = "x"\n[atr]',
        "ssc-x.toml: settings.read.le_mismatch: invalid enum value 'x'",
    ),
    ("[atr]", "[settings]\npin = 3\n[atr]", "ssc-x.toml: settings.pin: expected `object`, got `int`"),
    ("[atr]", "settings = 3\n[atr]", "ssc-x.toml: settings: expected a table"),
    # the ATR
    ('cos = "000000"', 'cos = "0000"', "ssc-x.toml: atr.cos: expected `str` matching regex"),
    ('cos = "000000"', "", "ssc-x.toml: atr: 'cos' is missing"),
    ('cos = "000000"', 'cos = "000000"\nyear = "2024"', "ssc-x.toml: atr.year: unknown key"),
    ('cos = "000000"', 'cos = "000000"\nprotocol = "T=CL"', "ssc-x.toml: atr.protocol: invalid enum value 'T=CL'"),
    ('cos = "000000"', 'cos = "000000"\nhead = "3C6D0000"', "ssc-x.toml: atr.head: an ATR begins with TS = 3B"),
    ('cos = "000000"', 'cos = "000000"\nhead = "3B6C0000"', "ssc-x.toml: atr.head: T0 announces 12 historical bytes"),
    ('cos = "000000"', 'cos = "000000"\nhead = "3B6D00"', "ssc-x.toml: atr.head: T0 and the TD characters announce 4"),
    (
        'cos = "000000"',
        'cos = "000000"\nhead = "3BED0000"',
        "ssc-x.toml: atr.head: T0 and the TD characters announce 5",
    ),
    ('cos = "000000"', 'cos = "000000"\nhead = "XX"', "ssc-x.toml: atr.head: non-hexadecimal number"),
    (
        'cos = "000000"',
        f'cos = "000000"\nhead = "3BFD000000{"F1FFFFFF" * 5}01"',
        "ssc-x.toml: atr.head: the ATR would be longer than 33 characters",
    ),
    # DFs
    (
        'id = "MF"\nkind = "mf"',
        'id = "MF"\nkind = "mf"\nfid = 0x3F01',
        "ssc-x.toml: df[0]: the MF has FID 3F00 and no parent",
    ),
    ('id = "DF02"', 'id = "df02"', "ssc-x.toml: df[3].id: expected `str` matching regex"),
    ('id = "DF02"', "id = 2", "ssc-x.toml: df[3]: 'id' is missing"),
    ('id = "DF02"', 'id = "DF01"', "ssc-x.toml: df[3].id: 'DF01' is given twice"),
    ('id = "DF02"', 'id = "DF02"\nfid = 0xDF01', "ssc-x.toml: df[3].fid: FID DF01 is taken by DF01"),
    ('id = "DF02"', 'id = "HEALTH"', "ssc-x.toml: df[3]: 'fid' is missing"),
    ('id = "DF02"', 'id = "ADFX"', "ssc-x.toml: df[3]: 'fid' is missing"),
    ('id = "DF02"', 'id = "DF02"\nkind = "adff"', "ssc-x.toml: df[3].kind: invalid enum value 'adff'"),
    (
        'id = "DF02"\nparent = "SSSE"',
        'id = "DF02"\nparent = "DF09"',
        "ssc-x.toml: df[3].parent: there is no DF 'DF09' before this one",
    ),
    ('id = "DF02"\nparent = "SSSE"', 'id = "DF02"', "ssc-x.toml: df[3].parent: there is no DF '' before this one"),
    (
        'id = "DF02"\nparent = "SSSE"',
        'id = "DF02"\nkind = "ddf"\nparent = "DF01"',
        "ssc-x.toml: df[3].parent: a DDF cannot stand in the ADF DF01",
    ),
    (
        'id = "DF02"',
        'id = "DF02"\naid = "D1560000"',
        "ssc-x.toml: df[3].aid: a DF name has 5 to 16 bytes, this one has 4",
    ),
    (
        'id = "DF02"',
        'id = "DF02"\nlabel = "社会保障社会保障区"',
        "ssc-x.toml: df[3].label: an application label has 1 to 16 bytes",
    ),
    ('id = "DF02"', 'id = "DF02"\naid = "D156"\ncolour = 1', "ssc-x.toml: df[3].colour: unknown key"),
    ('id = "DF02"', 'id = "DF02"\nname = "sx1.sh.社会保障"', "ssc-x.toml: df[3]: SSSE has the same name"),
    (
        'id = "DF02"',
        'id = "DF02"\nwhen = { "pin.try" = 3 }',
        "ssc-x.toml: df[3]: pin.try: there is no setting 'pin.try'",
    ),
    (
        'id = "DF02"',
        'id = "DF02"\nremove = true\nfid = 1',
        "ssc-x.toml: df[3].remove: write only 'remove = true' beside the identifier",
    ),
    (
        'id = "DF02"\nparent = "SSSE"',
        'id = "DF02"\nremove = true',
        "ssc-x.toml: df[3]: 'DF02' is not inherited and cannot be removed",
    ),
    ('keys = [{ name = "CMK", usage = "master" }]', "keys = 1", "ssc-x.toml: df[0].keys: expected a list of tables"),
    ('keys = [{ name = "CMK", usage = "master" }]', "keys = [1]", "ssc-x.toml: df[0].keys[0]: expected a table"),
    # keys
    ("kid = 4,", "kid = 2,", "ssc-x.toml: df[1].keys[2].kid: KID 02 is taken by UKSSSE"),
    (
        "kid = 4,",
        "kid = 0x84,",
        "ssc-x.toml: df[1].keys[1].kid: the KID of a key of an environment has its highest bit clear, not as in 84",
    ),
    (
        "kid = 0x83,",
        "kid = 3,",
        "ssc-x.toml: df[2].keys[0].kid: the KID of a key of an application has its highest bit set, not as in 03",
    ),
    ("kid = 4,", "kid = 0x14,", "ssc-x.toml: df[1].keys[1].kid: bits b6 to b4 of a KID are zero, not as in 14"),
    ("kid = 4,", "", "ssc-x.toml: df[1].keys[1]: keys of usage external-auth are addressed by KID; 'kid' is missing"),
    ("kid = 4,", "kid = 256,", "ssc-x.toml: df[1].keys[1].kid: expected `int` <= 255"),
    (
        "kid = 4,",
        'kid = { setting = "check_order" },',
        "ssc-x.toml: df[1].keys[1].kid: write the KID as a number from 0 to 255",
    ),
    ("kid = 4,", 'kid = { setting = "kid.x" },', "ssc-x.toml: df[1].keys[1].kid: there is no setting 'kid.x'"),
    (
        "kid = 4,",
        'kid = 4, suite = "AES",',
        "ssc-x.toml: df[1].keys[1].suite: no suite 'AES'; there are DES, 3DES, SM4",
    ),
    ("kid = 4,", "kid = 4, versions = 4,", "ssc-x.toml: df[1].keys[1].versions: expected `int` <= 3"),
    ('usage = "pin"', 'usage = "pin", kid = 1', "ssc-x.toml: df[1].keys[0]: a PIN has neither a KID nor versions"),
    ('usage = "pin"', 'usage = "pine"', "ssc-x.toml: df[1].keys[0].usage: invalid enum value 'pine'"),
    # EFs
    ('id = "DF01/EF05"', 'id = "DF09/EF05"', "ssc-x.toml: ef[0].id: there is no DF 'DF09'"),
    ('id = "DF01/EF05"', 'id = "DF01/5"', "ssc-x.toml: ef[0].id: expected `str` matching regex"),
    ('id = "DF01/EF05"', 'id = "DF01/3F00"', "ssc-x.toml: ef[0].id: FID 3F00 is taken in SSSE/DF01"),
    ('id = "DF01/EF05"', 'id = "SSSE/DF02"', "ssc-x.toml: ef[0].update: no key 'UK1DF01' at or above SSSE"),
    ('update = "UK1DF01"', 'update = "STX"', "ssc-x.toml: ef[0].update: no key 'STX' at or above SSSE/DF01"),
    ('update = "UK1DF01"', 'update = "CMK"', "ssc-x.toml: ef[0].update: no key 'CMK' at or above SSSE/DF01"),
    ('update = "UK1DF01"', 'update = "STK"', "ssc-x.toml: ef[0].update: STK is a mac-enc key and opens no file"),
    ('id = "DF01/EF05"', 'id = "DF02/EF05"', "ssc-x.toml: ef[0].update: no key 'UK1DF01' at or above SSSE/DF02"),
    ('read = "PIN"', 'read = "PIN &"', "ssc-x.toml: ef[0].read: a name is missing in rule 'PIN &'"),
    ('read = "PIN"', "read = 1", "ssc-x.toml: ef[0].read: expected"),
    ('read = "PIN"', "", "ssc-x.toml: ef[0]: 'read' is missing"),
    ('read = "PIN"', 'read = { setting = "access.x" }', "ssc-x.toml: ef[0].read: there is no setting 'access.x'"),
    ('read = "PIN"', 'read = "PIN"\nsfi = 31', "ssc-x.toml: ef[0].sfi: expected `int` <= 30"),
    ('read = "PIN"', 'read = "PIN"\nsize = 3', "ssc-x.toml: ef[0].size: 3 bytes, but its elements take 4"),
    ('read = "PIN"', 'read = "PIN"\nmax_records = 255', "ssc-x.toml: ef[0].max_records: expected `int` <= 254"),
    (
        'structure = "linear-variable"',
        'structure = "linear"',
        "ssc-x.toml: ef[0].structure: invalid enum value 'linear'",
    ),
    (
        'structure = "linear-variable"',
        'structure = "cyclic"',
        "ssc-x.toml: ef[0].elements[0].tag: records of this file have no tags",
    ),
    # elements
    ("tag = 0x20,", "", "ssc-x.toml: ef[0].elements[0]: 'tag' is missing"),
    ("tag = 0x20,", "tag = 0x100,", "ssc-x.toml: ef[0].elements[0].tag: expected `int` <= 254"),
    (
        "length = 2,",
        "length = 256,",
        "ssc-x.toml: ef[0].elements[0].length: a value has at most 253 bytes in a TLV record",
    ),
    ("length = 2,", "length = 0,", "ssc-x.toml: ef[0].elements[0].length: expected `int` >= 1"),
    ("length = 2,", "length = 2, color = 1,", "ssc-x.toml: ef[0].elements[0].color: unknown key"),
    ("length = 2,", "length = 2, holds = [0x57],", "ssc-x.toml: ef[0].elements[0].holds: only a B-TLV holds elements"),
    (
        'type = "an"',
        'type = "B-TLV", holds = [0x57]',
        "ssc-x.toml: ef[0].elements[0].holds: no inner element with tag 57",
    ),
    ('type = "an"', 'type = "ans"', "ssc-x.toml: ef[0].elements[0].type: invalid enum value 'ans'"),
]


@pytest.mark.parametrize(("old", "new", "sentence"), SWAPS, ids=[swap[2][:60] for swap in SWAPS])
def test_mistakes_are_named(refused: Refused, old: str, new: str, sentence: str) -> None:
    assert GOOD.count(old) >= 1
    at = GOOD.rindex(old) if old.startswith(("id", "structure", "read", "update")) else GOOD.index(old)
    assert refused(GOOD[:at] + new + GOOD[at + len(old) :]).startswith(sentence)


SECOND = '}, { tag = 1, type = "an", length = 3, name = "b" }]'
TLV = """elements = [{ tag = 0x40, type = "B-TLV", length = 9, name = "outer", holds = [0x57] }]
inner = [{ tag = 0x57, type = "an", length = 3, name = "inside" }]
"""


ADDED = [
    (
        '[[df]]\nid = "DF03"\nparent = "SSSE"\nkeys_of = "DF09"\n',
        "ssc-x.toml: df[4].keys_of: there is no DF 'DF09'",
    ),
    (
        BARE + TLV,
        "ssc-x.toml: ef[0].elements[0].length: the inner elements take 05 bytes, not 09",
    ),
    (
        BARE + TLV.replace("tag = 0x57,", ""),
        "ssc-x.toml: ef[0].inner[0]: an inner element needs a tag and holds no others",
    ),
    (EF + EF, "ssc-x.toml: ef[1].id: 'DF01/EF05' is given twice"),
    (EF + EF.replace("EF05", "EF06") + "sfi = 5", "ssc-x.toml: ef[1].sfi: SFI 05 is taken by DF01/EF05"),
    (BARE, "ssc-x.toml: ef[0]: 'size' is missing, and there are no elements to take it from"),
    (
        BARE.replace("linear-variable", "linear-fixed"),
        "ssc-x.toml: ef[0]: 'record_length' is missing, and there are no elements to take it from",
    ),
    (
        BARE.replace("linear-variable", "cyclic") + "record_length = 4",
        "ssc-x.toml: ef[0]: 'max_records' is missing",
    ),
    (
        EF.replace("linear-variable", "linear-fixed") + "record_length = 5",
        "ssc-x.toml: ef[0].record_length: 05, but its elements take 04",
    ),
    (
        EF.replace("linear-variable", "linear-fixed").replace("}]", SECOND),
        "ssc-x.toml: ef[0].elements: records of a fixed file have one length, not [4, 5]",
    ),
    (
        EF.replace("}]", SECOND) + "max_records = 1",
        "ssc-x.toml: ef[0].max_records: 1, but there are 2 elements",
    ),
    (
        EF.replace("linear-variable", "transparent")
        .replace("tag = 0x20,", "")
        .replace("}]", '}, { type = "b", length = 3, name = "b" }]'),
        "ssc-x.toml: ef[0].elements: a transparent file has one element",
    ),
    (
        EF.replace("linear-variable", "cyclic").replace("tag = 0x20,", "").replace("length = 2", "length = 256")
        + "max_records = 1",
        "ssc-x.toml: ef[0].elements: a record has at most 255 bytes, this one has 256",
    ),
    (
        BARE
        + "elements = ["
        + ",".join(f'{{ tag = 1, type = "an", length = 1, name = "e{n}" }}' for n in range(255))
        + "]",
        "ssc-x.toml: ef[0].elements: a file has at most 254 records, this one has 255",
    ),
    (
        EF
        + '[[df]]\nid = "DF0A"\nparent = "SSSE"\ndirectory = true\n'
        + EF.replace("DF01/EF05", "DF0A/EF1E").replace("UK1DF01", "never"),
        "ssc-x.toml: df[4].directory: FID EF1E is taken in SSSE/DF0A",
    ),
]


@pytest.mark.parametrize(("text", "sentence"), ADDED, ids=[each[1][:60] for each in ADDED])
def test_mistakes_in_files_are_named(refused: Refused, text: str, sentence: str) -> None:
    assert refused(HEAD + text) == sentence


def test_a_record_of_255_bytes_is_the_longest(tmp_path: Path) -> None:
    """The data of a short UPDATE RECORD are at most 255 bytes (ISO/IEC 7816-4)."""
    path = tmp_path / "ssc-x.toml"
    cyclic = EF.replace("linear-variable", "cyclic").replace("tag = 0x20,", "") + "max_records = 1"
    path.write_text(HEAD + cyclic.replace("length = 2", "length = 255"))
    assert load_profile(path).efs["3F00/DDF1/DF01/EF05"].record_length == 255


def test_a_mistake_over_an_inherited_file_is_named_where_it_was_made(refused: Refused) -> None:
    variant = 'extends = "ssc-2.0"\nname = "x"\n[[ef]]\nid = "DF01/EF05"\nupdate = "STX"\n'
    assert refused(variant) == "ssc-x.toml: ef[0].update: no key 'STX' at or above SSSE/DF01"


def test_a_key_that_the_variant_removed_is_named_where_it_is_used(refused: Refused) -> None:
    variant = 'extends = "ssc-2.0"\nname = "x"\n[[df]]\nid = "DF01"\nkeys = [{ name = "UK3DF01", remove = true }]\n'
    assert refused(variant) == "ssc-2.0.toml: ef[7].update: no key 'UK3DF01' at or above SSSE/DF01"


def test_a_longer_circle(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('extends = "b.toml"\n')
    (tmp_path / "b.toml").write_text('extends = "a.toml"\n')
    with pytest.raises(
        ProfileError, match=r"^b\.toml: extends: profiles extend each other in a circle: a\.toml -> b\.toml -> a\.toml$"
    ):
        load_profile(tmp_path / "a.toml")


def test_no_profile() -> None:
    with pytest.raises(ProfileError, match=r"^nix: neither a file nor a shipped profile \(.*ssc-2.0.*\)$"):
        load_profile("nix")


def test_no_mf(refused: Refused) -> None:
    head = HEAD.partition("[[df]]")[0]
    assert refused(head) == "ssc-x.toml: df: there is no MF"


def test_no_atr(refused: Refused) -> None:
    text = GOOD.replace('[atr]\nchip_maker = "0081"\ncos = "000000"\ncard_maker = "8660"\n', "")
    assert refused(text) == "ssc-x.toml: atr: the table [atr] is missing"


def test_no_toml(refused: Refused) -> None:
    assert refused("name = ").startswith("ssc-x.toml: Invalid value")


def test_no_text(tmp_path: Path) -> None:
    path = tmp_path / "ssc-x.toml"
    path.write_bytes(b'name = "\xff"')
    with pytest.raises(ProfileError, match=r"^ssc-x\.toml: not UTF-8 at byte 8; save it as UTF-8$"):
        load_profile(path)


def test_overrides_are_named_so() -> None:
    with pytest.raises(ProfileError, match=r"^overrides: settings\.pin\.tries: expected `int` >= 1$"):
        load_profile("ssc-2.0", {"settings": {"pin": {"tries": 0}}})
