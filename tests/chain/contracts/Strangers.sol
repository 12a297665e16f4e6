// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

interface IPair {
    function mint(address to) external returns (uint256);
}

interface IFactory {
    function createPair(address a, address b) external returns (address);
}

interface IWeth {
    function deposit() external payable;
    function transfer(address to, uint256 value) external returns (bool);
}

/// A token that trades as it should; what it says of itself is for others to spoil.
contract Plain {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    uint256 public totalSupply = 1e27;

    event Transfer(address indexed from, address indexed to, uint256 value);

    constructor() {
        balanceOf[msg.sender] = totalSupply;
        emit Transfer(address(0), msg.sender, totalSupply);
    }

    function name() external view virtual returns (string memory) {
        return "Plain Stone";
    }

    function symbol() external pure returns (string memory) {
        return "STONE";
    }

    function decimals() external pure returns (uint8) {
        return 18;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        return true;
    }

    function transfer(address to, uint256 value) external returns (bool) {
        _move(msg.sender, to, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        allowance[from][msg.sender] -= value;
        _move(from, to, value);
        return true;
    }

    function _move(address from, address to, uint256 value) internal {
        balanceOf[from] -= value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}

contract Reverting is Plain {
    function name() external pure override returns (string memory) {
        revert("rate limit exceeded: too many requests, try again in 3600 s");
    }
}

contract Burning is Plain {
    function name() external view override returns (string memory) {
        uint256 n = 0;
        while (gasleft() > 5000) n = uint256(keccak256(abi.encode(n)));
        return "ash";
    }
}

contract Garbage is Plain {
    function name() external pure override returns (string memory) {
        assembly {
            mstore(0, not(0))
            mstore(32, not(0))
            mstore(64, not(0))
            return(0, 96)
        }
    }
}

contract Huge is Plain {
    function name() external pure override returns (string memory) {
        assembly {
            mstore(0, 32)
            mstore(32, 10000000)
            return(0, 10000064)
        }
    }
}

contract Long is Plain {
    function name() external pure override returns (string memory) {
        assembly {
            mstore(0, 32)
            mstore(32, 400000)
            return(0, 400064)
        }
    }
}

contract Old is Plain {
    function name() external pure override returns (string memory) {
        assembly {
            mstore(0, "Maker")
            return(0, 32)
        }
    }
}

/// Pretends to be Tether, with a Cyrillic letter.
contract Pretender is Plain {
    function name() external pure override returns (string memory) {
        return unicode"Tеther USD";
    }
}

/// Makes a token, its pair and its first liquidity in one transaction, as launchpads do.
contract Launchpad {
    event Launched(address token, address pair);

    function launch(IFactory factory, IWeth weth, uint256 tokens) external payable {
        Plain token = new Plain();
        address pair = factory.createPair(address(token), address(weth));
        weth.deposit{value: msg.value}();
        weth.transfer(pair, msg.value);
        token.transfer(pair, tokens);
        token.transfer(msg.sender, token.balanceOf(address(this)));
        IPair(pair).mint(msg.sender);
        emit Launched(address(token), pair);
    }
}

/// Holds LP tokens, and tells of it as UNCX's locker does.
contract UncxLocker {
    struct Lock {
        uint256 lockDate;
        uint256 amount;
        uint256 initialAmount;
        uint256 unlockDate;
        uint256 lockID;
        address owner;
    }

    mapping(address => Lock[]) public tokenLocks;

    function getNumLocksForToken(address lp) external view returns (uint256) {
        return tokenLocks[lp].length;
    }

    function note(address lp, uint256 amount, uint256 until) external {
        tokenLocks[lp].push(Lock(block.timestamp, amount, amount, until, 1, msg.sender));
    }
}
