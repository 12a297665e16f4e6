"""What the accounts of Solana's token programs say: pure readers of bytes that strangers wrote."""
