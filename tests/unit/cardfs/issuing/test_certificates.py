"""What the certificates of an issued card are made over."""

import pytest

from cardfs.issuing.certificates import static_data


def test_static_data_leave_the_template_of_emv_records_out() -> None:
    """EMV Book 3, 10.3: SFI 1 to 10 without tag and length of template 70, SFI 11 to 30 with them."""
    short, long = bytes.fromhex("5A0162"), bytes.fromhex("5F2003") + b"ABC" * 50
    records = [
        (1, b"\x70\x03" + short),
        (10, b"\x70\x81" + bytes((len(long),)) + long),
        (11, b"\x70\x03" + short),
        (30, b"\x01\x02"),
        (2, b"\x70\x00"),
    ]
    expected = short + long + b"\x70\x03" + short + b"\x01\x02"
    assert static_data(records) == expected
    assert static_data(records, b"\x7c\x00") == expected + b"\x7c\x00"
    assert static_data([]) == b""


@pytest.mark.parametrize(
    "record",
    ["", "70", "7081", "70015A62", "7002", "70025A", "71025A01", "7081025A", "70820001FF", "6F0100"],
)
def test_a_record_that_is_not_one_whole_template_cannot_be_authenticated(record: str) -> None:
    with pytest.raises(ValueError, match="one template 70"):
        static_data([(1, bytes.fromhex(record))])
