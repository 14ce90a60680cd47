"""What a card holds and keeps: its contents, transactions over them, and the image file on a disk."""
