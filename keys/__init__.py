"""What a secret is: ciphers, MACs, derivation, key records and their life (Part 4)."""
