// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Messages from L2 to L1: every one ever sent is a leaf of one cumulative tree (L1-WD-1, L1-WD-2, PRE-MSG-*).
/// @notice Anyone may send. Ether that comes with a message never leaves this contract: on L2 it is burned (PRE-MSG-4), and L1
/// pays it out. There is no owner, no call to another contract and no other way to change the tree.
/// @dev Storage is read by the rulebook from state: slot 0 root, slot 1 count, slots 2 to 33 the branch, slot 34 the L1 Bridge, set by
/// genesis and never written.
/// Twins: `chain/src/message_tree.rs`, `src/l1/FraudSettlement.sol`.
contract MessagePasser {
    /// @notice Height of the tree.
    uint256 public constant TREE_DEPTH = 32;
    /// @notice Most bytes of `data`: what L1 must be able to carry in the transaction that claims the message.
    uint256 public constant DATA_BYTES_MAX = 32_768;
    /// @notice Most L1 gas that a message may ask for, so that one L1 transaction can always execute it.
    uint64 public constant GAS_LIMIT_MAX = 8_000_000;
    /// @dev One leaf stays empty: with it the branch would need another level.
    uint256 private constant MESSAGES_MAX = 2 ** TREE_DEPTH - 1;

    /// @notice Root over all messages sent so far; genesis sets that of the empty tree.
    bytes32 public messageRoot;
    /// @notice How many messages were sent, and the index of the next.
    uint256 public messageCount;
    /// @dev `_branch[h]` is the left neighbour at height `h` of the path that the next leaf takes, if it has one there.
    bytes32[TREE_DEPTH] private _branch;
    /// @notice The Bridge on L1, which accepts no ether in messages.
    address public l1Bridge;

    /// @notice One message, and everything that its proof on L1 needs besides the tree.
    event MessageSent(
        uint64 indexed index,
        address indexed sender,
        address indexed target,
        uint256 value,
        uint64 gasLimit,
        bytes data,
        bytes32 messageHash
    );

    error MessagePasser_DataTooLong(uint256 length);
    error MessagePasser_GasLimitTooHigh(uint64 gasLimit);
    error MessagePasser_ValueToBridge(uint256 value);
    error MessagePasser_TreeFull();

    /// @notice Sends a message from the caller: once its output is final, L1 calls `target` with the ether sent along,
    /// `gasLimit` gas and `data`. Reverts if `data` or `gasLimit` exceeds its cap, if ether is sent to the L1 Bridge, which would refuse it
    /// for ever, or when the tree is full (PRE-MSG-3).
    /// @return index Position of the message in the tree, from 0.
    function send(address target, uint64 gasLimit, bytes calldata data) external payable returns (uint64 index) {
        if (data.length > DATA_BYTES_MAX) revert MessagePasser_DataTooLong(data.length);
        if (gasLimit > GAS_LIMIT_MAX) revert MessagePasser_GasLimitTooHigh(gasLimit);
        if (msg.value != 0 && target == l1Bridge) revert MessagePasser_ValueToBridge(msg.value);
        uint256 count = messageCount;
        if (count >= MESSAGES_MAX) revert MessagePasser_TreeFull();

        // forge-lint: disable-next-line(unsafe-typecast)
        index = uint64(count); // Below MESSAGES_MAX.
        bytes32 messageHash = keccak256(abi.encode(index, msg.sender, target, msg.value, gasLimit, data));
        messageRoot = _append(messageHash, count);
        messageCount = count + 1;
        emit MessageSent(index, msg.sender, target, msg.value, gasLimit, data, messageHash);
    }

    /// @dev Puts `leaf` at `position` and returns the new root: walks up once, joining with the branch where the path
    /// turns right and with an empty subtree where it turns left. The node of the lowest left turn is what later leaves join
    /// with; higher ones will have changed by then.
    function _append(bytes32 leaf, uint256 position) private returns (bytes32 node) {
        node = leaf;
        bytes32 emptyNode;
        bool isKept;
        for (uint256 height; height < TREE_DEPTH; ++height) {
            if ((position >> height) & 1 == 1) {
                node = _join(_branch[height], node);
            } else {
                if (!isKept) {
                    _branch[height] = node;
                    isKept = true;
                }
                node = _join(node, emptyNode);
            }
            emptyNode = _join(emptyNode, emptyNode);
        }
    }

    /// @dev keccak256(left || right) in scratch space.
    function _join(bytes32 left, bytes32 right) private pure returns (bytes32 node) {
        assembly ("memory-safe") {
            mstore(0x00, left)
            mstore(0x20, right)
            node := keccak256(0x00, 0x40)
        }
    }
}
