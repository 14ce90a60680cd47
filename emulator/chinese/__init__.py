"""Sentences in Chinese: reasons of refusals, findings of checks and texts of faults, by their form."""
