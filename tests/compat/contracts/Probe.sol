// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// What libraries are tried on: events, every kind of revert, storage, creation, an inner call.
contract Probe {
    error Denied(address who, uint256 code);

    event Stored(address indexed by, uint256 indexed slot, uint256 value);
    event Noted(string note);

    uint256 public value;
    address public immutable owner;
    mapping(uint256 => uint256) public stored;
    mapping(address => uint256) public paid;

    constructor(uint256 first) payable {
        value = first;
        owner = msg.sender;
    }

    receive() external payable {
        paid[msg.sender] += msg.value;
    }

    function store(uint256 slot, uint256 what) external returns (uint256) {
        stored[slot] = what;
        value = what;
        emit Stored(msg.sender, slot, what);
        return what;
    }

    function note(string calldata text) external {
        emit Noted(text);
    }

    function noteMany(uint256 count) external {
        for (uint256 i; i < count; ++i) emit Stored(msg.sender, i, i);
    }

    function sum(uint256 a, uint256 b) external pure returns (uint256) {
        return a + b;
    }

    function whoAndWhere() external view returns (address, uint256, uint256, uint256, address) {
        return (msg.sender, block.chainid, block.number, block.timestamp, tx.origin);
    }

    function pay(address payable to) external payable {
        (bool done,) = to.call{value: msg.value}("");
        require(done, "not taken");
    }

    function failWithReason() external pure {
        revert("as it was asked");
    }

    function failWithError() external view {
        revert Denied(msg.sender, 42);
    }

    function failWithPanic(uint256 divisor) external pure returns (uint256) {
        return 1 / divisor;
    }

    function failWithAssert() external pure {
        assert(false);
    }

    function failSilently() external pure {
        assembly {
            revert(0, 0)
        }
    }

    function failInvalid() external pure {
        assembly {
            invalid()
        }
    }

    function burnGas() external view {
        while (true) {
            uint256 some = stored[gasleft()];
            some;
        }
    }

    function multi(bytes[] calldata calls) external returns (bytes[] memory results) {
        results = new bytes[](calls.length);
        for (uint256 i; i < calls.length; ++i) {
            (bool done, bytes memory result) = address(this).call(calls[i]);
            require(done, "inner call failed");
            results[i] = result;
        }
    }
}

/// A token with permits (EIP-2612), small enough to read.
contract Token {
    event Transfer(address indexed from, address indexed to, uint256 amount);
    event Approval(address indexed from, address indexed to, uint256 amount);

    string public constant name = "Example";
    string public constant symbol = "EXM";
    uint8 public constant decimals = 18;
    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;
    mapping(address => uint256) public nonces;

    constructor(uint256 supply) {
        totalSupply = supply;
        balanceOf[msg.sender] = supply;
        emit Transfer(address(0), msg.sender, supply);
    }

    function DOMAIN_SEPARATOR() public view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256("1"),
                block.chainid,
                address(this)
            )
        );
    }

    function transfer(address to, uint256 amount) external returns (bool) {
        return move(msg.sender, to, amount);
    }

    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        require(allowance[from][msg.sender] >= amount, "allowance");
        allowance[from][msg.sender] -= amount;
        return move(from, to, amount);
    }

    function approve(address to, uint256 amount) external returns (bool) {
        allowance[msg.sender][to] = amount;
        emit Approval(msg.sender, to, amount);
        return true;
    }

    function permit(address from, address to, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        require(block.timestamp <= deadline, "too late");
        bytes32 kind = keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 content = keccak256(abi.encode(kind, from, to, amount, nonces[from]++, deadline));
        address signer = ecrecover(keccak256(abi.encodePacked("\x19\x01", DOMAIN_SEPARATOR(), content)), v, r, s);
        require(signer != address(0) && signer == from, "signature");
        allowance[from][to] = amount;
        emit Approval(from, to, amount);
    }

    function move(address from, address to, uint256 amount) private returns (bool) {
        require(balanceOf[from] >= amount, "balance");
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        emit Transfer(from, to, amount);
        return true;
    }
}

/// What an account delegates to (EIP-7702): runs several calls as the account.
contract Batcher {
    event Ran(uint256 count);

    struct Call {
        address to;
        uint256 value;
        bytes data;
    }

    function run(Call[] calldata calls) external payable {
        require(msg.sender == address(this), "only the account itself");
        for (uint256 i; i < calls.length; ++i) {
            (bool done,) = calls[i].to.call{value: calls[i].value}(calls[i].data);
            require(done, "inner call failed");
        }
        emit Ran(calls.length);
    }

    receive() external payable {}
}
