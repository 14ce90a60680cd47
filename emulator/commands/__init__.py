"""The commands of the standards: handlers, and the rows that tell the engine when they may run."""
