//! Additions in affine coordinates that share an inversion (Montgomery's trick).

use ark_bn254::{Fq, Fq2};
use ark_ec::{
    AffineRepr,
    short_weierstrass::{Affine, SWCurveConfig},
};
use ark_ff::{AdditiveGroup, Field};
use std::ops::Range;

/// A field whose elements are inverted by their norm: so many of them share an inversion in the prime field, where multiplications are cheap.
pub trait Normed: Field {
    /// The product of the conjugates, zero for zero alone.
    fn norm(&self) -> Self::BasePrimeField;

    /// The inverse, from that of the norm.
    fn inverse_by(&self, norm_inverse: Self::BasePrimeField) -> Self;
}

impl Normed for Fq {
    fn norm(&self) -> Fq {
        *self
    }

    fn inverse_by(&self, norm_inverse: Fq) -> Fq {
        norm_inverse
    }
}

/// c0 + c1 u with u^2 = -1.
impl Normed for Fq2 {
    fn norm(&self) -> Fq {
        self.c0.square() + self.c1.square()
    }

    fn inverse_by(&self, norm_inverse: Fq) -> Fq2 {
        Fq2::new(self.c0 * norm_inverse, -self.c1 * norm_inverse)
    }
}

/// Adds up each run of points, in pairs, round by round: its sum replaces its first point, the others are lost.
pub(super) fn sum_runs<P: SWCurveConfig<BaseField: Normed>>(points: &mut [Affine<P>], runs: &[Range<usize>]) {
    let longest = runs.iter().map(|run| run.len()).max().unwrap_or(0);
    let mut additions = Additions::with_capacity(points.len() / 2);
    let mut stride = 1;
    while stride < longest {
        for run in runs {
            for left in run.clone().step_by(2 * stride).take_while(|left| left + stride < run.end) {
                additions.push(points, left, left + stride);
            }
        }
        additions.apply(points);
        stride *= 2;
    }
}

/// Additions of two points each, the sum to be written where the left one is. No two have a place in common.
struct Additions<F: Normed> {
    pairs: Vec<(usize, usize)>,
    /// For each pair the product of the denominators' norms before it.
    products: Vec<F::BasePrimeField>,
    /// The product of the norms of all denominators.
    product: F::BasePrimeField,
}

impl<F: Normed> Additions<F> {
    fn with_capacity(pairs: usize) -> Self {
        Self { pairs: Vec::with_capacity(pairs), products: Vec::with_capacity(pairs), product: Field::ONE }
    }

    /// Takes an addition; those that need no slope are done at once.
    fn push<P: SWCurveConfig<BaseField = F>>(&mut self, points: &mut [Affine<P>], left: usize, right: usize) {
        let (a, b) = (points[left], points[right]);
        if a.is_zero() || b.is_zero() {
            points[left] = if a.is_zero() { b } else { a };
        } else if a.x == b.x && a.y == -b.y {
            points[left] = Affine::zero();
        } else {
            let (_, denominator) = slope(&a, &b);
            self.pairs.push((left, right));
            self.products.push(self.product);
            self.product *= denominator.norm();
        }
    }

    /// Does all additions, the last first.
    fn apply<P: SWCurveConfig<BaseField = F>>(&mut self, points: &mut [Affine<P>]) {
        // No factor is zero: x differs, or y is not its own opposite.
        let mut inverse = self.product.inverse().unwrap_or_default();
        for ((left, right), product) in self.pairs.drain(..).zip(self.products.drain(..)).rev() {
            let (a, b) = (points[left], points[right]);
            let (numerator, denominator) = slope(&a, &b);
            let slope = numerator * denominator.inverse_by(product * inverse);
            inverse *= denominator.norm();
            let x = slope.square() - a.x - b.x;
            points[left] = Affine::new_unchecked(x, slope * (a.x - x) - a.y);
        }
        self.product = Field::ONE;
    }
}

/// Numerator and denominator of the slope of the line through two points, the tangent if they are the same.
#[inline]
fn slope<P: SWCurveConfig>(a: &Affine<P>, b: &Affine<P>) -> (P::BaseField, P::BaseField) {
    if a.x == b.x {
        let square = a.x.square();
        (square.double() + square + P::COEFF_A, a.y.double())
    } else {
        (b.y - a.y, b.x - a.x)
    }
}
