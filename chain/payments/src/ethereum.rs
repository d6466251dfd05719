//! What an Ethereum transaction on the payments chain does (PAY-PREDEPLOY).
//!
//! Wallets know transfers, tokens and contract calls; each operation has exactly one such form, and everything else is refused. The
//! circuit of Ethereum signatures will read the same forms.

use crate::field::MODULUS;
use crate::field::fr;
use crate::operation::Call;
use alloy_primitives::{Address, U256, address};
use thiserror::Error;

/// Where withdrawals are called.
pub const BRIDGE: Address = address!("5400000000000000000000000000000000000002");
/// Where session keys are set.
pub const ACCOUNTS: Address = address!("5400000000000000000000000000000000000007");

/// `transfer(address to, uint256 amount)` of ERC-20.
pub const TRANSFER: [u8; 4] = [0xa9, 0x05, 0x9c, 0xbb];
/// Selector of `withdrawETH(address to)`.
pub const WITHDRAW_ETH: [u8; 4] = [0x69, 0x0d, 0x83, 0x20];
/// `withdraw(address token, address to, uint256 amount)`.
pub const WITHDRAW: [u8; 4] = [0xd9, 0xca, 0xed, 0x12];
/// Selector of `setSessionKey(uint256 keyHash)`.
pub const SET_SESSION_KEY: [u8; 4] = [0xaa, 0x5d, 0x3d, 0x3d];

/// Why a transaction is no operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotAnOperation {
    /// Contracts cannot be deployed here.
    #[error("this chain has no contracts: a transaction needs a recipient")]
    Creation,
    /// No operation has this selector at this address.
    #[error("{to} has no such function here")]
    UnknownFunction {
        /// The address that was called.
        to: Address,
    },
    /// The call data are not the selector and the canonical words of its arguments.
    #[error("the call data of {to} are malformed")]
    Malformed {
        /// The address that was called.
        to: Address,
    },
    /// The operation takes no ether.
    #[error("this call takes no ether")]
    Value,
    /// The amount has more than 128 bits.
    #[error("amounts here are below 2^128")]
    Amount,
    /// The hash of a session key is not below the field's modulus.
    #[error("a session key's hash is below the field's modulus")]
    KeyHash,
}

/// The operation of a transaction to `to` with `value` wei and `data`.
///
/// # Errors
/// If it is none: every form but those of PAY-PREDEPLOY.
pub fn call(to: Option<Address>, value: U256, data: &[u8]) -> Result<Call, NotAnOperation> {
    let to = to.ok_or(NotAnOperation::Creation)?;
    let Some((selector, words)) = data.split_first_chunk::<4>() else {
        if !data.is_empty() {
            return Err(NotAnOperation::UnknownFunction { to });
        }
        // Nobody has these accounts: what is sent there is lost.
        if to == BRIDGE || to == ACCOUNTS {
            return Err(NotAnOperation::UnknownFunction { to });
        }
        return Ok(Call::Transfer { recipient: to, amount: amount(value)? });
    };
    let call = match (to, *selector) {
        (BRIDGE, WITHDRAW_ETH) => {
            let [recipient] = arguments(to, words)?;
            return Ok(Call::WithdrawEth { recipient: account(to, recipient)?, amount: amount(value)? });
        }
        (BRIDGE, WITHDRAW) => {
            let [token, recipient, units] = arguments(to, words)?;
            let (token, recipient) = (account(to, token)?, account(to, recipient)?);
            if token.is_zero() {
                return Err(NotAnOperation::Malformed { to });
            }
            Call::WithdrawToken { token, recipient, amount: amount(units)? }
        }
        (ACCOUNTS, SET_SESSION_KEY) => {
            let [key] = arguments(to, words)?;
            if key >= MODULUS {
                return Err(NotAnOperation::KeyHash);
            }
            Call::SetSession { key_hash: fr(key) }
        }
        (BRIDGE | ACCOUNTS | Address::ZERO, _) => return Err(NotAnOperation::UnknownFunction { to }),
        (token, TRANSFER) => {
            let [recipient, units] = arguments(to, words)?;
            Call::TokenTransfer { token, recipient: account(to, recipient)?, amount: amount(units)? }
        }
        _ => return Err(NotAnOperation::UnknownFunction { to }),
    };
    if value.is_zero() { Ok(call) } else { Err(NotAnOperation::Value) }
}

/// The words of a call's arguments, of which there are exactly `N`.
fn arguments<const N: usize>(to: Address, bytes: &[u8]) -> Result<[U256; N], NotAnOperation> {
    let (words, rest) = bytes.as_chunks::<32>();
    let malformed = NotAnOperation::Malformed { to };
    if !rest.is_empty() {
        return Err(malformed);
    }
    let words: &[[u8; 32]; N] = words.try_into().map_err(|_| malformed)?;
    Ok(words.map(|word| U256::from_be_bytes(word)))
}

/// An address argument, whose upper 96 bits are zero.
fn account(to: Address, word: U256) -> Result<Address, NotAnOperation> {
    if word.bit_len() > 160 {
        return Err(NotAnOperation::Malformed { to });
    }
    Ok(Address::from_word(word.into()))
}

fn amount(value: U256) -> Result<u128, NotAnOperation> {
    value.try_into().map_err(|_| NotAnOperation::Amount)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;

    const TO: Address = Address::repeat_byte(0x11);
    const TOKEN: Address = Address::repeat_byte(0x70);

    fn data(selector: [u8; 4], words: &[U256]) -> Vec<u8> {
        selector.into_iter().chain(words.iter().flat_map(|word| word.to_be_bytes::<32>())).collect()
    }

    fn word(address: Address) -> U256 {
        U256::from_be_bytes(address.into_word().0)
    }

    #[test]
    fn selectors_are_those_of_the_signatures() {
        for (selector, signature) in [
            (TRANSFER, "transfer(address,uint256)"),
            (WITHDRAW_ETH, "withdrawETH(address)"),
            (WITHDRAW, "withdraw(address,address,uint256)"),
            (SET_SESSION_KEY, "setSessionKey(uint256)"),
        ] {
            assert_eq!(selector, keccak256(signature)[..4], "{signature}");
        }
    }

    #[test]
    fn each_operation_has_its_form() {
        let (none, seven) = (U256::ZERO, U256::from(7));
        let transfer = Call::Transfer { recipient: TO, amount: 7 };
        assert_eq!(call(Some(TO), seven, &[]), Ok(transfer));
        let expected = Call::TokenTransfer { token: TOKEN, recipient: TO, amount: 7 };
        assert_eq!(call(Some(TOKEN), none, &data(TRANSFER, &[word(TO), seven])), Ok(expected));
        let expected = Call::WithdrawEth { recipient: TO, amount: 7 };
        assert_eq!(call(Some(BRIDGE), seven, &data(WITHDRAW_ETH, &[word(TO)])), Ok(expected));
        let expected = Call::WithdrawToken { token: TOKEN, recipient: TO, amount: 7 };
        assert_eq!(call(Some(BRIDGE), none, &data(WITHDRAW, &[word(TOKEN), word(TO), seven])), Ok(expected));
        let expected = Call::SetSession { key_hash: fr(seven) };
        assert_eq!(call(Some(ACCOUNTS), none, &data(SET_SESSION_KEY, &[seven])), Ok(expected));
    }

    #[test]
    fn every_other_form_is_refused() {
        use NotAnOperation::*;
        let (none, one, wide) = (U256::ZERO, U256::from(1), U256::from(1) << 160);
        let to = word(TO);
        let large = U256::from(1) << 128;
        let mut longer = data(TRANSFER, &[to, one]);
        longer.push(0);
        for (what, given, expected) in [
            ("a creation", call(None, one, &[]), Creation),
            ("ether for the bridge", call(Some(BRIDGE), one, &[]), UnknownFunction { to: BRIDGE }),
            ("ether for the accounts", call(Some(ACCOUNTS), one, &[]), UnknownFunction { to: ACCOUNTS }),
            ("half a selector", call(Some(TO), none, &[0xa9, 0x05]), UnknownFunction { to: TO }),
            ("an unknown function", call(Some(TO), none, &[1, 2, 3, 4]), UnknownFunction { to: TO }),
            (
                "a token at zero",
                call(Some(Address::ZERO), none, &data(TRANSFER, &[to, one])),
                UnknownFunction { to: Address::ZERO },
            ),
            (
                "a transfer by the bridge",
                call(Some(BRIDGE), none, &data(TRANSFER, &[to, one])),
                UnknownFunction { to: BRIDGE },
            ),
            (
                "a key at the bridge",
                call(Some(BRIDGE), none, &data(SET_SESSION_KEY, &[one])),
                UnknownFunction { to: BRIDGE },
            ),
            ("a withdrawal elsewhere", call(Some(TO), one, &data(WITHDRAW_ETH, &[to])), UnknownFunction { to: TO }),
            ("a byte after the arguments", call(Some(TOKEN), none, &longer), Malformed { to: TOKEN }),
            ("a word too many", call(Some(TOKEN), none, &data(TRANSFER, &[to, one, one])), Malformed { to: TOKEN }),
            ("a word too few", call(Some(TOKEN), none, &data(TRANSFER, &[to])), Malformed { to: TOKEN }),
            ("a wide address", call(Some(TOKEN), none, &data(TRANSFER, &[to | wide, one])), Malformed { to: TOKEN }),
            (
                "a withdrawal of no token",
                call(Some(BRIDGE), none, &data(WITHDRAW, &[none, to, one])),
                Malformed { to: BRIDGE },
            ),
            ("ether with a token", call(Some(TOKEN), one, &data(TRANSFER, &[to, one])), Value),
            ("ether with a key", call(Some(ACCOUNTS), one, &data(SET_SESSION_KEY, &[one])), Value),
            ("too much ether", call(Some(TO), large, &[]), Amount),
            ("too many tokens", call(Some(TOKEN), none, &data(TRANSFER, &[to, large])), Amount),
            ("no hash", call(Some(ACCOUNTS), none, &data(SET_SESSION_KEY, &[MODULUS])), KeyHash),
        ] {
            assert_eq!(given, Err(expected), "{what}");
        }
    }
}
