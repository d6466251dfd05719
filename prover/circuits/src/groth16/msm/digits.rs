//! Scalars as signed digits.

use ark_bn254::Fr;
use ark_ff::{BigInteger, PrimeField};
use rayon::{iter::Either, prelude::*};

type Integer = <Fr as PrimeField>::BigInt;

/// A digit of one scalar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Digit {
    /// The point that it is for.
    pub(super) point: u32,
    pub(super) value: i32,
}

impl Digit {
    /// The bucket that the point is added to, or subtracted from.
    pub(super) fn bucket(&self) -> usize {
        self.value.unsigned_abs() as usize
    }
}

/// Scalars, zeros left out. Each is taken as the representative next to zero, so that -1 is as small as 1: small ones are a single digit, the others have one in each window.
#[derive(Debug)]
pub(super) struct Digits {
    small: Vec<Digit>,
    /// Point, and scalar plus `offset` in two's complement.
    large: Vec<(u32, Integer)>,
    width: usize,
}

impl Digits {
    /// The greatest absolute value of a scalar that is a digit by itself.
    pub(super) const SMALL_MAX: usize = 1 << 11;

    pub(super) fn new(scalars: &[Integer]) -> Self {
        let scalars = (0..scalars.len() as u32).into_par_iter().zip(scalars).filter(|(_, scalar)| !scalar.is_zero());
        let (small, mut large): (Vec<_>, Vec<_>) = scalars.partition_map(|(point, scalar)| {
            let signed = signed(scalar);
            small(&signed).map_or(Either::Right((point, signed)), |value| Either::Left(Digit { point, value }))
        });
        let width = width(large.len());
        let offset = offset(width);
        large.par_iter_mut().for_each(|(_, scalar)| {
            scalar.add_with_carry(&offset);
        });
        Self { small, large, width }
    }

    /// Bits of a window.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// How many windows the large scalars have.
    pub(super) fn windows(&self) -> usize {
        windows(self.width)
    }

    /// The greatest absolute value of a digit in a window.
    pub(super) fn bucket_max(&self) -> usize {
        1 << (self.width - 1)
    }

    /// The scalars that are a digit by themselves.
    pub(super) fn small(&self) -> impl Iterator<Item = Digit> + Clone {
        self.small.iter().copied()
    }

    /// The large scalars' digits in a window, the lowest being 0.
    pub(super) fn window(&self, window: usize) -> impl Iterator<Item = Digit> + Clone {
        let (start, width, top) = (window * self.width, self.width, window + 1 == self.windows());
        self.large.iter().map(move |(point, scalar)| {
            let value = if top { top_digit(scalar, start) } else { digit(scalar, start, width) };
            Digit { point: *point, value }
        })
    }
}

/// The representative next to zero, in two's complement.
fn signed(scalar: &Integer) -> Integer {
    let mut value = *scalar;
    if value > Fr::MODULUS_MINUS_ONE_DIV_TWO {
        value.sub_with_borrow(&Fr::MODULUS);
    }
    value
}

fn small(signed: &Integer) -> Option<i32> {
    let [low, rest @ ..] = signed.0.map(|limb| limb as i64);
    (rest == [low >> 63; 3] && low.unsigned_abs() <= Digits::SMALL_MAX as u64).then_some(low as i32)
}

/// The width of windows that takes the fewest multiplications: 6 for each point in each window, and 24 to weigh a bucket.
fn width(scalars: usize) -> usize {
    (3..=16).min_by_key(|&width| windows(width) * (6 * scalars + (24 << (width - 1)))).unwrap_or(3)
}

/// A scalar next to zero has a sign and one bit less than the modulus: as many as the modulus.
fn windows(width: usize) -> usize {
    (Fr::MODULUS_BIT_SIZE as usize).div_ceil(width)
}

/// Half a window's range, in every window but the top one. Added to a scalar, it makes each of its windows the digit plus that half, without carries.
fn offset(width: usize) -> Integer {
    let mut offset = Integer::default();
    for bit in (1..windows(width)).map(|window| window * width - 1) {
        offset.0[bit / 64] |= 1 << (bit % 64);
    }
    offset
}

fn digit(scalar: &Integer, start: usize, width: usize) -> i32 {
    let (limb, shift) = (start / 64, start % 64);
    let mut bits = scalar.0[limb] >> shift;
    if shift + width > 64 {
        bits |= scalar.0[limb + 1] << (64 - shift);
    }
    (bits & ((1 << width) - 1)) as i32 - (1 << (width - 1))
}

/// What is above the start of the top window, which is in the highest limb: with its sign.
fn top_digit(scalar: &Integer, start: usize) -> i32 {
    ((scalar.0[3] as i64) >> (start - 192)) as i32
}
