//! Writes `contracts/src/payments/PoseidonConstants.sol`: Poseidon's parameters in the form that is cheapest on L1.
//!
//! All partial rounds have one matrix M and raise only lane 0. With x lane 0 before its constant is added, S what it is raised to,
//! l the row that reads lane 0 and N the matrix M with column 0 cleared, a partial round is `u' = N u + M[.][0] S`. By the
//! characteristic polynomial `t^T = c1 t^(T-1) + ... + cT` of N (cT is 0: N is singular), the elements `z1 = l u`,
//! `z(j+1) = z(j) N - c(j) l` of the row vectors carry the same state, and a round is
//!
//! ```text
//! z1' = z2 + c1 x + d1 S     z2' = z3 + c2 x + d2 S     ...     zT' = dT S        x = z1
//! ```
//!
//! with the same 2T - 1 numbers in every round. The full round before takes the matrix E = P M, P the rows of z, and X = P^-1 leads
//! back after the last partial round. `TANDEM_WRITE_VECTORS=1` writes the file; otherwise it must be what is written.

use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};
use std::{fmt::Write, fs, path::Path};
use tandem_payments::{
    field::integer,
    poseidon::{self, FULL_ROUNDS, Parameters, Shared},
};

type Matrix<const T: usize> = [[Fr; T]; T];

/// The partial rounds as a recurrence, and the matrices that lead into it and out of it.
struct Recurrence<const T: usize> {
    enter: Matrix<T>,
    leave: Matrix<T>,
    c: [Fr; T],
    d: [Fr; T],
}

fn row_times<const T: usize>(row: &[Fr; T], matrix: &Matrix<T>) -> [Fr; T] {
    core::array::from_fn(|j| (0..T).map(|k| row[k] * matrix[k][j]).sum())
}

fn inverse<const T: usize>(mut matrix: Matrix<T>) -> Matrix<T> {
    let mut inverse: Matrix<T> = core::array::from_fn(|i| core::array::from_fn(|j| Fr::from(u64::from(i == j))));
    for i in 0..T {
        let pivot = (i..T).find(|&k| !matrix[k][i].is_zero()).unwrap();
        matrix.swap(i, pivot);
        inverse.swap(i, pivot);
        let scale = matrix[i][i].inverse().unwrap();
        matrix[i] = matrix[i].map(|x| x * scale);
        inverse[i] = inverse[i].map(|x| x * scale);
        for k in (0..T).filter(|&k| k != i) {
            let factor = matrix[k][i];
            matrix[k] = core::array::from_fn(|j| matrix[k][j] - factor * matrix[i][j]);
            inverse[k] = core::array::from_fn(|j| inverse[k][j] - factor * inverse[i][j]);
        }
    }
    inverse
}

impl<const T: usize> Recurrence<T> {
    fn new(mds: &Matrix<T>) -> Self {
        let first: [Fr; T] = core::array::from_fn(|j| Fr::from(u64::from(j == 0)));
        let cleared: Matrix<T> = mds.map(|row| core::array::from_fn(|j| if j == 0 { Fr::zero() } else { row[j] }));

        // l, l N, ..., l N^(T-1); l N^T is their combination.
        let mut powers = [first; T];
        for j in 1..T {
            powers[j] = row_times(&powers[j - 1], &cleared);
        }
        let combination = row_times(&row_times(&powers[T - 1], &cleared), &inverse(powers));
        let c: [Fr; T] = core::array::from_fn(|j| combination[T - 1 - j]);

        let mut rows = [first; T];
        for j in 1..T {
            let moved = row_times(&rows[j - 1], &cleared);
            rows[j] = core::array::from_fn(|k| moved[k] - c[j - 1] * first[k]);
        }
        let d = core::array::from_fn(|j| (0..T).map(|k| rows[j][k] * mds[k][0]).sum());
        Self { enter: rows.map(|row| row_times(&row, mds)), leave: inverse(rows), c, d }
    }
}

fn times<const T: usize>(matrix: &Matrix<T>, state: &[Fr; T]) -> [Fr; T] {
    core::array::from_fn(|i| (0..T).map(|j| matrix[i][j] * state[j]).sum())
}

/// The permutation as the contract computes it.
fn permute<const T: usize>(parameters: &Parameters<T>, state: &mut [Fr; T]) {
    let recurrence = Recurrence::new(&parameters.mds);
    for (round, constants) in parameters.full_constants.iter().enumerate() {
        *state = core::array::from_fn(|i| (state[i] + constants[i]).pow([5]));
        if round + 1 != FULL_ROUNDS / 2 {
            *state = times(&parameters.mds, state);
            continue;
        }
        let mut z = times(&recurrence.enter, state);
        for constant in &parameters.partial_constants {
            let (x, raised) = (z[0], (z[0] + constant).pow([5]));
            z = core::array::from_fn(|j| {
                z.get(j + 1).copied().unwrap_or_default() + recurrence.c[j] * x + recurrence.d[j] * raised
            });
        }
        *state = times(&recurrence.leave, &z);
    }
}

fn agrees<const T: usize>()
where
    Parameters<T>: Shared,
{
    let parameters = poseidon::parameters::<T>();
    let Recurrence { enter, leave, c, .. } = Recurrence::new(&parameters.mds);
    // What the contract leaves out.
    assert!(c[T - 1].is_zero() && enter[T - 1][1..].iter().all(Fr::is_zero), "the last element is of lane 0 alone");
    assert!(leave[0][0].is_one() && leave[0][1..].iter().all(Fr::is_zero), "the first element is lane 0");
    for seed in [Fr::zero(), Fr::one(), -Fr::one(), Fr::from(77u64)] {
        let mut state: [Fr; T] = core::array::from_fn(|i| seed.pow([i as u64 + 1]));
        let mut expected = state;
        poseidon::permute(parameters, &mut expected);
        permute(parameters, &mut state);
        assert_eq!(state, expected, "width {T}");
    }
}

#[test]
fn the_recurrence_is_the_permutation() {
    agrees::<4>();
    agrees::<10>();
}

/// The constants of the rounds, in order: `T` in a full one, one in a partial one.
fn rounds<const T: usize>(parameters: &Parameters<T>) -> Vec<Fr> {
    let (before, after) = parameters.full_constants.split_at(FULL_ROUNDS / 2);
    [&before.concat()[..], &parameters.partial_constants, &after.concat()].concat()
}

fn word(out: &mut String, name: &str, value: Fr) {
    writeln!(out, "uint256 constant {name} = {:#066x};", integer(value)).unwrap();
}

fn table(out: &mut String, name: &str, values: &[Fr]) {
    write!(out, "bytes constant {name} = hex\"{:064x}\"", integer(values[0])).unwrap();
    for value in &values[1..] {
        write!(out, "\n    hex\"{:064x}\"", integer(*value)).unwrap();
    }
    out.push_str(";\n");
}

fn render() -> String {
    let mut out = String::from(
        "// SPDX-License-Identifier: MIT OR Apache-2.0\npragma solidity ^0.8.30;\n\n\
         // Parameters of Poseidon in widths 4 and 10, as Poseidon.sol uses them. Written and explained by\n\
         // chain/payments/tests/poseidon_constants.rs; not edited.\n\n\
         // Width 4: the matrix M of a full round, E of the last one before the partial rounds, X after them.\n",
    );
    let narrow = poseidon::parameters::<4>();
    let recurrence = Recurrence::new(&narrow.mds);
    for i in 0..4 {
        for j in 0..4 {
            word(&mut out, &format!("M{i}{j}"), narrow.mds[i][j]);
        }
    }
    for (i, j) in (0..4).flat_map(|i| (0..4).map(move |j| (i, j))).filter(|&(i, j)| i < 3 || j == 0) {
        word(&mut out, &format!("E{i}{j}"), recurrence.enter[i][j]);
    }
    for (i, j) in (1..4).flat_map(|i| (0..4).map(move |j| (i, j))) {
        word(&mut out, &format!("X{i}{j}"), recurrence.leave[i][j]);
    }
    out.push_str("\n// The recurrence of the partial rounds.\n");
    recurrence_words(&mut out, "N", &recurrence);
    out.push_str("\n// Round constants.\n");
    table(&mut out, "NARROW", &rounds(narrow));

    let wide = poseidon::parameters::<10>();
    let recurrence = Recurrence::new(&wide.mds);
    out.push_str("\n// Width 10: the recurrence of the partial rounds.\n");
    recurrence_words(&mut out, "W", &recurrence);
    out.push_str("\n// The matrices M, E and X by rows, then the round constants.\n");
    let matrices = [wide.mds, recurrence.enter, recurrence.leave].map(|matrix| matrix.concat()).concat();
    table(&mut out, "WIDE", &[matrices, rounds(wide)].concat());
    out
}

fn recurrence_words<const T: usize>(out: &mut String, prefix: &str, recurrence: &Recurrence<T>) {
    for j in 1..T {
        word(out, &format!("{prefix}C{j}"), recurrence.c[j - 1]);
    }
    for j in 1..=T {
        word(out, &format!("{prefix}D{j}"), recurrence.d[j - 1]);
    }
}

#[test]
fn the_constants_in_solidity_are_these() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts/src/payments/PoseidonConstants.sol");
    let rendered = render();
    if std::env::var_os("TANDEM_WRITE_VECTORS").is_some() {
        fs::write(&path, &rendered).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == rendered, "TANDEM_WRITE_VECTORS=1 cargo test -p tandem-payments --test poseidon_constants");
}
