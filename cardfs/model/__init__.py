"""What a file of a card is: files, access rules, records, settings, encodings."""
