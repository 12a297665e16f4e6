// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import "./Coin.sol";

/// Sales by anybody but its deployer revert.
contract Honeypot is Plain {
    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        require(to != pair || from == deployer, "cooldown");
        _move(from, to, value);
    }
}

/// Sales succeed and move nothing.
contract SilentHoneypot is Plain {
    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        if (to == pair && from != deployer) return;
        _move(from, to, value);
    }
}

/// Sales answer false.
contract FalseHoneypot is Plain {
    constructor(IFactory f, address q) Plain(f, q) {}

    function transferFrom(address from, address to, uint256 value) external override returns (bool) {
        if (to == pair && from != deployer) return false;
        allowance[from][msg.sender] -= value;
        _move(from, to, value);
        return true;
    }
}

/// Nobody but its deployer can approve.
contract ApproveTrap is Plain {
    constructor(IFactory f, address q) Plain(f, q) {}

    function approve(address spender, uint256 value) external override returns (bool) {
        require(msg.sender == deployer, "approve: no");
        allowance[msg.sender][spender] = value;
        return true;
    }
}

/// Nobody can buy, and nobody ever will.
contract BuyTrap is Plain {
    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        require(from != pair, "sold out");
        _move(from, to, value);
    }
}

/// Can be traded, but not moved between wallets.
contract TradeOnly is Plain {
    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        require(from == pair || to == pair || from == deployer, "trade only");
        _move(from, to, value);
    }
}

/// Who got tokens from the deployer cannot sell them; who buys now can. Until then.
contract HolderTrap is Plain {
    mapping(address => bool) private _early;

    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        if (from == deployer && to != pair) _early[to] = true;
        require(to != pair || !_early[from], "early");
        _move(from, to, value);
    }
}

/// Who got tokens from the deployer pays half of a sale; who buys now pays nothing.
contract HolderTax is Plain {
    mapping(address => bool) private _early;

    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        if (from == deployer && to != pair) _early[to] = true;
        uint256 fee = to == pair && _early[from] ? value / 2 : 0;
        if (fee != 0) _move(from, deployer, fee);
        _move(from, to, value - fee);
    }
}

/// Twin: answers nothing at all, as the first tokens did.
contract Silent {
    string public constant name = "Silent";
    uint8 public constant decimals = 18;
    uint256 public totalSupply = 1e24;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    constructor(IFactory f, address q) {
        f.createPair(address(this), q);
        balanceOf[msg.sender] = totalSupply;
    }

    function approve(address spender, uint256 value) external {
        allowance[msg.sender][spender] = value;
    }

    function transfer(address to, uint256 value) external {
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
    }

    function transferFrom(address from, address to, uint256 value) external {
        allowance[from][msg.sender] -= value;
        balanceOf[from] -= value;
        balanceOf[to] += value;
    }
}

/// Twin: deals with wallets alone. Whoever looks at it through a contract sees a trap.
contract WalletsOnly is Plain {
    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        require(from != pair || to.code.length == 0, "no contracts");
        _move(from, to, value);
    }
}
