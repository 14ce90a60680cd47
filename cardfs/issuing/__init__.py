"""A card made of its type: files, keys and certificates for one holder."""
