// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import "./Token.sol";

interface IFactory {
    function createPair(address tokenA, address tokenB) external returns (address pair);
}

/// A token that opens its own pair, so that it can tell a purchase from a sale.
abstract contract PairedToken is Token {
    address internal immutable owner = msg.sender;
    address internal immutable pair;

    constructor(
        string memory name_,
        string memory symbol_,
        uint8 decimals_,
        uint256 supply,
        IFactory factory,
        address weth
    ) Token(name_, symbol_, decimals_, supply) {
        pair = factory.createPair(address(this), weth);
    }
}
