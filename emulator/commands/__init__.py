"""The commands of the standards: handlers, and the rows of the command tables."""
