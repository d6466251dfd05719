//! Multi-scalar multiplication: the sum of points times scalars, in which a proof spends most of its time.
//!
//! Pippenger's method with signed digits. A scalar is cut into windows of some bits; in each window the points are put into buckets by the digit that they have
//! there, and bucket k counts k times. What differs from `ark_ec`: the points of a bucket are added in affine coordinates, thousands of pairs at a time that share
//! one inversion, which takes 6 multiplications an addition where extended Jacobian coordinates take 10.
//!
//! ```text
//! scalars -> Digits --window--> entries by bucket --blocks--> sums of runs -> weighted sum of a block --+
//!            (digits.rs)        (sort)                        (affine.rs)                               |
//!                               double `width` times for each window, and add <-- sum of the blocks <---+
//! ```
//!
//! Scalars that are bits, the most of a witness, need no path of their own: zeros fall out first, and ones meet in one bucket, where they are added in pairs like all
//! others. Windows and blocks are rayon's tasks, so that multiplications share a pool with whatever else is proven in it.
//!
//! Soundness does not depend on any of this, since a proof is verified before it leaves. Whether there is one does: the tests compare with `ark_ec`.

mod affine;
mod digits;
#[cfg(test)]
mod tests;

use affine::{Normed, sum_runs};
use ark_bn254::Fr;
use ark_ec::{
    PrimeGroup,
    short_weierstrass::{Affine, Bucket, Projective, SWCurveConfig},
};
use ark_ff::{AdditiveGroup, PrimeField};
use digits::{Digit, Digits};
use rayon::prelude::*;
use std::ops::Range;

/// Entries that are added at a time: the pairs share one inversion in each round, and points and products of a block stay in the second-level cache of a core.
const BLOCK_ENTRIES: usize = 1 << 13;

/// The sum of `points[i] * scalars[i]` over all indices that both have; at most 2^32 of them, in the curve's group of prime order or at infinity.
pub fn msm<P: SWCurveConfig<ScalarField = Fr, BaseField: Normed>>(
    points: &[Affine<P>],
    scalars: &[<Fr as PrimeField>::BigInt],
) -> Projective<P> {
    let digits = Digits::new(&scalars[..points.len().min(scalars.len())]);
    let windows = || {
        let sums = (0..digits.windows()).into_par_iter().with_max_len(1);
        let sums: Vec<_> = sums.map(|window| window_sum(points, digits.bucket_max(), digits.window(window))).collect();
        sums.into_iter().rev().fold(Projective::ZERO, |mut total, sum| {
            (0..digits.width()).for_each(|_| {
                total.double_in_place();
            });
            total + sum
        })
    };
    let (small, large) = rayon::join(|| window_sum(points, Digits::SMALL_MAX, digits.small()), windows);
    small + large
}

/// The sum of points times digits, none of which is greater than `bucket_max`.
fn window_sum<P: SWCurveConfig<ScalarField = Fr, BaseField: Normed>>(
    points: &[Affine<P>],
    bucket_max: usize,
    digits: impl Iterator<Item = Digit> + Clone,
) -> Projective<P> {
    sort(bucket_max, digits).par_chunks(BLOCK_ENTRIES).map(|block| block_sum(points, block)).sum()
}

/// The digits that are not zero, by bucket: counted first, then placed.
fn sort(bucket_max: usize, digits: impl Iterator<Item = Digit> + Clone) -> Vec<Digit> {
    let digits = digits.filter(|digit| digit.value != 0);
    let mut places = vec![0; bucket_max + 1];
    for digit in digits.clone() {
        places[digit.bucket()] += 1;
    }
    let mut count = 0;
    for place in &mut places {
        count += std::mem::replace(place, count);
    }
    let mut sorted = vec![Digit::default(); count];
    for digit in digits {
        let place = &mut places[digit.bucket()];
        sorted[*place] = digit;
        *place += 1;
    }
    sorted
}

/// The sum of points times digits, which are sorted by bucket. A bucket may continue in the next block.
fn block_sum<P: SWCurveConfig<ScalarField = Fr, BaseField: Normed>>(
    points: &[Affine<P>],
    digits: &[Digit],
) -> Projective<P> {
    // Copied before signs are looked at: loads that no branch waits for overlap.
    let mut sums: Vec<_> = digits.iter().map(|digit| points[digit.point as usize]).collect();
    for (sum, digit) in sums.iter_mut().zip(digits) {
        if digit.value < 0 {
            *sum = -*sum;
        }
    }
    let mut runs: Vec<Range<usize>> = Vec::new();
    for run in digits.chunk_by(|a, b| a.bucket() == b.bucket()) {
        let start = runs.last().map_or(0, |last| last.end);
        runs.push(start..start + run.len());
    }
    sum_runs(&mut sums, &runs);

    // From the highest bucket down to the lowest: a sum counts once for each step from there on, and all of them once for each bucket below.
    let (mut running, mut total) = (Bucket::ZERO, Bucket::ZERO);
    let mut bucket = digits.last().map_or(0, Digit::bucket);
    for run in runs.iter().rev() {
        while bucket > digits[run.start].bucket() {
            total += &running;
            bucket -= 1;
        }
        running += sums[run.start];
    }
    Projective::from(total) + Projective::from(running).mul_bigint([bucket as u64])
}
