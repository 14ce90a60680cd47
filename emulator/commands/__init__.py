"""The commands of the standard, one handler each; `emulator.table` says when they may run."""
