"""The trace: events of what passes between terminal and card, masked and described. It knows no command set."""
