"""A card from its type: files, keys and certificates for one holder."""
