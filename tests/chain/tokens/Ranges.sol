// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

interface IRange {
    function mint(address to, int24 low, int24 high, uint128 amount, bytes calldata data) external;
    function token0() external view returns (address);
    function token1() external view returns (address);
}

interface IMoves {
    function transfer(address to, uint256 value) external returns (bool);
}

/// Deploys a token, so that what binds others does not bind it, and puts what it holds into a
/// Uniswap V3 pool, over a range around a price of one.
contract RangeFiller {
    address public made;

    function make(bytes memory code) external {
        address at;
        assembly { at := create(0, add(code, 32), mload(code)) }
        require(at != address(0));
        made = at;
    }

    function fill(IRange pool, int24 reach, uint128 liquidity) external {
        pool.mint(address(this), -reach, reach, liquidity, "");
    }

    function uniswapV3MintCallback(uint256 owed0, uint256 owed1, bytes calldata) external {
        if (owed0 != 0) IMoves(IRange(msg.sender).token0()).transfer(msg.sender, owed0);
        if (owed1 != 0) IMoves(IRange(msg.sender).token1()).transfer(msg.sender, owed1);
    }
}
