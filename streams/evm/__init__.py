"""Ethereum-like chains: from nodes that lie or vanish to activity that is whole and in order."""
