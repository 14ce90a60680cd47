"""What passed between terminal and card: events, masking and descriptions."""
