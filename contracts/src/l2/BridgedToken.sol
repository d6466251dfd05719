// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import { ERC20 } from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import { IERC20Permit } from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import { Nonces } from "@openzeppelin/contracts/utils/Nonces.sol";
import { ECDSA } from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import { Predeploys } from "./Predeploys.sol";

/// @title An L1 token as it appears on L2: ERC-20 with EIP-2612 permits (PRE-TOKEN-1).
/// @notice The bridge alone mints and burns. Nobody can pause, upgrade or seize.
/// @dev The predeploy is the code behind one minimal proxy per L1 token; it has no state of its own, and the bridge, the only one
/// who may initialise, initialises nothing but proxies (PRE-TOKEN-2).
contract BridgedToken is ERC20, Nonces, IERC20Permit {
    /// @notice Longer names and symbols are cut, so that no L1 token can make its own deposit too expensive (PRE-TOKEN-3).
    uint256 public constant TEXT_BYTES_MAX = 64;

    bytes32 private constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    /// @notice The token on L1 that backs this one.
    address public l1Token;
    uint8 private _decimals;
    string private _name;
    string private _symbol;

    error BridgedToken_NotBridge(address sender);
    error BridgedToken_AlreadyInitialized();
    error BridgedToken_PermitExpired(uint256 deadline);
    error BridgedToken_PermitNotByOwner(address signer, address owner);

    modifier onlyBridge() {
        if (msg.sender != Predeploys.L2_BRIDGE) revert BridgedToken_NotBridge(msg.sender);
        _;
    }

    /// @dev Names of the proxies are in their own storage, below; the inherited ones stay empty.
    constructor() ERC20("", "") { }

    /// @notice Names this token, once. Only the bridge.
    function initialize(address l1Token_, string calldata name_, string calldata symbol_, uint8 decimals_)
        external
        onlyBridge
    {
        if (l1Token != address(0)) revert BridgedToken_AlreadyInitialized();
        l1Token = l1Token_;
        _decimals = decimals_;
        _name = _cut(name_);
        _symbol = _cut(symbol_);
    }

    /// @notice Creates `amount` for `to`. Only the bridge. Reverts if `to` is zero or the supply would exceed 2^256 - 1.
    function mint(address to, uint256 amount) external onlyBridge {
        _mint(to, amount);
    }

    /// @notice Destroys `amount` of `from`. Only the bridge, which asks for nobody's tokens but its caller's.
    function burn(address from, uint256 amount) external onlyBridge {
        _burn(from, amount);
    }

    /// @inheritdoc IERC20Permit
    function permit(address owner, address spender, uint256 value, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
    {
        // forge-lint: disable-next-line(block-timestamp)
        if (block.timestamp > deadline) revert BridgedToken_PermitExpired(deadline);
        bytes32 structHash = keccak256(abi.encode(PERMIT_TYPEHASH, owner, spender, value, _useNonce(owner), deadline));
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", DOMAIN_SEPARATOR(), structHash));
        address signer = ECDSA.recover(digest, v, r, s);
        if (signer != owner) revert BridgedToken_PermitNotByOwner(signer, owner);
        _approve(owner, spender, value);
    }

    /// @inheritdoc IERC20Permit
    function nonces(address owner) public view override(Nonces, IERC20Permit) returns (uint256) {
        return super.nonces(owner);
    }

    /// @inheritdoc IERC20Permit
    // forge-lint: disable-next-line(mixed-case-function)
    function DOMAIN_SEPARATOR() public view returns (bytes32) {
        return
            keccak256(
                abi.encode(DOMAIN_TYPEHASH, keccak256(bytes(_name)), keccak256("1"), block.chainid, address(this))
            );
    }

    /// @inheritdoc ERC20
    function name() public view override returns (string memory) {
        return _name;
    }

    /// @inheritdoc ERC20
    function symbol() public view override returns (string memory) {
        return _symbol;
    }

    /// @inheritdoc ERC20
    function decimals() public view override returns (uint8) {
        return _decimals;
    }

    function _cut(string calldata text) private pure returns (string calldata) {
        return bytes(text).length > TEXT_BYTES_MAX ? string(bytes(text)[:TEXT_BYTES_MAX]) : text;
    }
}
