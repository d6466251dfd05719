//! Bytes that no honest encoder writes: a verdict for each, no panic, bounded memory.

use std::{vec, vec::Vec};

use alloy_primitives::U256;
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, TestRunner},
};

use super::samples::{self, CHAIN_ID, LIMITS};
use crate::payload::{
    DecodeError, Limit, NoAddressBook, NumberColumn as N, PAYLOAD_VERSION, Payload, PayloadError, PayloadLimits,
    StreamColumn as S,
    address::Source,
    calldata::WordKind,
    column::{NumbersWriter, write_length},
    compress, decode,
    decode::{METHOD_STORED, METHOD_ZSTD},
    decode_measured, encode,
    layout::{InputLayout, Kind, Shape},
};

fn verdict(bytes: &[u8]) -> Result<Payload, PayloadError> {
    verdict_within(bytes, &LIMITS)
}

fn verdict_within(bytes: &[u8], limits: &PayloadLimits) -> Result<Payload, PayloadError> {
    decode(bytes, limits, CHAIN_ID, &NoAddressBook).map_err(|error| match error {
        DecodeError::Invalid(error) => error,
        DecodeError::AddressBook(never) => match never {},
    })
}

/// Columns as a forger would fill them.
#[derive(Clone)]
pub(super) struct Forgery {
    pub numbers: Vec<Vec<U256>>,
    pub streams: Vec<Vec<u8>>,
}

impl Forgery {
    pub(super) fn new() -> Self {
        Self { numbers: vec![Vec::new(); N::ALL.len()], streams: vec![Vec::new(); S::COUNT] }
    }

    /// `count` transfers in one block, all alike, to the zero address.
    pub(super) fn transfers(count: usize) -> Self {
        let mut forgery = Self::new();
        forgery.block(count);
        for index in 0..count {
            forgery.bytes(S::Shapes, &[shape(Kind::Eip1559, InputLayout::Empty)]);
            forgery.numbers(N::Nonces, &[index as u64]);
            forgery.numbers(N::GasLimitRefs, &[u64::from(index > 0)]);
            forgery.numbers(N::FeeRefs, &[u64::from(index > 0)]);
            forgery.bytes(S::RecipientSources, &[u8::from(index > 0)]);
            forgery.numbers(N::ValueMantissas, &[1]);
            forgery.numbers(N::ValueExponents, &[0]);
            forgery.numbers(N::AccessListLengths, &[0]);
        }
        forgery.numbers(N::RecipientRefs, &vec![0; count.saturating_sub(1)]);
        if count > 0 {
            forgery.numbers(N::GasLimits, &[21_000]);
            forgery.numbers(N::FeeCaps, &[1]);
            forgery.numbers(N::FeeTips, &[1]);
            forgery.bytes(S::Addresses, &[0; 20]);
        }
        forgery.bytes(S::Signatures, &vec![1; 64 * count]);
        forgery
    }

    fn block(&mut self, transactions: usize) {
        self.numbers(N::BlockTransactions, &[transactions as u64]);
        self.numbers(N::BlockTimeDeltas, &[1]);
        self.numbers(N::BlockMessages, &[0]);
    }

    pub(super) fn numbers(&mut self, column: N, entries: &[u64]) {
        self.numbers[column as usize].extend(entries.iter().map(|entry| U256::from(*entry)));
    }

    pub(super) fn replace(&mut self, column: N, entries: &[u64]) {
        self.numbers[column as usize].clear();
        self.numbers(column, entries);
    }

    pub(super) fn bytes(&mut self, column: S, bytes: &[u8]) {
        self.streams[column as usize].extend_from_slice(bytes);
    }

    fn columns(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for entries in &self.numbers {
            let mut writer = NumbersWriter::default();
            entries.iter().for_each(|entry| writer.push(*entry));
            writer.write(&mut out, &mut Vec::new());
        }
        for stream in &self.streams[..S::COMPRESSED.len()] {
            write_length(stream.len(), &mut out);
            out.extend_from_slice(stream);
        }
        out
    }

    pub(super) fn posted(&self) -> Vec<u8> {
        framed(METHOD_STORED, &self.columns(), &self.streams[S::COMPRESSED.len()..].concat())
    }

    fn verdict(&self) -> Result<Payload, PayloadError> {
        verdict(&self.posted())
    }
}

pub(super) fn shape(kind: Kind, input: InputLayout) -> u8 {
    Shape { kind, creation: false, input }.to_byte()
}

fn framed(method: u8, body: &[u8], verbatim: &[u8]) -> Vec<u8> {
    let mut out = vec![PAYLOAD_VERSION, method];
    write_length(body.len(), &mut out);
    [out.as_slice(), body, verbatim].concat()
}

fn some_payload() -> Payload {
    let mut runner = TestRunner::deterministic();
    let large = samples::payload().prop_filter("large", |payload| payload.blocks.len() > 4);
    large.new_tree(&mut runner).unwrap().current()
}

#[test]
fn every_truncation_gets_a_verdict() {
    let encoded = encode(&some_payload(), CHAIN_ID, |_| None).unwrap();
    for bytes in [encoded.stored(), encoded.compressed(19)] {
        assert!(verdict(&bytes).is_ok());
        for end in 1..bytes.len() {
            assert!(verdict(&bytes[..end]).is_err(), "{end} of {} bytes", bytes.len());
        }
        assert!(verdict(&[bytes.as_slice(), &[0]].concat()).is_err());
    }
}

#[test]
fn every_changed_byte_gets_a_verdict() {
    let encoded = encode(&some_payload(), CHAIN_ID, |_| None).unwrap();
    for mut bytes in [encoded.stored(), encoded.compressed(19)] {
        for place in 0..bytes.len() {
            for flip in [0x01, 0x02, 0x10, 0x80, 0xff] {
                bytes[place] ^= flip;
                let _verdict = verdict(&bytes);
                bytes[place] ^= flip;
            }
        }
        assert!(verdict(&bytes).is_ok());
    }
}

proptest! {
    #![proptest_config(Config::with_cases(512))]

    #[test]
    fn spliced_payloads_get_a_verdict(
        payload in samples::payload(),
        compressed in any::<bool>(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let encoded = encode(&payload, CHAIN_ID, |_| None).unwrap();
        let mut bytes = if compressed { encoded.compressed(3) } else { encoded.stored() };
        for (from, to, byte) in edits {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            bytes[from] = byte;
            bytes[to] = bytes[from].wrapping_add(bytes[to]);
        }
        let _verdict = verdict(&bytes);
    }

    #[test]
    fn random_blocks_get_a_verdict(blocks in proptest::collection::vec(any::<u8>(), 0..300), last in any::<bool>(), kind in 0u32..3) {
        // A block header that fits, so that what follows is looked at.
        let header = u32::from(last) | kind << 1 | (blocks.len() as u32) << 3;
        let body = [&header.to_le_bytes()[..3], &blocks].concat();
        let _verdict = verdict(&framed(METHOD_ZSTD, &body, &[]));
        let _verdict = verdict(&framed(METHOD_STORED, &blocks, &[]));
    }
}

/// Zstandard blocks, each 2^17 bytes of one byte in four.
fn repeating_blocks(count: usize) -> Vec<u8> {
    let block = |last: usize| ((1u32 << 17) << 3 | 1 << 1 | last as u32).to_le_bytes();
    (0..count).flat_map(|index| [&block(usize::from(index + 1 == count))[..3], &[0]].concat()).collect()
}

#[test]
fn a_decompression_bomb_stops_at_the_cap() {
    let exceeded = PayloadError::LimitExceeded { limit: Limit::DecompressedBytes };
    // 4 GiB in 128 KiB.
    let bomb = framed(METHOD_ZSTD, &repeating_blocks(1 << 15), &[]);
    assert_eq!(verdict(&bomb), Err(exceeded));
    assert_eq!(compress::decompress(&repeating_blocks(8), 1 << 20).map(|out| out.len()), Ok(1 << 20));
    assert_eq!(compress::decompress(&repeating_blocks(8), (1 << 20) - 1), Err(exceeded));
    assert_eq!(compress::decompress(&repeating_blocks(40), 40 << 17).map(|out| out.len()), Ok(40 << 17));
    let stored = |length: usize| verdict_within(&framed(METHOD_STORED, &vec![0; length], &[]), &limits_of_bytes(100));
    assert_eq!(stored(101), Err(exceeded));
    assert_ne!(stored(100), Err(exceeded));
}

fn limits_of_bytes(decompressed_bytes_max: usize) -> PayloadLimits {
    PayloadLimits { decompressed_bytes_max, ..LIMITS }
}

#[test]
fn declared_sizes_reserve_nothing() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    for method in [METHOD_STORED, METHOD_ZSTD] {
        assert_eq!(verdict(&[&[PAYLOAD_VERSION, method], &huge[..]].concat()), Err(PayloadError::UnexpectedEnd));
    }
    assert_eq!(verdict(&framed(METHOD_STORED, &huge, &[])), Err(PayloadError::UnexpectedEnd));
    for malformed in [&[0x80, 0x00][..], &[0xff; 10], &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x02]] {
        assert_eq!(verdict(&framed(METHOD_STORED, malformed, &[])), Err(PayloadError::MalformedInteger));
    }
    let mut forgery = Forgery::transfers(1);
    forgery.replace(N::BlockTransactions, &[u64::MAX]);
    assert_eq!(forgery.verdict(), Err(PayloadError::StreamExhausted { column: S::Shapes }));
    let mut forgery = Forgery::transfers(1);
    forgery.replace(N::AccessListLengths, &[u64::MAX]);
    assert_eq!(forgery.verdict(), Err(PayloadError::StreamExhausted { column: S::ArgumentSources }));
}

#[test]
fn a_template_is_no_bomb() {
    const WORDS: usize = 1000;
    const COUNT: usize = 33;
    let mut forgery = Forgery::transfers(COUNT);
    forgery.streams[S::Shapes as usize] = vec![shape(Kind::Eip1559, InputLayout::Call); COUNT];
    forgery.numbers(N::TemplateRefs, &[0]);
    forgery.numbers(N::TemplateRefs, &[1; COUNT - 1]);
    forgery.numbers(N::TemplateLengths, &[WORDS as u64]);
    forgery.bytes(S::Selectors, &[0; 4]);
    forgery.bytes(S::WordKinds, &[WordKind::Zero as u8; WORDS]);
    let exactly = COUNT * (128 + 4 + WORDS * 32);
    assert!(verdict_within(&forgery.posted(), &limits_of_bytes(exactly)).is_ok());
    let exceeded = PayloadError::LimitExceeded { limit: Limit::TransactionBytes };
    assert_eq!(verdict_within(&forgery.posted(), &limits_of_bytes(exactly - 1)), Err(exceeded));
}

/// Tests EVM-PL-7.
#[test]
fn caps_hold_at_their_boundaries() {
    let limits = PayloadLimits { blocks_max: 3, transactions_max: 5, ..LIMITS };
    assert!(verdict_within(&Forgery::transfers(5).posted(), &limits).is_ok());
    let error = verdict_within(&Forgery::transfers(6).posted(), &limits);
    assert_eq!(error, Err(PayloadError::LimitExceeded { limit: Limit::Transactions }));
    let mut forgery = Forgery::new();
    (0..3).for_each(|_| forgery.block(0));
    assert!(verdict_within(&forgery.posted(), &limits).is_ok());
    forgery.block(0);
    assert_eq!(verdict_within(&forgery.posted(), &limits), Err(PayloadError::LimitExceeded { limit: Limit::Blocks }));
}

/// Whatever a batch declares, no more is read, and what is read is told.
#[test]
fn declared_work_bounds_blocks_and_bytes() {
    let within = |forgery: &Forgery, work_gas_max| {
        decode_measured(&forgery.posted(), &PayloadLimits { work_gas_max, ..LIMITS }, CHAIN_ID, &NoAddressBook)
            .map(|measured| measured.work_gas)
    };
    let refused = |limit| Err(DecodeError::Invalid(PayloadError::LimitExceeded { limit }));

    // Blocks alone: the columns take more than what is built of them, which is nothing.
    let mut blocks = Forgery::new();
    (0..3).for_each(|_| blocks.block(0));
    let exactly = 3 * 1_200 + 7 * blocks.columns().len() as u64;
    assert_eq!(within(&blocks, exactly), Ok(exactly));
    assert_eq!(within(&blocks, u64::MAX), Ok(exactly), "over-declaring takes no more");
    assert_eq!(within(&blocks, exactly - 1), refused(Limit::WorkGas));
    assert_eq!(within(&blocks, 3 * 1_200 - 1), refused(Limit::WorkGas));
    assert_eq!(within(&blocks, 7 * blocks.columns().len() as u64 - 1), refused(Limit::DecompressedBytes));
    assert_eq!(within(&blocks, 0), refused(Limit::DecompressedBytes));

    // Transactions: 128 bytes each, more than their columns.
    let transfers = Forgery::transfers(5);
    let exactly = 1_200 + 7 * 5 * 128;
    assert!(transfers.columns().len() < 5 * 128);
    assert_eq!(within(&transfers, exactly), Ok(exactly));
    assert_eq!(within(&transfers, exactly - 1), refused(Limit::TransactionBytes));
    let nothing = decode_measured(&[], &PayloadLimits { work_gas_max: 0, ..LIMITS }, CHAIN_ID, &NoAddressBook);
    assert_eq!(nothing.map(|measured| measured.work_gas), Ok(0));
}

#[test]
fn an_access_list_is_charged() {
    let mut forgery = Forgery::transfers(1);
    forgery.replace(N::AccessListLengths, &[2]);
    forgery.bytes(S::ArgumentSources, &[Source::Dictionary as u8; 2]);
    forgery.numbers(N::ArgumentRefs, &[0, 0]);
    forgery.numbers(N::StorageKeyCounts, &[1, 2]);
    forgery.numbers(N::StorageKeys, &[0, 1, 2]);
    let exactly = 128 + 2 * 20 + 3 * 32;
    // The columns themselves are longer than that: pad the cap, then shrink what is left by calldata.
    let posted = forgery.posted();
    let columns = forgery.columns().len();
    assert!(columns < exactly, "{columns}");
    assert!(verdict_within(&posted, &limits_of_bytes(exactly)).is_ok());
    let exceeded = PayloadError::LimitExceeded { limit: Limit::TransactionBytes };
    assert_eq!(verdict_within(&posted, &limits_of_bytes(exactly - 1)), Err(exceeded));
}

/// Every way to be wrong inside well-formed columns: what is changed, and the verdict.
pub(super) fn forgeries() -> Vec<(&'static str, Vec<u8>, PayloadError)> {
    use PayloadError as E;
    type Change<'a> = &'a dyn Fn(&mut Forgery);
    let cases: [(&str, Change, PayloadError); 24] = [
        ("nonce missing", &|f| f.replace(N::Nonces, &[0]), E::NumbersExhausted { column: N::Nonces }),
        ("nonce left over", &|f| f.numbers(N::Nonces, &[0]), E::NumbersLeftOver { column: N::Nonces }),
        (
            "nonce too wide",
            &|f| f.numbers[N::Nonces as usize][0] = U256::ONE << 64,
            E::NumberTooWide { column: N::Nonces },
        ),
        (
            "fee too wide",
            &|f| f.numbers[N::FeeCaps as usize][0] = U256::ONE << 128,
            E::NumberTooWide { column: N::FeeCaps },
        ),
        (
            "messages too wide",
            &|f| f.replace(N::BlockMessages, &[1 << 32]),
            E::NumberTooWide { column: N::BlockMessages },
        ),
        (
            "gas limit not seen yet",
            &|f| f.replace(N::GasLimitRefs, &[0, 2]),
            E::MissingEntry { column: N::GasLimitRefs },
        ),
        ("fee not seen yet", &|f| f.replace(N::FeeRefs, &[0, u64::MAX]), E::MissingEntry { column: N::FeeRefs }),
        ("address not seen yet", &|f| f.replace(N::RecipientRefs, &[1]), E::MissingEntry { column: N::RecipientRefs }),
        ("value overflows", &|f| f.replace(N::ValueExponents, &[0, 78]), E::Overflow { column: N::ValueMantissas }),
        (
            "exponent overflows",
            &|f| f.replace(N::ValueExponents, &[0, u64::MAX]),
            E::Overflow { column: N::ValueMantissas },
        ),
        ("block missing", &|f| f.replace(N::BlockTimeDeltas, &[]), E::NumbersExhausted { column: N::BlockTimeDeltas }),
        (
            "transactions unclaimed",
            &|f| f.replace(N::BlockTransactions, &[1]),
            E::NumbersLeftOver { column: N::Nonces },
        ),
        ("unknown type", &|f| f.streams[S::Shapes as usize][1] = 5, E::UnknownCode { column: S::Shapes, code: 5 }),
        (
            "unknown input",
            &|f| f.streams[S::Shapes as usize][1] = 0x33,
            E::UnknownCode { column: S::Shapes, code: 0x33 },
        ),
        (
            "EIP-7702 creation",
            &|f| f.streams[S::Shapes as usize][1] = 0x0c,
            E::UnknownCode { column: S::Shapes, code: 0x0c },
        ),
        (
            "unknown source",
            &|f| f.streams[S::RecipientSources as usize][1] = 3,
            E::UnknownCode { column: S::RecipientSources, code: 3 },
        ),
        (
            "no address book",
            &|f| {
                f.streams[S::RecipientSources as usize][1] = Source::Book as u8;
                f.numbers(N::RecipientIndices, &[7]);
            },
            E::UnknownAddress { index: 7 },
        ),
        ("selector left over", &|f| f.bytes(S::Selectors, &[0]), E::StreamLeftOver { column: S::Selectors }),
        (
            "signature cut",
            &|f| f.streams[S::Signatures as usize].truncate(127),
            E::VerbatimLength { expected: 148, actual: 147 },
        ),
        ("address too many", &|f| f.bytes(S::Addresses, &[0; 20]), E::VerbatimLength { expected: 148, actual: 168 }),
        (
            "unknown word",
            &|f| {
                f.streams[S::Shapes as usize][0] = shape(Kind::Eip1559, InputLayout::Call);
                f.numbers(N::TemplateRefs, &[0]);
                f.numbers(N::TemplateLengths, &[1]);
                f.bytes(S::Selectors, &[0; 4]);
                f.bytes(S::WordKinds, &[6]);
            },
            E::UnknownCode { column: S::WordKinds, code: 6 },
        ),
        (
            "template not seen yet",
            &|f| {
                f.streams[S::Shapes as usize][0] = shape(Kind::Eip1559, InputLayout::Call);
                f.numbers(N::TemplateRefs, &[1]);
            },
            E::MissingEntry { column: N::TemplateRefs },
        ),
        (
            "calldata missing",
            &|f| {
                f.streams[S::Shapes as usize][0] = shape(Kind::Eip1559, InputLayout::Verbatim);
                f.numbers(N::InputLengths, &[1]);
            },
            E::StreamExhausted { column: S::Inputs },
        ),
        (
            "parity too wide",
            &|f| {
                f.streams[S::Shapes as usize][0] = shape(Kind::Eip7702, InputLayout::Empty);
                f.numbers(N::AuthorizationCounts, &[1]);
                f.numbers(N::AuthorizationChainIds, &[0]);
                f.bytes(S::ArgumentSources, &[Source::Dictionary as u8]);
                f.numbers(N::ArgumentRefs, &[0]);
                f.numbers(N::AuthorizationNonces, &[0]);
                f.numbers(N::AuthorizationParities, &[256]);
                f.bytes(S::AuthorizationSignatures, &[0; 64]);
            },
            E::NumberTooWide { column: N::AuthorizationParities },
        ),
    ];
    let mut forgeries = Vec::new();
    for (name, change, error) in cases {
        let mut forgery = Forgery::transfers(2);
        change(&mut forgery);
        forgeries.push((name, forgery.posted(), error));
    }
    let mut clock = Forgery::transfers(0);
    clock.block(0);
    clock.replace(N::BlockTimeDeltas, &[1, u64::MAX]);
    forgeries.push(("timestamp overflows", clock.posted(), E::Overflow { column: N::BlockTimeDeltas }));
    let good = Forgery::transfers(2);
    let verbatim = good.streams[S::COMPRESSED.len()..].concat();
    let longer = [good.columns().as_slice(), &[0]].concat();
    forgeries.push(("bytes after the columns", framed(METHOD_STORED, &longer, &verbatim), E::ColumnsLeftOver));
    let blocks = compress::compress(&good.columns(), &[], 19).unwrap();
    let trailing = [blocks.as_slice(), &[0]].concat();
    forgeries.push(("bytes after the blocks", framed(METHOD_ZSTD, &trailing, &verbatim), E::MalformedCompression));
    forgeries.push(("no block", framed(METHOD_ZSTD, &[], &verbatim), E::MalformedCompression));
    forgeries.push(("version 0", [&[0], &good.posted()[1..]].concat(), E::UnknownVersion { version: 0 }));
    forgeries.push(("method 2", framed(2, &good.columns(), &verbatim), E::UnknownMethod { method: 2 }));
    let wide = [&[1, 33][..], &[0; 33]].concat();
    forgeries.push((
        "33 bytes wide",
        framed(METHOD_STORED, &wide, &[]),
        E::NumberTooWide { column: N::BlockTransactions },
    ));
    forgeries
}

/// Tests EVM-PL-1, EVM-PL-2, EVM-PL-3, EVM-PL-4, EVM-PL-5, EVM-PL-6.
#[test]
fn every_forgery_is_named() {
    assert!(Forgery::transfers(2).verdict().is_ok());
    for (name, posted, error) in forgeries() {
        assert_eq!(verdict(&posted), Err(error), "{name}");
    }
}
