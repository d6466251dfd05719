//! What wallets and libraries send, as operations (PAY-PREDEPLOY): call data written out by hand, as the ABI has them.

use alloy_primitives::{Address, U256, address, hex};
use tandem_payments::{ethereum, operation::Call};

const TOKEN: Address = address!("70997970c51812dc3a010c7d01b50e0d17dc79c8");
const TO: Address = address!("3c44cdddb6a900fa2b585dd299e03d12fa4293bc");

#[test]
fn an_erc20_transfer_moves_the_token_of_that_address() {
    let data = hex!(
        "a9059cbb"
        "0000000000000000000000003c44cdddb6a900fa2b585dd299e03d12fa4293bc"
        "0000000000000000000000000000000000000000000000000de0b6b3a7640000"
    );
    let expected = Call::TokenTransfer { token: TOKEN, recipient: TO, amount: 1_000_000_000_000_000_000 };
    assert_eq!(ethereum::call(Some(TOKEN), U256::ZERO, &data), Ok(expected));
}

#[test]
fn a_withdrawal_has_the_form_of_the_evm_chains_bridge() {
    let data = hex!("690d83200000000000000000000000003c44cdddb6a900fa2b585dd299e03d12fa4293bc");
    let bridge = address!("5400000000000000000000000000000000000002");
    let expected = Call::WithdrawEth { recipient: TO, amount: 5 };
    assert_eq!(ethereum::call(Some(bridge), U256::from(5), &data), Ok(expected));
}
