//! How quantities, bytes and blocks are written (the execution API's base types): what the types' own readers take beyond that, decimals or leading
//! zeros for instance, Ethereum's nodes refuse, and a caller who wrote it may have meant something else.

use alloy::{
    eips::{BlockId, BlockNumberOrTag, RpcBlockHash},
    primitives::{B256, U256},
};
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::{Map, Value};

/// A quantity, in words for people.
const QUANTITY: &str = "a quantity in hex, without leading zeros";
/// Bytes, in words for people.
const BYTES: &str = "bytes in hex, 0x before them";
/// A block, in words for people.
const BLOCK: &str = "a block number in hex or a tag";
/// Fields of calls, overrides, filters and simulations that are quantities.
const QUANTITIES: [&str; 14] = [
    "gas",
    "gasLimit",
    "gasPrice",
    "maxFeePerGas",
    "maxPriorityFeePerGas",
    "maxFeePerBlobGas",
    "value",
    "nonce",
    "chainId",
    "balance",
    "number",
    "time",
    "baseFeePerGas",
    "blobBaseFee",
];
/// Those that are bytes.
const BYTE_STRINGS: [&str; 3] = ["data", "input", "code"];
/// Those that are blocks.
const BLOCKS: [&str; 2] = ["fromBlock", "toBlock"];

/// A field of an object that is not written as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misspelt {
    /// Name of the field, as callers write it.
    pub field: &'static str,
    /// What belongs there, in words for people.
    pub expected: &'static str,
}

/// Looks at the known fields of an object and of what it contains.
pub fn check(fields: &Map<String, Value>) -> Result<(), Misspelt> {
    let named = |names: &[&'static str], name: &str| names.iter().copied().find(|known| *known == name);
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        if let Some(field) = named(&QUANTITIES, name) {
            quantity(value).ok_or(Misspelt { field, expected: QUANTITY })?;
        } else if let Some(field) = named(&BYTE_STRINGS, name) {
            is_bytes(value).then_some(()).ok_or(Misspelt { field, expected: BYTES })?;
        } else if let Some(field) = named(&BLOCKS, name) {
            number_or_tag(value).ok_or(Misspelt { field, expected: BLOCK })?;
        } else {
            check_inside(value)?;
        }
    }
    Ok(())
}

fn check_inside(value: &Value) -> Result<(), Misspelt> {
    match value {
        Value::Object(fields) => check(fields),
        Value::Array(values) => values.iter().try_for_each(check_inside),
        _ => Ok(()),
    }
}

/// The block that a parameter names: by number, tag or hash, or by an object with one of them (EIP-1898).
pub fn block_id(value: &Value) -> Option<BlockId> {
    match value {
        Value::Object(fields) => block_object(fields),
        _ => hash(value).map(BlockId::from).or_else(|| number_or_tag(value).map(BlockId::from)),
    }
}

fn block_object(fields: &Map<String, Value>) -> Option<BlockId> {
    let requires = match fields.get("requireCanonical") {
        None => None,
        Some(requires) => Some(requires.as_bool()?),
    };
    match (fields.get("blockHash"), fields.get("blockNumber")) {
        (Some(value), None) => {
            Some(BlockId::Hash(RpcBlockHash { block_hash: hash(value)?, require_canonical: requires }))
        }
        (None, Some(value)) => number_or_tag(value).map(BlockId::from),
        _ => None,
    }
}

/// The block that a parameter names by number or tag.
pub fn number_or_tag(value: &Value) -> Option<BlockNumberOrTag> {
    Some(match value.as_str()? {
        "latest" => BlockNumberOrTag::Latest,
        "pending" => BlockNumberOrTag::Pending,
        "earliest" => BlockNumberOrTag::Earliest,
        "safe" => BlockNumberOrTag::Safe,
        "finalized" => BlockNumberOrTag::Finalized,
        _ => BlockNumberOrTag::Number(quantity(value)?.try_into().ok()?),
    })
}

/// A number as `0x` and hex digits, the first of which is none only of zero.
pub fn quantity(value: &Value) -> Option<U256> {
    let digits = value.as_str()?.strip_prefix("0x")?;
    let is_written_well = digits == "0" || !digits.starts_with('0');
    (is_written_well && are_digits(digits)).then(|| U256::from_str_radix(digits, 16).ok()).flatten()
}

fn is_bytes(value: &Value) -> bool {
    let digits = value.as_str().and_then(|text| text.strip_prefix("0x"));
    digits.is_some_and(|digits| digits.is_empty() || digits.len() % 2 == 0 && are_digits(digits))
}

/// Whether these are digits in hex, and some.
fn are_digits(digits: &str) -> bool {
    !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn hash(value: &Value) -> Option<B256> {
    is_bytes(value).then(|| value.as_str()?.parse().ok()).flatten()
}

/// A storage slot: at most 32 bytes in hex, leading zeros or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot(pub U256);

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").unwrap_or(&text);
        if digits.len() > 64 || !are_digits(digits) {
            return Err(D::Error::custom("a slot has up to 64 digits in hex"));
        }
        U256::from_str_radix(digits, 16).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn quantities_are_hex_without_leading_zeros() {
        assert_eq!(quantity(&json!("0x0")), Some(U256::ZERO));
        assert_eq!(quantity(&json!("0xFf")), Some(U256::from(255)));
        let too_large = format!("0x1{}", "0".repeat(64));
        for wrong in ["0x", "0x01", "0x00", "1", "ff", "0xg", "0x+1", "0x_1", "0x1_0", "-0x1", " 0x1", &too_large] {
            assert_eq!(quantity(&json!(wrong)), None, "{wrong}");
        }
        assert_eq!(quantity(&json!(1)), None);
    }

    #[test]
    fn blocks_are_numbers_tags_hashes_or_objects_with_one_of_them() {
        let hash = B256::repeat_byte(7);
        assert_eq!(block_id(&json!("0x10")), Some(BlockId::number(16)));
        assert_eq!(block_id(&json!("safe")), Some(BlockId::safe()));
        assert_eq!(block_id(&json!(hash)), Some(BlockId::hash(hash)));
        assert_eq!(block_id(&json!({ "blockNumber": "0x10" })), Some(BlockId::number(16)));
        assert_eq!(block_id(&json!({ "blockHash": hash })), Some(BlockId::hash(hash)));
        let canonical = block_id(&json!({ "blockHash": hash, "requireCanonical": true }));
        assert_eq!(canonical, Some(BlockId::hash_canonical(hash)));
        for wrong in [
            json!("newest"),
            json!("Latest"),
            json!("0x"),
            json!("0x01"),
            json!("0x1ffffffffffffffff"),
            json!(1.5),
            json!(1),
            json!([]),
            json!({}),
            json!({ "blockHash": "0x12" }),
            json!({ "blockHash": hash, "blockNumber": "0x1" }),
            json!({ "blockHash": hash, "requireCanonical": "yes" }),
        ] {
            assert_eq!(block_id(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn fields_are_looked_at_wherever_they_are() {
        let checked = |value: Value| check(value.as_object().unwrap());
        assert_eq!(
            checked(json!({ "to": 5, "gas": "0x1", "value": null, "data": "0x", "fromBlock": "latest" })),
            Ok(())
        );
        let gas = Misspelt { field: "gas", expected: QUANTITY };
        assert_eq!(checked(json!({ "gas": "0x01" })), Err(gas.clone()));
        assert_eq!(checked(json!({ "blockStateCalls": [{ "calls": [{ "gas": 1 }] }] })), Err(gas));
        for bytes in ["0x1", "hello", "00", "0xzz"] {
            assert_eq!(
                checked(json!({ "input": bytes })),
                Err(Misspelt { field: "input", expected: BYTES }),
                "{bytes}"
            );
        }
        assert_eq!(checked(json!({ "toBlock": "0x00" })), Err(Misspelt { field: "toBlock", expected: BLOCK }));
    }

    #[test]
    fn slots_may_have_leading_zeros_and_no_more_than_a_words_digits() {
        let slot = |text: &str| serde_json::from_value::<Slot>(json!(text)).ok();
        for zero in ["0x0", "0x00", &format!("0x{}", "0".repeat(64))] {
            assert_eq!(slot(zero), Some(Slot(U256::ZERO)), "{zero}");
        }
        assert_eq!(slot("0xff"), Some(Slot(U256::from(255))));
        for wrong in ["", "0x", "0xg", &format!("0x{}", "0".repeat(65))] {
            assert_eq!(slot(wrong), None, "{wrong}");
        }
    }
}
