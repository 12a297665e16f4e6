// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import "./PairedToken.sol";

/// Takes a fee of each trade for the owner, who can raise it to 99 %.
contract TaxToken is PairedToken {
    uint256 public feePercent = 1;

    constructor(
        string memory name_,
        string memory symbol_,
        uint8 decimals_,
        uint256 supply,
        IFactory factory,
        address weth
    ) PairedToken(name_, symbol_, decimals_, supply, factory, weth) {}

    function setFee(uint256 percent) external {
        require(msg.sender == owner && percent < 100, "not allowed");
        feePercent = percent;
    }

    function _transfer(address from, address to, uint256 value) internal override {
        bool traded = from == pair || to == pair;
        uint256 fee = traded && from != owner && to != owner ? value * feePercent / 100 : 0;
        _move(from, owner, fee);
        _move(from, to, value - fee);
    }
}
