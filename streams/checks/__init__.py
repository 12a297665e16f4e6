"""What a token's contract can do, and whether one can really trade it: measured on a node.

``contract.contract_findings`` and ``trade.trade_findings`` are what the rest of the program asks.
Both put a probe of ours (``solidity/Probe.sol``) beside the token by state override and let it act
in one ``eth_call``: nothing is sent to the chain. What cannot be measured is read from the
bytecode, and what cannot be read is unknown, with its reason.
"""
