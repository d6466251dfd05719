//! Witnesses to be refused, by hand: each part of each shape changed, missing or too long.

use alloy_primitives::{B256, hex, keccak256};
use tandem_vm::{OracleKey, oracle::BlobProof};

use super::super::{blob_proof, point};
use super::{Steps, valid};

pub fn rejects() -> Steps {
    let mut rejects = Steps::default();
    let mut add = |name: &str, reason: &str, pre: B256, witness: &[u8]| {
        rejects.names.push(name.to_owned());
        rejects.reasons.push(reason.to_owned());
        rejects.pre.push(pre);
        rejects.witnesses.push(hex::encode_prefixed(witness));
    };
    let flip = |witness: &[u8], at: usize| {
        let mut changed = witness.to_vec();
        changed[at] ^= 1;
        changed
    };
    let longer = |witness: &[u8]| [witness, &[0]].concat();

    let (state, alu) = valid("branch to itself");
    let pre = state.hash();
    add("nothing", "Length", pre, &[]);
    add("a state cut short", "Length", pre, &alu[..384]);
    add("a state alone", "Length", pre, &alu[..385]);
    add("a code proof cut short", "Length", pre, &alu[..1280]);
    add("a byte too many", "Length", pre, &longer(&alu));
    add("another state", "StateHash", keccak256([]), &alu);
    for (field, at) in [("root", 0), ("pc", 111), ("register", 200), ("exited", 384)] {
        add(&format!("another {field}"), "StateHash", pre, &flip(&alu, at));
    }
    for (what, at, value) in [("x0 not zero", 135, 1), ("exited neither", 384, 2), ("exited 255", 384, 255)] {
        let mut malformed = alu.clone();
        malformed[at] = value;
        add(what, "Malformed", keccak256(&malformed[..385]), &malformed);
    }
    // Of two reasons the first in VM-8's order counts.
    add("another state alone", "StateHash", keccak256([]), &alu[..385]);
    let mut malformed = alu[..385].to_vec();
    malformed[384] = 2;
    add("a malformed state alone", "Malformed", keccak256(&malformed), &malformed);
    add("another instruction, a byte too many", "CodeProof", pre, &longer(&flip(&alu, 385)));
    add("another instruction", "CodeProof", pre, &flip(&alu, 385));
    add("another byte beside the instruction", "CodeProof", pre, &flip(&alu, 416));
    add("another lowest sibling", "CodeProof", pre, &flip(&alu, 417));
    add("another highest sibling", "CodeProof", pre, &flip(&alu, 1280));
    let mut elsewhere = state;
    elsewhere.pc += 32;
    let moved = [&elsewhere.pack()[..], &alu[385..]].concat();
    add("code from another address", "CodeProof", elsewhere.hash(), &moved);

    for name in ["already trapped", "pc one", "pc 2^32"] {
        let (state, witness) = valid(name);
        add(&format!("{name}, a byte too many"), "Length", state.hash(), &longer(&witness));
        add(&format!("{name}, with code"), "Length", state.hash(), &[&witness, &alu[385..]].concat());
    }
    for name in ["load 3 at 0", "store 0 at 9"] {
        let (state, witness) = valid(name);
        let pre = state.hash();
        add(&format!("{name}, without data"), "Length", pre, &witness[..1281]);
        add(&format!("{name}, cut short"), "Length", pre, &witness[..witness.len() - 1]);
        add(&format!("{name}, a byte too many"), "Length", pre, &longer(&witness));
        add(&format!("{name}, other data"), "MemoryProof", pre, &flip(&witness, 1281));
        add(&format!("{name}, other data, a byte too many"), "Length", pre, &longer(&flip(&witness, 1281)));
        add(&format!("{name}, another sibling"), "MemoryProof", pre, &flip(&witness, 1400));
        let code_twice = [&witness[..1281], &witness[385..1281]].concat();
        add(&format!("{name}, data from another address"), "MemoryProof", pre, &code_twice);
    }
    let (state, trapped) = valid("load 3 misaligned");
    add("a load that traps, with data", "Length", state.hash(), &[&trapped, &alu[385..]].concat());
    let (state, exit) = valid("exit 1");
    add("exit with a pre-image", "Length", state.hash(), &longer(&exit));
    let (state, read) = valid("read of kind 3");
    add("a read that traps, with a pre-image", "Length", state.hash(), &longer(&read));

    for name in ["read 8 bytes at 0", "read 532 bytes at 536", "read 8 bytes at 1099511627776"] {
        let (state, witness) = valid(name);
        add(&format!("{name}, another byte"), "Key", state.hash(), &flip(&witness, 1284));
        add(&format!("{name}, a byte less"), "Key", state.hash(), &witness[..witness.len() - 1]);
        add(&format!("{name}, a byte more"), "Key", state.hash(), &longer(&witness));
        add(&format!("{name}, nothing"), "Key", state.hash(), &witness[..1281]);
    }
    blob_rejects(&mut add, flip, longer);
    rejects
}

fn blob_rejects(
    add: &mut impl FnMut(&str, &str, B256, &[u8]),
    flip: impl Fn(&[u8], usize) -> Vec<u8>,
    longer: impl Fn(&[u8]) -> Vec<u8>,
) {
    let (state, witness) = valid("read element 1 at 16");
    let pre = state.hash();
    let with = |proof: BlobProof| [&witness[..1281], &proof.encode()].concat();
    let right = blob_proof(1, point(1));
    add("element cut short", "Length", pre, &witness[..witness.len() - 1]);
    add("element, a byte too many", "Length", pre, &longer(&witness));
    add("element of another blob, a byte too many", "Length", pre, &longer(&flip(&witness, 1281)));
    add("element of another blob", "Key", pre, &flip(&witness, 1281));
    add("element 0", "Key", pre, &with(blob_proof(0, point(0))));
    add("element index above 2^64", "BlobIndex", pre, &flip(&witness, 1281 + 32 + 23));
    add("element index in the top byte", "BlobIndex", pre, &flip(&witness, 1281 + 32));
    add("another value", "PointEvaluation", pre, &flip(&witness, 1281 + 95));
    add(
        "a value above the modulus",
        "PointEvaluation",
        pre,
        &with(BlobProof { value: B256::repeat_byte(0xff), ..right.clone() }),
    );
    add("another commitment", "PointEvaluation", pre, &flip(&witness, 1281 + 96));
    add("another proof", "PointEvaluation", pre, &flip(&witness, 1281 + 191));
    // The commitment to zeros is the point at infinity, which also opens it everywhere.
    let mut infinity = [0; 48];
    infinity[0] = 0xc0;
    let zeros = BlobProof { value: B256::ZERO, commitment: infinity, proof: infinity, ..right.clone() };
    add("an element of the zero blob", "PointEvaluation", pre, &with(zeros));
    // The values of the polynomial elsewhere: at the index as a number, and at the root of unity without bit reversal.
    let by_number = blob_proof(1, B256::with_last_byte(1));
    add("an element addressed by its index", "PointEvaluation", pre, &with(by_number));
    let unreversed = blob_proof(1, point(2048));
    add("an element in natural order", "PointEvaluation", pre, &with(unreversed));
    let mut past_the_end = state;
    past_the_end.oracle_key = OracleKey::blob(right.versioned_hash, 4096);
    let mut proof = right;
    proof.index = 4096;
    let rest = [&witness[385..1281], &proof.encode()].concat();
    add("element 4096", "BlobIndex", past_the_end.hash(), &[&past_the_end.pack()[..], &rest].concat());
}
