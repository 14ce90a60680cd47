"""Electronic passbook and purse (电子存折/电子钱包, ED/EP)."""
