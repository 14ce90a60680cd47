"""Cards with every command set of this project."""
