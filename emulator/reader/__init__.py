"""The virtual reader: the link to the driver vpcd, and private PC/SC stacks."""
