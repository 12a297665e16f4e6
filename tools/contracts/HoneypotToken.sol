// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import "./PairedToken.sol";

/// Anybody can buy; a sale by anybody but the owner reverts.
contract HoneypotToken is PairedToken {
    constructor(
        string memory name_,
        string memory symbol_,
        uint8 decimals_,
        uint256 supply,
        IFactory factory,
        address weth
    ) PairedToken(name_, symbol_, decimals_, supply, factory, weth) {}

    function _transfer(address from, address to, uint256 value) internal override {
        require(to != pair || from == owner, "cooldown");
        _move(from, to, value);
    }
}
