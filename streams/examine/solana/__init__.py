"""Asking Solana about a launch: what its mint allows, who holds it, whether it can be traded."""
