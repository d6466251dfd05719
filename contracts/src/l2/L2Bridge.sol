// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

import { Clones } from "@openzeppelin/contracts/proxy/Clones.sol";
import { BridgedToken } from "./BridgedToken.sol";
import { IL1Bridge } from "./IL1Bridge.sol";
import { MessagePasser } from "./MessagePasser.sol";
import { Predeploys } from "./Predeploys.sol";

/// @title L2 end of the token bridge, and the factory of bridged tokens (PRE-BRIDGE-1 to PRE-BRIDGE-7).
/// @notice A deposit on L1 mints here, a withdrawal burns here and releases on L1. So for every L1 token:
/// escrow on L1 = supply here + deposits under way + releases under way.
/// @dev Slot 0 is the L1 Bridge, set by genesis and never written; slot 1 the mapping `l1TokenOf`. No ether stays here.
contract L2Bridge {
    /// @notice L1 gas of a token release: it covers tokens that do far more than move two balances.
    uint64 public constant RELEASE_GAS = 300_000;
    /// @notice L1 gas of a plain ether withdrawal: enough for a smart wallet's receiving code.
    uint64 public constant ETHER_GAS = 100_000;
    /// @notice L2 gas that a deposit keeps back to return itself, whatever minting does.
    uint256 public constant RETURN_GAS = 250_000;

    /// @notice The Bridge on L1.
    address public l1Bridge;
    /// @notice The L1 token behind a bridged token; zero for anything this bridge did not deploy.
    mapping(address l2Token => address l1Token) public l1TokenOf;

    /// @notice A bridged token came into being, on the first deposit of its L1 token.
    event TokenDeployed(address indexed l1Token, address indexed l2Token);
    /// @notice A deposit arrived and was minted.
    event DepositFinalized(
        address indexed l1Token, address indexed l2Token, address indexed to, address from, uint256 amount
    );
    /// @notice A deposit could not be minted and goes back to its sender, as message `index`.
    event DepositReturned(address indexed l1Token, address indexed from, uint256 amount, uint64 index);
    /// @notice Tokens were burned here and are released on L1 by message `index`.
    event TokenWithdrawn(
        address indexed l1Token, address indexed from, address indexed to, uint256 amount, uint64 index
    );
    /// @notice Ether was burned here and is paid out on L1 by message `index`.
    event EtherWithdrawn(address indexed from, address indexed to, uint256 value, uint64 index);

    error L2Bridge_NotL1Bridge(address sender);
    error L2Bridge_NotSelf(address sender);
    error L2Bridge_NotBridged(address l2Token);
    error L2Bridge_BadRecipient(address to);
    error L2Bridge_ZeroAmount();

    /// @notice PRE-BRIDGE-3: mints `amount` of the bridged token of `l1Token` to `to`, deploying it on first use. Only the L1 Bridge,
    /// through its alias. Never reverts for it while `RETURN_GAS` is there: if minting fails, for whatever reason, all of it is undone
    /// and a message releases the tokens on L1 to `from` (PRE-BRIDGE-5).
    function finalizeDeposit(
        address l1Token,
        address from,
        address to,
        uint256 amount,
        string calldata name,
        string calldata symbol,
        uint8 decimals
    ) external {
        if (msg.sender != Predeploys.aliasOf(l1Bridge)) revert L2Bridge_NotL1Bridge(msg.sender);
        uint256 gasLeft = gasleft();
        uint256 gasToMint = gasLeft > RETURN_GAS ? gasLeft - RETURN_GAS : 0;
        try this.mintDeposit{ gas: gasToMint }(l1Token, to, amount, name, symbol, decimals) returns (address l2Token) {
            emit DepositFinalized(l1Token, l2Token, to, from, amount);
        } catch {
            emit DepositReturned(l1Token, from, amount, _release(l1Token, from, amount));
        }
    }

    /// @notice The half of `finalizeDeposit` that may fail, so that failing undoes all of it. Only this contract.
    /// @return l2Token The bridged token.
    function mintDeposit(
        address l1Token,
        address to,
        uint256 amount,
        string calldata name,
        string calldata symbol,
        uint8 decimals
    ) external returns (address l2Token) {
        if (msg.sender != address(this)) revert L2Bridge_NotSelf(msg.sender);
        l2Token = bridgedToken(l1Token);
        if (l1TokenOf[l2Token] == address(0)) {
            if (l1Token == address(0)) revert L2Bridge_NotBridged(l2Token);
            l1TokenOf[l2Token] = l1Token;
            Clones.cloneDeterministic(Predeploys.BRIDGED_TOKEN, _salt(l1Token));
            BridgedToken(l2Token).initialize(l1Token, name, symbol, decimals);
            emit TokenDeployed(l1Token, l2Token);
        }
        BridgedToken(l2Token).mint(to, amount);
    }

    /// @notice PRE-BRIDGE-6: burns `amount` of the caller's `l2Token` and releases it on L1 to `to`. Reverts if `l2Token` was not deployed here,
    /// if `to` is zero or the L1 Bridge, which would keep them, if `amount` is zero or more than the caller has. No allowance is needed.
    /// @return index Position of the message.
    function withdraw(address l2Token, address to, uint256 amount) external returns (uint64 index) {
        address l1Token = l1TokenOf[l2Token];
        if (l1Token == address(0)) revert L2Bridge_NotBridged(l2Token);
        if (to == address(0) || to == l1Bridge) revert L2Bridge_BadRecipient(to);
        if (amount == 0) revert L2Bridge_ZeroAmount();
        BridgedToken(l2Token).burn(msg.sender, amount);
        index = _release(l1Token, to, amount);
        emit TokenWithdrawn(l1Token, msg.sender, to, amount, index);
    }

    /// @notice PRE-BRIDGE-7: burns the ether sent along and pays it out on L1 to `to`. Reverts if there is none, or if `to` is zero or
    /// the L1 Bridge, which could not accept it.
    /// @return index Position of the message.
    function withdrawETH(address to) external payable returns (uint64 index) {
        if (to == address(0) || to == l1Bridge) revert L2Bridge_BadRecipient(to);
        if (msg.value == 0) revert L2Bridge_ZeroAmount();
        index = MessagePasser(Predeploys.MESSAGE_PASSER).send{ value: msg.value }(to, ETHER_GAS, "");
        emit EtherWithdrawn(msg.sender, to, msg.value, index);
    }

    /// @notice PRE-BRIDGE-4: where the bridged token of `l1Token` is, or will be after the first deposit.
    function bridgedToken(address l1Token) public view returns (address) {
        return Clones.predictDeterministicAddress(Predeploys.BRIDGED_TOKEN, _salt(l1Token), address(this));
    }

    function _release(address l1Token, address to, uint256 amount) private returns (uint64 index) {
        bytes memory data = abi.encodeCall(IL1Bridge.releaseERC20, (l1Token, to, amount));
        return MessagePasser(Predeploys.MESSAGE_PASSER).send(l1Bridge, RELEASE_GAS, data);
    }

    function _salt(address l1Token) private pure returns (bytes32) {
        return bytes32(uint256(uint160(l1Token)));
    }
}
