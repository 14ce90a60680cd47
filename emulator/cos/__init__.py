"""Personalisation commands, one module for each card maker's coding (Part 10, 5).

The standard leaves these commands to the card maker. `acts` has what they do, the same for all;
`t514` and `fmcos` have codings of it.
"""
