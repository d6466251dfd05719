//! The shared vectors in `tests/vectors/vm` are what this code writes, and the verifier finds in them what they say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use tandem_support::machine::{
    Kzg,
    programs::{self, Case},
    qemu, rng,
    vectors::{
        GUEST_FILE, Steps, committed, directory,
        instructions::{self, Instructions},
        mutations::mutations,
        read,
        rejects::rejects,
        valid,
    },
};
use tandem_vm::verify;

/// The name of a file of witnesses, and what it holds.
type StepsFile = (&'static str, fn() -> Steps);

const STEPS: [StepsFile; 6] = [
    ("step-memory.json", || Steps::of(programs::memory())),
    ("step-control.json", || Steps::of(programs::control())),
    ("step-system.json", || Steps::of(programs::system())),
    ("step-random.json", || Steps::of(random())),
    ("step-fuzz.json", mutations),
    ("reject.json", rejects),
];

fn random() -> Vec<Case> {
    let mut rng = rng(11);
    let mut cases: Vec<Case> = (0..4).map(|_| programs::random_program(&mut rng, 30)).collect();
    cases.extend((0..160).map(|_| programs::random_state(&mut rng)));
    cases
}

#[test]
fn steps() {
    for (name, fresh) in STEPS {
        let read = committed(name, &fresh());
        read.replay();
        if !read.reasons.is_empty() {
            every_reason_occurs(name, read.reasons);
        }
    }
    read::<Steps>(GUEST_FILE).replay();
}

fn every_reason_occurs(name: &str, reasons: Vec<String>) {
    let mut counts = BTreeMap::<String, usize>::new();
    for reason in reasons.into_iter().filter(|reason| !reason.is_empty()) {
        *counts.entry(reason).or_default() += 1;
    }
    assert_eq!(counts.len(), 8, "{name}: {counts:?}");
    assert!(counts.values().all(|count| *count >= 3), "{name}: {counts:?}");
}

/// All three implementations here execute them, and Solidity on its own.
#[test]
fn instructions() {
    let Instructions { encodings, unary, binary, .. } = committed(instructions::FILE, &instructions::instructions());
    let states = |group: &instructions::Group| group.posts.iter().map(|posts| posts.len() / 64).sum::<usize>();
    assert_eq!(binary.words.len(), 28 + 6);
    assert!(states(&encodings) > 500 && states(&unary) > 1500 && states(&binary) > 10_000);
}

/// The names that the tests above, qemu.rs and guest_steps.rs open are those of all files.
#[test]
fn no_file_is_unread() {
    let known = STEPS.map(|(name, _)| name).into_iter().chain([instructions::FILE, GUEST_FILE, qemu::FILE]);
    let found: BTreeSet<String> =
        fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(found, known.map(str::to_owned).collect());
}

/// One bit of any byte of a witness changed, or its end cut off: refused, for the reason that the byte's place has.
#[test]
fn every_byte_counts() {
    for (name, extra) in [
        ("branch to itself", ""),
        ("already trapped", ""),
        ("pc one", ""),
        ("output", ""),
        ("load 1 at 10", "MemoryProof"),
        ("store 2 at 12", "MemoryProof"),
        ("read 532 bytes at 536", "Key"),
    ] {
        let (state, witness) = valid(name);
        let pre = state.hash();
        let reason = |witness: &[u8]| verify(pre, witness, &Kzg).map_err(|error| error.reason());
        assert!(reason(&witness).is_ok());
        for at in 0..witness.len() {
            let mut changed = witness.clone();
            changed[at] ^= 1 << (at % 8);
            let expected = if at < 385 {
                "StateHash"
            } else if at < 1281 {
                "CodeProof"
            } else {
                extra
            };
            assert_eq!(reason(&changed), Err(expected), "{name}, byte {at}");
        }
        for length in 0..witness.len() {
            let expected = if extra == "Key" && length >= 1281 { "Key" } else { "Length" };
            assert_eq!(reason(&witness[..length]), Err(expected), "{name}, {length} bytes");
        }
    }
    let (state, witness) = valid("read element 1234 at 24");
    for at in 1281..witness.len() {
        let mut changed = witness.clone();
        changed[at] ^= 0x10;
        let expected = match at - 1281 {
            0..32 | 63 => "Key",
            32..63 => "BlobIndex",
            _ => "PointEvaluation",
        };
        let found = verify(state.hash(), &changed, &Kzg).map_err(|error| error.reason());
        assert_eq!(found, Err(expected), "element, byte {at}");
    }
}
