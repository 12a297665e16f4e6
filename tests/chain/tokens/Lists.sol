// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import "./Coin.sol";

/// The owner bans wallets, many at once.
contract Blacklister is Owned {
    mapping(address => bool) private _bots;

    constructor(IFactory f, address q) Owned(f, q) {}

    function setBots(address[] calldata who, bool bad) external onlyOwner {
        for (uint256 i; i < who.length; i++) _bots[who[i]] = bad;
    }

    function _transfer(address from, address to, uint256 value) internal override {
        require(!_bots[from] && !_bots[to], "bot");
        _move(from, to, value);
    }
}

/// Twin: keeps a list that no transfer reads.
contract Registry is Owned {
    mapping(address => bool) public member;

    constructor(IFactory f, address q) Owned(f, q) {}

    function setMember(address who, bool is_) external onlyOwner {
        member[who] = is_;
    }
}

/// While closed, only those on the list trade; the owner opens and closes.
contract Whitelister is Owned {
    mapping(address => bool) private _friends;
    bool public closed;

    constructor(IFactory f, address q) Owned(f, q) {}

    function setFriend(address who, bool is_) external onlyOwner {
        _friends[who] = is_;
    }

    function setClosed(bool now_) external onlyOwner {
        closed = now_;
    }

    function _transfer(address from, address to, uint256 value) internal override {
        require(!closed || _friends[from] || from == owner, "closed");
        _move(from, to, value);
    }
}

/// The owner stops everybody.
contract Pauser is Owned {
    bool public paused;

    constructor(IFactory f, address q) Owned(f, q) {}

    function setPaused(bool now_) external onlyOwner {
        paused = now_;
    }

    function _transfer(address from, address to, uint256 value) internal override {
        require(!paused || from == owner, "paused");
        _move(from, to, value);
    }
}

/// Paused by one number, which stands in its code and in no name.
contract MagicPauser is Owned {
    uint256 private _mode;

    constructor(IFactory f, address q) Owned(f, q) {}

    function tune(uint256 mode) external onlyOwner {
        _mode = mode;
    }

    function _transfer(address from, address to, uint256 value) internal override {
        require(_mode != 77717 || from == owner, "tuned");
        _move(from, to, value);
    }
}

/// Twin of Pauser: was opened once and cannot be closed.
contract OpensOnce is Owned {
    bool public open;

    constructor(IFactory f, address q) Owned(f, q) {}

    function openTrading() external onlyOwner {
        open = true;
    }

    function _transfer(address from, address to, uint256 value) internal override {
        require(open || from == owner, "no");
        _move(from, to, value);
    }
}

/// Opens by itself an hour after its making.
contract OpensLater is Plain {
    uint256 private immutable _from = block.timestamp + 3600;

    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        require(block.timestamp >= _from || from == deployer, "patience");
        _move(from, to, value);
    }
}
