"""Debit/credit with electronic cash (借贷记, 电子现金)."""
