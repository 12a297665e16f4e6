// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import "./Coin.sol";

/// The owner can end it.
contract Destructible is Owned {
    constructor(IFactory f, address q) Owned(f, q) {}

    function close() external onlyOwner {
        selfdestruct(payable(msg.sender));
    }
}

/// Twin: the byte of selfdestruct (ff) and of delegatecall (f4) stand in its data, not in its code.
contract LooksDestructible is Owned {
    constructor(IFactory f, address q) Owned(f, q) {}

    function motto() external pure returns (bytes memory) {
        return hex"fffffffffffffffffffffffff4f4f4f4f4f4f4f4f4f4f4f4fffffffffffffffffffff4f4f4f4f4f4";
    }
}

/// Runs whatever its owner brings.
contract Pluggable is Owned {
    constructor(IFactory f, address q) Owned(f, q) {}

    function plug(address code, bytes calldata data) external onlyOwner {
        (bool ok,) = code.delegatecall(data);
        require(ok);
    }
}

interface IGuard {
    function check(address from, address to) external view;
}

contract Guard {
    function check(address, address) external view {}
}

/// Asks another contract at each transfer.
contract Guarded is Plain {
    IGuard private immutable _guard = IGuard(address(new Guard()));

    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        _guard.check(from, to);
        _move(from, to, value);
    }
}

/// Keeps its blacklist in another contract.
contract ListGuard is IGuard {
    address private immutable _keeper = tx.origin;
    mapping(address => bool) private _bad;

    function mark(address who) external {
        require(msg.sender == _keeper);
        _bad[who] = true;
    }

    function check(address from, address) external view {
        require(!_bad[from], "marked");
    }
}

/// A trap of that kind.
contract GuardTrap is Plain {
    IGuard private immutable _guard = IGuard(address(new ListGuard()));

    constructor(IFactory f, address q) Plain(f, q) {}

    function _transfer(address from, address to, uint256 value) internal override {
        _guard.check(from, to);
        _move(from, to, value);
    }
}

/// Twin: calls another contract too, but never in a transfer.
contract Caller is Owned {
    constructor(IFactory f, address q) Owned(f, q) {}

    function pairOf() external view returns (uint256 size) {
        (bool ok, bytes memory answer) = pair.staticcall(abi.encodeWithSignature("totalSupply()"));
        require(ok);
        return abi.decode(answer, (uint256));
    }
}

/// The code behind the proxies: Mintable, set up by a call.
contract Logic {
    string public name;
    uint8 public constant decimals = 18;
    uint256 public totalSupply;
    address public owner;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function initialize() external {
        require(owner == address(0), "done");
        (owner, totalSupply, balanceOf[msg.sender]) = (msg.sender, 1e24, 1e24);
    }

    function mint(uint256 value) external {
        require(msg.sender == owner, "not the owner");
        totalSupply += value;
        balanceOf[owner] += value;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        return true;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        return _move(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        allowance[from][msg.sender] -= value;
        return _move(from, to, value);
    }

    function _move(address from, address to, uint256 value) private returns (bool) {
        balanceOf[from] -= value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
        return true;
    }
}

/// The code of the clone: nobody can mint.
contract PlainLogic {
    uint8 public constant decimals = 18;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    event Transfer(address indexed from, address indexed to, uint256 value);

    function initialize() external {
        require(totalSupply == 0, "done");
        (totalSupply, balanceOf[msg.sender]) = (1e24, 1e24);
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        return true;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        return _move(msg.sender, to, value);
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        allowance[from][msg.sender] -= value;
        return _move(from, to, value);
    }

    function _move(address from, address to, uint256 value) private returns (bool) {
        balanceOf[from] -= value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
        return true;
    }
}

/// EIP-1967.
contract SlotProxy {
    bytes32 private constant SLOT = 0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc;

    constructor(address code) {
        assembly { sstore(SLOT, code) }
    }

    fallback() external {
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), sload(SLOT), 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch ok
            case 0 { revert(0, returndatasize()) }
            default { return(0, returndatasize()) }
        }
    }
}

contract Beacon {
    address public implementation;

    constructor(address code) {
        implementation = code;
    }
}

contract BeaconProxy {
    bytes32 private constant SLOT = 0xa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50;

    constructor(address beacon) {
        assembly { sstore(SLOT, beacon) }
    }

    fallback() external {
        address beacon;
        assembly { beacon := sload(SLOT) }
        address code = Beacon(beacon).implementation();
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), code, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch ok
            case 0 { revert(0, returndatasize()) }
            default { return(0, returndatasize()) }
        }
    }
}
