"""Solana: programs and their layouts, transactions of any shape to events, and a live follower."""
