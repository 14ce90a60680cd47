"""What a card does: APDUs, secure messaging, commands, the reader link and the command line (Part 5)."""
