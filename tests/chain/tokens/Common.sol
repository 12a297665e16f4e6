// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import "./Coin.sol";

interface IPair {
    function getReserves() external view returns (uint112, uint112, uint32);
    function swap(uint256, uint256, address, bytes calldata) external;
    function token0() external view returns (address);
}

/// Honest: the launchpads' usual token. 3 % of trades are kept, and sold for quote when others sell;
/// the fee can only fall, and the limit can only be lifted.
contract Usual is Owned {
    uint256 public fee = 3;
    uint256 public maxTx = 2e22;
    address payable private _treasury = payable(address(0xFEE));
    bool private _swapping;
    mapping(address => bool) private _exempt;

    constructor(IFactory f, address q) Owned(f, q) {
        _exempt[msg.sender] = _exempt[address(this)] = true;
    }

    function reduceFee(uint256 percent) external onlyOwner {
        require(percent < fee, "only down");
        fee = percent;
    }

    function removeLimits() external onlyOwner {
        maxTx = totalSupply;
    }

    function _transfer(address from, address to, uint256 value) internal override {
        if (_exempt[from] || _exempt[to]) return _move(from, to, value);
        require(value <= maxTx, "max tx");
        if (to == pair && !_swapping && _balances[address(this)] > 1e18) _sellFees();
        uint256 kept = from == pair || to == pair ? value * fee / 100 : 0;
        if (kept != 0) _move(from, address(this), kept);
        _move(from, to, value - kept);
    }

    function _sellFees() private {
        _swapping = true;
        (uint256 r0, uint256 r1,) = IPair(pair).getReserves();
        bool first = IPair(pair).token0() == address(this);
        (uint256 rIn, uint256 rOut) = first ? (r0, r1) : (r1, r0);
        uint256 paid = _balances[address(this)];
        _move(address(this), pair, paid);
        uint256 out = paid * 997 * rOut / (rIn * 1000 + paid * 997);
        IPair(pair).swap(first ? 0 : out, first ? out : 0, _treasury, "");
        _swapping = false;
    }
}

/// Honest: balances are shares, and 2 % of every transfer goes to all holders.
contract Reflection {
    string public constant name = "Reflection";
    uint8 public constant decimals = 18;
    uint256 public constant totalSupply = 1e24;
    uint256 private _shares = type(uint256).max - type(uint256).max % 1e24;
    mapping(address => uint256) private _owned;
    mapping(address => mapping(address => uint256)) public allowance;
    address private immutable _deployer = msg.sender;

    event Transfer(address indexed from, address indexed to, uint256 value);

    constructor(IFactory f, address q) {
        f.createPair(address(this), q);
        _owned[msg.sender] = _shares;
    }

    function balanceOf(address who) public view returns (uint256) {
        return _owned[who] / (_shares / totalSupply);
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        return true;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        return _transfer(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        allowance[from][msg.sender] -= value;
        return _transfer(from, to, value);
    }

    function _transfer(address from, address to, uint256 value) private returns (bool) {
        uint256 rate = _shares / totalSupply;
        uint256 fee = from == _deployer ? 0 : value / 50;
        _owned[from] -= value * rate;
        _owned[to] += (value - fee) * rate;
        _shares -= fee * rate;
        emit Transfer(from, to, value - fee);
        return true;
    }
}
