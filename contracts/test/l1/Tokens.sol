// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ERC20 } from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import { Bridge } from "../../src/l1/Bridge.sol";
import { L2Message } from "../../src/l1/Types.sol";

/// @title A token that does what ERC-20 says.
contract PlainToken is ERC20 {
    constructor(string memory name_, string memory symbol_) ERC20(name_, symbol_) { }

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

/// @title Keeps one part in a hundred of every transfer.
contract FeeToken is PlainToken("Fee", "FEE") {
    function _update(address from, address to, uint256 amount) internal override {
        uint256 fee = from == address(0) || to == address(0) ? 0 : amount / 100;
        super._update(from, to, amount - fee);
        if (fee > 0) super._update(from, address(0), fee);
    }
}

/// @title Every balance is a share of a supply that changes by itself.
contract RebasingToken is PlainToken("Rebasing", "REB") {
    uint256 public percent = 100;

    function rebase(uint256 percent_) external {
        percent = percent_;
    }

    function balanceOf(address account) public view override returns (uint256) {
        return super.balanceOf(account) * percent / 100;
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount * 100 / percent);
    }
}

/// @title Credits interest on the receiver's old balance during a transfer, as some interest-bearing tokens do.
contract AccruingToken is PlainToken("Accruing", "ACC") {
    function _update(address from, address to, uint256 amount) internal override {
        if (from != address(0) && to != address(0)) super._update(address(0), to, balanceOf(to) / 10);
        super._update(from, to, amount);
    }
}

/// @title Answers nothing where a bool is expected, as USDT does.
contract NoReturnToken {
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    string public name = "No Return";
    string public symbol = "NRT";
    uint8 public decimals = 6;

    function mint(address to, uint256 amount) external {
        balanceOf[to] += amount;
    }

    function approve(address spender, uint256 amount) external {
        allowance[msg.sender][spender] = amount;
    }

    function transfer(address to, uint256 amount) external {
        balanceOf[msg.sender] -= amount;
        balanceOf[to] += amount;
    }

    function transferFrom(address from, address to, uint256 amount) external {
        allowance[from][msg.sender] -= amount;
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
    }
}

/// @title Says false instead of reverting, and moves nothing.
contract FalseToken is PlainToken("False", "FLS") {
    bool public failing = true;

    function setFailing(bool failing_) external {
        failing = failing_;
    }

    function transfer(address to, uint256 amount) public override returns (bool) {
        return failing ? false : super.transfer(to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) public override returns (bool) {
        return failing ? false : super.transferFrom(from, to, amount);
    }
}

/// @title Says true and moves nothing.
contract PretendingToken is PlainToken("Pretending", "PRT") {
    function transferFrom(address, address, uint256) public pure override returns (bool) {
        return true;
    }
}

/// @title Makes a call in the middle of every transfer, as ERC-777 allowed senders and recipients to.
contract ReentrantToken is PlainToken("Reentrant", "RE") {
    address private _callee;
    bytes private _call;
    bool public tried;
    bytes4 public failure;

    function arm(address callee, bytes calldata call_) external {
        (_callee, _call) = (callee, call_);
    }

    function approveBy(address holder, address spender) external {
        _approve(holder, spender, type(uint256).max);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (_callee == address(0) || tried) return;
        tried = true;
        (bool success, bytes memory answer) = _callee.call(_call);
        if (!success) failure = bytes4(answer);
    }
}

/// @title Name and symbol as `bytes32`, as MKR has them.
contract Bytes32Token is PlainToken("", "") {
    function name() public pure override returns (string memory) {
        assembly {
            mstore(0, "Maker")
            return(0, 32)
        }
    }

    function symbol() public pure override returns (string memory) {
        assembly {
            mstore(0, "0123456789abcdef0123456789abcdef")
            return(0, 32)
        }
    }
}

/// @title ERC-721 in as far as a bridge for amounts would fall for it.
contract NonFungibleToken {
    mapping(uint256 id => address) public ownerOf;
    mapping(address account => uint256) public balanceOf;
    mapping(uint256 id => address) private _approved;

    function supportsInterface(bytes4 id) external pure returns (bool) {
        return id == 0x80ac58cd || id == 0x01ffc9a7;
    }

    function mint(address to, uint256 id) external {
        ownerOf[id] = to;
        balanceOf[to]++;
    }

    function approve(address to, uint256 id) external {
        require(ownerOf[id] == msg.sender);
        _approved[id] = to;
    }

    function transferFrom(address from, address to, uint256 id) external {
        require(ownerOf[id] == from && _approved[id] == msg.sender);
        ownerOf[id] = to;
        balanceOf[from]--;
        balanceOf[to]++;
    }
}

/// @title Answers metadata calls with what a test sets.
contract RawToken is PlainToken("", "") {
    bytes private _answer;
    uint8 private _mode; // 0: return, 1: revert, 2: burn all gas, 3: a huge answer

    function set(uint8 mode, bytes calldata answer) external {
        (_mode, _answer) = (mode, answer);
    }

    function name() public view override returns (string memory) {
        _reply();
    }

    function symbol() public view override returns (string memory) {
        _reply();
    }

    function decimals() public view override returns (uint8) {
        _reply();
    }

    function supportsInterface(bytes4) external view returns (bool) {
        _reply();
    }

    function _reply() private view {
        if (_mode == 1) revert("no");
        if (_mode == 2) {
            assembly {
                invalid()
            }
        }
        if (_mode == 3) {
            assembly {
                mstore(0x00, 0x20)
                mstore(0x20, 10000)
                mstore(0x40, 0)
                return(0, 10064)
            }
        }
        bytes memory answer = _answer;
        assembly {
            return(add(answer, 32), mload(answer))
        }
    }
}

/// @title A token whose transfers note something, and go on if that fails.
contract CatchingToken is PlainToken {
    uint256 public gasSeen;

    constructor() PlainToken("Catching", "CAT") { }

    function transfer(address to, uint256 amount) public override returns (bool) {
        uint256 gas_ = gasleft();
        try this.note(gas_) { } catch { }
        return super.transfer(to, amount);
    }

    function note(uint256 gas_) external {
        gasSeen = gas_;
    }
}
