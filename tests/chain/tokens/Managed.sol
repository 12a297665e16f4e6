// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

struct Key {
    address currency0;
    address currency1;
    uint24 fee;
    int24 tickSpacing;
    address hooks;
}

struct Change {
    int24 tickLower;
    int24 tickUpper;
    int256 liquidityDelta;
    bytes32 salt;
}

struct Trade {
    bool zeroForOne;
    int256 amountSpecified;
    uint160 limit;
}

interface ISingleton {
    function unlock(bytes calldata) external returns (bytes memory);
    function modifyLiquidity(Key calldata, Change calldata, bytes calldata) external returns (int256, int256);
    function sync(address) external;
    function settle() external payable returns (uint256);
    function take(address, address, uint256) external;
}

interface IPaid {
    function transfer(address to, uint256 value) external returns (bool);
}

/// Deploys a token and puts what it holds into a pool of Uniswap V4, over a range around one.
contract ManagerFiller {
    address public made;
    Key private key;
    int24 private edge;

    receive() external payable {}

    function make(bytes memory code) external {
        address at;
        assembly { at := create(0, add(code, 32), mload(code)) }
        require(at != address(0));
        made = at;
    }

    function fill(ISingleton manager, Key calldata into, int24 reach, int256 liquidity) external {
        (key, edge) = (into, reach);
        manager.unlock(abi.encode(liquidity));
    }

    function unlockCallback(bytes calldata data) external returns (bytes memory) {
        ISingleton manager = ISingleton(msg.sender);
        int256 liquidity = abi.decode(data, (int256));
        (int256 owed,) = manager.modifyLiquidity(key, Change(-edge, edge, liquidity, 0), "");
        _pay(manager, key.currency0, int128(owed >> 128));
        _pay(manager, key.currency1, int128(owed));
        return "";
    }

    function _pay(ISingleton manager, address currency, int128 owed) private {
        if (owed >= 0) return;
        manager.sync(currency);
        uint256 amount = uint128(-owed);
        if (currency == address(0)) {
            manager.settle{value: amount}();
            return;
        }
        IPaid(currency).transfer(address(manager), amount);
        manager.settle();
    }
}

/// What our hooks know: the manager, and which direction of a trade is a sale of the token.
contract Hook {
    ISingleton internal immutable manager;
    bool internal immutable saleIsZeroForOne;

    constructor(ISingleton m, bool zeroForOne) {
        (manager, saleIsZeroForOne) = (m, zeroForOne);
    }
}

/// Whoever has bought cannot sell.
contract SaleBlocker is Hook {
    constructor(ISingleton m, bool z) Hook(m, z) {}

    function beforeSwap(address, Key calldata, Trade calldata trade, bytes calldata)
        external
        view
        returns (bytes4, int256, uint24)
    {
        require(trade.zeroForOne != saleIsZeroForOne, "not for you");
        return (this.beforeSwap.selector, 0, 0);
    }
}

/// Lets one router pass, whom our probe is not.
contract RouterOnly is Hook {
    constructor(ISingleton m, bool z) Hook(m, z) {}

    function beforeSwap(address sender, Key calldata, Trade calldata, bytes calldata)
        external
        view
        returns (bytes4, int256, uint24)
    {
        require(sender == address(0x1234), "unknown router");
        return (this.beforeSwap.selector, 0, 0);
    }
}

/// Takes three fifths of what a sale gives.
contract SaleTaker is Hook {
    constructor(ISingleton m, bool z) Hook(m, z) {}

    receive() external payable {}

    function afterSwap(address, Key calldata key, Trade calldata trade, int256 delta, bytes calldata)
        external
        returns (bytes4, int128)
    {
        if (trade.zeroForOne != saleIsZeroForOne) return (this.afterSwap.selector, 0);
        int128 given = trade.zeroForOne ? int128(delta) : int128(delta >> 128);
        int128 taken = given * 3 / 5;
        manager.take(trade.zeroForOne ? key.currency1 : key.currency0, address(this), uint128(taken));
        return (this.afterSwap.selector, taken);
    }
}

/// Honest twin of both: counts trades.
contract TradeCounter is Hook {
    uint256 public trades;

    constructor(ISingleton m, bool z) Hook(m, z) {}

    function afterSwap(address, Key calldata, Trade calldata, int256, bytes calldata)
        external
        returns (bytes4, int128)
    {
        trades++;
        return (this.afterSwap.selector, 0);
    }
}
