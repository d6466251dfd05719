//! Between integers and elements of the scalar field.

use alloy_primitives::{Address, U256};
use ark_bn254::Fr;
use ark_ff::{BigInt, PrimeField};

/// The modulus r of the BN254 scalar field.
pub const MODULUS: U256 = U256::from_limbs(<Fr as PrimeField>::MODULUS.0);

/// An integer, reduced modulo r.
pub fn fr(value: U256) -> Fr {
    Fr::from_le_bytes_mod_order(&value.to_le_bytes::<32>())
}

/// An integer below r as an element; `None` at or above r.
pub fn fr_checked(value: U256) -> Option<Fr> {
    Fr::from_bigint(BigInt(value.into_limbs()))
}

/// The canonical integer of an element.
pub fn integer(value: Fr) -> U256 {
    U256::from_limbs(value.into_bigint().0)
}

/// An address as an integer of 160 bits.
pub fn address_integer(address: Address) -> U256 {
    U256::from_be_slice(address.as_slice())
}

/// The low 160 bits of an integer as an address.
pub fn low_address(value: U256) -> Address {
    Address::from_slice(&value.to_be_bytes::<32>()[12..])
}

/// An address as an element.
pub fn address_fr(address: Address) -> Fr {
    fr(address_integer(address))
}

/// `2^bits`, below r for `bits` up to 253.
#[allow(clippy::arithmetic_side_effects, reason = "callers state constants below 254")]
pub fn power_of_two(bits: usize) -> Fr {
    fr(U256::from(1) << bits)
}

/// The low 128 bits of an integer.
pub fn low_u128(value: U256) -> u128 {
    let [low, high, ..] = value.into_limbs();
    u128::from(low) | u128::from(high) << 64
}

/// The high and low halves of a 256-bit word.
#[allow(clippy::arithmetic_side_effects, reason = "a shift by half of the bits")]
pub fn halves(value: U256) -> (u128, u128) {
    (low_u128(value >> 128), low_u128(value))
}
