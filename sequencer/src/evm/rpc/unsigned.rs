//! How much gas the data of a transaction takes that nobody has signed yet (EVM-FEE-4).
//!
//! What is not known (signature, prices, gas limit) is taken to be bytes that do not compress. FastLZ may still find a little more to say of
//! the real ones, so there is room on top. What an estimate exceeds is not paid: gas used counts, not the limit.

use alloy::{
    consensus::{Signed, TxEip1559, TxEip7702},
    primitives::{Signature, TxKind, U256},
    rpc::types::TransactionRequest,
};
use tandem_evm::{fee_estimate::estimate_posted_bytes, fees::GAS_PER_POSTED_BYTE, payload::SignedTransaction};

/// Room for what the real signature and prices may take more: so many bytes, and one part in so many.
const ROOM_BYTES: u64 = 8;
const ROOM_SHARE: u64 = 64;
/// Bytes without repetition, for whatever will be signed.
const NOISE: [u64; 4] = [0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344, 0xa409_3822_299f_31d0, 0x082e_fa98_ec4e_6c89];
/// A fee per gas as long as they come: 16 ether in wei.
const LONG_FEE: u128 = 0xde0b_6b3a_7640_1234;
/// Any gas limit, as long as the greatest.
const LONG_GAS: u64 = 0xfe_dcba;

/// The most gas that the data of this call takes once it is signed, as far as can be known. `nonce` is the account's, if the call names none.
pub fn data_gas_max(request: &TransactionRequest, chain_id: u64, nonce: u64) -> u64 {
    let posted_bytes = estimate_posted_bytes(&signed_somehow(request, chain_id, nonce).encode_2718());
    let room = (posted_bytes / ROOM_SHARE).saturating_add(ROOM_BYTES);
    posted_bytes.saturating_add(room).saturating_mul(GAS_PER_POSTED_BYTE)
}

/// The longest transaction that the call can become.
fn signed_somehow(request: &TransactionRequest, chain_id: u64, nonce: u64) -> SignedTransaction {
    let [first, second, third, fourth] = NOISE;
    let r = U256::from_limbs([first, second, third, fourth]);
    let s = U256::from_limbs([fourth.rotate_left(8), first.rotate_left(24), second.rotate_left(40), third >> 2]);
    let signature = Signature::new(r, s, true);
    let nonce = request.nonce.unwrap_or(nonce);
    let gas_limit = request.gas.unwrap_or(LONG_GAS);
    let max_fee_per_gas = request.max_fee_per_gas.or(request.gas_price).unwrap_or(LONG_FEE);
    let max_priority_fee_per_gas = request.max_priority_fee_per_gas.unwrap_or(LONG_FEE >> 1);
    let value = request.value.unwrap_or_default();
    let access_list = request.access_list.clone().unwrap_or_default();
    let input = request.input.input().cloned().unwrap_or_default();
    let to = request.to.unwrap_or(TxKind::Create);
    let authorization_list = request.authorization_list.clone().unwrap_or_default();
    if let (TxKind::Call(to), false) = (to, authorization_list.is_empty()) {
        let tx = TxEip7702 {
            chain_id,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            to,
            value,
            access_list,
            authorization_list,
            input,
        };
        return SignedTransaction::Eip7702(Signed::new_unhashed(tx, signature));
    }
    let tx = TxEip1559 {
        chain_id,
        nonce,
        gas_limit,
        max_fee_per_gas,
        max_priority_fee_per_gas,
        to,
        value,
        access_list,
        input,
    };
    SignedTransaction::Eip1559(Signed::new_unhashed(tx, signature))
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{Address, B256, Bytes, keccak256};
    use alloy::rpc::types::TransactionInput;

    use super::*;

    const CHAIN_ID: u64 = 4242;

    fn word(seed: &str, number: u64) -> U256 {
        keccak256(format!("{seed} {number}")).into()
    }

    /// Noise, zeros, words of an ABI, and the same again and again.
    fn input(number: u64) -> Bytes {
        let length = word("length", number).to_be_bytes::<32>();
        let parts = usize::from(length[0] % 40);
        let part = |index: u64| match length[1 + index as usize % 30] % 5 {
            0 => keccak256([number as u8, index as u8]).to_vec(),
            1 => vec![0; usize::from(length[3])],
            2 => Address::repeat_byte(index as u8).into_word().to_vec(),
            3 => B256::from(U256::from(index * 1_000)).to_vec(),
            _ => keccak256([number as u8]).to_vec(),
        };
        (0..parts as u64).flat_map(part).collect::<Vec<u8>>().into()
    }

    #[test]
    fn whatever_is_signed_needs_no_more() {
        let mut tight = 0;
        for number in 0..3_000 {
            let input = input(number);
            let nonce = word("nonce", number).as_limbs()[0] >> (word("nonce", number).byte(20) % 64);
            let request = TransactionRequest {
                to: Some(if number % 7 == 0 { TxKind::Create } else { TxKind::Call(Address::repeat_byte(0xb0)) }),
                input: TransactionInput::new(input.clone()),
                nonce: Some(nonce),
                value: Some(word("value", number) >> 170),
                ..Default::default()
            };
            let max_fee_per_gas =
                (word("fee", number) >> (200 + word("fee", number).byte(0) as usize % 40)).to::<u128>();
            let tx = TxEip1559 {
                chain_id: CHAIN_ID,
                nonce,
                gas_limit: word("gas", number).as_limbs()[0] >> 40,
                max_fee_per_gas,
                max_priority_fee_per_gas: max_fee_per_gas / 7,
                to: request.to.unwrap(),
                value: request.value.unwrap(),
                access_list: Default::default(),
                input,
            };
            let signature = Signature::new(word("r", number), word("s", number) >> 1, number % 2 == 0);
            let signed = SignedTransaction::Eip1559(Signed::new_unhashed(tx, signature));
            let needed = tandem_evm::fees::data_gas(&signed.encode_2718());
            let told = data_gas_max(&request, CHAIN_ID, 0);
            assert!(told >= needed, "case {number}: {told} told, {needed} needed");
            tight += u64::from(told <= needed + needed / 10 + 20 * GAS_PER_POSTED_BYTE);
        }
        assert!(tight > 2_900, "and not much more: {tight} of 3,000");
    }

    #[test]
    fn a_transfer_is_below_its_21_000_gas() {
        let request = TransactionRequest {
            to: Some(TxKind::Call(Address::repeat_byte(0xb0))),
            value: Some(U256::from(10).pow(U256::from(24))),
            ..Default::default()
        };
        assert!(data_gas_max(&request, CHAIN_ID, u64::MAX >> 16) <= 21_000);
    }
}
