//! How many rounds a permutation has. Constants are made for so many, and the rounds take them.

/// Full rounds of every width, half of them before and half after the partial ones.
pub const FULL_ROUNDS: usize = 8;

/// The widest permutation: a capacity element and sixteen inputs.
pub const WIDTH_MAX: usize = 17;

/// Partial rounds by width, from width 2 on (circomlib).
const PARTIAL_ROUNDS: [usize; WIDTH_MAX - 1] = [56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68];

/// Partial rounds of the permutation of `width` elements, 2 to 17.
pub const fn partial_rounds(width: usize) -> usize {
    PARTIAL_ROUNDS[width - 2]
}
