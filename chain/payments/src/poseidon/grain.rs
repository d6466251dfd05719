//! The Grain LFSR that Poseidon's designers prescribe for round constants and the Cauchy matrix
//! (ePrint 2019/458, appendices E and F).
#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "made once from constants of the program: every width is made in the tests, and nothing from outside enters"
)]

use super::rounds::{FULL_ROUNDS, partial_rounds};
use ark_bn254::Fr;
use ark_ff::{BigInt, BigInteger, PrimeField};

const STATE_BITS: u32 = 80;

/// The generator: bit 0 of the state is the oldest.
pub(super) struct Grain(u128);

impl Grain {
    /// The generator of the permutation of `width` elements with x^5 over a prime field.
    pub(super) fn new(width: usize) -> Self {
        let mut seed = Seed { bits: 0, count: 0 };
        seed.push(1, 2); // a prime field
        seed.push(0, 4); // the S-box is a power
        seed.push(Fr::MODULUS_BIT_SIZE as usize, 12);
        seed.push(width, 12);
        seed.push(FULL_ROUNDS, 10);
        seed.push(partial_rounds(width), 10);
        seed.push((1 << 30) - 1, 30);
        assert_eq!(seed.count, STATE_BITS);
        let mut grain = Self(seed.bits);
        for _ in 0..160 {
            grain.step();
        }
        grain
    }

    fn step(&mut self) -> bool {
        let s = self.0;
        let bit = (s >> 62 ^ s >> 51 ^ s >> 38 ^ s >> 23 ^ s >> 13 ^ s) & 1;
        self.0 = s >> 1 | bit << (STATE_BITS - 1);
        bit == 1
    }

    /// The next bit that the shrinking rule lets through: the second of a pair whose first is one.
    fn bit(&mut self) -> bool {
        while !self.step() {
            self.step();
        }
        self.step()
    }

    /// 254 bits, most significant first.
    fn integer(&mut self) -> BigInt<4> {
        let mut limbs = BigInt::<4>::zero();
        for _ in 0..Fr::MODULUS_BIT_SIZE {
            limbs.mul2();
            limbs.0[0] |= u64::from(self.bit());
        }
        limbs
    }

    /// A round constant: integers not below the modulus are thrown away.
    pub(super) fn constant(&mut self) -> Fr {
        loop {
            if let Some(constant) = Fr::from_bigint(self.integer()) {
                return constant;
            }
        }
    }

    /// A coordinate of the Cauchy matrix: reduced, not rejected.
    pub(super) fn reduced(&mut self) -> Fr {
        Fr::from_le_bytes_mod_order(&self.integer().to_bytes_le())
    }
}

struct Seed {
    bits: u128,
    count: u32,
}

impl Seed {
    /// Appends the low `width` bits of `value`, most significant first.
    fn push(&mut self, value: usize, width: u32) {
        for i in (0..width).rev() {
            self.bits |= ((value >> i & 1) as u128) << self.count;
            self.count += 1;
        }
    }
}
