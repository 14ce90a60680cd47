"""A reader speaks for the card in it, or for the one that was in it last."""

import pytest

import sscard

SELECT = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
CHALLENGE = bytes.fromhex("0084000008")
WRONG = bytes.fromhex("0020000003999999")


def test_what_is_said_of_the_card_in_it() -> None:
    with sscard.Rig(["demo"]) as rig:
        (reader,) = rig.readers
        before = reader.snapshot()
        reader.transmit(SELECT)
        reader.transmit(WRONG)
        assert (reader.atr, reader.last) == (rig.card.atr, rig.card.last)
        assert reader.snapshot() != before
        reader.restore(before)
        assert reader.snapshot() == before == rig.card.snapshot()
        fault = reader.fault("status", sw="6581")
        assert list(rig.card.faults) == [fault]
        reader.disarm(fault)
        assert list(rig.card.faults) == []
        assert [event.name for event in reader.trace.commands] == ["SELECT", "VERIFY"]


def test_what_is_said_of_the_card_that_went() -> None:
    with sscard.Rig(["demo"]) as rig:
        (reader,) = rig.readers
        card = rig.card
        reader.fault("pull", on="GET CHALLENGE", moment="after")
        with pytest.raises(sscard.TerminalError):
            reader.transmit(CHALLENGE)
        assert reader.card is None
        assert (reader.last, reader.snapshot()) == (card.last, card.snapshot())
        assert reader.insert() is card
        reader.remove()
        assert reader.insert() is card
        assert rig.cards == (card,)


def test_a_reader_that_never_had_a_card() -> None:
    with sscard.Rig(1) as rig:
        (reader,) = rig.readers
        for what in (reader.insert, reader.snapshot, reader.disarm, lambda: reader.last, lambda: reader.atr):
            with pytest.raises(sscard.SscardError, match="'sscard 0' is empty"):
                what()
        assert len(reader.trace) == 0
