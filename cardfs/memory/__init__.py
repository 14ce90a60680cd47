"""What a card stores: its contents, transactions over them, and the image file on a disk."""
