//! The state tree inside a chunk (PAY-NODE, PAY-TREE). Twin: `tandem_payments::tree`.
//!
//! A chunk carries the top of the tree, its sixteen nodes two levels below the root, from slot to slot as variables. So
//! a write of a leaf climbs fourteen levels, twice (before and after, with the same siblings), and the two levels above
//! are hashed once per chunk at either end instead of four times per slot.

use super::logic::zero_if;
use crate::gadgets::poseidon;
use ark_bn254::Fr;
use ark_r1cs_std::{
    alloc::AllocVar,
    boolean::Boolean,
    fields::{FieldVar, fp::FpVar},
};
use ark_relations::gr1cs::{ConstraintSystemRef, SynthesisError};
use tandem_payments::state::Opening;
use tandem_payments::tags;
use tandem_payments::tree::{ARITY, CAP_NODES, Cap, LEVELS, PATH_LEVELS};

type Children = [FpVar<Fr>; ARITY];

/// The hash of a node: 264 constraints.
pub(super) fn node(children: &Children) -> Result<FpVar<Fr>, SynthesisError> {
    let mut lanes = children.clone();
    lanes[0] += tags::NODE.to_fr();
    Ok(poseidon::permute_first(&lanes)? + &children[0])
}

/// One of four positions: weights of the children 1, 2, 3; that of child 0 is what is left of one.
struct Digit {
    weights: [FpVar<Fr>; ARITY - 1],
}

impl Digit {
    /// Three constraints. Also the digit's value.
    fn new_witness(cs: &ConstraintSystemRef<Fr>, digit: u32) -> Result<(Self, FpVar<Fr>), SynthesisError> {
        let bit = |i: u32| Boolean::new_witness(cs.clone(), || Ok(digit >> i & 1 == 1)).map(FpVar::from);
        let (low, high) = (bit(0)?, bit(1)?);
        let both = &low * &high;
        let value = &low + &high + &high;
        Ok((Self { weights: [low - &both, high - &both, both] }, value))
    }

    /// The child at the position: three constraints.
    fn enforce_is(&self, children: &Children, expected: &FpVar<Fr>) -> Result<(), SynthesisError> {
        let [one, two, three] = &self.weights;
        let partial = &children[0] + one * (&children[1] - &children[0]) + two * (&children[2] - &children[0]);
        three.mul_equals(&(&children[3] - &children[0]), &(expected - partial))
    }

    /// The child at the position: three constraints.
    fn select(&self, children: &Children) -> FpVar<Fr> {
        let [one, two, three] = &self.weights;
        &children[0]
            + one * (&children[1] - &children[0])
            + two * (&children[2] - &children[0])
            + three * (&children[3] - &children[0])
    }

    /// `value` at the position, zero elsewhere: three constraints.
    fn place(&self, value: &FpVar<Fr>) -> Children {
        let [one, two, three] = self.weights.each_ref().map(|weight| weight * value);
        [value - &one - &two - &three, one, two, three]
    }
}

/// The cap as it stands.
pub(super) struct CapVar([FpVar<Fr>; CAP_NODES]);

impl CapVar {
    pub(super) fn new_witness(cs: &ConstraintSystemRef<Fr>, cap: &Cap) -> Result<Self, SynthesisError> {
        let nodes = cap.map(|node| FpVar::new_witness(cs.clone(), || Ok(node)));
        let nodes = nodes.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(Self(core::array::from_fn(|i| nodes[i].clone())))
    }

    /// The root above it: five nodes.
    pub(super) fn root(&self) -> Result<FpVar<Fr>, SynthesisError> {
        let children = (0..ARITY).map(|i| node(&self.row(i))).collect::<Result<Vec<_>, _>>()?;
        node(&core::array::from_fn(|i| children[i].clone()))
    }

    fn row(&self, i: usize) -> Children {
        core::array::from_fn(|j| self.0[ARITY * i + j].clone())
    }

    /// Replaces the node at (row, column), which must be `old`: 30 constraints.
    fn replace(&mut self, column: &Digit, row: &Digit, old: &FpVar<Fr>, new: &FpVar<Fr>) -> Result<(), SynthesisError> {
        let selected: Children =
            core::array::from_fn(|j| row.select(&core::array::from_fn(|i| self.0[ARITY * i + j].clone())));
        column.enforce_is(&selected, old)?;
        for (j, change) in column.place(&(new - old)).iter().enumerate() {
            for (i, change) in row.place(change).into_iter().enumerate() {
                self.0[ARITY * i + j] += change;
            }
        }
        Ok(())
    }
}

/// A place in the tree: an index and what is beside its path.
pub(super) struct Place {
    /// Below 2^32 by its bits.
    pub(super) index: FpVar<Fr>,
    digits: Vec<Digit>,
    path: Vec<Children>,
}

impl Place {
    /// Allocates the place of an opening: its index by bits, and its siblings. 48 constraints.
    pub(super) fn new_witness(cs: &ConstraintSystemRef<Fr>, opening: &Opening) -> Result<Self, SynthesisError> {
        let mut index = FpVar::zero();
        let mut digits = Vec::with_capacity(LEVELS);
        for level in 0..LEVELS {
            let (digit, value) = Digit::new_witness(cs, opening.index >> (2 * level) & 3)?;
            index += value * Fr::from(1u64 << (2 * level));
            digits.push(digit);
        }
        let mut path = Vec::with_capacity(PATH_LEVELS);
        for children in &opening.path {
            let children = children.map(|child| FpVar::new_witness(cs.clone(), || Ok(child)));
            let children = children.into_iter().collect::<Result<Vec<_>, _>>()?;
            path.push(core::array::from_fn(|i| children[i].clone()));
        }
        Ok(Self { index, digits, path })
    }

    /// Replaces the leaf hash here, which must be `old` under the cap: 14 levels of 534 constraints, and the cap.
    pub(super) fn replace(&self, cap: &mut CapVar, old: &FpVar<Fr>, new: &FpVar<Fr>) -> Result<(), SynthesisError> {
        let (mut old, mut new) = (old.clone(), new.clone());
        for (digit, children) in self.digits.iter().zip(&self.path) {
            digit.enforce_is(children, &old)?;
            let change = digit.place(&(&new - &old));
            new = node(&core::array::from_fn(|i| &children[i] + &change[i]))?;
            old = node(children)?;
        }
        let [column, row] = &self.digits[PATH_LEVELS..] else {
            unreachable!("the cap has two levels");
        };
        cap.replace(column, row, &old, &new)
    }

    /// The flag implies that this is not the sentinel's place: two constraints.
    pub(super) fn not_first_if(&self, flag: &FpVar<Fr>) -> Result<(), SynthesisError> {
        super::logic::nonzero_if(flag, &self.index)
    }

    /// The flag implies that this is the place `index`: one constraint.
    pub(super) fn is_if(&self, flag: &FpVar<Fr>, index: &FpVar<Fr>) -> Result<(), SynthesisError> {
        zero_if(flag, &(&self.index - index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{System, proving};
    use ark_r1cs_std::GR1CSVar;
    use tandem_payments::leaf::Leaf;
    use tandem_payments::tree::Tree;

    fn sample() -> Tree {
        let mut tree = Tree::default();
        for (i, index) in [0, 1, 2, 3, 6, 1 << 28, 7 << 29, u32::MAX].into_iter().enumerate() {
            tree.set(index, Fr::from(i as u64 + 1));
        }
        tree
    }

    fn opening(tree: &Tree, index: u32) -> Opening {
        Opening { index, leaf: Leaf::default(), path: tree.path(index) }
    }

    /// Writes `new` over `old` at an index in the circuit: the root that comes out.
    fn write(cs: &ConstraintSystemRef<Fr>, tree: &Tree, index: u32, old: u64, new: u64) -> FpVar<Fr> {
        let mut cap = CapVar::new_witness(cs, &tree.cap()).unwrap();
        let place = Place::new_witness(cs, &opening(tree, index)).unwrap();
        let [old, new] = [old, new].map(|x| FpVar::new_input(cs.clone(), || Ok(Fr::from(x))).unwrap());
        place.replace(&mut cap, &old, &new).unwrap();
        cap.root().unwrap()
    }

    #[test]
    fn a_write_is_the_native_one_anywhere() {
        for (i, index) in [0, 1, 2, 3, 6, 1 << 28, 7 << 29, u32::MAX].into_iter().enumerate() {
            let mut tree = sample();
            let cs = proving();
            let root = write(&cs, &tree, index, i as u64 + 1, 99).value().unwrap();
            tree.set(index, Fr::from(99u64));
            assert_eq!(root, tree.root());
            let mut system = System::of(&cs);
            assert!(system.is_satisfied());
            // a write: 7,554; the root above the cap: five nodes
            assert_eq!(system.constraints(), 7_554 + 5 * 264);
            if index == 6 {
                // but for the rest of the cap, which is bound by the root that the chunk publishes
                let cap: Vec<usize> = (0..16).filter(|i| *i != 0).collect();
                assert!(system.unbound().iter().all(|free| cap.contains(free)));
            }
        }
    }

    #[test]
    fn another_leaf_than_the_one_there_is_refused() {
        for index in [0, 1, 2, 3, 5, 6, u32::MAX] {
            let cs = proving();
            let _ = write(&cs, &sample(), index, 77, 99);
            assert!(!System::of(&cs).is_satisfied());
        }
    }

    #[test]
    fn a_node_is_the_native_one() {
        let children = [4u64, 5, 0, 7].map(Fr::from);
        let cs = proving();
        let vars = children.map(|child| FpVar::new_witness(cs.clone(), || Ok(child)).unwrap());
        assert_eq!(node(&vars).unwrap().value().unwrap(), tandem_payments::tree::node(&children));
        let system = System::of(&cs);
        assert!(system.is_satisfied());
        assert_eq!(system.constraints(), 264);
    }
}
