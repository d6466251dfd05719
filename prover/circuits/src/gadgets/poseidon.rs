//! Poseidon as constraints: three for every S-box.
//!
//! Twin: `tandem_payments::poseidon` (same parameters, same sparse form).
//!
//! What becomes a variable is the *input* n of each S-box, together with n^2 and n^4; the output n^5 is never one. It
//! is the linear combination that the round's matrix, inverted, makes of the next round's inputs, and it stands on the
//! right of `n^4 * n = n^5`. So the factors of every product are single variables (short rows for the prover, few
//! points in its G2 key), and only right-hand sides grow through the partial rounds. Constants in the first round cost
//! nothing: a constant input's S-box is computed, not constrained.

use ark_bn254::Fr;
use ark_ff::{Field, One, Zero};
use ark_r1cs_std::{
    GR1CSVar,
    fields::fp::{AllocatedFp, FpVar},
};
use ark_relations::gr1cs::{ConstraintSystemRef, LinearCombination, SynthesisError, Variable};
use tandem_payments::{
    poseidon::{FULL_ROUNDS, INPUTS_MAX, Parameters, Shared, Tag, parameters, permute},
    with_poseidon_width,
};

/// Poseidon of 1 to 16 elements; a constant when all of them are.
///
/// # Panics
/// If the number of inputs is outside 1 to 16.
pub fn hash(inputs: &[FpVar<Fr>]) -> Result<FpVar<Fr>, SynthesisError> {
    let mut lanes = Vec::with_capacity(inputs.len() + 1);
    lanes.push(FpVar::Constant(Fr::zero()));
    lanes.extend_from_slice(inputs);
    permute_first(&lanes)
}

/// Element 0 of the permutation of 2 to 17 lanes; a constant when all lanes are.
///
/// # Panics
/// If the number of lanes is outside 2 to 17.
pub fn permute_first(lanes: &[FpVar<Fr>]) -> Result<FpVar<Fr>, SynthesisError> {
    let cs = lanes.iter().fold(ConstraintSystemRef::None, |cs, lane| cs.or(lane.cs()));
    let constants = lanes.iter().map(constant).collect::<Option<Vec<_>>>();
    with_poseidon_width!(lanes.len(), T => match constants {
        Some(constants) => {
            let mut state: [Fr; T] = constants.try_into().expect("there are T lanes");
            permute(parameters::<T>(), &mut state);
            Ok(FpVar::Constant(state[0]))
        }
        None => digest::<T>(&cs, parameters::<T>(), lanes),
    })
}

/// Poseidon of a tag and 1 to 15 elements.
///
/// # Panics
/// If the number of inputs is outside 1 to 15.
pub fn hash_tagged(tag: Tag, inputs: &[FpVar<Fr>]) -> Result<FpVar<Fr>, SynthesisError> {
    assert!(inputs.len() < INPUTS_MAX, "a tagged hash takes at most 15 elements");
    let mut all = Vec::with_capacity(inputs.len() + 1);
    all.push(FpVar::Constant(tag.to_fr()));
    all.extend_from_slice(inputs);
    hash(&all)
}

fn constant(input: &FpVar<Fr>) -> Option<Fr> {
    match input {
        FpVar::Constant(value) => Some(*value),
        FpVar::Var(_) => None,
    }
}

/// A linear combination with its value: terms sorted by variable. Where no matrices are built, sums keep no terms.
#[derive(Clone)]
struct Linear {
    terms: Vec<(Fr, Variable)>,
    value: Option<Fr>,
}

impl Linear {
    fn of(variable: Variable, value: Option<Fr>) -> Self {
        Self { terms: vec![(Fr::one(), variable)], value }
    }

    fn constant(value: Fr) -> Self {
        Self { terms: vec![(value, Variable::One)], value: Some(value) }
    }

    fn lc(&self) -> LinearCombination<Fr> {
        LinearCombination(self.terms.iter().copied().filter(|(c, _)| !c.is_zero()).collect())
    }
}

/// The system in which a permutation is laid out.
struct Builder<'a> {
    cs: &'a ConstraintSystemRef<Fr>,
    keep_terms: bool,
}

impl Builder<'_> {
    fn witness(&self, value: Option<Fr>) -> Result<Linear, SynthesisError> {
        let variable = self.cs.new_witness_variable(|| value.ok_or(SynthesisError::AssignmentMissing))?;
        Ok(Linear::of(variable, value))
    }

    fn enforce(&self, a: &Linear, b: &Linear, c: &Linear) -> Result<(), SynthesisError> {
        self.cs.enforce_r1cs_constraint(|| a.lc(), || b.lc(), || c.lc())
    }

    /// `constant` plus a weighted sum.
    fn sum<'b>(&self, constant: Fr, terms: impl IntoIterator<Item = (Fr, &'b Linear)>) -> Linear {
        let mut sum = Linear::constant(constant);
        for (coefficient, linear) in terms {
            self.add(&mut sum, coefficient, linear);
        }
        sum
    }

    fn add(&self, sum: &mut Linear, coefficient: Fr, other: &Linear) {
        sum.value = sum.value.zip(other.value).map(|(sum, value)| sum + coefficient * value);
        if !self.keep_terms {
            return;
        }
        let mut merged = Vec::with_capacity(sum.terms.len() + other.terms.len());
        let mut mine = sum.terms.iter().copied().peekable();
        for &(c, variable) in &other.terms {
            while let Some(term) = mine.next_if(|term| term.1 < variable) {
                merged.push(term);
            }
            let known = mine.next_if(|term| term.1 == variable).map_or(Fr::zero(), |term| term.0);
            merged.push((known + c * coefficient, variable));
        }
        merged.extend(mine);
        sum.terms = merged;
    }

    /// n^4 of an S-box input: two constraints.
    fn fourth(&self, n: &Linear) -> Result<Linear, SynthesisError> {
        let square = self.witness(n.value.map(|n| n.square()))?;
        self.enforce(n, n, &square)?;
        let fourth = self.witness(square.value.map(|square| square.square()))?;
        self.enforce(&square, &square, &fourth)?;
        Ok(fourth)
    }

    /// An S-box whose output is a variable: three constraints.
    fn quintic(&self, n: &Linear) -> Result<Linear, SynthesisError> {
        let output = self.witness(quintic(n.value))?;
        self.quintic_equals(n, &output)?;
        Ok(output)
    }

    /// An S-box whose output is known as a combination: three constraints.
    fn quintic_equals(&self, n: &Linear, output: &Linear) -> Result<(), SynthesisError> {
        let fourth = self.fourth(n)?;
        self.enforce(&fourth, n, output)
    }

    /// A full round of inputs `n`: allocates the next round's inputs, `mds * n^5 + constants`.
    fn full_round<const T: usize>(
        &self,
        n: &[Linear],
        parameters: &Parameters<T>,
        constants: &[Fr; T],
    ) -> Result<Vec<Linear>, SynthesisError> {
        let outputs: Option<Vec<Fr>> = n.iter().map(|n| quintic(n.value)).collect();
        let mixed =
            |row: &[Fr; T]| outputs.as_ref().map(|outputs| row.iter().zip(outputs).map(|(m, x)| *m * x).sum::<Fr>());
        let next = core::iter::zip(&parameters.mds, constants)
            .map(|(row, constant)| self.witness(mixed(row).map(|sum| sum + constant)))
            .collect::<Result<Vec<_>, _>>()?;
        for (n, row) in n.iter().zip(&parameters.mds_inverse) {
            let shift: Fr = row.iter().zip(constants).map(|(m, c)| *m * c).sum();
            let output = self.sum(-shift, row.iter().copied().zip(&next));
            self.quintic_equals(n, &output)?;
        }
        Ok(next)
    }
}

fn quintic(value: Option<Fr>) -> Option<Fr> {
    value.map(|n| n.square().square() * n)
}

fn digest<const T: usize>(
    cs: &ConstraintSystemRef<Fr>,
    parameters: &'static Parameters<T>,
    lanes: &[FpVar<Fr>],
) -> Result<FpVar<Fr>, SynthesisError>
where
    Parameters<T>: Shared,
{
    let builder = Builder { cs, keep_terms: cs.should_construct_matrices() };
    let half = FULL_ROUNDS / 2;
    let constants = &parameters.full_constants;

    let outputs = first_round(&builder, parameters, lanes)?;
    let mut state: Vec<Linear> = core::iter::zip(&parameters.mds, &constants[1])
        .map(|(row, &constant)| builder.sum(constant, row.iter().copied().zip(&outputs)))
        .collect();
    for constants in &constants[2..half] {
        state = builder.full_round(&state, parameters, constants)?;
    }
    let mut into_partial = [Fr::zero(); T];
    into_partial[0] = parameters.partial_constants[0];
    state = builder.full_round(&state, parameters, &into_partial)?;
    state = partial_rounds(&builder, parameters, state)?;
    for constants in &constants[half + 1..] {
        state = builder.full_round(&state, parameters, constants)?;
    }
    last_round(&builder, parameters, &state)
}

/// The outputs of the first S-boxes, as variables: constant inputs would make inverted combinations equations.
fn first_round<const T: usize>(
    builder: &Builder<'_>,
    parameters: &Parameters<T>,
    lanes: &[FpVar<Fr>],
) -> Result<Vec<Linear>, SynthesisError> {
    lanes
        .iter()
        .zip(&parameters.full_constants[0])
        .map(|(input, &added)| match input {
            FpVar::Constant(value) => {
                let n = *value + added;
                Ok(Linear::constant(n.square().square() * n))
            }
            FpVar::Var(input) => {
                builder.quintic(&builder.sum(added, [(Fr::one(), &Linear::of(input.variable, input.value().ok()))]))
            }
        })
        .collect()
}

/// The partial rounds: one variable each for the next input of element 0, the others stay combinations.
fn partial_rounds<const T: usize>(
    builder: &Builder<'_>,
    parameters: &Parameters<T>,
    mut state: Vec<Linear>,
) -> Result<Vec<Linear>, SynthesisError> {
    for (sparse, &constant) in parameters.sparse.iter().zip(&parameters.partial_constants[1..]) {
        let rest = builder.sum(constant, (1..T).map(|i| (sparse.row[i], &state[i])));
        let output = quintic(state[0].value);
        let next = builder.witness(rest.value.zip(output).map(|(rest, output)| rest + sparse.row[0] * output))?;
        let output = builder.sum(Fr::zero(), [(sparse.row_inverse, &next), (-sparse.row_inverse, &rest)]);
        builder.quintic_equals(&state[0], &output)?;
        for (element, &factor) in state.iter_mut().zip(&sparse.column).skip(1) {
            builder.add(element, factor, &output);
        }
        state[0] = next;
    }
    // The last one mixes densely into the full rounds, so that its output is a variable of its own.
    state[0] = builder.quintic(&state[0])?;
    Ok(core::iter::zip(&parameters.last_partial, &parameters.full_constants[FULL_ROUNDS / 2])
        .map(|(row, &constant)| builder.sum(constant, row.iter().copied().zip(&state)))
        .collect())
}

/// The last full round, of which only element 0 is wanted: all S-box outputs but the first are variables.
fn last_round<const T: usize>(
    builder: &Builder<'_>,
    parameters: &Parameters<T>,
    state: &[Linear],
) -> Result<FpVar<Fr>, SynthesisError> {
    let row = &parameters.mds[0];
    let others = state[1..].iter().map(|n| builder.quintic(n)).collect::<Result<Vec<_>, _>>()?;
    let rest = builder.sum(Fr::zero(), row[1..].iter().copied().zip(&others));
    let value = rest.value.zip(quintic(state[0].value)).map(|(rest, first)| rest + row[0] * first);
    let variable = builder.cs.new_witness_variable(|| value.ok_or(SynthesisError::AssignmentMissing))?;
    let scale = row[0].inverse().expect("an entry of a Cauchy matrix");
    let output = builder.sum(Fr::zero(), [(scale, &Linear::of(variable, value)), (-scale, &rest)]);
    builder.quintic_equals(&state[0], &output)?;
    Ok(FpVar::Var(AllocatedFp::new(value, variable, builder.cs.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{System, assert_sound, proving};
    use ark_r1cs_std::{alloc::AllocVar, eq::EqGadget};
    use tandem_payments::poseidon as native;

    fn values(count: usize) -> Vec<Fr> {
        (0..count).map(|i| Fr::from(i as u64 + 5).pow([31])).collect()
    }

    #[test]
    fn equals_its_native_twin_in_every_width_with_pinned_counts() {
        let counts = [213, 240, 261, 297, 321, 354, 381, 402, 417, 459, 465, 504, 543, 537, 573, 609];
        for (inputs, constraints) in (1..=INPUTS_MAX).zip(counts) {
            let values = values(inputs);
            let cs = proving();
            let inputs: Vec<_> = values.iter().map(|x| FpVar::new_witness(cs.clone(), || Ok(*x)).unwrap()).collect();
            let output = hash(&inputs).unwrap();
            assert_eq!(output.value().unwrap(), native::hash(&values), "{} inputs", values.len());
            assert_eq!(cs.num_constraints(), constraints, "{} inputs", values.len());
            assert!(System::of(&cs).is_satisfied());
        }
    }

    #[test]
    fn constants_and_public_inputs_give_the_same_hash() {
        let values = values(4);
        for constants in 0..16 {
            let cs = proving();
            let inputs: Vec<_> = (0..4)
                .map(|i| match constants >> i & 1 {
                    1 => FpVar::Constant(values[i]),
                    _ => FpVar::new_input(cs.clone(), || Ok(values[i])).unwrap(),
                })
                .collect();
            let output = hash(&inputs).unwrap();
            assert_eq!(output.value().unwrap(), native::hash(&values));
            let free = 4 - (constants as u32).count_ones() as usize;
            let expected = if free == 0 { 0 } else { 297 - 3 * (4 - free) };
            assert_eq!(cs.num_constraints(), expected);
            assert!(System::of(&cs).is_satisfied());
        }
    }

    #[test]
    fn combinations_may_be_hashed() {
        let cs = proving();
        let x = FpVar::new_witness(cs.clone(), || Ok(Fr::from(3u64))).unwrap();
        let output = hash(&[&x + &x + Fr::one(), x.clone()]).unwrap();
        assert_eq!(output.value().unwrap(), native::hash(&[Fr::from(7u64), Fr::from(3u64)]));
        assert!(System::of(&cs).is_satisfied());
    }

    #[test]
    fn no_witness_value_is_free() {
        for width in [2, 3, 5, 17] {
            let values = values(width - 1);
            let expected = native::hash(&values);
            let count = [213, 240, 0, 297][width.min(5) - 2] * usize::from(width < 17) + 609 * usize::from(width == 17);
            assert_sound(count + 1, |cs| {
                let inputs: Vec<_> =
                    values.iter().map(|x| FpVar::new_witness(cs.clone(), || Ok(*x))).collect::<Result<_, _>>()?;
                hash(&inputs)?.enforce_equal(&FpVar::new_input(cs, || Ok(expected))?)
            });
        }
    }

    #[test]
    fn the_permutation_is_open_to_its_capacity_lane() {
        let values = values(4);
        let mut state: [Fr; 4] = values.clone().try_into().unwrap();
        permute(parameters::<4>(), &mut state);
        let constants: Vec<_> = values.iter().map(|x| FpVar::Constant(*x)).collect();
        assert_eq!(permute_first(&constants).unwrap().value().unwrap(), state[0]);
        assert_sound(265, |cs| {
            let lanes: Vec<_> =
                values.iter().map(|x| FpVar::new_witness(cs.clone(), || Ok(*x))).collect::<Result<_, _>>()?;
            permute_first(&lanes)?.enforce_equal(&FpVar::new_input(cs, || Ok(state[0]))?)
        });
    }

    #[test]
    fn rows_stay_short() {
        let values = values(2);
        let mut system = System::new(|cs| {
            let inputs: Vec<_> =
                values.iter().map(|x| FpVar::new_witness(cs.clone(), || Ok(*x))).collect::<Result<_, _>>()?;
            hash(&inputs).map(|_| ())
        });
        assert!(system.is_satisfied());
        *system.witness(0) += Fr::one();
        assert!(!system.is_satisfied());
        assert_eq!(system.entries(), [425, 610, 2004], "non-zero entries of the three matrices");
    }
}
