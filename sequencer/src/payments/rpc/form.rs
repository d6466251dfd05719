//! Operations in the form in which Ethereum's tools know them: a recipient, a value and call data (PAY-PREDEPLOY). Twin of
//! `tandem_payments::ethereum`, which reads what this writes.

use alloy::primitives::{Address, Bytes, U256};
use tandem_payments::{
    ethereum::{BRIDGE, TRANSFER, WITHDRAW, WITHDRAW_ETH},
    kind::Kind,
};

use crate::payments::records::{Origin, Transaction};

/// A transaction as Ethereum's tools show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Form {
    /// What is called, or who receives.
    pub to: Address,
    /// Ether that it moves, in wei; of a message what was deposited.
    pub value: U256,
    /// Call data; of a message its record.
    pub input: Bytes,
}

impl Form {
    /// Of a transaction of this chain.
    pub fn of(transaction: &Transaction) -> Self {
        let Transaction { to, token, amount, .. } = *transaction;
        let amount = U256::from(amount);
        let call = |to, value, selector: [u8; 4], words: &[U256]| {
            let words = words.iter().flat_map(|word| word.to_be_bytes::<32>());
            Self { to, value, input: selector.into_iter().chain(words).collect() }
        };
        if let Origin::Message { record, .. } = &transaction.origin {
            // What a forced withdrawal takes away reaches nobody here: its receipt tells of it.
            let is_ether = token.is_zero() && transaction.kind() == Some(Kind::Deposit);
            let value = if is_ether { amount } else { U256::ZERO };
            return Self { to, value, input: record.clone() };
        }
        match transaction.kind() {
            Some(Kind::TokenTransfer) => call(token, U256::ZERO, TRANSFER, &[word(to), amount]),
            Some(Kind::WithdrawEth) => call(BRIDGE, amount, WITHDRAW_ETH, &[word(to)]),
            Some(Kind::WithdrawToken) => call(BRIDGE, U256::ZERO, WITHDRAW, &[word(token), word(to), amount]),
            _ => Self { to, value: amount, input: Bytes::new() },
        }
    }
}

fn word(address: Address) -> U256 {
    U256::from_be_bytes(address.into_word().0)
}

#[cfg(test)]
mod tests {
    use tandem_payments::{
        data::Message,
        ethereum::call,
        leaf::Key,
        operation::{Call, Operation, SignatureKind, Signer},
    };

    use super::*;
    use crate::payments::{records::of_message, signed::Signed};

    #[test]
    fn every_operation_is_read_back_from_its_form() {
        let (token, recipient, amount) = (Address::repeat_byte(0x70), Address::repeat_byte(0xb0), u128::MAX);
        for asked in [
            Call::Transfer { recipient, amount },
            Call::TokenTransfer { token, recipient, amount },
            Call::WithdrawEth { recipient, amount },
            Call::WithdrawToken { token, recipient, amount },
        ] {
            let sender = Address::repeat_byte(0xa1);
            let operation =
                Operation { sender, nonce: 0, call: asked, gas_limit: 0, max_fee_per_gas: 0, expiry: u64::MAX };
            let signer = Signer { kind: SignatureKind::Session, key_hash: tandem_payments::Fr::from(1u64) };
            let signed = Signed { hash: Default::default(), envelope: Bytes::new(), operation, signer };
            let Form { to, value, input } = Form::of(&signed.record(0));
            assert_eq!(call(Some(to), value, &input), Ok(asked));
        }
    }

    #[test]
    fn a_message_shows_its_record_and_ether_alone_as_value() {
        let key = |token| Key { address: Address::repeat_byte(0xa1), token };
        let ether = Form::of(&of_message(0, &Message::Deposit { key: key(Address::ZERO), amount: 5 }));
        assert_eq!((ether.to, ether.value, ether.input.len()), (Address::repeat_byte(0xa1), U256::from(5), 62));
        let token = Form::of(&of_message(0, &Message::Deposit { key: key(Address::repeat_byte(0x70)), amount: 5 }));
        assert_eq!(token.value, U256::ZERO);
        let forced = of_message(0, &Message::Forced { key: key(Address::ZERO) });
        let forced = Form::of(&Transaction { amount: 5, took_effect: true, ..forced });
        assert_eq!((forced.to, forced.value), (Address::repeat_byte(0xa1), U256::ZERO), "it leaves");
    }
}
