// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @title What people may take out: refunds of gas, and bonds that come back (DISP-BOND-2, DISP-BOND-6)
/// @notice Payouts are pulled, by whoever they belong to; so nobody's callback stands between a move and its effect.
/// @dev Invariant: the balance is at least the bonds and the credits. What is above was burned: no function pays it out.
abstract contract Purse {
    /// @dev Of the transaction itself; a byte of its data, counted as not zero; and the least for a transaction with much data (EIP-7623).
    uint256 private constant TRANSACTION_GAS = 21_000;
    uint256 private constant DATA_GAS_PER_BYTE = 16;
    uint256 private constant DATA_FLOOR_GAS_PER_BYTE = 40;
    /// @dev What follows the measurement: crediting, and storing the turn.
    uint256 private constant REST_GAS = 14_000;
    uint256 private constant TIP_WEI = 2 gwei;

    /// @notice Wei that an account may withdraw.
    mapping(address account => uint256) public creditOf;

    event Withdrawn(address indexed account, address indexed to, uint256 amount);

    error Purse_NoCredit(address account);
    error Purse_PayoutFailed(address to);

    /// @notice Pays out all that the caller is credited with. Caller: whoever has credit.
    /// @dev Reverts without credit, or if `to` refuses it; then the credit stays.
    function withdraw(address to) external {
        uint256 amount = creditOf[msg.sender];
        if (amount == 0) revert Purse_NoCredit(msg.sender);
        creditOf[msg.sender] = 0;
        emit Withdrawn(msg.sender, to, amount);
        (bool success,) = to.call{ value: amount }("");
        if (!success) revert Purse_PayoutFailed(to);
    }

    function _credit(address account, uint256 amount) internal {
        creditOf[account] += amount;
    }

    /// @dev Credits the caller with what an act costs: at most `capGas`, at the price that he pays, but no tip above two gwei and no
    /// price above the cap. Several acts in one transaction are refunded as several; the caps hold for each.
    function _refund(uint256 gasAtStart, uint256 capGas, uint16 gasPriceCapGwei) internal returns (uint48 amountGwei) {
        uint256 price = tx.gasprice;
        if (price > block.basefee + TIP_WEI) price = block.basefee + TIP_WEI;
        if (price > uint256(gasPriceCapGwei) * 1 gwei) price = uint256(gasPriceCapGwei) * 1 gwei;
        uint256 gas = TRANSACTION_GAS + DATA_GAS_PER_BYTE * msg.data.length + REST_GAS + gasAtStart - gasleft();
        uint256 floor = TRANSACTION_GAS + DATA_FLOOR_GAS_PER_BYTE * msg.data.length;
        if (gas < floor) gas = floor;
        if (gas > capGas) gas = capGas;
        amountGwei = uint48(gas * price / 1 gwei);
        if (amountGwei != 0) _credit(msg.sender, uint256(amountGwei) * 1 gwei);
    }
}
