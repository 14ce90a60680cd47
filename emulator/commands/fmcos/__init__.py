"""Commands of the card manufacturer FMSH (FMCOS 2.0): creating files and using them."""
