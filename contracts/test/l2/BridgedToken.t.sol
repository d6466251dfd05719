// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import { Clones } from "@openzeppelin/contracts/proxy/Clones.sol";
import { IERC20Errors } from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import { BridgedToken } from "../../src/l2/BridgedToken.sol";
import { Predeploys } from "../../src/l2/Predeploys.sol";
import { vm } from "../utils/Vm.sol";
import { L2Test } from "./L2Test.sol";

/// @title A bridged token is an ERC-20 with permits that the bridge alone mints and burns: PRE-TOKEN-1, PRE-TOKEN-2, PRE-TOKEN-3.
contract BridgedTokenTest is L2Test {
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    uint256 private constant CURVE_ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    address private immutable L1_TOKEN = makeAddr("L1 token");
    BridgedToken private _token;

    function setUp() public override {
        super.setUp();
        _token = BridgedToken(Clones.clone(Predeploys.BRIDGED_TOKEN));
        vm.prank(Predeploys.L2_BRIDGE);
        _token.initialize(L1_TOKEN, "Token", "TKN", 6);
    }

    function test_initialize_names() external view {
        vm.assertEq(_token.name(), "Token");
        vm.assertEq(_token.symbol(), "TKN");
        vm.assertEq(_token.decimals(), 6);
        vm.assertEq(_token.l1Token(), L1_TOKEN);
        vm.assertEq(_token.totalSupply(), 0);
    }

    function testFuzz_initialize_cutsLongNames(string calldata name, string calldata symbol, uint8 decimals) external {
        BridgedToken token = BridgedToken(Clones.clone(Predeploys.BRIDGED_TOKEN));
        vm.prank(Predeploys.L2_BRIDGE);
        token.initialize(L1_TOKEN, name, symbol, decimals);
        vm.assertEq(bytes(token.name()), _prefix(bytes(name), token.TEXT_BYTES_MAX()));
        vm.assertEq(bytes(token.symbol()), _prefix(bytes(symbol), token.TEXT_BYTES_MAX()));
        vm.assertEq(token.decimals(), decimals);
    }

    function test_initialize_cutsAfterTheLastByteThatFits() external {
        BridgedToken token = BridgedToken(Clones.clone(Predeploys.BRIDGED_TOKEN));
        uint256 bytesMax = token.TEXT_BYTES_MAX();
        vm.prank(Predeploys.L2_BRIDGE);
        token.initialize(L1_TOKEN, string(new bytes(bytesMax)), string(new bytes(bytesMax + 1)), 0);
        vm.assertEq(bytes(token.name()).length, bytesMax);
        vm.assertEq(bytes(token.symbol()).length, bytesMax);
    }

    function testFuzz_initialize_worksOnce(
        address l1Token,
        string calldata name,
        string calldata symbol,
        uint8 decimals
    ) external {
        vm.expectRevert(BridgedToken.BridgedToken_AlreadyInitialized.selector);
        vm.prank(Predeploys.L2_BRIDGE);
        _token.initialize(l1Token, name, symbol, decimals);
        vm.assertEq(_token.l1Token(), L1_TOKEN);
    }

    function testFuzz_onlyTheBridge_initializesMintsAndBurns(address caller, address account, uint256 amount) external {
        vm.assume(caller != Predeploys.L2_BRIDGE);
        bytes memory refusal = abi.encodeWithSelector(BridgedToken.BridgedToken_NotBridge.selector, caller);
        BridgedToken implementation = BridgedToken(Predeploys.BRIDGED_TOKEN);
        vm.startPrank(caller);
        vm.expectRevert(refusal);
        _token.mint(account, amount);
        vm.expectRevert(refusal);
        _token.burn(account, amount);
        vm.expectRevert(refusal);
        implementation.initialize(L1_TOKEN, "", "", 0);
        vm.expectRevert(refusal);
        implementation.mint(account, amount);
        vm.stopPrank();
    }

    function testFuzz_mint_refusesToOverflow(address account, uint256 first, uint256 second) external {
        vm.assume(account != address(0));
        first = bound(first, 1, type(uint256).max);
        second = bound(second, type(uint256).max - first + 1, type(uint256).max);
        vm.startPrank(Predeploys.L2_BRIDGE);
        _token.mint(account, first);
        vm.expectRevert();
        _token.mint(account, second);
        vm.stopPrank();
        vm.assertEq(_token.totalSupply(), first);
    }

    function testFuzz_transfer_conserves(address from, address to, uint256 minted, uint256 amount) external {
        vm.assume(from != address(0) && to != address(0) && from != to);
        amount = bound(amount, 0, minted);
        vm.prank(Predeploys.L2_BRIDGE);
        _token.mint(from, minted);
        vm.prank(from);
        vm.assertTrue(_token.transfer(to, amount));
        vm.assertEq(_token.balanceOf(from), minted - amount);
        vm.assertEq(_token.balanceOf(to), amount);
        vm.assertEq(_token.totalSupply(), minted);
    }

    function testFuzz_transfer_refusesWhatIsNotThere(address from, address to, uint256 minted, uint256 amount)
        external
    {
        vm.assume(from != address(0) && to != address(0));
        minted = bound(minted, 0, type(uint256).max - 1);
        amount = bound(amount, minted + 1, type(uint256).max);
        vm.prank(Predeploys.L2_BRIDGE);
        _token.mint(from, minted);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientBalance.selector, from, minted, amount));
        vm.prank(from);
        _token.transfer(to, amount);
    }

    function testFuzz_transferFrom_needsAllowance(address spender, uint256 amount) external {
        vm.assume(spender != address(0) && spender != address(this));
        amount = bound(amount, 1, type(uint256).max);
        vm.prank(Predeploys.L2_BRIDGE);
        _token.mint(address(this), amount);
        vm.expectRevert(abi.encodeWithSelector(IERC20Errors.ERC20InsufficientAllowance.selector, spender, 0, amount));
        vm.prank(spender);
        _token.transferFrom(address(this), spender, amount);
        _token.approve(spender, amount);
        vm.prank(spender);
        vm.assertTrue(_token.transferFrom(address(this), spender, amount));
        vm.assertEq(_token.balanceOf(spender), amount);
    }

    function testFuzz_permit_approvesOnce(uint256 key, address spender, uint256 value, uint256 deadline) external {
        vm.assume(spender != address(0));
        key = bound(key, 1, CURVE_ORDER - 1);
        deadline = bound(deadline, block.timestamp, type(uint256).max);
        address owner = vm.addr(key);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, _permitDigest(owner, spender, value, 0, deadline));
        _token.permit(owner, spender, value, deadline, v, r, s);
        vm.assertEq(_token.allowance(owner, spender), value);
        vm.assertEq(_token.nonces(owner), 1);
        // Used up: the same signature now recovers to somebody else, or to nobody.
        vm.expectRevert();
        _token.permit(owner, spender, value, deadline, v, r, s);
    }

    function testFuzz_permit_refusesOtherTerms(uint256 key, address spender, uint256 value, uint256 other) external {
        vm.assume(spender != address(0) && other != value);
        key = bound(key, 1, CURVE_ORDER - 1);
        address owner = vm.addr(key);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, _permitDigest(owner, spender, value, 0, type(uint256).max));
        vm.expectRevert();
        _token.permit(owner, spender, other, type(uint256).max, v, r, s);
        vm.assertEq(_token.allowance(owner, spender), 0);
    }

    function testFuzz_permit_refusesOtherSigners(uint256 key, address owner, uint256 value) external {
        key = bound(key, 1, CURVE_ORDER - 1);
        address signer = vm.addr(key);
        vm.assume(owner != signer);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, _permitDigest(owner, address(1), value, 0, type(uint256).max));
        vm.expectRevert(abi.encodeWithSelector(BridgedToken.BridgedToken_PermitNotByOwner.selector, signer, owner));
        _token.permit(owner, address(1), value, type(uint256).max, v, r, s);
    }

    function testFuzz_permit_expires(uint256 deadline, uint256 timestamp) external {
        deadline = bound(deadline, 0, type(uint64).max - 1);
        vm.warp(bound(timestamp, deadline + 1, type(uint64).max));
        vm.expectRevert(abi.encodeWithSelector(BridgedToken.BridgedToken_PermitExpired.selector, deadline));
        _token.permit(address(this), address(1), 1, deadline, 27, bytes32(0), bytes32(0));
    }

    function _permitDigest(address owner, address spender, uint256 value, uint256 nonce, uint256 deadline)
        private
        view
        returns (bytes32)
    {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Token"),
                keccak256("1"),
                block.chainid,
                address(_token)
            )
        );
        bytes32 structHash = keccak256(abi.encode(PERMIT_TYPEHASH, owner, spender, value, nonce, deadline));
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function _prefix(bytes memory text, uint256 bytesMax) private pure returns (bytes memory prefix) {
        prefix = new bytes(text.length < bytesMax ? text.length : bytesMax);
        for (uint256 i; i < prefix.length; ++i) {
            prefix[i] = text[i];
        }
    }
}
