// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import "./Coin.sol";

/// A sale burns all the gas that it is given.
contract GasBurner is Plain {
    uint256 private _sink;

    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        if (to == pair && from != deployer) while (true) _sink++;
        _move(from, to, value);
    }
}

/// Everything burns all the gas, reading balances too.
contract AllBurner is Plain {
    constructor(IFactory f, address q) Plain(f, q) {}

    function balanceOf(address who) external view override returns (uint256) {
        uint256 i;
        while (who != deployer && who != pair) i++;
        return _balances[who];
    }
}

/// A sale reverts with a megabyte of reason.
contract ReturnBomb is Plain {
    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        if (to == pair && from != deployer) {
            assembly { revert(0, 600000) }
        }
        _move(from, to, value);
    }
}

/// Answers three bytes where a balance is asked.
contract Garbage is Plain {
    constructor(IFactory f, address q) Plain(f, q) {}

    function balanceOf(address who) external view override returns (uint256) {
        if (who == pair || who == deployer) return _balances[who];
        assembly {
            mstore(0, not(0))
            return(0, 3)
        }
    }
}

/// Answers megabytes where one word is asked.
contract Bloater is Plain {
    constructor(IFactory f, address q) Plain(f, q) {}

    function owner() external pure {
        assembly { return(0, 1400000) }
    }

    function getOwner() external pure {
        assembly { return(0, 1400000) }
    }
}

struct Stage {
    address token;
    address quote;
    address pool;
    uint8 kind;
    bool tokenIs0;
    uint256 gasCap;
    uint24 fee;
    int24 tickSpacing;
    address hooks;
}

interface IExaminer {
    function trades(Stage calldata, address, address, uint256[] calldata, address[] calldata) external;
}

/// A sale succeeds, moves nothing, and tells whoever examines it to look at another market: itself.
contract Deceiver is Plain {
    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        if (to != pair || from == deployer) return _move(from, to, value);
        Stage memory stage = Stage(
            address(this), address(this), address(this), 1, true, 2_500_000, 0, 0, address(0)
        );
        bytes memory data =
            abi.encodeCall(IExaminer.trades, (stage, from, from, new uint256[](0), new address[](0)));
        (bool ok,) = msg.sender.call(data);
        if (ok) _balances[address(this)] = 1e18 + value;
    }

    function getReserves() external pure returns (uint256, uint256, uint32) {
        return (1e18, 1e18, 0);
    }

    function swap(uint256, uint256, address, bytes calldata) external pure {}
}
