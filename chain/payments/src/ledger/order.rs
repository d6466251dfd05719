//! Orders the circuit proves by a gap: of leaf keys around a missing one (PAY-UNIQUE), and of key hashes below r.
//!
//! Twin: `prover/circuits/src/apply/order.rs`. A gap is the difference, less one, in the most significant part that
//! differs; it fits the lane exactly if the order holds.

use crate::field::{MODULUS, address_integer, halves};
use crate::leaf::{Key, Leaf};
use alloy_primitives::U256;

/// Where a 256-bit key word stands: canonical below r or not, with the gap that proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOrder {
    /// Below r, with its distance.
    Below(U256),
    /// At or above r, with its distance.
    AtOrAbove(U256),
}

/// Compares a key word with r, half by half.
#[allow(
    clippy::arithmetic_side_effects,
    reason = "each difference is taken where the comparison says that it is not negative"
)]
pub fn key_order(key: U256) -> KeyOrder {
    let (high, low) = halves(key);
    let (r_high, r_low) = halves(MODULUS);
    if high == r_high {
        match r_low.checked_sub(low) {
            Some(gap @ 1..) => KeyOrder::Below(U256::from(gap - 1)),
            _ => KeyOrder::AtOrAbove(U256::from(low - r_low)),
        }
    } else if high < r_high {
        KeyOrder::Below(U256::from(r_high - high - 1))
    } else {
        KeyOrder::AtOrAbove(U256::from(high - r_high - 1))
    }
}

/// `above - below - 1` of keys in that order, in the address or else in the token.
fn gap(below: Key, above: Key) -> U256 {
    let (low, high) =
        if below.address == above.address { (below.token, above.token) } else { (below.address, above.address) };
    address_integer(high).saturating_sub(address_integer(low)).saturating_sub(U256::from(1))
}

/// The gaps around a key in the leaf that spans it: below, above (zero at the end), whether it is the end.
pub(super) fn gaps(low: &Leaf, key: Key) -> (U256, U256, bool) {
    debug_assert!(low.spans(key));
    let end = low.next == Key::ZERO;
    let above = if end { U256::ZERO } else { gap(key, low.next) };
    (gap(low.key, key), above, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_words_divide_at_the_modulus() {
        let one = U256::from(1);
        let (r_high, r_low) = halves(MODULUS);
        assert_eq!(key_order(MODULUS - one), KeyOrder::Below(U256::ZERO));
        assert_eq!(key_order(MODULUS), KeyOrder::AtOrAbove(U256::ZERO));
        assert_eq!(key_order(MODULUS + one), KeyOrder::AtOrAbove(one));
        assert_eq!(key_order(U256::ZERO), KeyOrder::Below(U256::from(r_high - 1)));
        assert_eq!(key_order(U256::MAX), KeyOrder::AtOrAbove(U256::from(u128::MAX - r_high - 1)));
        assert_eq!(key_order(U256::from(r_high) << 128), KeyOrder::Below(U256::from(r_low - 1)));
        assert_eq!(key_order(U256::from(r_high + 1) << 128), KeyOrder::AtOrAbove(U256::ZERO));
    }
}
