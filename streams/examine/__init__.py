"""Asking a launch's chain about it: who made it, who holds it, who can take its liquidity out."""
