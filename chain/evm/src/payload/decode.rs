//! Bytes to payload (EVM-PL-1 to 7). Twin: [`super::encode`]. Total; everything read here is adversarial.

use alloc::vec::Vec;

use alloy_consensus::{Signed, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use tandem_chain::work::{GAS_PER_BLOCK, GAS_PER_PAYLOAD_BYTE, payload_work_gas};

use super::{
    AddressBook, DecodeError, Limit, NumberColumn as N, PAYLOAD_VERSION, Payload, PayloadBlock, PayloadError,
    PayloadLimits, SignedTransaction, StreamColumn as S,
    address::Source,
    calldata::{Template, WordKind},
    column::{Numbers, Reader},
    compress, decimal,
    layout::{ADDRESS_BYTES, InputLayout, Kind, SELECTOR_BYTES, SIGNATURE_BYTES, Shape, WORD_BYTES},
};

/// Columns as they are.
pub(super) const METHOD_STORED: u8 = 0;
/// Columns as Zstandard blocks.
pub(super) const METHOD_ZSTD: u8 = 1;

/// What a transaction is charged against the cap beside its own lists and calldata.
pub(super) const TRANSACTION_BASE_BYTES: usize = 128;

/// A payload with what it took to read and to begin with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// The batch's payload, as [`Payload`] describes it.
    pub payload: Payload,
    /// What its blocks and bytes take of the work that the batch declares, in gas (EVM-WORK-1).
    pub work_gas: u64,
}

/// As [`decode_measured`], the payload alone.
pub fn decode<B: AddressBook>(
    bytes: &[u8],
    limits: &PayloadLimits,
    chain_id: u64,
    book: &B,
) -> Result<Payload, DecodeError<B::Error>> {
    Ok(decode_measured(bytes, limits, chain_id, book)?.payload)
}

/// Reads a payload. No bytes at all are the empty payload.
///
/// `chain_id` is that of the chain, which no transaction repeats; `book` is the address table of the state
/// from which the batch starts. An [`DecodeError::Invalid`] is a verdict on the bytes.
pub fn decode_measured<B: AddressBook>(
    bytes: &[u8],
    limits: &PayloadLimits,
    chain_id: u64,
    book: &B,
) -> Result<Measured, DecodeError<B::Error>> {
    if bytes.is_empty() {
        return Ok(Measured::default());
    }
    // Not even the columns' bytes are read that the batch did not declare.
    let columns_max = limits.bytes_max(limits.work_gas_max);
    let mut reader = Reader(bytes);
    let version = reader.byte()?;
    if version != PAYLOAD_VERSION {
        return Err(PayloadError::UnknownVersion { version }.into());
    }
    let method = reader.byte()?;
    let body_length = reader.length()?;
    let body = reader.take(body_length)?;
    let decompressed;
    let columns = match method {
        METHOD_STORED if body.len() > columns_max => {
            return Err(PayloadError::LimitExceeded { limit: Limit::DecompressedBytes }.into());
        }
        METHOD_STORED => body,
        METHOD_ZSTD => {
            decompressed = compress::decompress(body, columns_max)?;
            &decompressed
        }
        _ => return Err(PayloadError::UnknownMethod { method }.into()),
    };
    let mut decoder = Decoder::read(columns, reader.0, chain_id, book)?;
    let bytes_max = decoder.admit(columns.len(), limits)?;
    let payload = decoder.payload()?;
    let bytes = columns.len().max(bytes_max - decoder.bytes_left);
    decoder.finish()?;
    let work_gas = payload_work_gas(payload.blocks.len() as u64, bytes as u64);
    Ok(Measured { payload, work_gas })
}

impl PayloadLimits {
    /// Most bytes of columns, and of what is built of them, that so much declared work allows.
    fn bytes_max(&self, work_gas: u64) -> usize {
        let by_work = usize::try_from(work_gas / GAS_PER_PAYLOAD_BYTE).unwrap_or(usize::MAX);
        by_work.min(self.decompressed_bytes_max)
    }
}

/// The distinct values of the columns that are read through references (EVM-PL-3).
#[derive(Default)]
struct Dictionaries<'a> {
    gas_limits: Vec<u64>,
    fees: Vec<Fee>,
    addresses: Vec<Address>,
    templates: Vec<Template<&'a [u8]>>,
}

#[derive(Clone, Copy)]
struct Fee {
    cap: u128,
    tip: u128,
}

struct Decoder<'a, B> {
    numbers: Vec<Numbers<'a>>,
    streams: Vec<&'a [u8]>,
    dictionaries: Dictionaries<'a>,
    bytes_left: usize,
    chain_id: u64,
    book: &'a B,
}

impl<'a, B: AddressBook> Decoder<'a, B> {
    fn read(columns: &'a [u8], verbatim: &'a [u8], chain_id: u64, book: &'a B) -> Result<Self, PayloadError> {
        let mut reader = Reader(columns);
        let numbers = N::ALL.iter().map(|column| Numbers::read(*column, &mut reader));
        let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
        let streams = S::COMPRESSED.iter().map(|_| {
            let length = reader.length()?;
            reader.take(length)
        });
        let mut streams = streams.collect::<Result<Vec<_>, _>>()?;
        if !reader.0.is_empty() {
            return Err(PayloadError::ColumnsLeftOver);
        }
        let mut decoder =
            Self { numbers, streams: Vec::new(), dictionaries: Dictionaries::default(), bytes_left: 0, chain_id, book };
        // Lengths are those of slices in memory, times at most 64: no overflow.
        let in_sources = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == Source::Verbatim as u8).count();
        let addresses =
            streams.iter().skip(S::RecipientSources as usize).take(2).map(|bytes| in_sources(bytes)).sum::<usize>();
        let signatures = streams.first().map_or(0, |shapes| shapes.len());
        let authorizations = decoder.numbers(N::AuthorizationParities).count();
        let lengths = [addresses * ADDRESS_BYTES, signatures * SIGNATURE_BYTES, authorizations * SIGNATURE_BYTES];
        let expected = lengths.iter().sum();
        if verbatim.len() != expected {
            return Err(PayloadError::VerbatimLength { expected, actual: verbatim.len() });
        }
        let mut reader = Reader(verbatim);
        for length in lengths {
            streams.push(reader.take(length)?);
        }
        decoder.streams = streams;
        Ok(decoder)
    }

    fn numbers(&mut self, column: N) -> &mut Numbers<'a> {
        &mut self.numbers[column as usize]
    }

    fn take(&mut self, column: S, count: usize) -> Result<&'a [u8], PayloadError> {
        let stream = &mut self.streams[column as usize];
        let (head, tail) = stream.split_at_checked(count).ok_or(PayloadError::StreamExhausted { column })?;
        *stream = tail;
        Ok(head)
    }

    fn take_array<const COUNT: usize>(&mut self, column: S) -> Result<[u8; COUNT], PayloadError> {
        let bytes = self.take(column, COUNT)?;
        bytes.first_chunk().copied().ok_or(PayloadError::StreamExhausted { column })
    }

    /// Charges what is about to be built against the cap, so that no template or list is a bomb.
    fn charge(&mut self, bytes: usize) -> Result<(), PayloadError> {
        let exceeded = PayloadError::LimitExceeded { limit: Limit::TransactionBytes };
        self.bytes_left = self.bytes_left.checked_sub(bytes).ok_or(exceeded)?;
        Ok(())
    }

    /// None: a new entry follows in the columns of the values. Some: the place in the dictionary.
    fn reference(&mut self, column: N) -> Result<Option<usize>, PayloadError> {
        let reference = self.numbers(column).next_u64()?;
        let Some(place) = reference.checked_sub(1) else { return Ok(None) };
        usize::try_from(place).map(Some).map_err(|_| PayloadError::MissingEntry { column })
    }

    /// Checks the numbers of blocks and transactions, and sets what may be built of the columns, which it returns: what the declared work leaves
    /// after the blocks, and no less than the columns took.
    fn admit(&mut self, columns_bytes: usize, limits: &PayloadLimits) -> Result<usize, PayloadError> {
        let exceeded = |limit| PayloadError::LimitExceeded { limit };
        let block_count = self.numbers(N::BlockTransactions).count();
        if block_count > limits.blocks_max {
            return Err(exceeded(Limit::Blocks));
        }
        if self.streams[S::Shapes as usize].len() > limits.transactions_max {
            return Err(exceeded(Limit::Transactions));
        }
        let blocks_gas = (block_count as u64).saturating_mul(GAS_PER_BLOCK);
        let work_gas_left = limits.work_gas_max.checked_sub(blocks_gas).ok_or(exceeded(Limit::WorkGas))?;
        self.bytes_left = limits.bytes_max(work_gas_left);
        if columns_bytes > self.bytes_left { Err(exceeded(Limit::WorkGas)) } else { Ok(self.bytes_left) }
    }

    fn payload(&mut self) -> Result<Payload, DecodeError<B::Error>> {
        let block_count = self.numbers(N::BlockTransactions).count();
        let mut blocks = Vec::with_capacity(block_count);
        let mut timestamp = 0u64;
        for _ in 0..block_count {
            let delta = self.numbers(N::BlockTimeDeltas).next_u64()?;
            timestamp = timestamp.checked_add(delta).ok_or(PayloadError::Overflow { column: N::BlockTimeDeltas })?;
            let messages = self.numbers(N::BlockMessages).next_u64()?;
            let message_count =
                u32::try_from(messages).map_err(|_| PayloadError::NumberTooWide { column: N::BlockMessages })?;
            let transaction_count = self.numbers(N::BlockTransactions).next_u64()?;
            let mut transactions = Vec::new();
            for _ in 0..transaction_count {
                transactions.push(self.transaction()?); // Takes a shape, so the loop is bounded.
            }
            blocks.push(PayloadBlock { timestamp, message_count, transactions });
        }
        Ok(Payload { blocks })
    }

    fn transaction(&mut self) -> Result<SignedTransaction, DecodeError<B::Error>> {
        self.charge(TRANSACTION_BASE_BYTES)?;
        let [code] = self.take_array(S::Shapes)?;
        let shape = Shape::from_byte(code).ok_or(PayloadError::UnknownCode { column: S::Shapes, code })?;
        let chain_id = self.chain_id;
        let nonce = self.numbers(N::Nonces).next_u64()?;
        let gas_limit = self.gas_limit()?;
        let Fee { cap, tip } = self.fee()?;
        let recipient = if shape.creation {
            None
        } else {
            Some(self.address(S::RecipientSources, N::RecipientRefs, N::RecipientIndices)?)
        };
        let to = recipient.map_or(TxKind::Create, TxKind::Call);
        let value = self.amount(N::ValueMantissas, N::ValueExponents)?;
        let input = self.input(shape.input)?;
        let signature = self.signature()?;
        Ok(match shape.kind {
            Kind::LegacyUnprotected | Kind::Legacy => {
                let chain_id = (shape.kind == Kind::Legacy).then_some(chain_id);
                let tx = TxLegacy { chain_id, nonce, gas_price: cap, gas_limit, to, value, input };
                SignedTransaction::Legacy(Signed::new_unhashed(tx, signature))
            }
            Kind::Eip2930 => {
                let access_list = self.access_list()?;
                let tx = TxEip2930 { chain_id, nonce, gas_price: cap, gas_limit, to, value, access_list, input };
                SignedTransaction::Eip2930(Signed::new_unhashed(tx, signature))
            }
            Kind::Eip1559 => {
                let access_list = self.access_list()?;
                let tx = TxEip1559 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: cap,
                    max_priority_fee_per_gas: tip,
                    to,
                    value,
                    access_list,
                    input,
                };
                SignedTransaction::Eip1559(Signed::new_unhashed(tx, signature))
            }
            Kind::Eip7702 => {
                let access_list = self.access_list()?;
                let authorization_list = self.authorization_list()?;
                let tx = TxEip7702 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: cap,
                    max_priority_fee_per_gas: tip,
                    to: recipient.unwrap_or_default(), // Shapes have it: no creation.
                    value,
                    access_list,
                    authorization_list,
                    input,
                };
                SignedTransaction::Eip7702(Signed::new_unhashed(tx, signature))
            }
        })
    }

    fn gas_limit(&mut self) -> Result<u64, PayloadError> {
        if let Some(place) = self.reference(N::GasLimitRefs)? {
            let missing = PayloadError::MissingEntry { column: N::GasLimitRefs };
            return self.dictionaries.gas_limits.get(place).copied().ok_or(missing);
        }
        let gas_limit = self.numbers(N::GasLimits).next_u64()?;
        self.dictionaries.gas_limits.push(gas_limit);
        Ok(gas_limit)
    }

    fn fee(&mut self) -> Result<Fee, PayloadError> {
        if let Some(place) = self.reference(N::FeeRefs)? {
            let missing = PayloadError::MissingEntry { column: N::FeeRefs };
            return self.dictionaries.fees.get(place).copied().ok_or(missing);
        }
        let fee = Fee { cap: self.numbers(N::FeeCaps).next_u128()?, tip: self.numbers(N::FeeTips).next_u128()? };
        self.dictionaries.fees.push(fee);
        Ok(fee)
    }

    fn address(&mut self, sources: S, refs: N, indices: N) -> Result<Address, DecodeError<B::Error>> {
        let [code] = self.take_array(sources)?;
        match Source::from_byte(code).ok_or(PayloadError::UnknownCode { column: sources, code })? {
            Source::Verbatim => {
                let address = Address::from(self.take_array::<ADDRESS_BYTES>(S::Addresses)?);
                self.dictionaries.addresses.push(address);
                Ok(address)
            }
            Source::Dictionary => {
                let place = usize::try_from(self.numbers(refs).next_u64()?).ok();
                let address = place.and_then(|place| self.dictionaries.addresses.get(place));
                Ok(*address.ok_or(PayloadError::MissingEntry { column: refs })?)
            }
            Source::Book => {
                let index = self.numbers(indices).next_u64()?;
                let address = self.book.address(index).map_err(DecodeError::AddressBook)?;
                Ok(address.ok_or(PayloadError::UnknownAddress { index })?)
            }
        }
    }

    fn amount(&mut self, mantissas: N, exponents: N) -> Result<U256, PayloadError> {
        let mantissa = self.numbers(mantissas).next_u256()?;
        if mantissa.is_zero() {
            return Ok(mantissa);
        }
        let exponent = self.numbers(exponents).next_u64()?;
        decimal::join(mantissa, exponent).ok_or(PayloadError::Overflow { column: mantissas })
    }

    fn input(&mut self, layout: InputLayout) -> Result<Bytes, DecodeError<B::Error>> {
        match layout {
            InputLayout::Empty => Ok(Bytes::new()),
            InputLayout::Call => self.call(),
            InputLayout::Verbatim => {
                let length = self.numbers(N::InputLengths).next_u64()?;
                let exhausted = PayloadError::StreamExhausted { column: S::Inputs };
                let length = usize::try_from(length).map_err(|_| exhausted)?;
                self.charge(length)?;
                Ok(Bytes::copy_from_slice(self.take(S::Inputs, length)?))
            }
        }
    }

    fn call(&mut self) -> Result<Bytes, DecodeError<B::Error>> {
        let place = match self.reference(N::TemplateRefs)? {
            Some(place) => place,
            None => self.template()?,
        };
        let missing = PayloadError::MissingEntry { column: N::TemplateRefs };
        let Template { selector, kinds } = self.dictionaries.templates.get(place).ok_or(missing)?.clone();
        // No overflow: a slice's length times 32.
        self.charge(SELECTOR_BYTES + kinds.len() * WORD_BYTES)?;
        let mut input = Vec::with_capacity(SELECTOR_BYTES + kinds.len() * WORD_BYTES);
        input.extend_from_slice(&selector);
        for code in kinds {
            input.extend_from_slice(&self.word(*code)?);
        }
        Ok(input.into())
    }

    /// Reads a new template; its place in the dictionary.
    fn template(&mut self) -> Result<usize, PayloadError> {
        let selector = self.take_array(S::Selectors)?;
        let exhausted = PayloadError::StreamExhausted { column: S::WordKinds };
        let length = usize::try_from(self.numbers(N::TemplateLengths).next_u64()?).map_err(|_| exhausted)?;
        let kinds = self.take(S::WordKinds, length)?;
        self.dictionaries.templates.push(Template { selector, kinds });
        Ok(self.dictionaries.templates.len() - 1)
    }

    fn word(&mut self, code: u8) -> Result<[u8; WORD_BYTES], DecodeError<B::Error>> {
        let kind = WordKind::from_byte(code).ok_or(PayloadError::UnknownCode { column: S::WordKinds, code })?;
        Ok(match kind {
            WordKind::Zero => [0; WORD_BYTES],
            WordKind::Address => {
                let address = self.address(S::ArgumentSources, N::ArgumentRefs, N::ArgumentIndices)?;
                address.into_word().0
            }
            WordKind::Amount => self.amount(N::AmountMantissas, N::AmountExponents)?.to_be_bytes(),
            WordKind::Small => U256::from(self.numbers(N::SmallWords).next_u64()?).to_be_bytes(),
            WordKind::Ones => [0xff; WORD_BYTES],
            WordKind::Verbatim => self.take_array(S::Words)?,
        })
    }

    fn access_list(&mut self) -> Result<AccessList, DecodeError<B::Error>> {
        let count = self.numbers(N::AccessListLengths).next_u64()?;
        let mut items = Vec::new();
        for _ in 0..count {
            self.charge(ADDRESS_BYTES)?; // Bounds the loop.
            let address = self.address(S::ArgumentSources, N::ArgumentRefs, N::ArgumentIndices)?;
            let key_count = self.numbers(N::StorageKeyCounts).next_u64()?;
            let mut storage_keys = Vec::new();
            for _ in 0..key_count {
                self.charge(WORD_BYTES)?;
                storage_keys.push(B256::from(self.numbers(N::StorageKeys).next_u256()?));
            }
            items.push(AccessListItem { address, storage_keys });
        }
        Ok(AccessList(items))
    }

    fn authorization_list(&mut self) -> Result<Vec<SignedAuthorization>, DecodeError<B::Error>> {
        let count = self.numbers(N::AuthorizationCounts).next_u64()?;
        let mut authorizations = Vec::new();
        for _ in 0..count {
            self.charge(TRANSACTION_BASE_BYTES)?; // Bounds the loop.
            let chain_id = match self.numbers(N::AuthorizationChainIds).next_u256()? {
                id if id == super::encode::CHAIN_ID_OWN => U256::from(self.chain_id),
                id if id == super::encode::CHAIN_ID_ANY => U256::ZERO,
                _ => self.numbers(N::AuthorizationChainIds).next_u256()?,
            };
            let address = self.address(S::ArgumentSources, N::ArgumentRefs, N::ArgumentIndices)?;
            let nonce = self.numbers(N::AuthorizationNonces).next_u64()?;
            let parity = self.numbers(N::AuthorizationParities).next_u64()?;
            let y_parity =
                u8::try_from(parity).map_err(|_| PayloadError::NumberTooWide { column: N::AuthorizationParities })?;
            let r = U256::from_be_bytes(self.take_array::<WORD_BYTES>(S::AuthorizationSignatures)?);
            let s = U256::from_be_bytes(self.take_array::<WORD_BYTES>(S::AuthorizationSignatures)?);
            let inner = Authorization { chain_id, address, nonce };
            authorizations.push(SignedAuthorization::new_unchecked(inner, y_parity, r, s));
        }
        Ok(authorizations)
    }

    fn signature(&mut self) -> Result<Signature, PayloadError> {
        let r = U256::from_be_bytes(self.take_array::<WORD_BYTES>(S::Signatures)?);
        let mut s = U256::from_be_bytes(self.take_array::<WORD_BYTES>(S::Signatures)?);
        let odd_y = s.bit(255);
        s.set_bit(255, false);
        Ok(Signature::new(r, s, odd_y))
    }

    fn finish(&self) -> Result<(), PayloadError> {
        for numbers in &self.numbers {
            numbers.finish()?;
        }
        let all = S::COMPRESSED.into_iter().chain([S::Addresses, S::Signatures, S::AuthorizationSignatures]);
        for (column, stream) in all.zip(&self.streams) {
            if !stream.is_empty() {
                return Err(PayloadError::StreamLeftOver { column });
            }
        }
        Ok(())
    }
}
