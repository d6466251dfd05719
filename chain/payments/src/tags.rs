//! The texts that open every Poseidon hash of the payments chain (PAY-TAG).

use crate::poseidon::Tag;

/// A leaf of the state tree.
pub const LEAF: Tag = Tag::new("tandem/leaf");
/// Added to the first lane of a tree node.
pub const NODE: Tag = Tag::new("tandem/node");
/// An operation as signed.
pub const OPERATION: Tag = Tag::new("tandem/operation");
/// A value authorised by a session key.
pub const VALUE_SESSION: Tag = Tag::new("tandem/value/session");
/// A value authorised by an Ethereum signature.
pub const VALUE_ETHEREUM: Tag = Tag::new("tandem/value/ethereum");
/// A value that registers a public key.
pub const VALUE_REGISTER: Tag = Tag::new("tandem/value/register");
/// The hash of a session key.
pub const KEY_SESSION: Tag = Tag::new("tandem/key/session");
/// The hash of an Ethereum public key.
pub const KEY_ETHEREUM: Tag = Tag::new("tandem/key/ethereum");
/// Start of a digest of data.
pub const DIGEST_DATA: Tag = Tag::new("tandem/digest/data");
/// Start of a digest of values.
pub const DIGEST_VALUES: Tag = Tag::new("tandem/digest/values");
