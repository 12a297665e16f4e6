// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import "./Coin.sol";

/// At most 1 % of the supply in one trade, for ever.
contract MaxTx is Plain {
    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        require(value <= 1e22 || from == deployer, "max tx");
        _move(from, to, value);
    }
}

/// No limit yet; the owner can set one.
contract MaxTxSetter is Owned {
    uint256 private _most = type(uint256).max;

    constructor(IFactory f, address q) Owned(f, q) {}

    function setMost(uint256 most) external onlyOwner {
        require(most >= totalSupply / 1000, "too little");
        _most = most;
    }

    function _transfer(address from, address to, uint256 value) internal override {
        require(value <= _most || from == owner, "max tx");
        _move(from, to, value);
    }
}

/// Nobody may have more than 2 % of the supply.
contract MaxWallet is Plain {
    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        require(to == pair || from == deployer || _balances[to] + value <= 2e22, "max wallet");
        _move(from, to, value);
    }
}

/// One trade of a wallet a minute.
contract Cooldown is Plain {
    mapping(address => uint256) private _last;

    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        if (from != deployer && from != pair) {
            require(block.timestamp >= _last[from] + 60, "cooldown");
            _last[from] = block.timestamp;
        }
        _move(from, to, value);
    }
}

/// What was bought in a block is not sold in it: stops sandwiches, and hurts nobody.
contract NoSandwich is Plain {
    mapping(address => uint256) private _bought;

    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        if (from == pair) _bought[to] = block.number;
        require(_bought[from] != block.number, "same block");
        _move(from, to, value);
    }
}

/// One can never sell the last hundredth.
contract CannotSellAll is Plain {
    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        require(to != pair || from == deployer || value <= _balances[from] * 99 / 100, "keep some");
        _move(from, to, value);
    }
}

/// Sales of more than a tenth of a per mille are refused.
contract SellLimit is Plain {
    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        require(to != pair || from == deployer || value <= 1e20, "too large");
        _move(from, to, value);
    }
}
