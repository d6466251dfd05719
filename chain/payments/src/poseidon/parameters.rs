//! Round constants and matrices of one width, rewritten so that a partial round costs 2t - 1 multiplications.
//!
//! A partial round raises only element 0. So the constants of the other elements move past it into the next round,
//! and of the matrix the part that mixes only the other elements moves likewise: with M = [[m, v], [w, N]],
//! M = [[1, 0], [0, N]] * [[m, v], [N^-1 w, 1]]; the right factor is sparse, the left one goes into the next round.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "made once from constants of the program: every width is made in the tests, and nothing from outside enters"
)]
#![allow(clippy::needless_range_loop, reason = "matrices are indexed as they are written on paper")]

use super::{
    grain::Grain,
    rounds::{FULL_ROUNDS, partial_rounds},
};
use alloc::{boxed::Box, vec::Vec};
use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};
use once_cell::race::OnceBox;

/// The matrix of a partial round: row 0, and below it column 0 beside the identity.
#[derive(Clone, Debug)]
pub struct Sparse<const T: usize> {
    /// Row 0 of the matrix.
    pub row: [Fr; T],
    /// Column 0; element 0 repeats `row[0]`.
    pub column: [Fr; T],
    /// 1 / `row[0]`, for the circuit.
    pub row_inverse: Fr,
}

/// Everything the permutation of `T` elements needs.
#[derive(Clone, Debug)]
pub struct Parameters<const T: usize> {
    /// Constants of the full rounds, all eight.
    pub full_constants: Vec<[Fr; T]>,
    /// The constant that element 0 gets in each partial round.
    pub partial_constants: Vec<Fr>,
    /// The matrix of every partial round but the last.
    pub sparse: Vec<Sparse<T>>,
    /// The dense matrix of the last partial round.
    pub last_partial: [[Fr; T]; T],
    /// The matrix of the full rounds.
    pub mds: [[Fr; T]; T],
    /// Its inverse, for the circuit.
    pub mds_inverse: [[Fr; T]; T],
}

/// Constants and matrix as the paper states them.
pub(super) struct Textbook<const T: usize> {
    pub(super) constants: Vec<[Fr; T]>,
    pub(super) mds: [[Fr; T]; T],
}

impl<const T: usize> Textbook<T> {
    pub(super) fn generate() -> Self {
        let mut grain = Grain::new(T);
        let rounds = FULL_ROUNDS + partial_rounds(T);
        let constants = (0..rounds).map(|_| core::array::from_fn(|_| grain.constant())).collect();
        let xs: [Fr; T] = core::array::from_fn(|_| grain.reduced());
        let ys: [Fr; T] = core::array::from_fn(|_| grain.reduced());
        let cauchy =
            |x: Fr, y: Fr| (x + y).inverse().expect("the generator's coordinates of these widths have no zero sum");
        Self { constants, mds: xs.map(|x| ys.map(|y| cauchy(x, y))) }
    }
}

impl<const T: usize> Parameters<T> {
    fn generate() -> Self {
        let Textbook { mut constants, mds } = Textbook::<T>::generate();
        let half = FULL_ROUNDS / 2;
        let partial = partial_rounds(T);

        let mut partial_constants = Vec::with_capacity(partial);
        for round in half..half + partial {
            let mut moved = constants[round];
            partial_constants.push(moved[0]);
            moved[0] = Fr::zero();
            let moved = multiply_vector(&mds, &moved);
            for (constant, add) in constants[round + 1].iter_mut().zip(moved) {
                *constant += add;
            }
        }
        let mut full_constants: Vec<[Fr; T]> = constants[..half].to_vec();
        full_constants.extend_from_slice(&constants[half + partial..]);

        let mut dense = mds;
        let mut sparse = Vec::with_capacity(partial - 1);
        for _ in 1..partial {
            let (left, right) = factor(&dense);
            sparse.push(right);
            dense = multiply_matrices(&mds, &left);
        }
        let mds_inverse = invert(mds);
        Self { full_constants, partial_constants, sparse, last_partial: dense, mds, mds_inverse }
    }
}

/// Splits a matrix into a left factor that leaves element 0 alone and a sparse right one.
fn factor<const T: usize>(dense: &[[Fr; T]; T]) -> ([[Fr; T]; T], Sparse<T>) {
    let mut left = *dense;
    left[0] = [Fr::zero(); T];
    for row in &mut left {
        row[0] = Fr::zero();
    }
    left[0][0] = Fr::one();
    let mut column: [Fr; T] = core::array::from_fn(|i| dense[i][0]);
    solve(left, &mut column);
    let row_inverse = dense[0][0].inverse().expect("the products of these Cauchy matrices have no zero here");
    (left, Sparse { row: dense[0], column, row_inverse })
}

fn invert<const T: usize>(matrix: [[Fr; T]; T]) -> [[Fr; T]; T] {
    let mut inverse = [[Fr::zero(); T]; T];
    for j in 0..T {
        let mut column: [Fr; T] = core::array::from_fn(|i| if i == j { Fr::one() } else { Fr::zero() });
        solve(matrix, &mut column);
        for i in 0..T {
            inverse[i][j] = column[i];
        }
    }
    inverse
}

/// Replaces `column` by `matrix^-1 * column` (Gauss and Jordan; the matrices here are regular).
fn solve<const T: usize>(mut matrix: [[Fr; T]; T], column: &mut [Fr; T]) {
    for i in 0..T {
        let pivot = (i..T).find(|&k| !matrix[k][i].is_zero()).expect("minors of a Cauchy matrix are regular");
        matrix.swap(i, pivot);
        column.swap(i, pivot);
        let inverse = matrix[i][i].inverse().expect("the pivot is not zero");
        for j in i..T {
            matrix[i][j] *= inverse;
        }
        column[i] *= inverse;
        let (row, value) = (matrix[i], column[i]);
        for k in (0..T).filter(|&k| k != i) {
            let scale = matrix[k][i];
            for j in i..T {
                matrix[k][j] -= scale * row[j];
            }
            column[k] -= scale * value;
        }
    }
}

fn multiply_vector<const T: usize>(matrix: &[[Fr; T]; T], vector: &[Fr; T]) -> [Fr; T] {
    core::array::from_fn(|i| (0..T).map(|j| matrix[i][j] * vector[j]).sum())
}

fn multiply_matrices<const T: usize>(a: &[[Fr; T]; T], b: &[[Fr; T]; T]) -> [[Fr; T]; T] {
    core::array::from_fn(|i| core::array::from_fn(|j| (0..T).map(|k| a[i][k] * b[k][j]).sum()))
}

/// A width that has a place for its parameters.
pub trait Shared: Sized + 'static {
    /// The place that the parameters of this width are kept in after their first use.
    fn cell() -> &'static OnceBox<Self>;
}

macro_rules! shared {
    ($($width:literal)*) => {$(
        impl Shared for Parameters<$width> {
            fn cell() -> &'static OnceBox<Self> {
                static CELL: OnceBox<Parameters<$width>> = OnceBox::new();
                &CELL
            }
        }
    )*};
}
shared!(2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17);

/// The parameters of width `T`, made on first use.
pub(super) fn shared<const T: usize>() -> &'static Parameters<T>
where
    Parameters<T>: Shared,
{
    Parameters::<T>::cell().get_or_init(|| Box::new(Parameters::generate()))
}

/// Evaluates an expression with the constant `$t` set to a width known only at run time.
#[doc(hidden)]
#[macro_export]
macro_rules! with_poseidon_width {
    ($width:expr, $t:ident => $body:expr) => {
        $crate::with_poseidon_width!(@ $width, $t, $body, 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17)
    };
    (@ $width:expr, $t:ident, $body:expr, $($literal:literal)*) => {
        match $width {
            $($literal => { const $t: usize = $literal; $body })*
            width => panic!("Poseidon takes 1 to 16 inputs, not {}", width as isize - 1),
        }
    };
}
pub(super) use with_poseidon_width as with_width;

#[cfg(test)]
mod tests {
    use super::*;

    /// The permutation as the paper writes it.
    fn textbook<const T: usize>(state: &mut [Fr; T]) {
        let Textbook { constants, mds } = Textbook::<T>::generate();
        let half = FULL_ROUNDS / 2;
        for (round, constants) in constants.iter().enumerate() {
            for i in 0..T {
                state[i] += constants[i];
                if i == 0 || round < half || round >= half + partial_rounds(T) {
                    state[i] = state[i].pow([5]);
                }
            }
            *state = multiply_vector(&mds, state);
        }
    }

    fn agrees<const T: usize>()
    where
        Parameters<T>: Shared,
    {
        let mut expected: [Fr; T] = core::array::from_fn(|i| Fr::from(i as u64 * 77 + 1).pow([19]));
        let mut state = expected;
        textbook(&mut expected);
        super::super::permute(shared::<T>(), &mut state);
        assert_eq!(state, expected, "every element of the state, width {T}");
    }

    #[test]
    fn sparse_rounds_equal_the_textbook_permutation() {
        agrees::<2>();
        agrees::<3>();
        agrees::<4>();
        agrees::<5>();
        agrees::<6>();
        agrees::<9>();
        agrees::<17>();
    }
}
