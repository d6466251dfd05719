//! What the tests of every circuit share: a synthesised system held as plain matrices, so that single witness
//! values can be changed by index and only the rows that see them looked at again.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field, One, Zero};
use ark_relations::gr1cs::{
    ConstraintSystem, ConstraintSystemRef, OptimizationGoal, R1CS_PREDICATE_LABEL, SynthesisError, SynthesisMode,
};

use core::cell::RefCell;
use core::panic::Location;
use std::collections::{BTreeMap, BTreeSet};

type Row = Vec<(Fr, usize)>;

/// A rule: the line that states it.
pub type Rule = &'static Location<'static>;

thread_local! {
    /// Rows of the system under synthesis that are a rule's.
    static RULES: RefCell<BTreeMap<usize, Rule>> = const { RefCell::new(BTreeMap::new()) };
}

/// Notes that the row just added is a rule's; nothing if there is no new row, because all of it was constant.
pub fn note(cs: &ConstraintSystemRef<Fr>, row: usize, rule: Rule) {
    if cs.num_constraints() == row + 1 {
        RULES.with_borrow_mut(|rules| rules.insert(row, rule));
    }
}

/// A constraint system with its assignment.
pub struct System {
    matrices: [Vec<Row>; 3],
    /// For each variable the rows that contain it.
    rows_of: Vec<Vec<u32>>,
    assignment: Vec<Fr>,
    instances: usize,
    /// Rows that are a rule's.
    rules: BTreeMap<usize, Rule>,
}

/// A fresh system in which values are known and matrices are built.
pub fn proving() -> ConstraintSystemRef<Fr> {
    let cs = ConstraintSystem::new_ref();
    cs.set_optimization_goal(OptimizationGoal::Constraints);
    cs.set_mode(SynthesisMode::Prove { construct_matrices: true, generate_lc_assignments: false });
    cs
}

impl System {
    /// Runs `circuit` and takes the system apart.
    pub fn new(circuit: impl FnOnce(ConstraintSystemRef<Fr>) -> Result<(), SynthesisError>) -> Self {
        let cs = proving();
        RULES.take();
        circuit(cs.clone()).unwrap();
        Self { rules: RULES.take(), ..Self::of(&cs) }
    }

    /// Takes a synthesised system apart.
    pub fn of(cs: &ConstraintSystemRef<Fr>) -> Self {
        cs.finalize();
        let matrices: [Vec<Row>; 3] =
            cs.to_matrices().unwrap().remove(R1CS_PREDICATE_LABEL).unwrap().try_into().unwrap();
        let mut assignment = cs.instance_assignment().unwrap();
        let instances = assignment.len();
        assignment.extend(cs.witness_assignment().unwrap());
        let mut rows_of = vec![Vec::new(); assignment.len()];
        for matrix in &matrices {
            for (index, row) in matrix.iter().enumerate() {
                for &(coefficient, variable) in row {
                    let rows: &mut Vec<u32> = &mut rows_of[variable];
                    if !coefficient.is_zero() && rows.last() != Some(&(index as u32)) {
                        rows.push(index as u32);
                    }
                }
            }
        }
        Self { matrices, rows_of, assignment, instances, rules: BTreeMap::new() }
    }

    /// How many constraints there are.
    pub fn constraints(&self) -> usize {
        self.matrices[0].len()
    }

    /// Number of witness variables.
    pub fn witnesses(&self) -> usize {
        self.assignment.len() - self.instances
    }

    /// Non-zero entries of the three matrices.
    pub fn entries(&self) -> [usize; 3] {
        self.matrices.each_ref().map(|matrix| matrix.iter().map(Vec::len).sum())
    }

    /// The value of a witness variable.
    pub fn witness(&mut self, index: usize) -> &mut Fr {
        &mut self.assignment[self.instances + index]
    }

    /// The value of a public input; 0 is the constant one.
    pub fn instance(&mut self, index: usize) -> &mut Fr {
        assert!(index > 0 && index < self.instances);
        &mut self.assignment[index]
    }

    fn row_holds(&self, row: usize) -> bool {
        let [a, b, c] = self.matrices.each_ref().map(|matrix| {
            matrix[row].iter().map(|&(coefficient, variable)| coefficient * self.assignment[variable]).sum::<Fr>()
        });
        a * b == c
    }

    /// Whether every constraint holds.
    pub fn is_satisfied(&self) -> bool {
        (0..self.constraints()).all(|row| self.row_holds(row))
    }

    /// How many constraints do not hold.
    pub fn broken(&self) -> usize {
        (0..self.constraints()).filter(|&row| !self.row_holds(row)).count()
    }

    /// All rules that the system's constraints state.
    pub fn rules(&self) -> BTreeSet<Rule> {
        self.rules.values().copied().collect()
    }

    /// The rule that alone stands in the way: all rows that do not hold are its own.
    pub fn only_broken_rule(&self) -> Option<Rule> {
        let broken = (0..self.constraints()).filter(|&row| !self.row_holds(row));
        let rules: BTreeSet<Option<Rule>> = broken.map(|row| self.rules.get(&row).copied()).collect();
        if rules.len() == 1 { rules.first().copied().flatten() } else { None }
    }

    /// Witness variables of which another value, with all else unchanged, passes too.
    pub fn unbound(&mut self) -> Vec<usize> {
        assert!(self.is_satisfied(), "the mutations start from a satisfied system");
        (0..self.witnesses()).filter(|&index| self.accepts_other_value(self.instances + index)).collect()
    }

    /// Public inputs of which another value, with all else unchanged, passes too.
    pub fn unbound_instances(&mut self) -> Vec<usize> {
        assert!(self.is_satisfied(), "the mutations start from a satisfied system");
        (1..self.instances).filter(|&variable| self.accepts_other_value(variable)).collect()
    }

    fn accepts_other_value(&mut self, variable: usize) -> bool {
        let honest = self.assignment[variable];
        let others = [
            honest + Fr::one(),
            honest - Fr::one(),
            Fr::one() - honest,
            -honest,
            honest.double(),
            honest.square() + Fr::from(0x1234_5678_9abc_def1u64),
        ];
        let rows = core::mem::take(&mut self.rows_of[variable]);
        let accepted = others.into_iter().filter(|other| *other != honest).any(|other| {
            self.assignment[variable] = other;
            rows.iter().all(|&row| self.row_holds(row as usize))
        });
        self.assignment[variable] = honest;
        self.rows_of[variable] = rows;
        accepted
    }
}

/// Asserts that `circuit` is satisfied, has this many constraints and leaves no witness value free.
pub fn assert_sound(constraints: usize, circuit: impl FnOnce(ConstraintSystemRef<Fr>) -> Result<(), SynthesisError>) {
    let mut system = System::new(circuit);
    assert!(system.is_satisfied());
    assert_eq!(system.constraints(), constraints, "the number of constraints is pinned");
    assert_eq!(system.unbound(), Vec::<usize>::new(), "witness values that may change");
}

/// Whether `circuit` accepts the witness it is given (a gadget that refuses to synthesise counts as a refusal).
pub fn accepts(circuit: impl FnOnce(ConstraintSystemRef<Fr>) -> Result<(), SynthesisError>) -> bool {
    let cs = proving();
    circuit(cs.clone()).is_ok() && System::of(&cs).is_satisfied()
}
