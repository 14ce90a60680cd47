"""What a card remembers: files, access rules, profiles, the image and its transactions (Part 3, Part 6)."""
