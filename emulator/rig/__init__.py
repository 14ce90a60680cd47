"""What drives a card from a test: cards with a life of their own, in this process or in a reader."""
