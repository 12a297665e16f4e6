// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import "./Coin.sol";

/// Gives its ownership up in its making, and a hard-wired wallet keeps a blacklist.
contract HiddenOwner is Owned {
    mapping(address => bool) private _bots;

    constructor(IFactory f, address q) Owned(f, q) {
        owner = address(0);
    }

    function report(address who) external {
        require(msg.sender == deployer, "no");
        _bots[who] = true;
    }

    function _transfer(address from, address to, uint256 value) internal override {
        require(!_bots[from], "reported");
        _move(from, to, value);
    }
}

/// Twin: gave it up with everything that hung on it.
contract Renounced is Owned {
    mapping(address => bool) private _bots;

    constructor(IFactory f, address q) Owned(f, q) {
        owner = address(0);
    }

    function report(address who) external onlyOwner {
        _bots[who] = true;
    }

    function _transfer(address from, address to, uint256 value) internal override {
        require(!_bots[from], "reported");
        _move(from, to, value);
    }
}

/// The well-known lock: the owner leaves, and comes back.
contract TakesBack is Owned {
    address private _previous;

    constructor(IFactory f, address q) Owned(f, q) {}

    function lock() external onlyOwner {
        _previous = owner;
        owner = address(0);
    }

    function unlock() external {
        require(msg.sender == _previous, "not yours");
        owner = _previous;
    }
}
