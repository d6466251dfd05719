#![no_std]
//! What hash maps in the guest hash with (VM-9): SipHash-1-3 with a key that the epoch's inputs determine.
//!
//! In the place of the crate of this name, which hashbrown and alloy-primitives use: without an operating system that one has nothing but
//! constants to seed itself with, so anybody could make a contract whose storage keys all collide, and a run that never ends. Nobody
//! can prepare keys for this one: it depends on the hash of the batch that would have to contain them.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

static KEY: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];

/// Sets the key of all maps made from now on: 128 bits that were not known when the epoch's batches were made.
pub fn set_key(key: [u64; 2]) {
    KEY[0].store(key[0], Relaxed);
    KEY[1].store(key[1], Relaxed);
}

/// The names that the map crates ask for.
pub mod fast {
    use core::{
        hash::{BuildHasher, Hasher},
        marker::PhantomData,
        sync::atomic::Ordering::Relaxed,
    };

    use siphasher::sip::SipHasher13;

    use super::KEY;

    /// Makes a map's hashers. Every map has a key of its own: filling one in the order of another would else crowd its buckets.
    #[derive(Clone, Debug)]
    pub struct RandomState {
        key: [u64; 2],
    }

    impl Default for RandomState {
        fn default() -> Self {
            let first = KEY[0].load(Relaxed);
            KEY[0].store(first.wrapping_add(1), Relaxed);
            Self { key: [first, KEY[1].load(Relaxed)] }
        }
    }

    impl BuildHasher for RandomState {
        type Hasher = FoldHasher<'static>;

        fn build_hasher(&self) -> Self::Hasher {
            FoldHasher(SipHasher13::new_with_keys(self.key[0], self.key[1]), PhantomData)
        }
    }

    /// Hashes one key of a map.
    #[derive(Clone)]
    pub struct FoldHasher<'a>(SipHasher13, PhantomData<&'a ()>);

    impl Hasher for FoldHasher<'_> {
        fn write(&mut self, bytes: &[u8]) {
            self.0.write(bytes);
        }

        // Hashes and addresses come as numbers of this width, one after the other: as bytes each would be put together again.
        fn write_usize(&mut self, number: usize) {
            self.0.write_usize(number);
        }

        fn write_u8(&mut self, number: u8) {
            self.0.write_u8(number);
        }

        fn write_u16(&mut self, number: u16) {
            self.0.write_u16(number);
        }

        fn write_u32(&mut self, number: u32) {
            self.0.write_u32(number);
        }

        fn write_u64(&mut self, number: u64) {
            self.0.write_u64(number);
        }

        fn finish(&self) -> u64 {
            self.0.finish()
        }
    }
}
