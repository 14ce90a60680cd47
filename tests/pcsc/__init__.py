"""Tests through a real pcscd; see `harness` for what they stand on."""
