//! What the guest's hash maps hash with, on its own: the guest only shows that runs come out right, and they would with any hasher.
//! Tests VM-9.

use std::hash::{BuildHasher, Hasher};

use guest_hasher::{fast::RandomState, set_key};

/// The key and input bytes of the SipHash authors' vectors: 0, 1, 2, and so on.
const KEY: [u64; 2] = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
const WORDS: [u64; 2] = [0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908];
/// SipHash-1-3 of the first eight and of the first seven of those bytes.
const OF_EIGHT: u64 = u64::from_le_bytes([0x8e, 0x9a, 0x29, 0x8d, 0x11, 0x95, 0x90, 0x36]);
const OF_SEVEN: u64 = u64::from_le_bytes([0x40, 0x11, 0xb1, 0x9b, 0x98, 0x7d, 0x92, 0xd3]);

fn hash(state: &RandomState, write: impl FnOnce(&mut dyn Hasher)) -> u64 {
    let mut hasher = state.build_hasher();
    write(&mut hasher);
    hasher.finish()
}

/// One test: the key is one of the whole process.
#[test]
fn numbers_hash_like_their_bytes_under_the_key_that_was_set() {
    set_key(KEY);
    let first = RandomState::default();
    assert_eq!(hash(&first, |hasher| hasher.write(&WORDS[0].to_le_bytes()[..7])), OF_SEVEN);
    assert_eq!(hash(&first, |hasher| hasher.write_u64(WORDS[0])), OF_EIGHT);
    // How addresses and hashes come: words of the machine, and what is left in smaller ones.
    assert_eq!(hash(&first, |hasher| hasher.write_usize(WORDS[0] as usize)), OF_EIGHT);
    let bytes: Vec<u8> =
        WORDS.iter().flat_map(|word| word.to_le_bytes()).chain([0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x26]).collect();
    let by_words = hash(&first, |hasher| {
        for word in WORDS {
            hasher.write_usize(word as usize);
        }
        hasher.write_u32(0x2322_2120);
        hasher.write_u16(0x2524);
        hasher.write_u8(0x26);
    });
    assert_eq!(by_words, hash(&first, |hasher| hasher.write(&bytes)));
    assert_ne!(by_words, hash(&first, |hasher| hasher.write(&bytes[..bytes.len() - 1])));

    // Every map has a key of its own, and all have others after another epoch.
    let second = RandomState::default();
    let of = |state| hash(state, |hasher| hasher.write_usize(1));
    assert_ne!(of(&first), of(&second));
    set_key([KEY[0].wrapping_add(2), KEY[1].wrapping_add(1)]);
    let other = RandomState::default();
    assert!(of(&other) != of(&first) && of(&other) != of(&second));
    set_key(KEY);
    assert_eq!(of(&RandomState::default()), of(&first));
}
