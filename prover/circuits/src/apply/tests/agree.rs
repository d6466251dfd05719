//! Native ledger and circuit accept the same operations.
//!
//! The forger lays each operation out as if it were good; what the ledger refuses must not satisfy the circuit, or not publish the
//! value that was signed. Of each queue message all results are laid out: the circuit must take the ledger's and no other.
//!
//! Two kinds of strategies: one for every clause of the rulebook, which starts from a good case, varies what the clause speaks of,
//! and names all outcomes that it must reach; and a mix of everything near every limit.

mod message;
mod message_clauses;
mod user;
mod user_clauses;

use alloy_primitives::{Address, U256};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::LazyLock;
use tandem_payments::kind::CREATE_GAS;
use tandem_payments::leaf::{Key, Leaf};
use tandem_payments::state::State;
use tandem_payments::testing::{self, *};

/// Cases of the mix.
const CASES: u32 = 40;
/// Cases of a clause, in every run and in the long one.
const CLAUSE_CASES: u32 = 12;
const CLAUSE_CASES_LONG: u32 = 100;

fn funded() -> State {
    static STATE: LazyLock<State> = LazyLock::new(testing::funded);
    STATE.clone()
}

/// The low bits of a number that may be too wide for its lane.
fn cut(value: U256, bits: usize) -> U256 {
    value & ((U256::from(1) << bits) - U256::from(1))
}

fn people() -> impl Strategy<Value = Address> {
    prop_oneof![6 => (1u8..=3).prop_map(account), 2 => Just(account(9)), 1 => Just(Address::ZERO)]
}

fn tokens() -> impl Strategy<Value = Address> {
    prop_oneof![4 => Just(token(1)), 1 => Just(token(2)), 1 => Just(Address::ZERO)]
}

/// Amounts around the token balances, the ETH balances and the widths.
fn amounts() -> impl Strategy<Value = u128> {
    prop_oneof![Just(0), Just(5), 4999u128..=5001, 9 * ETHER..=11 * ETHER, Just(u128::MAX), Just(u128::MAX - 5000)]
}

/// A clause of the rulebook.
struct Clause<T> {
    /// The rule and what it demands.
    name: &'static str,
    /// Good cases in which only what the clause speaks of is varied, at its limits and around them.
    strategy: BoxedStrategy<T>,
    /// What comes of them: all of these, nothing else.
    outcomes: &'static [&'static str],
}

fn clause<T>(
    name: &'static str,
    strategy: impl Strategy<Value = T> + 'static,
    outcomes: &'static [&'static str],
) -> Clause<T> {
    Clause { name, strategy: strategy.boxed(), outcomes }
}

/// Runs the strategy of each clause, from the same seed every time: native rules and circuit agree, and each outcome is seen.
fn run<T: Debug>(clauses: Vec<Clause<T>>, cases: u32, agrees: fn(&T) -> Result<String, TestCaseError>) {
    let mut failures = Vec::new();
    for Clause { name, strategy, outcomes } in clauses {
        let config =
            ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 8, ..ProptestConfig::default() };
        let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
        let seen = RefCell::new(BTreeSet::new());
        let result = runner.run(&strategy, |case| {
            seen.borrow_mut().insert(agrees(&case)?);
            Ok(())
        });
        let expected: BTreeSet<_> = outcomes.iter().map(|outcome| String::from(*outcome)).collect();
        let seen = seen.into_inner();
        match result {
            Err(error) => failures.push(format!("{name}: {error}")),
            Ok(()) if seen != expected => failures.push(format!("{name}: {seen:?}, not {expected:?}")),
            Ok(()) => {}
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_clause_of_an_operation() {
    run(user_clauses::operation(), CLAUSE_CASES, user::agrees);
}

#[test]
fn every_clause_of_a_kind() {
    run(user_clauses::kinds(), CLAUSE_CASES, user::agrees);
}

#[test]
fn every_clause_of_a_message() {
    run(message_clauses::all(), CLAUSE_CASES, message::agrees);
}

/// Every clause with many more cases; `make fuzz-circuits` runs it.
#[test]
#[ignore = "ten minutes"]
fn exhaustive_clauses() {
    run(user_clauses::operation(), CLAUSE_CASES_LONG, user::agrees);
    run(user_clauses::kinds(), CLAUSE_CASES_LONG, user::agrees);
    run(message_clauses::all(), CLAUSE_CASES_LONG, message::agrees);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, ..ProptestConfig::default() })]

    #[test]
    fn users(case in user::cases()) {
        user::agrees(&case)?;
    }

    #[test]
    fn queue(case in message::cases()) {
        message::agrees(&case)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    /// The mix with many more cases; `make fuzz-circuits` runs it.
    #[test]
    #[ignore = "twenty minutes"]
    fn exhaustive(case in user::cases(), message in message::cases()) {
        user::agrees(&case)?;
        message::agrees(&message)?;
    }
}

/// Leaves of the state that the strategies aim at.
#[test]
fn strategies_aim_at_what_is_there() {
    let state = funded();
    let leaf = |key| state.get(key).copied().unwrap_or_default();
    assert_eq!(leaf(Key::eth(account(1))).balance, 10 * ETHER);
    assert_eq!(leaf(Key { address: account(1), token: token(1) }).balance, 5000);
    assert_eq!(leaf(Key::eth(account(9))), Leaf::default());
    assert_eq!(CREATE_GAS, 21_000);
}
