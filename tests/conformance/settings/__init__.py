"""How each named setting shows: an exercise for each, by the part of the card that reads it."""
