"""Commands of the social-security environment (Part 5)."""
