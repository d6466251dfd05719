//! Payload to bytes: the twin of [`super::decode`], and not part of the rules.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "sizes and places of what is in memory; there is a column for every name of one. No part of the rules"
)]

use alloc::{collections::BTreeMap, vec::Vec};

use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, Bytes, Signature, U256, ruint::UintTryFrom};

use super::{
    NumberColumn as N, PAYLOAD_VERSION, Payload, SignedTransaction, StreamColumn as S,
    address::Source,
    calldata::{Call, Template, WordKind, split_call},
    column::{NumbersWriter, length_bytes, write_length},
    decimal,
    decode::METHOD_STORED,
    layout::{InputLayout, Kind, Shape},
    weight::charged_bytes,
};

/// In `AuthorizationChainIds`: valid on every chain.
pub(super) const CHAIN_ID_ANY: U256 = U256::ZERO;
/// In `AuthorizationChainIds`: this chain. Anything else: the chain id follows.
pub(super) const CHAIN_ID_OWN: U256 = U256::ONE;
const CHAIN_ID_FOLLOWS: u64 = 2;

/// Version, method and the length of the columns.
const FRAME_BYTES_MAX: usize = 2 + 10;
/// An index of the address book with its width, as a column has it. Whoever wants more than 2^40 addresses registered pays for centuries.
const BOOK_INDEX_BYTES_MAX: usize = 6;

/// Why a payload cannot be posted. A builder that admits only valid transactions meets none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// A block's timestamp is before its predecessor's.
    #[error("timestamp {timestamp} is before its predecessor's")]
    TimestampDecreases {
        /// The block's timestamp, in seconds since the Unix epoch.
        timestamp: u64,
    },
    /// The transaction is for another chain.
    #[error("transaction of chain {chain_id}")]
    ForeignChain {
        /// The chain id that was signed.
        chain_id: u64,
    },
    /// `s` is at least 2^255: no valid signature has that (EIP-2).
    #[error("signature with a high s")]
    HighSignature,
}

/// A payload in columns: the part for the compressor and the part that would not shrink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedPayload {
    columns: Vec<u8>,
    /// Where parts of one distribution end in the columns: for the compressor.
    cuts: Vec<usize>,
    verbatim: Vec<u8>,
}

impl EncodedPayload {
    /// The payload without compression, valid to post.
    pub fn stored(&self) -> Vec<u8> {
        self.framed(METHOD_STORED, &self.columns)
    }

    /// The payload as it is posted: compressed where that is shorter. `level`: Zstandard's, 1 to 22.
    #[cfg(any(test, feature = "encoder"))]
    pub fn compressed(&self, level: i32) -> Vec<u8> {
        match super::compress::compress(&self.columns, &self.cuts, level) {
            Some(blocks) if blocks.len() < self.columns.len() => self.framed(super::decode::METHOD_ZSTD, &blocks),
            _ => self.stored(),
        }
    }

    fn framed(&self, method: u8, body: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(body.len() + self.verbatim.len() + 8);
        out.extend([PAYLOAD_VERSION, method]);
        write_length(body.len(), &mut out);
        out.extend_from_slice(body);
        out.extend_from_slice(&self.verbatim);
        out
    }
}

/// Lays a payload out in columns. `index_of` is the inverse of the address book; a chain without one
/// passes `|_| None`.
pub fn encode(
    payload: &Payload,
    chain_id: u64,
    index_of: impl Fn(&Address) -> Option<u64>,
) -> Result<EncodedPayload, EncodeError> {
    let mut writer = PayloadWriter::new(chain_id, index_of);
    for block in &payload.blocks {
        for transaction in &block.transactions {
            writer.push(transaction)?;
        }
        writer.end_block(block.timestamp, block.message_count)?;
    }
    Ok(writer.finish())
}

/// Upper bounds of what a payload takes, whatever the address book holds; in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PayloadSizes {
    /// As it is posted, without compression: with it, it is shorter or the same.
    pub posted: usize,
    /// Of the columns that the decoder decompresses.
    pub columns: usize,
    /// What the decoder charges for the transactions that it builds from them.
    pub charged: usize,
}

/// A payload that grows transaction by transaction, and knows its size all the while.
#[derive(Clone, Debug)]
pub struct PayloadWriter<F> {
    numbers: Vec<NumbersWriter>,
    streams: Vec<Vec<u8>>,
    gas_limits: BTreeMap<u64, usize>,
    fees: BTreeMap<(u128, u128), usize>,
    addresses: BTreeMap<Address, usize>,
    templates: BTreeMap<Template, usize>,
    /// The last block's timestamp, in seconds.
    timestamp: u64,
    /// Since the last block.
    transaction_count: usize,
    charged: usize,
    chain_id: u64,
    index_of: F,
}

impl PayloadWriter<fn(&Address) -> Option<u64>> {
    /// Writes every address out. What it tells about sizes holds for any address book.
    pub fn without_book(chain_id: u64) -> Self {
        Self::new(chain_id, |_| None)
    }
}

impl<F: Fn(&Address) -> Option<u64>> PayloadWriter<F> {
    /// An empty payload; `index_of` is the inverse of the address book.
    pub fn new(chain_id: u64, index_of: F) -> Self {
        Self {
            numbers: N::ALL.iter().map(|_| NumbersWriter::default()).collect(),
            streams: (0..S::COUNT).map(|_| Vec::new()).collect(),
            gas_limits: BTreeMap::new(),
            fees: BTreeMap::new(),
            addresses: BTreeMap::new(),
            templates: BTreeMap::new(),
            timestamp: 0,
            transaction_count: 0,
            charged: 0,
            chain_id,
            index_of,
        }
    }

    /// Ends a block: its transactions are those since the last one.
    pub fn end_block(&mut self, timestamp: u64, message_count: u32) -> Result<(), EncodeError> {
        let delta = timestamp.checked_sub(self.timestamp).ok_or(EncodeError::TimestampDecreases { timestamp })?;
        self.timestamp = timestamp;
        self.number(N::BlockTimeDeltas, delta);
        self.number(N::BlockMessages, message_count);
        self.number(N::BlockTransactions, self.transaction_count);
        self.transaction_count = 0;
        Ok(())
    }

    /// Bounds of what is written so far.
    pub fn sizes(&self) -> PayloadSizes {
        let (compressed, verbatim) = self.streams.split_at(S::COMPRESSED.len());
        let numbers: usize = self.numbers.iter().map(NumbersWriter::bytes).sum();
        let streams: usize = compressed.iter().map(|stream| length_bytes(stream.len()) + stream.len()).sum();
        let columns = numbers + streams;
        let verbatim: usize = verbatim.iter().map(Vec::len).sum();
        let entries = |column: N| self.numbers[column as usize].len();
        let named_again = entries(N::RecipientRefs) + entries(N::ArgumentRefs);
        let named = self.streams[S::RecipientSources as usize].len() + self.streams[S::ArgumentSources as usize].len();
        PayloadSizes {
            // By index an address takes less than written out, and may take more than a reference to what was.
            posted: FRAME_BYTES_MAX + columns + verbatim + BOOK_INDEX_BYTES_MAX * named_again,
            columns: columns + BOOK_INDEX_BYTES_MAX * named,
            charged: self.charged,
        }
    }

    fn number<T>(&mut self, column: N, value: T)
    where
        U256: UintTryFrom<T>,
    {
        self.numbers[column as usize].push(U256::from(value));
    }

    fn bytes(&mut self, column: S, bytes: &[u8]) {
        self.streams[column as usize].extend_from_slice(bytes);
    }

    /// Adds a transaction to the block that is being written. One that cannot be posted changes nothing.
    pub fn push(&mut self, transaction: &SignedTransaction) -> Result<(), EncodeError> {
        let (kind, fields): (_, &dyn alloy_consensus::Transaction) = match transaction {
            SignedTransaction::Legacy(signed) if signed.tx().chain_id.is_none() => {
                (Kind::LegacyUnprotected, signed.tx())
            }
            SignedTransaction::Legacy(signed) => (Kind::Legacy, signed.tx()),
            SignedTransaction::Eip2930(signed) => (Kind::Eip2930, signed.tx()),
            SignedTransaction::Eip1559(signed) => (Kind::Eip1559, signed.tx()),
            SignedTransaction::Eip7702(signed) => (Kind::Eip7702, signed.tx()),
        };
        if let Some(chain_id) = fields.chain_id()
            && chain_id != self.chain_id
        {
            return Err(EncodeError::ForeignChain { chain_id });
        }
        if transaction.signature().s().bit(255) {
            return Err(EncodeError::HighSignature);
        }
        self.transaction_count += 1;
        self.charged += charged_bytes(transaction);
        let to = fields.to();
        let (input, call) = self.input_layout(fields.input());
        let shape = Shape { kind, creation: to.is_none(), input };
        self.bytes(S::Shapes, &[shape.to_byte()]);
        self.number(N::Nonces, fields.nonce());
        self.gas_limit(fields.gas_limit());
        self.fee(fields.max_fee_per_gas(), fields.max_priority_fee_per_gas().unwrap_or_default());
        if let Some(to) = to {
            self.address(to, S::RecipientSources, N::RecipientRefs, N::RecipientIndices);
        }
        self.amount(fields.value(), N::ValueMantissas, N::ValueExponents);
        self.input(fields.input(), call);
        self.signature(transaction.signature());
        if let Some(access_list) = fields.access_list() {
            self.access_list(access_list);
        }
        if let Some(authorizations) = fields.authorization_list() {
            self.authorization_list(authorizations);
        }
        Ok(())
    }

    fn gas_limit(&mut self, gas_limit: u64) {
        let places = self.gas_limits.len();
        match *self.gas_limits.entry(gas_limit).or_insert(places) {
            place if place < places => self.number(N::GasLimitRefs, place + 1),
            _ => {
                self.number(N::GasLimitRefs, 0u8);
                self.number(N::GasLimits, gas_limit);
            }
        }
    }

    fn fee(&mut self, cap: u128, tip: u128) {
        let places = self.fees.len();
        match *self.fees.entry((cap, tip)).or_insert(places) {
            place if place < places => self.number(N::FeeRefs, place + 1),
            _ => {
                self.number(N::FeeRefs, 0u8);
                self.number(N::FeeCaps, cap);
                self.number(N::FeeTips, tip);
            }
        }
    }

    fn address(&mut self, address: Address, sources: S, refs: N, indices: N) {
        if let Some(index) = (self.index_of)(&address) {
            self.bytes(sources, &[Source::Book as u8]);
            self.number(indices, index);
            return;
        }
        let places = self.addresses.len();
        match *self.addresses.entry(address).or_insert(places) {
            place if place < places => {
                self.bytes(sources, &[Source::Dictionary as u8]);
                self.number(refs, place);
            }
            _ => {
                self.bytes(sources, &[Source::Verbatim as u8]);
                self.bytes(S::Addresses, address.as_slice());
            }
        }
    }

    fn amount(&mut self, value: U256, mantissas: N, exponents: N) {
        let (mantissa, exponent) = decimal::split(value);
        self.number(mantissas, mantissa);
        if !mantissa.is_zero() {
            self.number(exponents, exponent);
        }
    }

    fn input_layout(&self, input: &Bytes) -> (InputLayout, Option<Call>) {
        if input.is_empty() {
            return (InputLayout::Empty, None);
        }
        match split_call(input) {
            Some(call) => (InputLayout::Call, Some(call)),
            None => (InputLayout::Verbatim, None),
        }
    }

    fn input(&mut self, input: &Bytes, call: Option<Call>) {
        let Some((selector, words)) = call else {
            if !input.is_empty() {
                self.number(N::InputLengths, input.len());
                self.bytes(S::Inputs, input);
            }
            return;
        };
        let kinds: Vec<u8> = words.iter().map(|word| WordKind::guess(*word) as u8).collect();
        let places = self.templates.len();
        match *self.templates.entry(Template { selector, kinds: kinds.clone() }).or_insert(places) {
            place if place < places => self.number(N::TemplateRefs, place + 1),
            _ => {
                self.number(N::TemplateRefs, 0u8);
                self.bytes(S::Selectors, &selector);
                self.number(N::TemplateLengths, kinds.len());
                self.bytes(S::WordKinds, &kinds);
            }
        }
        for word in words {
            self.word(word);
        }
    }

    fn word(&mut self, word: U256) {
        match WordKind::guess(word) {
            WordKind::Zero | WordKind::Ones => {}
            WordKind::Address => {
                let address = Address::from_word(word.into());
                self.address(address, S::ArgumentSources, N::ArgumentRefs, N::ArgumentIndices);
            }
            WordKind::Amount => self.amount(word, N::AmountMantissas, N::AmountExponents),
            WordKind::Small => self.number(N::SmallWords, word),
            WordKind::Verbatim => self.bytes(S::Words, &word.to_be_bytes::<32>()),
        }
    }

    fn signature(&mut self, signature: &Signature) {
        let mut s = signature.s();
        s.set_bit(255, signature.v());
        self.bytes(S::Signatures, &signature.r().to_be_bytes::<32>());
        self.bytes(S::Signatures, &s.to_be_bytes::<32>());
    }

    fn access_list(&mut self, access_list: &AccessList) {
        self.number(N::AccessListLengths, access_list.len());
        for item in access_list.iter() {
            self.address(item.address, S::ArgumentSources, N::ArgumentRefs, N::ArgumentIndices);
            self.number(N::StorageKeyCounts, item.storage_keys.len());
            for key in &item.storage_keys {
                self.number(N::StorageKeys, U256::from_be_bytes(key.0));
            }
        }
    }

    fn authorization_list(&mut self, authorizations: &[SignedAuthorization]) {
        self.number(N::AuthorizationCounts, authorizations.len());
        for authorization in authorizations {
            match *authorization.chain_id() {
                id if id == U256::from(self.chain_id) => self.number(N::AuthorizationChainIds, CHAIN_ID_OWN),
                id if id.is_zero() => self.number(N::AuthorizationChainIds, CHAIN_ID_ANY),
                id => {
                    self.number(N::AuthorizationChainIds, CHAIN_ID_FOLLOWS);
                    self.number(N::AuthorizationChainIds, id);
                }
            }
            self.address(authorization.address, S::ArgumentSources, N::ArgumentRefs, N::ArgumentIndices);
            self.number(N::AuthorizationNonces, authorization.nonce);
            self.number(N::AuthorizationParities, authorization.y_parity());
            self.bytes(S::AuthorizationSignatures, &authorization.r().to_be_bytes::<32>());
            self.bytes(S::AuthorizationSignatures, &authorization.s().to_be_bytes::<32>());
        }
    }

    /// The columns of what is written so far.
    pub fn finish(&self) -> EncodedPayload {
        let (mut columns, mut cuts) = (Vec::new(), Vec::new());
        for numbers in &self.numbers {
            numbers.write(&mut columns, &mut cuts);
        }
        let (compressed, outside) = self.streams.split_at(S::COMPRESSED.len());
        for stream in compressed {
            write_length(stream.len(), &mut columns);
            columns.extend_from_slice(stream);
            cuts.push(columns.len());
        }
        EncodedPayload { columns, cuts, verbatim: outside.concat() }
    }
}
