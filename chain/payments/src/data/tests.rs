//! Records survive the way through bytes, and other bytes are refused (PAY-KIND, PAY-WITHDRAWAL, PAY-MESSAGE).

use super::*;
use crate::leaf::Key;
use crate::testing::{account, token};
use alloc::vec;
use alloy_primitives::Address;
use proptest::prelude::*;

fn effects() -> Vec<Effect> {
    let (a, b, amount, price) = (1, u32::MAX, u128::MAX - 1, (1 << 48) - 2);
    let key_hash = -Fr::from(1u64);
    vec![
        Effect::Create { key: Key { address: account(0xff), token: token(2) } },
        Effect::Transfer { from: a, to: b, amount, price },
        Effect::TokenTransfer { payer: a, from: b, amount, price },
        Effect::TokenCredit { to: b },
        Effect::WithdrawEth { from: b, amount, price },
        Effect::WithdrawToken { payer: b, from: a, amount, price },
        Effect::SetSession { of: b, key_hash, price },
        Effect::Register { of: b, key_hash },
        Effect::Deposit,
        Effect::Forced,
        Effect::L1Key,
        Effect::FeeCredit,
    ]
}

fn messages() -> Vec<Message> {
    let key = Key { address: account(0xfe), token: token(3) };
    vec![
        Message::Deposit { key, amount: u128::MAX - 5 },
        Message::Forced { key },
        Message::L1Key { account: account(0xfd), key: U256::MAX - U256::from(7) },
        Message::Deposit { key: Key::ZERO, amount: 0 },
    ]
}

#[test]
fn records_survive_their_bytes() {
    let encoded: Vec<Element> = effects()
        .iter()
        .flat_map(|effect| {
            let (first, second) = effect.encode();
            assert_eq!(1 + usize::from(second.is_some()), effect.kind().effect_elements());
            assert_eq!(first.first_byte(), effect.kind() as u8);
            [Some(first), second].into_iter().flatten()
        })
        .collect();
    assert_eq!(Effect::decode_all(&elements(&bytes(&encoded)).unwrap()), Ok(effects()));
    let encoded: Vec<Element> = messages().iter().flat_map(Message::encode).collect();
    assert_eq!(Message::decode_all(&elements(&bytes(&encoded)).unwrap()), Ok(messages()));
    let withdrawal = Withdrawal { recipient: account(9), token: Address::ZERO, amount: u128::MAX - 9 };
    assert_eq!(Withdrawal::decode_all(&withdrawal.encode()), Ok(vec![withdrawal]));
}

#[test]
fn elements_with_leading_zeros_count() {
    let z = Fr::from(3u64);
    let [zero, one] = [0u64, 1].map(|x| Element::new(U256::from(x)).unwrap());
    assert_eq!(evaluate_all(z, &[zero, one]), evaluate_all(z, &[one]));
    // which is why L1 compares the number of elements as well
    assert_ne!(bytes(&[zero, one]).len(), bytes(&[one]).len());
    assert_ne!(evaluate_all(z, &[one, zero]), evaluate_all(z, &[one]));
    assert_eq!(Element::new(U256::from(1) << 248), None);
}

#[test]
fn a_key_hash_is_below_the_modulus() {
    let (first, second) = Effect::Register { of: 1, key_hash: -Fr::from(1u64) }.encode();
    let mut raised = second.unwrap();
    raised.0 += U256::from(1);
    assert_eq!(Effect::decode_all(&[first, raised]), Err(DataError::NotCanonical { byte: 8 }));
}

#[test]
fn what_is_cut_short_is_refused() {
    assert_eq!(elements(&[0; 32]), Err(DataError::Truncated { elements: 1 }));
    let (create, _) = effects()[0].encode();
    assert_eq!(Effect::decode_all(&[create]), Err(DataError::Truncated { elements: 0 }));
    let [first, _] = messages()[0].encode();
    assert_eq!(Message::decode_all(&[first]), Err(DataError::Truncated { elements: 1 }));
    assert_eq!(Withdrawal::decode_all(&[first]), Err(DataError::Truncated { elements: 1 }));
    assert_eq!(Effect::decode_all(&[Element::default()]), Err(DataError::UnknownRecord { byte: 0 }));
}

proptest! {
    /// A bit flipped anywhere gives another record or an error, never the same record and never a panic.
    #[test]
    fn no_two_encodings_of_a_record(which in 0..12usize, second: bool, bit in 0..248usize) {
        let effect = effects()[which];
        let (mut first, mut last) = effect.encode();
        match &mut last {
            Some(last) if second => last.0 ^= U256::from(1) << bit,
            _ => first.0 ^= U256::from(1) << bit,
        }
        let all: Vec<Element> = [Some(first), last].into_iter().flatten().collect();
        prop_assert_ne!(Effect::decode_all(&all), Ok(vec![effect]));
    }

    #[test]
    fn no_two_encodings_of_a_message(which in 0..4usize, second: bool, bit in 0..248usize) {
        let message = messages()[which];
        let mut pair = message.encode();
        pair[usize::from(second)].0 ^= U256::from(1) << bit;
        prop_assert_ne!(Message::decode_all(&pair), Ok(vec![message]));
    }

    /// What decodes, encodes to the same bytes.
    #[test]
    fn decoding_is_exact(kinds in prop::collection::vec(0..14u8, 0..4), noise in prop::collection::vec(any::<u8>(), 0..130)) {
        let mut segment = noise;
        for (i, kind) in kinds.iter().enumerate() {
            if let Some(byte) = segment.get_mut(i * ELEMENT_BYTES) {
                *byte = *kind;
            }
        }
        let Ok(elements) = elements(&segment) else { return Ok(()) };
        if let Ok(effects) = Effect::decode_all(&elements) {
            let again: Vec<Element> = effects.iter().map(Effect::encode).flat_map(|(a, b)| [Some(a), b]).flatten().collect();
            prop_assert_eq!(bytes(&again), segment.clone());
        }
        if let Ok(messages) = Message::decode_all(&elements) {
            let again: Vec<Element> = messages.iter().flat_map(Message::encode).collect();
            prop_assert_eq!(bytes(&again), segment);
        }
    }
}
