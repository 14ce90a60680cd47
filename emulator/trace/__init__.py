"""What passed between terminal and card: events, masks and descriptions. It knows no command set."""
