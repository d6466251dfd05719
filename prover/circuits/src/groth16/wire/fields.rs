//! The parts that messages share: lengths, ranges, field elements, circuits.

use super::error::{Result, WireError};
use crate::circuit::{CircuitId, Family};
use alloy_primitives::{Address, B256, U256};
use ark_bn254::Fr;
use tandem_payments::field::{fr_checked, integer};

/// The version of all messages, which each of them names first.
pub(super) const VERSION: u32 = 1;

pub(super) fn limited(bytes: &[u8], max: usize) -> Result<&[u8]> {
    if bytes.len() > max { Err(WireError::TooLong { bytes: bytes.len(), max }) } else { Ok(bytes) }
}

pub(super) fn check_version(version: u32) -> Result<()> {
    if version == VERSION { Ok(()) } else { Err(WireError::Version(version)) }
}

pub(super) fn circuit(id: u32) -> Result<CircuitId> {
    CircuitId::numbered(id.into()).ok_or(WireError::Circuit(id))
}

pub(super) fn circuit_of(id: u32, family: Family) -> Result<CircuitId> {
    circuit(id).and_then(|circuit| if circuit.family() == family { Ok(circuit) } else { Err(WireError::Circuit(id)) })
}

pub(super) fn exactly(field: &'static str, found: usize, expected: usize) -> Result<()> {
    if found == expected { Ok(()) } else { Err(WireError::Length { field, found, expected }) }
}

pub(super) fn at_most(field: &'static str, found: usize, max: usize) -> Result<()> {
    if found <= max { Ok(()) } else { Err(WireError::TooMany { field, found, max }) }
}

pub(super) fn bytes(element: Fr) -> Vec<u8> {
    integer(element).to_be_bytes_vec()
}

pub(super) fn all_bytes(elements: &[Fr]) -> Vec<u8> {
    elements.iter().flat_map(|element| integer(*element).to_be_bytes::<32>()).collect()
}

pub(super) fn array<const N: usize>(field: &'static str, bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| WireError::Length { field, found: bytes.len(), expected: N })
}

pub(super) fn words<const N: usize>(field: &'static str, bytes: &[u8]) -> Result<[U256; N]> {
    exactly(field, bytes.len(), 32 * N)?;
    Ok(core::array::from_fn(|i| U256::from_be_slice(&bytes[32 * i..32 * (i + 1)])))
}

pub(super) fn elements<const N: usize>(field: &'static str, bytes: &[u8]) -> Result<[Fr; N]> {
    let found = words::<N>(field, bytes)?.map(fr_checked);
    if found.contains(&None) {
        return Err(WireError::Range(field));
    }
    Ok(found.map(Option::unwrap_or_default))
}

pub(super) fn element(field: &'static str, bytes: &[u8]) -> Result<Fr> {
    elements::<1>(field, bytes).map(|[element]| element)
}

pub(super) fn hash(field: &'static str, bytes: &[u8]) -> Result<B256> {
    array(field, bytes).map(B256::new)
}

pub(super) fn address(field: &'static str, bytes: &[u8]) -> Result<Address> {
    array(field, bytes).map(Address::new)
}

pub(super) fn amount(field: &'static str, bytes: &[u8]) -> Result<u128> {
    array(field, bytes).map(u128::from_be_bytes)
}

pub(super) fn lane(field: &'static str, bytes: &[u8], bits: usize) -> Result<U256> {
    let value: U256 = hash(field, bytes)?.into();
    if value.bit_len() > bits { Err(WireError::Range(field)) } else { Ok(value) }
}
