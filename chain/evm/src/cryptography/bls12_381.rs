//! The BLS12-381 precompiles (EIP-2537) on arkworks; revm does not let its own be named where blst is linked. Twin: blst, in the node.
//!
//! Coordinates are 48 bytes, big-endian, canonical; all zeros is the point at infinity. Addition takes any point of the curve; multiplication and
//! pairing take points of the subgroup alone.

use alloc::vec::Vec;
use ark_bls12_381::{Bls12_381, Fq, Fq2, Fr, G1Affine, G1Projective, G2Affine, G2Projective, g1, g2};
use ark_ec::{
    AffineRepr, CurveGroup, VariableBaseMSM,
    hashing::{curve_maps::wb::WBMap, map_to_curve_hasher::MapToCurve},
    pairing::Pairing,
    short_weierstrass::{Affine, SWCurveConfig},
};
use ark_ff::{AdditiveGroup, BigInt, One, PrimeField, Zero};
use revm::precompile::{
    PrecompileHalt,
    bls12_381::{G1Point, G1PointScalar, G2Point, G2PointScalar},
};

type Result<T> = core::result::Result<T, PrecompileHalt>;

pub(super) fn g1_add(a: &G1Point, b: &G1Point) -> Result<[u8; 96]> {
    Ok(encode_g1((G1Projective::from(read_g1(a)?) + read_g1(b)?).into_affine()))
}

pub(super) fn g2_add(a: &G2Point, b: &G2Point) -> Result<[u8; 192]> {
    Ok(encode_g2((G2Projective::from(read_g2(a)?) + read_g2(b)?).into_affine()))
}

pub(super) fn g1_msm(pairs: &mut dyn Iterator<Item = Result<G1PointScalar>>) -> Result<[u8; 96]> {
    let (points, scalars) = read_pairs(pairs, read_g1_of_subgroup)?;
    Ok(encode_g1(G1Projective::msm_unchecked(&points, &scalars).into_affine()))
}

pub(super) fn g2_msm(pairs: &mut dyn Iterator<Item = Result<G2PointScalar>>) -> Result<[u8; 192]> {
    let (points, scalars) = read_pairs(pairs, read_g2_of_subgroup)?;
    Ok(encode_g2(G2Projective::msm_unchecked(&points, &scalars).into_affine()))
}

/// Whether the pairings' product is one. Infinity's pairing is one.
pub(super) fn pairing_check(pairs: &[(G1Point, G2Point)]) -> Result<bool> {
    let mut ps = Vec::with_capacity(pairs.len());
    let mut qs = Vec::with_capacity(pairs.len());
    for (p, q) in pairs {
        ps.push(read_g1_of_subgroup(p)?);
        qs.push(read_g2_of_subgroup(q)?);
    }
    Ok(Bls12_381::multi_pairing(ps, qs).0.is_one())
}

pub(super) fn fp_to_g1(fp: &[u8; 48]) -> Result<[u8; 96]> {
    let point: G1Affine = WBMap::<g1::Config>::map_to_curve(read_fp(fp)?).map_err(|_| NOT_MAPPED)?;
    Ok(encode_g1(point.clear_cofactor()))
}

pub(super) fn fp2_to_g2((c0, c1): &([u8; 48], [u8; 48])) -> Result<[u8; 192]> {
    let point: G2Affine = WBMap::<g2::Config>::map_to_curve(read_fp2(c0, c1)?).map_err(|_| NOT_MAPPED)?;
    Ok(encode_g2(point.clear_cofactor()))
}

/// Every element maps to the curve; arkworks' signature says otherwise.
const NOT_MAPPED: PrecompileHalt = PrecompileHalt::other_static("no point for this field element");

fn read_pairs<E, P>(
    pairs: &mut dyn Iterator<Item = Result<(E, [u8; 32])>>,
    read: impl Fn(&E) -> Result<P>,
) -> Result<(Vec<P>, Vec<Fr>)> {
    let mut points = Vec::new();
    let mut scalars = Vec::new();
    for pair in pairs {
        let (point, scalar) = pair?;
        points.push(read(&point)?);
        // Any 256-bit number is a scalar; in the subgroup it counts modulo its order.
        scalars.push(Fr::from_be_bytes_mod_order(&scalar));
    }
    Ok((points, scalars))
}

fn read_g1((x, y): &G1Point) -> Result<G1Affine> {
    on_curve(read_fp(x)?, read_fp(y)?).ok_or(PrecompileHalt::Bls12381G1NotOnCurve)
}

fn read_g2((x0, x1, y0, y1): &G2Point) -> Result<G2Affine> {
    on_curve(read_fp2(x0, x1)?, read_fp2(y0, y1)?).ok_or(PrecompileHalt::Bls12381G2NotOnCurve)
}

fn read_g1_of_subgroup(point: &G1Point) -> Result<G1Affine> {
    let point = read_g1(point)?;
    let inside = point.is_in_correct_subgroup_assuming_on_curve();
    inside.then_some(point).ok_or(PrecompileHalt::Bls12381G1NotInSubgroup)
}

fn read_g2_of_subgroup(point: &G2Point) -> Result<G2Affine> {
    let point = read_g2(point)?;
    let inside = point.is_in_correct_subgroup_assuming_on_curve();
    inside.then_some(point).ok_or(PrecompileHalt::Bls12381G2NotInSubgroup)
}

fn on_curve<P: SWCurveConfig>(x: P::BaseField, y: P::BaseField) -> Option<Affine<P>> {
    if x.is_zero() && y.is_zero() {
        return Some(Affine::identity());
    }
    Some(Affine::new_unchecked(x, y)).filter(Affine::is_on_curve)
}

fn read_fp(bytes: &[u8; 48]) -> Result<Fq> {
    let mut limbs = [0; 6];
    for (limb, bytes) in limbs.iter_mut().zip(bytes.rchunks_exact(8)) {
        *limb = bytes.iter().fold(0, |limb, byte| (limb << 8) | u64::from(*byte));
    }
    Fq::from_bigint(BigInt::new(limbs)).ok_or(PrecompileHalt::NonCanonicalFp)
}

fn read_fp2(c0: &[u8; 48], c1: &[u8; 48]) -> Result<Fq2> {
    Ok(Fq2::new(read_fp(c0)?, read_fp(c1)?))
}

fn encode_g1(point: G1Affine) -> [u8; 96] {
    let (x, y) = point.xy().unwrap_or((Fq::ZERO, Fq::ZERO));
    encode([x, y])
}

fn encode_g2(point: G2Affine) -> [u8; 192] {
    let (x, y) = point.xy().unwrap_or((Fq2::ZERO, Fq2::ZERO));
    encode([x.c0, x.c1, y.c0, y.c1])
}

fn encode<const COORDINATES: usize, const BYTES: usize>(coordinates: [Fq; COORDINATES]) -> [u8; BYTES] {
    let limbs = coordinates.into_iter().flat_map(|fp| fp.into_bigint().0.into_iter().rev());
    let mut bytes = [0; BYTES];
    for (bytes, limb) in bytes.chunks_exact_mut(8).zip(limbs) {
        bytes.copy_from_slice(&limb.to_be_bytes());
    }
    bytes
}
