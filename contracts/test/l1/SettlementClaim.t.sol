// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ClaimId, ClaimStatus, FraudSettlement, SlotId, SlotStatus } from "../../src/l1/FraudSettlement.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { StakeBook } from "../../src/l1/StakeBook.sol";
import { ChainConfig, OutputFields, Rules } from "../../src/l1/Types.sol";
import { IDispute } from "../../src/l1/interfaces/IDispute.sol";
import { vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";

abstract contract ClaimFixture is Fixture {
    using Hashing for *;

    function genesis() internal view returns (ClaimId) {
        return settlement.genesisClaim();
    }

    /// @dev Fields that L1 cannot tell from right ones.
    function wrongFields(uint64 epoch) internal view returns (OutputFields memory fields) {
        fields = fieldsOf(epoch);
        fields.stateRoot = keccak256("invented");
    }

    function status(ClaimId claimId) internal view returns (ClaimStatus) {
        return settlement.claimOf(claimId).status;
    }

    function slotStatus(ClaimId claimId) internal view returns (SlotStatus) {
        return settlement.slotOf(slotOfClaim(claimId)).status;
    }

    function contested() internal returns (ClaimId right, ClaimId wrong) {
        append();
        right = claimAs(alice, genesis(), fieldsOf(1));
        wrong = claimAs(mallory, genesis(), wrongFields(1));
    }
}

/// @title A dispute contract whose verdicts tests set.
contract DisputeModel is IDispute {
    struct Answer {
        Verdict verdict;
        bytes32 output;
        address champion;
    }

    mapping(bytes32 slotId => Answer) private _answers;
    address public immutable settlement;
    uint32 public claimWindowSecondsMin = 1;
    uint128 public claimBondMin;

    constructor(address settlement_) {
        settlement = settlement_;
    }

    function setWindow(uint32 seconds_) external {
        claimWindowSecondsMin = seconds_;
    }

    function setBond(uint128 bond) external {
        claimBondMin = bond;
    }

    function set(SlotId slotId, Verdict verdict, bytes32 output, address champion) external {
        _answers[SlotId.unwrap(slotId)] = Answer(verdict, output, champion);
    }

    function verdictOf(bytes32 slotId) external view returns (Verdict, bytes32, address) {
        Answer memory answer = _answers[slotId];
        return (answer.verdict, answer.output, answer.champion);
    }
}

/// @title A chain whose first entry names a dispute contract.
abstract contract DisputeFixture is ClaimFixture {
    DisputeModel internal dispute;

    function setUp() public virtual override {
        // The settlement comes after this contract, the schedule and the Inbox.
        dispute = new DisputeModel(vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 3));
        super.setUp();
    }

    function rules() internal view override returns (Rules memory changed) {
        changed = super.rules();
        changed.dispute = address(dispute);
    }
}

/// @title `FraudSettlement.claim`: L1-CLAIM-1, L1-CLAIM-2.
contract SettlementClaimTest is ClaimFixture {
    using Hashing for *;

    function testFuzz_claim_opensASlot(address claimant, bytes32 stateRoot) external {
        append();
        OutputFields memory fields = fieldsOf(1);
        fields.stateRoot = stateRoot;
        bytes32 output = keccak256(
            bytes.concat(
                abi.encode(uint256(1), fields.configHash, fields.batchHash, fields.lastBlockHash),
                abi.encode(fields.stateRoot, fields.messageRoot, fields.queueIndex)
            )
        );
        bytes32 slotId =
            keccak256(abi.encode(ClaimId.unwrap(genesis()), schedule.record(0).entryHash, fields.batchHash));
        ClaimId expected = ClaimId.wrap(keccak256(abi.encode(slotId, output)));
        vm.deal(claimant, BOND);
        ClaimId parent = genesis();
        vm.expectEmit(address(settlement));
        emit FraudSettlement.ClaimPosted(expected, SlotId.wrap(slotId), parent, 1, output, claimant, fields);
        vm.prank(claimant);
        eq(settlement.claim{ value: BOND }(parent, fields, new ClaimId[](0)), expected);
        vm.assertTrue(settlement.slotOf(SlotId.wrap(slotId)).status == SlotStatus.Single);
        vm.assertTrue(status(expected) == ClaimStatus.Pending);
        vm.assertFalse(settlement.isFinal(output));
    }

    function test_claim_childOfPending() external {
        append();
        ClaimId first = claimAs(alice, genesis(), fieldsOf(1));
        append();
        ClaimId second = claimAs(alice, first, fieldsOf(2));
        vm.assertEq(settlement.claimOf(second).epoch, 2);
    }

    function testFuzz_claim_secondContests(uint256 age) external {
        append();
        ClaimId first = claimAs(alice, genesis(), fieldsOf(1));
        vm.warp(vm.getBlockTimestamp() + bound(age, 0, WINDOW_SECONDS - 1));
        ClaimId rival = claimAs(mallory, genesis(), wrongFields(1));
        vm.assertTrue(slotStatus(first) == SlotStatus.Contested);
        vm.assertEq(SlotId.unwrap(slotOfClaim(first)), SlotId.unwrap(slotOfClaim(rival)));
        vm.assertEq(settlement.slotOf(slotOfClaim(first)).contestedAt, vm.getBlockTimestamp());
        vm.assertTrue(settlement.isPlayable(slotOfClaim(first)));
    }

    function _expectRefused(ClaimId parent, OutputFields memory fields, uint256 bond, bytes memory reason) private {
        vm.deal(alice, bond);
        vm.expectRevert(reason);
        vm.prank(alice);
        settlement.claim{ value: bond }(parent, fields, new ClaimId[](0));
    }

    function testFuzz_claim_revertsOnUnknownParent(bytes32 parent) external {
        append();
        vm.assume(parent != ClaimId.unwrap(genesis()));
        _expectRefused(
            ClaimId.wrap(parent),
            fieldsOf(1),
            BOND,
            abi.encodeWithSelector(FraudSettlement.FraudSettlement_DeadParent.selector, parent, ClaimStatus.None)
        );
    }

    function testFuzz_claim_revertsOnOpenEpoch(uint256 closed, OutputFields memory fields) external {
        closed = bound(closed, 0, 4);
        ClaimId parent = genesis();
        for (uint64 epoch = 1; epoch <= closed; ++epoch) {
            append();
            parent = claimAs(alice, parent, fieldsOf(epoch));
        }
        _expectRefused(
            parent, fields, BOND, abi.encodeWithSelector(FraudSettlement.FraudSettlement_EpochOpen.selector, closed + 1)
        );
    }

    /// @notice Another batch, an earlier epoch's, a dropped one's: the claim names content, and L1 compares.
    function testFuzz_claim_revertsOnWrongBatch(bytes32 batchHash) external {
        append();
        OutputFields memory fields = fieldsOf(1);
        vm.assume(batchHash != fields.batchHash);
        bytes32 expected = fields.batchHash;
        fields.batchHash = batchHash;
        _expectRefused(
            genesis(),
            fields,
            BOND,
            abi.encodeWithSelector(FraudSettlement.FraudSettlement_WrongBatch.selector, expected, batchHash)
        );
    }

    function testFuzz_claim_revertsOnWrongConfig(bytes32 configHash) external {
        append();
        OutputFields memory fields = fieldsOf(1);
        vm.assume(configHash != fields.configHash);
        bytes32 expected = fields.configHash;
        fields.configHash = configHash;
        _expectRefused(
            genesis(),
            fields,
            BOND,
            abi.encodeWithSelector(FraudSettlement.FraudSettlement_WrongConfig.selector, expected, configHash)
        );
    }

    function testFuzz_claim_revertsOnSmallStake(uint96 bond) external {
        bond = uint96(bound(bond, 0, BOND - 1));
        append();
        _expectRefused(
            genesis(), fieldsOf(1), bond, abi.encodeWithSelector(StakeBook.Stake_TooSmall.selector, bond, BOND)
        );
    }

    /// @notice A copy that came first: nothing reverts, nothing is lost, and the claim stays the other's.
    function testFuzz_claim_copyIsNoRevert(bool final_, uint96 sent) external {
        append();
        OutputFields memory fields = fieldsOf(1);
        ClaimId first = claimAs(mallory, genesis(), fields);
        if (final_) {
            skipTime(WINDOW_SECONDS);
            settlement.finalize(first);
        }
        vm.deal(alice, sent);
        ClaimId root = genesis();
        vm.prank(alice);
        eq(settlement.claim{ value: sent }(root, fields, new ClaimId[](0)), first);
        vm.assertEq(settlement.claimOf(first).claimant, mallory);
        vm.assertEq(settlement.stakeOf(alice).amount, sent);
        if (!final_) eq(settlement.stakeOf(alice).tip, first);
    }

    function testFuzz_claim_revertsAfterTheWindow(uint256 late) external {
        append();
        ClaimId first = claimAs(bob, genesis(), fieldsOf(1));
        SlotId slotId = slotOfClaim(first);
        bytes memory reason = abi.encodeWithSelector(FraudSettlement.FraudSettlement_WindowClosed.selector, slotId);
        vm.warp(vm.getBlockTimestamp() + WINDOW_SECONDS);
        _expectRefused(genesis(), wrongFields(1), BOND, reason);
        vm.warp(vm.getBlockTimestamp() + bound(late, 0, 1e9));
        _expectRefused(genesis(), wrongFields(1), BOND, reason);
    }

    /// @notice Claims follow the entry of their epoch's batches: configuration, bond and window.
    function test_claim_usesTheEntryOfItsEpoch() external {
        append();
        ChainConfig memory next = deployedConfig();
        next.version = 2;
        Rules memory changed = rules();
        changed.claimBond = 2 ether;
        vm.prank(owner);
        schedule.schedule(next, changed);
        skipTime(DELAY_SECONDS);
        append();
        ClaimId first = claimAs(alice, genesis(), fieldsOf(1));
        OutputFields memory fields = fieldsOf(2);
        _expectRefused(
            first,
            fields,
            2 ether,
            abi.encodeWithSelector(FraudSettlement.FraudSettlement_WrongConfig.selector, next.hash(), fields.configHash)
        );
        fields.configHash = next.hash();
        _expectRefused(
            first, fields, BOND - 1, abi.encodeWithSelector(StakeBook.Stake_TooSmall.selector, 2 ether - 1, 2 ether)
        );
        vm.deal(alice, BOND); // the stake is topped up
        vm.prank(alice);
        settlement.claim{ value: BOND }(first, fields, new ClaimId[](0));
        vm.assertEq(settlement.stakeOf(alice).amount, 2 ether);
    }

    /// @notice Two claims on one parent always contradict: only an epoch's last batch can be claimed, and each epoch once.
    function test_claim_onlyEpochBoundaries() external {
        Rules memory changed = rules();
        changed.epochWeightGas = 250_000; // two batches
        ChainConfig memory next = deployedConfig();
        vm.prank(owner);
        schedule.schedule(next, changed);
        skipTime(DELAY_SECONDS);
        append();
        append();
        OutputFields memory fields = fieldsOf(1);
        vm.assertEq(fields.batchHash, inbox.batchHashOf(2));
        fields.batchHash = inbox.batchHashOf(1);
        _expectRefused(
            genesis(),
            fields,
            BOND,
            abi.encodeWithSelector(
                FraudSettlement.FraudSettlement_WrongBatch.selector, inbox.batchHashOf(2), inbox.batchHashOf(1)
            )
        );
        claimAs(alice, genesis(), fieldsOf(1));
    }
}

/// @title `FraudSettlement.finalize`: L1-CLAIM-3.
contract SettlementFinalizeTest is ClaimFixture {
    using Hashing for *;

    function testFuzz_finalize_loneClaimAfterTheWindow(address caller, uint256 late) external {
        append();
        OutputFields memory fields = fieldsOf(1);
        ClaimId first = claimAs(alice, genesis(), fields);
        vm.warp(vm.getBlockTimestamp() + WINDOW_SECONDS + bound(late, 0, 1e9));
        vm.expectEmit(address(settlement));
        emit FraudSettlement.ClaimFinalized(first, fields.hash(), 1);
        vm.prank(caller);
        settlement.finalize(first);
        vm.assertTrue(settlement.isFinal(fields.hash()));
        eq(settlement.lastFinalClaim(), first);
        unstakeAs(alice);
        vm.assertEq(settlement.creditOf(alice), BOND);
    }

    function testFuzz_finalize_revertsInTheWindow(uint256 age) external {
        append();
        ClaimId first = claimAs(alice, genesis(), fieldsOf(1));
        vm.warp(vm.getBlockTimestamp() + bound(age, 0, WINDOW_SECONDS - 1));
        SlotId slotId = slotOfClaim(first);
        vm.expectRevert(abi.encodeWithSelector(FraudSettlement.FraudSettlement_WindowOpen.selector, slotId));
        settlement.finalize(first);
    }

    function testFuzz_finalize_revertsBeforeParent(uint256 count, uint256 late) external {
        count = bound(count, 2, 5);
        ClaimId[] memory claims = new ClaimId[](count + 1);
        claims[0] = genesis();
        for (uint64 epoch = 1; epoch <= count; ++epoch) {
            append();
            claims[epoch] = claimAs(alice, claims[epoch - 1], fieldsOf(epoch));
        }
        skipTime(WINDOW_SECONDS + bound(late, 0, 1e9));
        for (uint256 epoch = count; epoch > 1; --epoch) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    FraudSettlement.FraudSettlement_NotFinal.selector, claims[epoch - 1], ClaimStatus.Pending
                )
            );
            settlement.finalize(claims[epoch]);
        }
        for (uint256 epoch = 1; epoch <= count; ++epoch) {
            settlement.finalize(claims[epoch]);
            eq(settlement.lastFinalClaim(), claims[epoch]);
        }
    }

    function testFuzz_finalize_revertsUnlessPending(bytes32 unknown) external {
        append();
        ClaimId first = claimAs(alice, genesis(), fieldsOf(1));
        vm.assume(unknown != ClaimId.unwrap(first) && unknown != ClaimId.unwrap(genesis()));
        vm.expectRevert(
            abi.encodeWithSelector(FraudSettlement.FraudSettlement_NotPending.selector, unknown, ClaimStatus.None)
        );
        settlement.finalize(ClaimId.wrap(unknown));
        skipTime(WINDOW_SECONDS);
        settlement.finalize(first);
        uint40 finalAt = settlement.claimOf(first).finalAt;
        vm.assertEq(finalAt, vm.getBlockTimestamp());
        // A copy came first: done is done, and the time of it stays.
        skipTime(1);
        settlement.finalize(first);
        vm.assertEq(settlement.claimOf(first).finalAt, finalAt);
    }

    /// @notice Two rivals and no dispute contract: neither becomes final, whoever asks, however long it takes. The slot fails, the stakes
    /// go back, and the owner may name who decides (L1-SCHED-7).
    function testFuzz_finalize_contestedStaysContested(address caller, uint64 late) external {
        (ClaimId right, ClaimId wrong) = contested();
        skipTime(WINDOW_SECONDS + uint256(late) % 1000 days);
        SlotId slotId = slotOfClaim(right);
        for (uint256 i = 0; i < 4; ++i) {
            address asker = [owner, sequencer, guardian, caller][i];
            vm.startPrank(asker);
            vm.expectRevert(
                abi.encodeWithSelector(FraudSettlement.FraudSettlement_NotWinner.selector, slotId, SlotStatus.Contested)
            );
            settlement.finalize(right);
            vm.expectPartialRevert(FraudSettlement.FraudSettlement_NotWinner.selector);
            settlement.finalize(wrong);
            vm.expectRevert(abi.encodeWithSelector(FraudSettlement.FraudSettlement_ClaimAlive.selector, right));
            settlement.discard(right);
            vm.stopPrank();
        }
        vm.prank(caller);
        settlement.decide(slotId);
        vm.assertTrue(slotStatus(right) == SlotStatus.Failed);
        vm.assertEq(settlement.failedFrom(), 1);
        settlement.discard(right);
        settlement.discard(wrong);
        unstakeAs(alice);
        unstakeAs(mallory);
        DisputeModel dispute = new DisputeModel(address(settlement));
        bytes32 guestHash = rules().guestHash;
        vm.prank(owner);
        schedule.replace(guestHash, address(dispute));
        skipTime(DELAY_SECONDS);
        right = claimAs(alice, genesis(), fieldsOf(1));
        claimAs(mallory, genesis(), wrongFields(1));
        dispute.set(slotOfClaim(right), IDispute.Verdict.Output, fieldsOf(1).hash(), alice);
        settlement.decide(slotOfClaim(right));
        settlement.finalize(right);
    }

    /// @notice A new entry with a dispute contract concerns future batches only.
    function test_finalize_laterDisputeContractDoesNotDecideOldSlots() external {
        (ClaimId right,) = contested();
        DisputeModel dispute = new DisputeModel(address(settlement));
        dispute.set(slotOfClaim(right), IDispute.Verdict.Output, settlement.claimOf(right).output, alice);
        Rules memory changed = rules();
        changed.dispute = address(dispute);
        ChainConfig memory next = deployedConfig();
        vm.prank(owner);
        schedule.schedule(next, changed);
        skipTime(DELAY_SECONDS);
        append();
        settlement.decide(slotOfClaim(right));
        vm.assertTrue(slotStatus(right) == SlotStatus.Failed);
    }
}

/// @title `FraudSettlement.unstake` and `withdraw`: payouts are pulled (L1-STAKE-6).
contract SettlementWithdrawTest is ClaimFixture {
    function testFuzz_withdraw_paysOnce(uint160 to) external {
        to = uint160(bound(to, 1 << 32, 1 << 100));
        settle();
        unstakeAs(alice);
        vm.prank(alice);
        settlement.withdraw(address(to));
        vm.assertEq(address(to).balance, BOND);
        vm.expectRevert(abi.encodeWithSelector(FraudSettlement.FraudSettlement_NoCredit.selector, alice));
        vm.prank(alice);
        settlement.withdraw(address(to));
    }

    function testFuzz_withdraw_revertsWithoutCredit(address caller) external {
        vm.assume(caller != alice);
        settle();
        vm.expectRevert(abi.encodeWithSelector(FraudSettlement.FraudSettlement_NoCredit.selector, caller));
        vm.prank(caller);
        settlement.withdraw(caller);
    }

    function testFuzz_withdraw_revertsIfRefused(bytes memory reason) external {
        settle();
        unstakeAs(alice);
        Refusing refusing = new Refusing(reason);
        vm.expectRevert(
            abi.encodeWithSelector(FraudSettlement.FraudSettlement_PayoutFailed.selector, address(refusing))
        );
        vm.prank(alice);
        settlement.withdraw(address(refusing));
        vm.assertEq(settlement.creditOf(alice), BOND);
    }
}

/// @title Takes no ether, for whatever reason.
contract Refusing {
    bytes private _reason;

    constructor(bytes memory reason) {
        _reason = reason;
    }

    receive() external payable {
        bytes memory reason = _reason;
        assembly {
            revert(add(reason, 0x20), mload(reason))
        }
    }
}
