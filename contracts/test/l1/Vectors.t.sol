// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

import { ClaimId, SlotId } from "../../src/l1/FraudSettlement.sol";
import { Hashing } from "../../src/l1/Hashing.sol";
import { MessageTree } from "../../src/l1/MessageTree.sol";
import {
    BatchContent,
    BatchHeader,
    ChainConfig,
    Checkpoint,
    L2Message,
    Message,
    OutputFields
} from "../../src/l1/Types.sol";
import { Vm, vm } from "../utils/Vm.sol";
import { Fixture } from "./Fixture.sol";

/// @title The shared vectors in `tests/vectors/l1`, which the rulebook writes.
/// @notice Every file must be known here, be read, and hold a case. Rules: those that `Hashing` and `MessageTree` cite.
contract VectorsTest is Fixture {
    using Hashing for *;

    string private constant DIRECTORY = "../tests/vectors/l1/";

    string private _json;
    string private _case;

    function test_vectors_allFilesAreRead() external {
        Vm.DirEntry[] memory files = vm.readDir(DIRECTORY);
        vm.assertGt(files.length, 0);
        for (uint256 i = 0; i < files.length; ++i) {
            uint256 cases = _read(_nameOf(files[i].path));
            vm.assertGt(cases, 0);
        }
        vm.assertGe(files.length, 12);
    }

    function _read(string memory name) private returns (uint256 cases) {
        _json = vm.readFile(string.concat(DIRECTORY, name));
        function() internal check = _checkOf(keccak256(bytes(name)));
        for (;; ++cases) {
            _case = string.concat("$[", vm.toString(cases), "]");
            if (!vm.keyExistsJson(_json, _case)) return cases;
            check();
        }
    }

    function _checkOf(bytes32 name) private pure returns (function() internal) {
        if (name == keccak256("message.json")) return _message;
        if (name == keccak256("queue.json")) return _queue;
        if (name == keccak256("alias.json")) return _alias;
        if (name == keccak256("checkpoint.json")) return _checkpoint;
        if (name == keccak256("batch.json")) return _batch;
        if (name == keccak256("calldata.json")) return _calldata;
        if (name == keccak256("blobs.json")) return _blobs;
        if (name == keccak256("config.json")) return _config;
        if (name == keccak256("output.json")) return _output;
        if (name == keccak256("claim.json")) return _claim;
        if (name == keccak256("l2_message.json")) return _l2Message;
        if (name == keccak256("message_tree.json")) return _messageTree;
        revert("a vector file that no test reads");
    }

    function _message() private view {
        Message memory message_ = Message({
            kind: uint8(_uint("kind")),
            sender: _address("sender"),
            to: _address("to"),
            mint: _uint("mint"),
            value: _uint("value"),
            gasLimit: uint64(_uint("gasLimit")),
            refund: _address("refund"),
            data: _bytes("data")
        });
        vm.assertEq(message_.encodeMessage(), _bytes("encoded"));
        vm.assertEq(keccak256(message_.encodeMessage()), _word("hash"));
    }

    function _queue() private view {
        vm.assertEq(_word("before").extendQueue(_word("messageHash")), _word("after"));
    }

    function _alias() private view {
        vm.assertEq(Hashing.aliasOf(_address("account")), _address("alias"));
    }

    function _checkpoint() private view {
        Checkpoint memory checkpoint =
            Checkpoint(uint64(_uint("number")), uint64(_uint("timestamp")), _uint("baseFee"), _uint("blobBaseFee"));
        vm.assertEq(checkpoint.hash(), _word("hash"));
    }

    function _batch() private view {
        BatchContent memory content = BatchContent({
            index: uint64(_uint("index")),
            parentContentHash: _word("parentContentHash"),
            dataKind: uint8(_uint("dataKind")),
            dataHash: _word("dataHash"),
            queueEnd: uint64(_uint("queueEnd")),
            queueHash: _word("queueHash"),
            checkpointHash: _word("checkpointHash"),
            configHash: _word("configHash"),
            workGas: uint64(_uint("workGas"))
        });
        vm.assertEq(content.hash(), _word("contentHash"));
        BatchHeader memory header = BatchHeader(content, _word("parentHash"), uint64(_uint("postedAt")));
        vm.assertEq(header.hash(), _word("hash"));
    }

    function _calldata() private view {
        bytes memory payload = new bytes(_uint("length"));
        for (uint256 i = 0; i < payload.length; ++i) {
            assembly {
                mstore8(add(add(payload, 32), i), mod(i, 251))
            }
        }
        vm.assertEq(this.hashCalldata(payload), _word("hash"));
    }

    function hashCalldata(bytes calldata payload) external pure returns (bytes32) {
        return payload.hashCalldata();
    }

    function _blobs() private view {
        bytes32[] memory versionedHashes = vm.parseJsonBytes32Array(_json, string.concat(_case, ".versionedHashes"));
        vm.assertEq(versionedHashes.hashBlobs(), _word("hash"));
    }

    function _config() private view {
        ChainConfig memory chain;
        chain.version = uint32(_uint("version"));
        chain.kind = uint8(_uint("kind"));
        chain.l1ChainId = uint64(_uint("l1ChainId"));
        chain.l2ChainId = uint64(_uint("l2ChainId"));
        chain.inbox = _address("inbox");
        chain.settlement = _address("settlement");
        chain.bridge = _address("bridge");
        chain.l1FeeRecipient = _address("l1FeeRecipient");
        chain.genesisTimestamp = uint64(_uint("genesisTimestamp"));
        chain.fork = uint64(_uint("fork"));
        chain.blockGasLimit = uint64(_uint("blockGasLimit"));
        chain.maxBlocksPerBatch = uint64(_uint("maxBlocksPerBatch"));
        chain.maxTransactionsPerBatch = uint64(_uint("maxTransactionsPerBatch"));
        chain.maxPayloadBytes = uint64(_uint("maxPayloadBytes"));
        chain.maxMessagesPerBatch = uint64(_uint("maxMessagesPerBatch"));
        chain.maxMessageGasPerBatch = uint64(_uint("maxMessageGasPerBatch"));
        chain.maxWorkGasPerBatch = uint64(_uint("maxWorkGasPerBatch"));
        chain.minBaseFee = uint64(_uint("minBaseFee"));
        chain.maxTimestampDrift = uint64(_uint("maxTimestampDrift"));
        vm.assertEq(chain.hash(), _word("hash"));
    }

    function _output() private view {
        OutputFields memory fields = OutputFields({
            configHash: _word("configHash"),
            batchHash: _word("batchHash"),
            lastBlockHash: _word("lastBlockHash"),
            stateRoot: _word("stateRoot"),
            messageRoot: _word("messageRoot"),
            queueIndex: uint64(_uint("queueIndex"))
        });
        vm.assertEq(fields.hash(), _word("hash"));
    }

    function _claim() private view {
        SlotId slotId = settlement.slotIdOf(ClaimId.wrap(_word("parent")), _word("entryHash"), _word("lastBatchHash"));
        vm.assertEq(SlotId.unwrap(slotId), _word("slotId"));
        vm.assertEq(ClaimId.unwrap(settlement.claimIdOf(slotId, _word("output"))), _word("claimId"));
    }

    function _l2Message() private view {
        L2Message memory sent = L2Message({
            index: uint64(_uint("index")),
            sender: _address("sender"),
            target: _address("target"),
            value: _uint("value"),
            gasLimit: uint64(_uint("gasLimit")),
            data: _bytes("data")
        });
        vm.assertEq(sent.hash(), _word("hash"));
    }

    function _messageTree() private view {
        bytes32[] memory listed = vm.parseJsonBytes32Array(_json, string.concat(_case, ".siblings"));
        vm.assertEq(listed.length, 32);
        bytes32[32] memory siblings;
        for (uint256 i = 0; i < 32; ++i) {
            siblings[i] = listed[i];
        }
        bool proven = MessageTree.rootOf(uint64(_uint("index")), _word("leaf"), siblings) == _word("root");
        string memory reject = vm.parseJsonString(_json, string.concat(_case, ".reject"));
        vm.assertEq(proven, bytes(reject).length == 0, reject);
    }

    function _word(string memory key) private view returns (bytes32) {
        return vm.parseJsonBytes32(_json, string.concat(_case, ".", key));
    }

    function _uint(string memory key) private view returns (uint256) {
        return vm.parseJsonUint(_json, string.concat(_case, ".", key));
    }

    function _address(string memory key) private view returns (address) {
        return vm.parseJsonAddress(_json, string.concat(_case, ".", key));
    }

    function _bytes(string memory key) private view returns (bytes memory) {
        return vm.parseJsonBytes(_json, string.concat(_case, ".", key));
    }

    /// @dev What follows the last slash.
    function _nameOf(string memory path) private pure returns (string memory) {
        bytes memory full = bytes(path);
        uint256 start = full.length;
        while (start > 0 && full[start - 1] != "/") --start;
        bytes memory name = new bytes(full.length - start);
        for (uint256 i = 0; i < name.length; ++i) {
            name[i] = full[start + i];
        }
        return string(name);
    }
}
