"""Medical-insurance trades on the user card: load, purchase, proof (Part 5, 7; Part 7, 10 to 15)."""
