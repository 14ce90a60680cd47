"""The engine of a card: APDUs, session, command table and selection; it knows no command."""
