"""The commands of the standard, one handler each; `emulator.card.table` says when they may run."""
