// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { G2 } from "./G2.sol";
import { Field } from "../../src/payments/Field.sol";
import { PaymentsProof } from "../../src/payments/PaymentsProof.sol";
import { VerifyingKeys } from "../../src/payments/VerifyingKeys.sol";
import { vm } from "../utils/Vm.sol";
import { PaymentsFixture } from "./PaymentsProof.t.sol";

/// @title Batches of any size, and sets of four keys.
/// @notice The vectors hold three proofs, and a larger batch is made of their points again and again, around invented outputs that chain, end and multiply
/// as they must. Every check passes but the last: the pairing says that these points prove nothing. The segments are empty.
abstract contract LargeBatches is PaymentsFixture {
    uint256 private constant HUGE_APPLY = 9;
    uint256 private constant HUGE_SESSION = 10;
    /// @dev The last chunk's leaf count.
    uint256 private constant LEAVES = 41;

    /// @notice The fixture's two keys, each twice under ids of its family, the lowest and the highest: the second time beta and gamma change places, and delta
    /// is another one.
    function fourKeys() internal view returns (bytes memory) {
        uint256 second = VerifyingKeys.length(19);
        bytes memory apply_ = _cut(0, second);
        bytes memory session = _cut(second, keys.length);
        bytes memory third = _turned(apply_, HUGE_APPLY, G2.twice());
        return bytes.concat(apply_, session, third, _turned(session, HUGE_SESSION, G2.thrice()));
    }

    /// @notice Four keys with the alpha, beta and gamma of the first: the secrets of a ceremony's first phase are the same for all circuits. Every delta is
    /// another one.
    function relatedKeys() internal view returns (bytes memory related) {
        related = fourKeys();
        uint256 first = VerifyingKeys.pointerTo(related);
        uint256 second = first + VerifyingKeys.length(19);
        uint256 third = second + VerifyingKeys.length(3);
        uint256 fourth = third + VerifyingKeys.length(19);
        assembly ("memory-safe") {
            mcopy(add(second, 0x40), add(first, 0x40), 0x140)
            mcopy(add(third, 0x40), add(first, 0x40), 0x140)
            mcopy(add(fourth, 0x40), add(first, 0x40), 0x140)
        }
    }

    function _cut(uint256 from, uint256 to) private view returns (bytes memory part) {
        bytes memory all = keys;
        part = new bytes(to - from);
        for (uint256 i = from; i < to; ++i) {
            part[i - from] = all[i];
        }
    }

    function _turned(bytes memory key, uint256 circuit, bytes memory delta)
        private
        pure
        returns (bytes memory turned)
    {
        turned = bytes.concat(key);
        assembly ("memory-safe") {
            let from := add(key, 0x20)
            let to := add(turned, 0x20)
            mstore(to, circuit)
            mcopy(add(to, 0x80), add(from, 0x100), 0x80)
            mcopy(add(to, 0x100), add(from, 0x80), 0x80)
            mcopy(add(to, 0x180), add(delta, 0x20), 0x80)
        }
    }

    /// @notice All chunks are of the huge circuits, but for the first of each family.
    function largeBatch(uint256 applied, uint256 authorised) internal view returns (Batch memory batch) {
        Batch memory proven = honest();
        batch.header = proven.header;
        batch.header.queueEnd = batch.header.queueStart;
        batch.applied = new PaymentsProof.ApplyChunk[](applied);
        batch.authorised = new PaymentsProof.AuthoriseChunk[](authorised);
        uint256 product = 1;
        for (uint256 i = 0; i < applied; ++i) {
            batch.applied[i] = _applied(i, proven.applied[i % 2].proof);
            product = mulmod(product, batch.applied[i].product, Field.R);
        }
        // The last outputs are those of a batch without operations.
        PaymentsProof.ApplyChunk memory last = batch.applied[applied - 1];
        (last.countsOut, last.feeOut) = (LEAVES << 128 | batch.header.queueEnd << 64, 0);
        last.evaluationsOut = [uint256(0), 0, 0];
        for (uint256 i = 0; i < authorised; ++i) {
            PaymentsProof.AuthoriseChunk memory chunk = batch.authorised[i];
            (chunk.circuit, chunk.valueDigest, chunk.product) =
            (i == 0 ? 3 : HUGE_SESSION, _scalar("digest", i), _scalar("join", i));
            chunk.proof = proven.authorised[0].proof;
            product = mulmod(product, _inverse(chunk.product), Field.R);
        }
        // What one family's product lacks to the other's.
        batch.authorised[0].product = mulmod(batch.authorised[0].product, product, Field.R);
    }

    function _applied(uint256 i, uint256[8] memory proof) private pure returns (PaymentsProof.ApplyChunk memory) {
        return PaymentsProof.ApplyChunk({
            circuit: i == 0 ? 1 : HUGE_APPLY,
            rootOut: _scalar("root", i),
            countsOut: (27 * (i + 1)) | (i << 128),
            feeOut: _scalar("fee", i) % 1e18,
            dataDigest: _scalar("data", i),
            valueDigest: _scalar("value", i),
            evaluationsOut: [_scalar("effects", i), _scalar("withdrawals", i), _scalar("messages", i)],
            product: _scalar("product", i),
            proof: proof
        });
    }

    function _scalar(string memory label, uint256 i) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(label, i))) % Field.R;
    }

    function _inverse(uint256 scalar) private view returns (uint256) {
        (bool ok, bytes memory power) =
            address(5).staticcall(abi.encode(0x20, 0x20, 0x20, scalar, Field.R - 2, Field.R));
        vm.assertTrue(ok);
        return abi.decode(power, (uint256));
    }
}
