"""The engine of a card: APDUs, session, command table and gate. It knows no command."""
