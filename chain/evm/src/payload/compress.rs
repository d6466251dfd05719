//! The general compressor under the columns: bare Zstandard blocks. The frame header is implied
//! (EVM-PL-2), so that window size, checksum and dictionary are not for the poster to choose.
//!
//! Adversarial: the blocks. One block adds at most 256 KiB before the cap is looked at.

use alloc::vec::Vec;

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::{Limit, PayloadError};

/// Zstandard's magic number, a descriptor without content size, checksum and dictionary, and a window of
/// 2^20 bytes.
const FRAME_HEADER: [u8; 6] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, (WINDOW_LOG - 10) << 3];
const WINDOW_LOG: u8 = 20;

/// Undoes [`compress`]. `blocks` must hold the blocks of one frame and nothing else.
pub(super) fn decompress(mut blocks: &[u8], bytes_max: usize) -> Result<Vec<u8>, PayloadError> {
    let malformed = PayloadError::MalformedCompression;
    let mut decoder = FrameDecoder::new();
    decoder.set_max_window_size(1 << WINDOW_LOG);
    decoder.init(FRAME_HEADER.as_slice()).map_err(|_| malformed)?;
    let mut out = Vec::new();
    loop {
        let strategy = BlockDecodingStrategy::UptoBlocks(1);
        let finished = decoder.decode_blocks(&mut blocks, strategy).map_err(|_| malformed)?;
        if let Some(part) = decoder.collect() {
            out.extend_from_slice(&part);
        }
        // What is not collected yet is at most the window.
        if out.len().saturating_add(decoder.can_collect()) > bytes_max {
            return Err(PayloadError::LimitExceeded { limit: Limit::DecompressedBytes });
        }
        if finished {
            return if blocks.is_empty() { Ok(out) } else { Err(malformed) };
        }
    }
}

/// Compresses `body` into the blocks of one Zstandard frame. None if the library refuses.
///
/// `cuts`, ascending, are where the distribution of the bytes changes. A block that ends there gets tables
/// of its own; whether that pays depends on how long the pieces are, so a few lengths are tried.
#[cfg(any(test, feature = "encoder"))]
pub(super) fn compress(body: &[u8], cuts: &[usize], level: i32) -> Option<Vec<u8>> {
    const PIECE_BYTES_MIN: [usize; 3] = [usize::MAX, 512, 128];
    let attempts = PIECE_BYTES_MIN.into_iter().filter_map(|bytes_min| {
        let mut last = 0;
        let far_enough = |cut: &usize| {
            let far_enough = cut.saturating_sub(last) >= bytes_min && body.len().saturating_sub(*cut) >= bytes_min;
            if far_enough {
                last = *cut;
            }
            far_enough
        };
        let cuts: Vec<usize> = cuts.iter().copied().filter(far_enough).collect();
        compress_pieces(body, &cuts, level)
    });
    attempts.min_by_key(Vec::len)
}

#[cfg(any(test, feature = "encoder"))]
fn compress_pieces(body: &[u8], cuts: &[usize], level: i32) -> Option<Vec<u8>> {
    use zstd::zstd_safe::{
        CCtx, CParameter, InBuffer, OutBuffer, compress_bound,
        zstd_sys::ZSTD_EndDirective::{ZSTD_e_end, ZSTD_e_flush},
    };

    const BLOCK_OVERHEAD_BYTES: usize = 64;
    let mut context = CCtx::create();
    for parameter in [
        CParameter::CompressionLevel(level),
        CParameter::ContentSizeFlag(false),
        CParameter::ChecksumFlag(false),
        CParameter::DictIdFlag(false),
        CParameter::WindowLog(u32::from(WINDOW_LOG)),
    ] {
        context.set_parameter(parameter).ok()?;
    }
    context.set_pledged_src_size(Some(body.len() as u64)).ok()?; // Keeps its tables small.
    let overhead = cuts.len().saturating_add(1).saturating_mul(BLOCK_OVERHEAD_BYTES);
    let mut frame = Vec::with_capacity(compress_bound(body.len()).saturating_add(overhead));
    let mut output = OutBuffer::around(&mut frame);
    let mut start = 0;
    for end in cuts.iter().copied().chain([body.len()]) {
        let mut input = InBuffer::around(body.get(start..end)?);
        let directive = if end == body.len() { ZSTD_e_end } else { ZSTD_e_flush };
        let left = context.compress_stream2(&mut output, &mut input, directive).ok()?;
        if left != 0 {
            return None; // The buffer was made large enough for all of it.
        }
        start = end;
    }
    // The window byte may name a smaller window, which ours contains.
    let header = FRAME_HEADER.split_last().map(|(_, header)| header);
    let header_matches = frame.get(..const { FRAME_HEADER.len() - 1 }) == header;
    header_matches.then(|| frame.split_off(FRAME_HEADER.len()))
}
