//! Amounts as people choose them: a mantissa times a power of ten.

use alloy_primitives::{U256, uint};

const TEN: U256 = uint!(10_U256);

/// Splits `value` into the shortest mantissa and the power of ten that belongs to it. Zero is `(0, 0)`.
pub(super) fn split(mut value: U256) -> (U256, u8) {
    let mut exponent = 0;
    if value.is_zero() {
        return (value, exponent);
    }
    loop {
        let (quotient, remainder) = value.div_rem(TEN);
        if !remainder.is_zero() {
            return (value, exponent);
        }
        value = quotient;
        exponent = u8::saturating_add(exponent, 1); // At most 77: ten to the 78th does not fit.
    }
}

/// `mantissa * 10^exponent`, None if it does not fit in 256 bits.
pub(super) fn join(mantissa: U256, exponent: u64) -> Option<U256> {
    let power = TEN.checked_pow(U256::from(exponent))?;
    mantissa.checked_mul(power)
}
