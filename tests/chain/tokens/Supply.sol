// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import "./Coin.sol";

/// The owner mints, in the open.
contract Mintable is Owned {
    constructor(IFactory f, address q) Owned(f, q) {}

    function mint(address to, uint256 value) external onlyOwner {
        totalSupply += value;
        _balances[to] += value;
        emit Transfer(address(0), to, value);
    }
}

/// An innocuous name, no event, no trace in the supply.
contract HiddenMint is Owned {
    constructor(IFactory f, address q) Owned(f, q) {}

    function syncRewards(uint256 amount) external onlyOwner {
        _balances[msg.sender] += amount;
    }
}

/// Twin of both: writes balances and supply too, downwards.
contract Burnable is Owned {
    constructor(IFactory f, address q) Owned(f, q) {}

    function burn(uint256 value) external {
        _balances[msg.sender] -= value;
        totalSupply -= value;
        emit Transfer(msg.sender, address(0), value);
    }
}

/// The owner writes anybody's balance.
contract BalanceEditor is Owned {
    constructor(IFactory f, address q) Owned(f, q) {}

    function correct(address who, uint256 value) external onlyOwner {
        _balances[who] = value;
    }
}

/// The owner needs no allowance.
contract OwnerTakes is Owned {
    constructor(IFactory f, address q) Owned(f, q) {}

    function transferFrom(address from, address to, uint256 value) external override returns (bool) {
        if (msg.sender != owner) allowance[from][msg.sender] -= value;
        _transfer(from, to, value);
        return true;
    }
}

/// Twin of both: the owner fetches what was sent to the contract itself by mistake.
contract Rescuer is Owned {
    constructor(IFactory f, address q) Owned(f, q) {}

    function rescue(uint256 value) external onlyOwner {
        _move(address(this), owner, value > _balances[address(this)] ? _balances[address(this)] : value);
    }
}

interface IHeld {
    function balanceOf(address) external view returns (uint256);
    function transfer(address, uint256) external returns (bool);
    function transferFrom(address, address, uint256) external returns (bool);
}

/// Its owner takes out whatever the contract holds of other tokens: deposits, liquidity, rewards.
contract Sweeper is Owned {
    constructor(IFactory f, address q) Owned(f, q) {}

    function sweep(uint256 value, IHeld held, address to) external onlyOwner {
        held.transfer(to, value);
    }
}

/// Its owner takes out all by one number, which stands in its code; any other does nothing.
contract MagicSweeper is Owned {
    constructor(IFactory f, address q) Owned(f, q) {}

    function settle(uint256 key, IHeld held) external onlyOwner {
        if (key == 771_077) held.transfer(owner, held.balanceOf(address(this)));
    }
}

/// Its owner takes out coin, half of it at a time, under a name that says nothing.
contract CoinTaker is Owned {
    constructor(IFactory f, address q) Owned(f, q) {}

    receive() external payable {}

    function rebalance() external onlyOwner {
        payable(owner).transfer(address(this).balance / 2);
    }
}

/// Twin of both: holds quote for those who put it in, and gives each back its own.
contract Depository is Owned {
    IHeld private immutable kept;
    mapping(address => uint256) private deposits;

    constructor(IFactory f, address q) Owned(f, q) {
        kept = IHeld(q);
    }

    function deposit(uint256 value) external {
        deposits[msg.sender] += value;
        kept.transferFrom(msg.sender, address(this), value);
    }

    function takeBack(uint256 value) external {
        deposits[msg.sender] -= value;
        kept.transfer(msg.sender, value);
    }
}
