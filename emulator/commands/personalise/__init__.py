"""Personalisation commands, one module for each card manufacturer's coding (Part 10, 5).

The standard leaves these commands to the card manufacturer. `files`, `keys` and `phases` have what they do,
the same for all; `t514` is one coding of it, `emulator.commands.fmcos` another.
"""
