"""Rebuilding served numbers from the ledger, and what has changed in it since."""
