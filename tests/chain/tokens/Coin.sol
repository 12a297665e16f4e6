// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

interface IFactory {
    function createPair(address a, address b) external returns (address pair);
}

/// What every token of the table is made of: a plain ERC-20 of a million, all of it its deployer's,
/// which opens its own pair. Without a word of ownership.
contract Plain {
    string public name = "Plain";
    string public symbol = "PLN";
    uint8 public constant decimals = 18;
    uint256 public totalSupply = 1e24;
    mapping(address => uint256) internal _balances;
    mapping(address => mapping(address => uint256)) public allowance;
    address internal immutable pair;
    address internal immutable deployer = msg.sender;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    constructor(IFactory factory, address quote) {
        pair = factory.createPair(address(this), quote);
        _balances[msg.sender] = totalSupply;
        emit Transfer(address(0), msg.sender, totalSupply);
    }

    function balanceOf(address who) external view virtual returns (uint256) {
        return _balances[who];
    }

    function approve(address spender, uint256 value) external virtual returns (bool) {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function transfer(address to, uint256 value) external virtual returns (bool) {
        _transfer(msg.sender, to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external virtual returns (bool) {
        allowance[from][msg.sender] -= value;
        _transfer(from, to, value);
        return true;
    }

    /// What the others change.
    function _transfer(address from, address to, uint256 value) internal virtual {
        _move(from, to, value);
    }

    function _move(address from, address to, uint256 value) internal {
        _balances[from] -= value;
        _balances[to] += value;
        emit Transfer(from, to, value);
    }
}

/// The same with an owner who can do nothing but leave.
contract Owned is Plain {
    address public owner = msg.sender;

    modifier onlyOwner() {
        require(msg.sender == owner, "not the owner");
        _;
    }

    constructor(IFactory factory, address quote) Plain(factory, quote) {}

    function renounceOwnership() external onlyOwner {
        owner = address(0);
    }

    function transferOwnership(address to) external onlyOwner {
        require(to != address(0), "nobody");
        owner = to;
    }
}
