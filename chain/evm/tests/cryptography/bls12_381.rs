//! The BLS12-381 precompiles (EIP-2537): blst beside arkworks.

use alloy_primitives::{U256, hex};
use ark_bls12_381::{Fq, Fq2, G1Affine, G2Affine};
use ark_ff::{BigInteger, PrimeField};
use proptest::{array::uniform32, collection::vec, prelude::*, sample::select};
use revm::precompile::bls12_381::{G1Point, G2Point};

type Fp = [u8; 48];

const MODULUS: Fp =
    hex!("1a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab");
const G1_INFINITY: G1Point = ([0; 48], [0; 48]);
const G2_INFINITY: G2Point = ([0; 48], [0; 48], [0; 48], [0; 48]);

fn g1_of(bytes: &[u8; 96]) -> G1Point {
    (bytes[..48].try_into().unwrap(), bytes[48..].try_into().unwrap())
}

fn g2_of(bytes: &[u8; 192]) -> G2Point {
    let fp = |index: usize| bytes[48 * index..48 * (index + 1)].try_into().unwrap();
    (fp(0), fp(1), fp(2), fp(3))
}

fn bytes_of(fp: Fq) -> Fp {
    fp.into_bigint().to_bytes_be().try_into().unwrap()
}

fn small(number: u64) -> Fp {
    bytes_of(Fq::from(number))
}

/// A point of the subgroup.
fn g1(seed: u64) -> G1Point {
    g1_of(&super::agree(|cryptography| cryptography.bls12_381_fp_to_g1(&small(seed))).unwrap())
}

fn g2(seed: u64) -> G2Point {
    g2_of(&super::agree(|cryptography| cryptography.bls12_381_fp2_to_g2((small(seed), small(seed + 1)))).unwrap())
}

/// A point of the curve, hardly of the subgroup.
fn g1_outside(seed: u64) -> G1Point {
    let point =
        (seed..).find_map(|x| G1Affine::get_point_from_x_unchecked(Fq::from(x), seed.is_multiple_of(2))).unwrap();
    (bytes_of(point.x), bytes_of(point.y))
}

fn g2_outside(seed: u64) -> G2Point {
    let x = |c1| Fq2::new(Fq::from(seed), Fq::from(c1));
    let point = (seed..).find_map(|c1| G2Affine::get_point_from_x_unchecked(x(c1), seed.is_multiple_of(2))).unwrap();
    (bytes_of(point.x.c0), bytes_of(point.x.c1), bytes_of(point.y.c0), bytes_of(point.y.c1))
}

fn negated_g1((x, y): G1Point) -> G1Point {
    (x, bytes_of(-Fq::from_be_bytes_mod_order(&y)))
}

fn fp() -> impl Strategy<Value = Fp> {
    let mut above = MODULUS;
    above[47] += 1;
    let mut below = MODULUS;
    below[47] -= 1;
    prop_oneof![
        (uniform32(any::<u8>()), any::<[u8; 16]>()).prop_map(|(low, high)| {
            let mut bytes = [0; 48];
            bytes[..16].copy_from_slice(&high);
            bytes[16..].copy_from_slice(&low);
            bytes[0] &= 0x1f;
            bytes
        }),
        select(vec![[0; 48], small(1), below, MODULUS, above, [0xff; 48]]),
    ]
}

fn g1_point() -> impl Strategy<Value = G1Point> {
    prop_oneof![
        4 => (0u64..1_000).prop_map(g1),
        2 => (0u64..1_000).prop_map(g1_outside),
        1 => Just(G1_INFINITY),
        1 => (fp(), fp()),
        1 => ((0u64..1_000).prop_map(g1), fp()).prop_map(|((x, _), y)| (x, y)),
    ]
}

fn g2_point() -> impl Strategy<Value = G2Point> {
    prop_oneof![
        4 => (0u64..1_000).prop_map(g2),
        2 => (0u64..1_000).prop_map(g2_outside),
        1 => Just(G2_INFINITY),
        1 => (fp(), fp(), fp(), fp()),
        1 => ((0u64..1_000).prop_map(g2), fp()).prop_map(|((x0, x1, y0, _), y1)| (x0, x1, y0, y1)),
    ]
}

fn scalar() -> impl Strategy<Value = [u8; 32]> {
    let order = hex!("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001");
    prop_oneof![uniform32(any::<u8>()), select(vec![[0; 32], U256::from(1).to_be_bytes(), order, [0xff; 32]]),]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn addition(a in g1_point(), b in g1_point(), c in g2_point(), d in g2_point()) {
        super::agree(|cryptography| cryptography.bls12_381_g1_add(a, b));
        super::agree(|cryptography| cryptography.bls12_381_g1_add(a, a));
        super::agree(|cryptography| cryptography.bls12_381_g2_add(c, d));
        super::agree(|cryptography| cryptography.bls12_381_g2_add(d, d));
    }

    #[test]
    fn multiplication(
        ones in vec((g1_point(), scalar()), 0..5), twos in vec((g2_point(), scalar()), 0..5),
        point in 0u64..1_000, factor in scalar(),
    ) {
        super::agree(|cryptography| cryptography.bls12_381_g1_msm(&mut ones.iter().copied().map(Ok)));
        super::agree(|cryptography| cryptography.bls12_381_g2_msm(&mut twos.iter().copied().map(Ok)));
        let valid = [(g1(point), factor), (g1(point + 1), factor)];
        let sum = super::agree(|cryptography| cryptography.bls12_381_g1_msm(&mut valid.into_iter().map(Ok)));
        prop_assert!(sum.is_some());
    }

    #[test]
    fn pairing(pairs in vec((g1_point(), g2_point()), 0..3), p in 0u64..1_000, q in 0u64..1_000) {
        super::agree(|cryptography| cryptography.bls12_381_pairing_check(&pairs));
        let (p, q) = (g1(p), g2(q));
        let cancelling = [(p, q), (G1_INFINITY, q), (negated_g1(p), q), (p, G2_INFINITY)];
        let check = |count| super::agree(|cryptography| cryptography.bls12_381_pairing_check(&cancelling[..count]));
        prop_assert_eq!([0, 1, 2, 3, 4].map(check), [true, false, false, true, true].map(Some));
    }

    #[test]
    fn mapping(c0 in fp(), c1 in fp()) {
        super::agree(|cryptography| cryptography.bls12_381_fp_to_g1(&c0));
        super::agree(|cryptography| cryptography.bls12_381_fp2_to_g2((c0, c1)));
    }
}

#[test]
fn points_outside_of_the_subgroup_are_added_and_nothing_else() {
    let one = U256::from(1).to_be_bytes();
    let (p, q) = (g1_outside(1), g2_outside(1));
    assert!(super::agree(|cryptography| cryptography.bls12_381_g1_add(p, p)).is_some());
    assert!(super::agree(|cryptography| cryptography.bls12_381_g2_add(q, q)).is_some());
    assert_eq!(super::agree(|cryptography| cryptography.bls12_381_g1_msm(&mut [Ok((p, one))].into_iter())), None);
    assert_eq!(super::agree(|cryptography| cryptography.bls12_381_g2_msm(&mut [Ok((q, one))].into_iter())), None);
    assert_eq!(super::agree(|cryptography| cryptography.bls12_381_g1_msm(&mut [Ok((p, [0; 32]))].into_iter())), None);
    assert_eq!(super::agree(|cryptography| cryptography.bls12_381_pairing_check(&[(p, G2_INFINITY)])), None);
    assert_eq!(super::agree(|cryptography| cryptography.bls12_381_pairing_check(&[(G1_INFINITY, q)])), None);
}

/// The generator and its double, as published: both sides could share a mistake.
#[test]
fn the_generator() {
    let x = hex!("17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb");
    let y = hex!("08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1");
    let double = hex!(
        "0572cbea904d67468808c8eb50a9450c9721db309128012543902d0ac358a62ae28f75bb8f1c7c42c39a8c5529bf0f4e"
        "166a9d8cabc673a322fda673779d8e3822ba3ecb8670e461f73bb9021d5fd76a4c56d9d4cd16bd1bba86881979749d28"
    );
    assert_eq!(super::agree(|cryptography| cryptography.bls12_381_g1_add((x, y), (x, y))), Some(double));
    let negated = negated_g1((x, y));
    assert_eq!(super::agree(|cryptography| cryptography.bls12_381_g1_add((x, y), negated)), Some([0; 96]));
}
