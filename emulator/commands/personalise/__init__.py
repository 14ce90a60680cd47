"""Personalisation commands, one module for each card manufacturer's coding (Part 10, 5).

The standard leaves these commands to the card manufacturer. `files`, `keys` and `phases` have their operations, the
same for every coding; `t514` is one coding, `emulator.commands.fmcos` another.
"""
