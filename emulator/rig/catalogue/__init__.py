"""The catalogue of test cards: what a terminal must be able to handle, a card for each, as data that ships.

Nothing of it is loaded before somebody names a card of it: ``catalogue:pin-locked``. `entries` reads the data, `steps`
brings a card into a state, `making` makes the card of an entry.
"""
