"""A type of card as data: reading, checking and building profiles."""
