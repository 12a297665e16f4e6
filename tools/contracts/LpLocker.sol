// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

interface IERC20 {
    function transfer(address to, uint256 value) external returns (bool);
    function transferFrom(address from, address to, uint256 value) external returns (bool);
}

/// Holds LP tokens for their owner until a date. Stands where UniCrypt's locker stands on Ethereum.
contract LpLocker {
    struct Lock {
        address owner;
        IERC20 token;
        uint256 amount;
        uint256 unlocksAt;
    }

    Lock[] public locks;

    function lock(IERC20 token, uint256 amount, uint256 unlocksAt) external {
        locks.push(Lock(msg.sender, token, amount, unlocksAt));
        require(token.transferFrom(msg.sender, address(this), amount), "transfer failed");
    }

    function withdraw(uint256 id) external {
        Lock memory held = locks[id];
        require(msg.sender == held.owner && block.timestamp >= held.unlocksAt, "locked");
        delete locks[id];
        require(held.token.transfer(held.owner, held.amount), "transfer failed");
    }
}
