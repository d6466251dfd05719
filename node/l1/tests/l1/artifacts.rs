//! The bindings beside the contracts that are deployed: names, types, indexed topics, results, mutability.

use std::collections::BTreeSet;

use alloy::json_abi::{Error, Event, Function, JsonAbi, Param};
use serde::Deserialize;
use tandem_l1::bindings::{
    Bridge, Dispute, Erc20, FraudSettlement, Inbox, PaymentsBridge, Schedule, Step, UpgradeGate, ValiditySettlement,
};

#[derive(Deserialize)]
struct Artifact {
    abi: JsonAbi,
}

macro_rules! compare {
    ($contract:ident, $file:literal) => {{
        let json = include_str!(concat!("../../../../contracts/artifacts/", $file, ".json"));
        let artifact: Artifact = serde_json::from_str(json).unwrap();
        Pair { name: $file, bound: $contract::abi::contract(), compiled: artifact.abi }
    }};
}

struct Pair {
    name: &'static str,
    bound: JsonAbi,
    compiled: JsonAbi,
}

fn pairs() -> [Pair; 10] {
    [
        compare!(Inbox, "Inbox"),
        compare!(FraudSettlement, "FraudSettlement"),
        compare!(Bridge, "Bridge"),
        compare!(Schedule, "Schedule"),
        compare!(UpgradeGate, "UpgradeGate"),
        compare!(Dispute, "Dispute"),
        compare!(Step, "Step"),
        compare!(ValiditySettlement, "ValiditySettlement"),
        compare!(PaymentsBridge, "PaymentsBridge"),
        compare!(Erc20, "DevnetToken"),
    ]
}

fn types(params: &[Param]) -> Vec<String> {
    params.iter().map(|param| param.selector_type().into_owned()).collect()
}

fn function(function: &Function) -> String {
    format!("{} {:?} {:?}", function.signature(), types(&function.outputs), function.state_mutability)
}

fn event(event: &Event) -> String {
    let indexed: Vec<bool> = event.inputs.iter().map(|input| input.indexed).collect();
    format!("{} {indexed:?} {}", event.signature(), event.anonymous)
}

/// Bound ones that are not compiled.
fn invented<'a, T: 'a>(
    bound: impl Iterator<Item = &'a T>,
    compiled: impl Iterator<Item = &'a T>,
    describe: fn(&T) -> String,
) -> Vec<String> {
    let compiled: BTreeSet<String> = compiled.map(describe).collect();
    let bound: BTreeSet<String> = bound.map(describe).collect();
    assert!(!bound.is_empty() || compiled.is_empty(), "nothing is bound");
    bound.difference(&compiled).cloned().collect()
}

#[test]
fn what_is_bound_is_what_is_compiled() {
    let none: [String; 0] = [];
    for Pair { name, bound, compiled } in pairs() {
        assert_eq!(invented(bound.functions(), compiled.functions(), function), none, "functions of {name}");
        assert_eq!(invented(bound.events(), compiled.events(), event), none, "events of {name}");
        if name != "DevnetToken" {
            assert_eq!(invented(bound.errors(), compiled.errors(), Error::signature), none, "errors of {name}");
        }
    }
}

/// A revert whose reason has no name here would reach an operator as bytes.
#[test]
fn every_error_of_a_contracts_own_is_bound() {
    for Pair { name, bound, compiled } in pairs().into_iter().filter(|pair| pair.name != "DevnetToken") {
        let prefix = match name {
            // These are made of libraries, whose errors are their own.
            "Dispute" | "ValiditySettlement" => String::new(),
            // Both kinds of Bridge have their errors from one base.
            "PaymentsBridge" => "Bridge_".into(),
            name => format!("{name}_"),
        };
        let own = compiled.errors().filter(|error| error.name.starts_with(&prefix)).map(Error::signature);
        let bound: BTreeSet<String> = bound.errors().map(Error::signature).collect();
        let missing: Vec<String> = own.filter(|signature| !bound.contains(signature)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
}
