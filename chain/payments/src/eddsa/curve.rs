//! PAY-EDDSA-CURVE: BabyJubJub in circomlib's form, 168700 x^2 + y^2 = 1 + 168696 x^2 y^2 over the BN254 scalar field (EIP-2494).
//!
//! The curve has 8 l points, l prime. 168700 is a square and 168696 is not, so that the addition law is complete.
//! (`ark-ed-on-bn254` is the same group with x scaled by the square root of 168700.)

use ark_bn254::Fr;
use ark_ec::{
    CurveConfig,
    twisted_edwards::{Affine, MontCurveConfig, Projective, TECurveConfig},
};
use ark_ff::{Field, Fp256, MontBackend, MontConfig, MontFp};

/// The field of l elements, l the order of the prime subgroup.
#[derive(MontConfig)]
#[modulus = "2736030358979909402780800718157159386076813972158567259200215660948447373041"]
#[generator = "31"]
pub struct ScalarConfig;

/// Integers modulo l, the order of the prime subgroup.
pub type Scalar = Fp256<MontBackend<ScalarConfig, 4>>;
/// A point (x, y).
pub type Point = Affine<BabyJubJub>;
/// A point in extended coordinates, for arithmetic.
pub type ExtendedPoint = Projective<BabyJubJub>;

/// The curve's parameters in arkworks' terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BabyJubJub;

impl CurveConfig for BabyJubJub {
    type BaseField = Fr;
    type ScalarField = Scalar;
    const COFACTOR: &'static [u64] = &[8];
    /// The inverse of the cofactor 8 modulo l.
    const COFACTOR_INV: Scalar =
        MontFp!("2394026564107420727433200628387514462817212225638746351800188703329891451411");
}

impl TECurveConfig for BabyJubJub {
    const COEFF_A: Fr = MontFp!("168700");
    const COEFF_D: Fr = MontFp!("168696");
    /// `Base8`, of order l.
    const GENERATOR: Point = Point::new_unchecked(
        MontFp!("5299619240641551281634865583518297030282874472190772894086521144482721001553"),
        MontFp!("16950150798460657717958625567821834550301663161624707787222815936182638968203"),
    );
    type MontCurveConfig = Self;
}

/// The birationally equivalent curve v^2 = u^3 + 168698 u^2 + u, with u = (1 + y) / (1 - y), v = u / x.
impl MontCurveConfig for BabyJubJub {
    const COEFF_A: Fr = MontFp!("168698");
    const COEFF_B: Fr = Fr::ONE;
    type TECurveConfig = Self;
}

/// The generator of the prime subgroup, circomlib's `Base8`.
pub const GENERATOR: Point = <BabyJubJub as TECurveConfig>::GENERATOR;

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ec::{AffineRepr, CurveGroup, PrimeGroup};
    use ark_ff::{FftField, One, PrimeField, Zero};

    /// Tests PAY-EDDSA-CURVE.
    #[test]
    fn the_parameters_are_those_of_eip_2494() {
        assert!(GENERATOR.is_on_curve() && GENERATOR.is_in_correct_subgroup_assuming_on_curve());
        assert!(!GENERATOR.is_zero());
        let generator = Point::new_unchecked(
            MontFp!("995203441582195749578291179787384436505546430278305826713579947235728471134"),
            MontFp!("5472060717959818805561601436314318772137091100104008585924551046643952123905"),
        );
        assert!(generator.is_on_curve() && !generator.is_in_correct_subgroup_assuming_on_curve());
        assert_eq!(generator.mul_by_cofactor(), GENERATOR);
        assert_eq!((BabyJubJub::COFACTOR_INV * Scalar::from(8u64)), Scalar::one());
        assert!((ExtendedPoint::generator().mul_bigint(Scalar::MODULUS)).into_affine().is_zero());
    }

    #[test]
    fn the_addition_law_is_complete() {
        let a = <BabyJubJub as TECurveConfig>::COEFF_A;
        let d = <BabyJubJub as TECurveConfig>::COEFF_D;
        assert!(a.legendre().is_qr() && d.legendre().is_qnr());
    }

    #[test]
    fn the_montgomery_form_is_the_same_curve() {
        let a = <BabyJubJub as TECurveConfig>::COEFF_A;
        let d = <BabyJubJub as TECurveConfig>::COEFF_D;
        let scale = (a - d).inverse().unwrap();
        assert_eq!(<BabyJubJub as MontCurveConfig>::COEFF_A, (a + d) * scale * Fr::from(2u64));
        assert_eq!(<BabyJubJub as MontCurveConfig>::COEFF_B, scale * Fr::from(4u64));
        // No point has u = -1, where the way back would divide by zero: -1 + A - 1 is not a square.
        assert!((<BabyJubJub as MontCurveConfig>::COEFF_A - Fr::from(2u64)).legendre().is_qnr());
    }

    #[test]
    fn the_multiplicative_generator_is_no_square() {
        assert!(Scalar::GENERATOR.legendre().is_qnr() && !Scalar::GENERATOR.is_zero());
    }
}
