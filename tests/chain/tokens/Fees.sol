// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import "./Coin.sol";

abstract contract Taxed is Owned {
    uint256 internal _bps = 200;

    constructor(IFactory f, address q) Owned(f, q) {}

    function _feeOf(address from, address to) internal view virtual returns (uint256) {
        bool traded = from == pair || to == pair;
        return traded && from != deployer && to != deployer ? _bps : 0;
    }

    function _transfer(address from, address to, uint256 value) internal override {
        uint256 fee = value * _feeOf(from, to) / 10_000;
        if (fee != 0) _move(from, deployer, fee);
        _move(from, to, value - fee);
    }
}

/// 2 % of each trade, for ever.
contract FixedFee is Taxed {
    constructor(IFactory f, address q) Taxed(f, q) {}
}

/// Up to 99 %.
contract FeeSetter is Taxed {
    constructor(IFactory f, address q) Taxed(f, q) {}

    function setFee(uint256 bps) external onlyOwner {
        require(bps <= 9_900, "too much");
        _bps = bps;
    }
}

/// A fee of each wallet's own.
contract FeeOfOne is Taxed {
    mapping(address => uint256) private _extra;

    constructor(IFactory f, address q) Taxed(f, q) {}

    function tune(address who, uint256 bps) external onlyOwner {
        require(bps <= 9_000, "too much");
        _extra[who] = bps;
    }

    function _feeOf(address from, address to) internal view override returns (uint256) {
        return super._feeOf(from, to) + _extra[from];
    }
}

/// Twin: wallets can only be freed of it.
contract FeeExempter is Taxed {
    mapping(address => bool) private _exempt;

    constructor(IFactory f, address q) Taxed(f, q) {}

    function setExempt(address who, bool is_) external onlyOwner {
        _exempt[who] = is_;
    }

    function _feeOf(address from, address to) internal view override returns (uint256) {
        return _exempt[from] || _exempt[to] ? 0 : super._feeOf(from, to);
    }
}

/// Takes 1 % of transfers between wallets too.
contract TransferTax is Taxed {
    constructor(IFactory f, address q) Taxed(f, q) {}

    function _feeOf(address from, address to) internal view override returns (uint256) {
        return from == deployer || to == deployer ? 0 : 100;
    }
}

/// Sales are taxed at 99 %, purchases at nothing.
contract SellTax99 is Taxed {
    constructor(IFactory f, address q) Taxed(f, q) {}

    function _feeOf(address from, address to) internal view override returns (uint256) {
        return to == pair && from != deployer ? 9_900 : 0;
    }
}

/// Large sales pay 30 %, small ones nothing.
contract TaxBySize is Plain {
    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        uint256 fee = to == pair && from != deployer && value > 5e21 ? value * 30 / 100 : 0;
        if (fee != 0) _move(from, deployer, fee);
        _move(from, to, value - fee);
    }
}

/// Sets its fee in two steps, of which neither alone does anything.
contract TwoStepFee is Plain {
    uint256 private _next;
    uint256 private _percent;

    constructor(IFactory f, address q) Plain(f, q) {}

    function propose(uint256 percent) external {
        require(msg.sender == deployer && percent < 100);
        _next = percent;
    }

    function settle() external {
        require(msg.sender == deployer);
        _percent = _next;
    }

    function _transfer(address from, address to, uint256 value) internal override {
        uint256 fee = from == deployer ? 0 : value * _percent / 100;
        if (fee != 0) _move(from, deployer, fee);
        _move(from, to, value - fee);
    }
}
