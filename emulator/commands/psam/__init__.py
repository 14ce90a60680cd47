"""The security module (社会保障PSAM卡; Part 9)."""
