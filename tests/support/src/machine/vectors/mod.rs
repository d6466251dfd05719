//! The shared vectors in `tests/vectors/vm`: Rust writes them, every implementation reads them.
//!
//! Regenerating must change nothing: files are compared, and written only when `TANDEM_WRITE_VECTORS` is set.
//! `contracts/test/vm` reads the same files.

pub mod instructions;
pub mod mutations;
pub mod rejects;

use std::{fs, path::PathBuf};

use alloy_primitives::{B256, hex};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tandem_vm::{State, reference::PointEvaluation, verify};

use super::{Kzg, Lockstep, programs};
use programs::Case;

/// Steps of the committed guest.
pub const GUEST_FILE: &str = "step-guest.json";

/// Witnesses and what becomes of them, by column. A file without reasons holds accepted ones only, one without successors refused ones.
#[derive(Serialize, Deserialize, PartialEq, Debug, Default)]
pub struct Steps {
    pub names: Vec<String>,
    /// The name in VM-8 of why it is refused; empty when it is not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    pub pre: Vec<B256>,
    /// The state after an accepted one; zero for others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post: Vec<B256>,
    pub witnesses: Vec<String>,
}

impl Steps {
    /// Every step of these programs.
    pub fn of(cases: Vec<Case>) -> Self {
        let mut steps = Self::default();
        for case in cases {
            let done = Lockstep::at(case.state, &case.image, case.oracle).run(case.steps);
            for (number, step) in done.into_iter().enumerate() {
                steps.accept(format!("{}, step {number}", case.name), step.before.hash(), &step.after, &step.witness);
            }
        }
        steps
    }

    pub fn accept(&mut self, name: String, pre: B256, after: &State, witness: &[u8]) {
        self.names.push(name);
        self.pre.push(pre);
        self.post.push(after.hash());
        self.witnesses.push(hex::encode_prefixed(witness));
    }

    /// The verifier finds the same, whoever evaluates points.
    pub fn replay(&self) {
        self.replay_with(&Kzg);
        self.replay_with(&tandem_vm::kzg::Kzg);
    }

    fn replay_with(&self, kzg: &impl PointEvaluation) {
        assert!(!self.names.is_empty());
        for (index, witness) in self.witnesses.iter().enumerate() {
            let found = verify(self.pre[index], &hex::decode(witness).unwrap(), kzg);
            let found = found.map(|state| state.hash()).map_err(|error| error.reason());
            let expected = match self.reasons.get(index).map(String::as_str) {
                None | Some("") => Ok(self.post[index]),
                Some(reason) => Err(reason),
            };
            assert_eq!(found, expected, "{}", self.names[index]);
        }
    }
}

/// The witness of the first step of a named program, with the state before it.
pub fn valid(name: &str) -> (State, Vec<u8>) {
    let case = programs::named(name);
    let step = Lockstep::at(case.state, &case.image, case.oracle).step();
    (step.before, step.witness)
}

pub fn directory() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../vectors/vm"].iter().collect()
}

/// What the file says.
pub fn read<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&text(name)).unwrap()
}

fn text(name: &str) -> String {
    let path = directory().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Compares with the committed file, or writes it; gives what the file then says.
pub fn committed<T: Serialize + DeserializeOwned>(name: &str, fresh: &T) -> T {
    let fresh = serde_json::to_string_pretty(fresh).unwrap() + "\n";
    if std::env::var_os("TANDEM_WRITE_VECTORS").is_some() {
        fs::create_dir_all(directory()).unwrap();
        fs::write(directory().join(name), &fresh).unwrap();
    }
    assert!(text(name) == fresh, "{name} differs from what this code writes");
    read(name)
}
