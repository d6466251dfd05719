//! Against `ark_ec`: random scalars, those at every border of the digits, and points that the rule of addition has exceptions for.

use super::{
    BLOCK_ENTRIES,
    affine::Normed,
    digits::{Digit, Digits},
    msm,
};
use ark_bn254::{Fr, g1, g2};
use ark_ec::{
    AffineRepr, CurveGroup, PrimeGroup, VariableBaseMSM,
    short_weierstrass::{Affine, Projective, SWCurveConfig},
};
use ark_ff::{AdditiveGroup, Field, One, PrimeField, UniformRand, Zero};
use ark_std::rand::Rng;

type Integer = <Fr as PrimeField>::BigInt;

/// Different points, cheaply.
fn points<P: SWCurveConfig<ScalarField = Fr, BaseField: Normed>>(count: usize) -> Vec<Affine<P>> {
    let step = Projective::<P>::generator() * Fr::rand(&mut ark_std::test_rng());
    let points: Vec<_> = std::iter::successors(Some(step), |point| Some(*point + step)).take(count).collect();
    Projective::normalize_batch(&points)
}

fn integers(scalars: impl IntoIterator<Item = Fr>) -> Vec<Integer> {
    scalars.into_iter().map(Fr::into_bigint).collect()
}

fn compare<P: SWCurveConfig<ScalarField = Fr, BaseField: Normed>>(points: &[Affine<P>], scalars: &[Integer], what: &str)
where
    Projective<P>: VariableBaseMSM<MulBase = Affine<P>, ScalarField = Fr>,
{
    let expected = Projective::<P>::msm_bigint(points, scalars);
    assert_eq!(msm(points, scalars), expected, "{what}: {} points, {} scalars", points.len(), scalars.len());
}

/// Scalars where digits, signs and sizes change, on both sides of zero.
fn borders() -> Vec<Fr> {
    let powers = (0..254).map(|bits| Fr::from(2u64).pow([bits]));
    let half = Fr::from(Fr::MODULUS_MINUS_ONE_DIV_TWO);
    let around = powers.chain([Fr::ZERO, half]).flat_map(|x| [x - Fr::one(), x, x + Fr::one()]);
    around.flat_map(|x| [x, -x]).collect()
}

/// Of every kind that a witness has.
fn witness(count: usize, bits: f64) -> Vec<Integer> {
    let mut rng = ark_std::test_rng();
    let value = |_| match rng.gen_bool(bits) {
        true => Fr::from(rng.gen_bool(0.5)),
        false => match rng.gen_range(0..8) {
            0 => Fr::from(rng.r#gen::<u8>()),
            1 => Fr::from(rng.r#gen::<u64>()),
            2 => Fr::from(rng.r#gen::<u128>()),
            3 => -Fr::from(rng.r#gen::<u16>()),
            _ => Fr::rand(&mut rng),
        },
    };
    integers((0..count).map(value).collect::<Vec<_>>())
}

#[test]
fn sums_are_those_of_ark_ec_in_both_groups_and_every_size() {
    fn check<P: SWCurveConfig<ScalarField = Fr, BaseField: Normed>>()
    where
        Projective<P>: VariableBaseMSM<MulBase = Affine<P>, ScalarField = Fr>,
    {
        let points = points::<P>(2 * BLOCK_ENTRIES + 5);
        for count in [0, 1, 2, 3, 31, 32, 100, 1000, points.len()] {
            for bits in [0.0, 0.6, 1.0] {
                compare(&points[..count], &witness(count, bits), "a witness");
            }
        }
        // The longer of the two is cut.
        let scalars = witness(100, 0.5);
        compare(&points[..60], &scalars, "fewer points");
        compare(&points[..100], &scalars[..60], "fewer scalars");
        compare(&points[..0], &scalars, "no points");
        compare(&points[..100], &[], "no scalars");
    }
    check::<g1::Config>();
    check::<g2::Config>();
}

#[test]
fn scalars_at_every_border() {
    let borders = integers(borders());
    let points = points::<g1::Config>(borders.len());
    compare(&points, &borders, "borders");
    for (point, scalar) in points.iter().zip(&borders) {
        assert_eq!(msm(&[*point], &[*scalar]), point.mul_bigint(scalar), "{scalar}");
    }
    for scalar in [Fr::ZERO, Fr::one(), -Fr::one(), Fr::from(Fr::MODULUS_MINUS_ONE_DIV_TWO)] {
        compare(&points, &integers(vec![scalar; points.len()]), "one scalar for all");
    }
}

#[test]
fn points_that_cannot_be_added_by_the_common_rule() {
    fn check<P: SWCurveConfig<ScalarField = Fr, BaseField: Normed>>()
    where
        Projective<P>: VariableBaseMSM<MulBase = Affine<P>, ScalarField = Fr>,
    {
        let mut rng = ark_std::test_rng();
        let some = points::<P>(8);
        let (p, q, infinity) = (some[0], some[1], Affine::<P>::zero());
        let double = (p + p).into_affine();
        let patterns = [
            vec![p, p],
            vec![p, -p],
            vec![infinity],
            vec![infinity, infinity],
            vec![infinity, p],
            vec![p, infinity],
            vec![p, p, p],
            vec![p, -p, p],
            vec![p, p, -p, -p],
            vec![p, p, -double, q],
            vec![p, p, double, double],
            vec![p, -p, q, -q, infinity, p, p],
            vec![p, q, -p, -q, p, q, -p, -q, q],
        ];
        for pattern in patterns {
            for scalar in [Fr::one(), -Fr::one(), Fr::from(2048u64), Fr::from(2049u64), Fr::rand(&mut rng)] {
                // The same scalar brings all into one bucket, in every window; with its opposite every second one is subtracted.
                let same = vec![scalar; pattern.len()];
                let opposite = (0..pattern.len()).map(|i| if i % 2 == 0 { scalar } else { -scalar });
                compare(&pattern, &integers(same), "one bucket");
                compare(&pattern, &integers(opposite), "one bucket, both signs");
            }
        }
        // A few points again and again, in long runs over several blocks.
        let repeated: Vec<_> = (0..BLOCK_ENTRIES + 700).map(|_| some[rng.gen_range(0..some.len())]).collect();
        compare(&repeated, &witness(repeated.len(), 0.7), "repeated");
        compare(&repeated, &integers(vec![Fr::one(); repeated.len()]), "repeated, in one bucket");
        compare(&[infinity; 50], &witness(50, 0.3), "infinity alone");
    }
    check::<g1::Config>();
    check::<g2::Config>();
}

/// Digits and windows make up every scalar, and no digit is beyond the greatest bucket, whatever the width.
#[test]
fn digits_are_the_scalar() {
    let fixed = integers(borders());
    for more in [0, 10, 1000, 100_000] {
        let scalars: Vec<_> = fixed.iter().copied().chain(witness(more, 0.0)).collect();
        let digits = Digits::new(&scalars);
        let mut sums = vec![Fr::zero(); scalars.len()];
        let mut add = |Digit { point, value }: Digit, max: usize, weight: Fr| {
            assert!(value.unsigned_abs() as usize <= max, "{value} with width {}", digits.width());
            let value = if value < 0 { -Fr::from(value.unsigned_abs()) } else { Fr::from(value as u32) };
            sums[point as usize] += value * weight;
        };
        digits.small().for_each(|digit| add(digit, Digits::SMALL_MAX, Fr::one()));
        let mut weight = Fr::one();
        for window in 0..digits.windows() {
            digits.window(window).for_each(|digit| add(digit, digits.bucket_max(), weight));
            weight *= Fr::from(2u64).pow([digits.width() as u64]);
        }
        assert!(sums.into_iter().map(Fr::into_bigint).eq(scalars), "width {}", digits.width());
    }
}
