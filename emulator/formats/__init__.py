"""Files of exchanges between terminal and card, of ours and of other tools: read and written. It knows no card."""
