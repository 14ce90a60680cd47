"""Checks for cards: what a card of the standard does, tried command by command on ours and on physical ones.

`checks.CHECKS` is the one table; `run.run` goes through it. Groups follow the public outline of LD/T 6001.2, .3 and .5,
of which only the tables of contents are public: a card that passes conforms to nothing by that.
"""
