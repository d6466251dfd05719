//! The shared vectors in `tests/vectors/vm`: Rust writes them, every implementation reads them.
//!
//! Regenerating must change nothing: the tests compare, and write only when `TANDEM_WRITE_VECTORS` is set.
//! `contracts/test/vm` reads the same files.

mod common;

use std::{collections::BTreeSet, fs, path::PathBuf};

use alloy_primitives::{B256, hex, keccak256};
use common::{Kzg, Lockstep, blob_proof, point, programs, rng};
use programs::Case;
use rand::Rng;
use serde::{Deserialize, Serialize};
use tandem_vm::{OracleKey, State, asm, reference::TreeMemory, verify};

/// Steps that must be accepted, by column.
#[derive(Serialize, Deserialize, PartialEq, Debug, Default)]
struct Steps {
    names: Vec<String>,
    pre: Vec<B256>,
    post: Vec<B256>,
    witnesses: Vec<String>,
}

/// Witnesses that must be refused, by column.
#[derive(Serialize, Deserialize, PartialEq, Debug, Default)]
struct Rejects {
    names: Vec<String>,
    reasons: Vec<String>,
    pre: Vec<B256>,
    witnesses: Vec<String>,
}

/// One step of many instructions from a state that the reader builds itself (see [`instruction_state`]).
#[derive(Serialize, Deserialize, PartialEq, Debug, Default)]
struct Instructions {
    words: Vec<u32>,
    a: Vec<String>,
    b: Vec<String>,
    posts: Vec<B256>,
}

fn directory() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../tests/vectors/vm"].iter().collect()
}

/// Compares with the committed file, or writes it; gives what the file then says.
fn committed<T: Serialize + for<'a> Deserialize<'a> + PartialEq>(name: &str, fresh: &T) -> T {
    let path = directory().join(name);
    let text = serde_json::to_string_pretty(fresh).unwrap() + "\n";
    if std::env::var_os("TANDEM_WRITE_VECTORS").is_some() {
        fs::create_dir_all(directory()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(found == text, "{name} differs from what this code writes");
    serde_json::from_str(&found).unwrap()
}

fn check_steps(name: &str, cases: Vec<Case>) {
    let mut fresh = Steps::default();
    for case in cases {
        let done = Lockstep::at(case.state, &case.image, case.oracle).run(case.steps);
        for (number, step) in done.into_iter().enumerate() {
            fresh.names.push(format!("{}, step {number}", case.name));
            fresh.pre.push(step.before.hash());
            fresh.post.push(step.after.hash());
            fresh.witnesses.push(hex::encode_prefixed(step.witness));
        }
    }
    let read = committed(name, &fresh);
    assert!(!read.names.is_empty());
    for (index, witness) in read.witnesses.into_iter().enumerate() {
        let state = verify(read.pre[index], &hex::decode(witness).unwrap(), &Kzg);
        assert_eq!(state.map(|state| state.hash()), Ok(read.post[index]), "{}", read.names[index]);
    }
}

#[test]
fn memory() {
    check_steps("step-memory.json", programs::memory());
}

#[test]
fn control() {
    check_steps("step-control.json", programs::control());
}

#[test]
fn system() {
    check_steps("step-system.json", programs::system());
}

#[test]
fn random() {
    let mut rng = rng(11);
    let mut cases: Vec<Case> = (0..2).map(|_| programs::random_program(&mut rng, 30)).collect();
    cases.extend((0..80).map(|_| programs::random_state(&mut rng)));
    check_steps("step-random.json", cases);
}

/// pc 0x1000, the word in otherwise zero memory, x5 = a, x6 = b, every other register its number times an odd constant.
fn instruction_state(word: u32, a: u64, b: u64) -> (State, TreeMemory) {
    let mut memory = TreeMemory::default();
    memory.write(0x1000, &word.to_le_bytes());
    let mut state = programs::base();
    (state.memory_root, state.pc) = (memory.root(), 0x1000);
    (state.registers[5], state.registers[6]) = (a, b);
    state.registers[common::DATA_REGISTER as usize] = 20_u64.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (state, memory)
}

fn instruction_words() -> Vec<u32> {
    let mut rng = rng(12);
    let mut words: Vec<u32> = (0..128).map(|opcode| rng.random::<u32>() << 7 | opcode).collect();
    for opcode in [0x0f, 0x13, 0x1b, 0x33, 0x3b, 0x63, 0x67, 0x73] {
        for f3 in 0..8 {
            for f7 in [0, 1, 0x10, 0x20, 0x21, 0x40] {
                words.push(asm::r(opcode, f3, f7, 10, 5, 6));
            }
        }
    }
    for word in [0x73, 0x0010_0073, 0x73 | 1 << 7, 0x73 | 1 << 15, 0x3020_0073, 0x1050_0073, 0x0ff0_000f, 0x8330_000f] {
        words.push(word);
    }
    words
}

/// Instructions with results, to be run on many operands.
fn computing_words() -> Vec<u32> {
    let mut words: Vec<u32> = (0..8).flat_map(|f3| [0, 1].map(|f7| asm::r(0x33, f3, f7, 10, 5, 6))).collect();
    words.extend([0, 5].map(|f3| asm::r(0x33, f3, 0x20, 10, 5, 6)));
    words.extend([(0, 0), (1, 0), (5, 0), (0, 0x20), (5, 0x20)].map(|(f3, f7)| asm::r(0x3b, f3, f7, 10, 5, 6)));
    words.extend([0, 4, 5, 6, 7].map(|f3| asm::r(0x3b, f3, 1, 10, 5, 6)));
    for imm in [0, 1, -1, 2047, -2048] {
        words.extend([0, 2, 3, 4, 6, 7].map(|f3| asm::i(0x13, f3, 10, 5, imm)));
        words.push(asm::i(0x1b, 0, 10, 5, imm));
    }
    for amount in [0, 1, 31, 32, 63] {
        words.extend([(1, 0), (5, 0), (5, 0x400)].map(|(f3, kind)| asm::i(0x13, f3, 10, 5, amount | kind)));
        words.extend([(1, 0), (5, 0), (5, 0x400)].map(|(f3, kind)| asm::i(0x1b, f3, 10, 5, amount | kind)));
    }
    for offset in [8, -8, 4094, -4096] {
        words.extend([0, 1, 4, 5, 6, 7].map(|f3| asm::b(f3, 5, 6, offset)));
    }
    for offset in [8, -8, 0xf_fffe, -0x10_0000, 0x800] {
        words.extend([asm::jal(1, offset), asm::jal(0, offset)]);
    }
    for imm in [0, 0x1000, i32::MIN, -0x1000, 0x7fff_f000] {
        words.extend([0x17, 0x37].map(|opcode| asm::u(opcode, 10, imm)));
    }
    for (rd, imm) in [(10, 0), (5, 1), (0, -1), (6, 2047)] {
        words.push(asm::i(0x67, 0, rd, 5, imm));
    }
    words.extend([
        asm::addi(0, 5, 1),
        asm::r(0x33, 0, 1, 0, 5, 6),
        asm::r(0x33, 0, 0, 5, 5, 5),
        asm::u(0x37, 0, 0x1000),
    ]);
    words
}

#[test]
fn instructions() {
    const EDGES: [u64; 14] = [
        0,
        1,
        u64::MAX,
        1 << 63,
        (1 << 63) - 1,
        1 << 31,
        (1 << 31) - 1,
        0xffff_ffff_8000_0000,
        u32::MAX as u64,
        1 << 32,
        63,
        64,
        31,
        32,
    ];
    let mut rng = rng(13);
    let mut fresh = Instructions::default();
    let mut add = |word, a: u64, b: u64| {
        let (state, memory) = instruction_state(word, a, b);
        let mut reference = tandem_vm::Reference::resume(state, memory);
        let witness = reference.step(&mut tandem_vm::NoPreimages).unwrap();
        assert_eq!(witness.0.len(), 1281, "no data proof");
        fresh.words.push(word);
        fresh.a.push(format!("{a:#018x}"));
        fresh.b.push(format!("{b:#018x}"));
        fresh.posts.push(reference.state.hash());
    };
    // Those among the first that are loads and stores which do not trap would need data proofs: their address is too high.
    instruction_words().into_iter().for_each(|word| add(word, u64::MAX, 1 << 63));
    for word in computing_words() {
        for number in 0..6 {
            let edge = EDGES[rng.random_range(0..EDGES.len())];
            let (a, b) = (EDGES[rng.random_range(0..EDGES.len())], if number < 5 { edge } else { rng.random() });
            add(word, if number == 1 { edge } else { a }, b);
        }
    }
    for f3 in 4..8 {
        for opcode in [0x33, 0x3b] {
            let word = asm::r(opcode, f3, 1, 10, 5, 6);
            let overflows = [(1 << 63, u64::MAX), (1 << 31, u32::MAX.into()), (0xffff_ffff_8000_0000, u64::MAX)];
            let zero_divisors = [7, u64::MAX, 1 << 63].map(|a| (a, 0));
            overflows.into_iter().chain(zero_divisors).for_each(|(a, b)| add(word, a, b));
        }
    }
    let read = committed("instructions.json", &fresh);
    assert!(read.words.len() > 1000);
    for (index, word) in read.words.into_iter().enumerate() {
        let number = |text: &str| u64::from_str_radix(&text[2..], 16).unwrap();
        let (state, memory) = instruction_state(word, number(&read.a[index]), number(&read.b[index]));
        let pre = state.hash();
        let witness = tandem_vm::Reference::resume(state, memory).step(&mut tandem_vm::NoPreimages).unwrap();
        let post = verify(pre, &witness.0, &Kzg).unwrap().hash();
        assert_eq!(post, read.posts[index], "{word:#010x}");
    }
}

/// The witness of the first step of a named program, with the state before it.
fn valid(name: &str) -> (State, Vec<u8>) {
    let cases = [programs::memory(), programs::control(), programs::system()].into_iter().flatten();
    let case = cases.into_iter().find(|case| case.name == name).unwrap();
    let step = Lockstep::at(case.state, &case.image, case.oracle).step();
    (step.before, step.witness)
}

fn rejects() -> Rejects {
    let mut rejects = Rejects::default();
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
    let with = |proof: tandem_vm::oracle::BlobProof| [&witness[..1281], &proof.encode()].concat();
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
        &with(tandem_vm::oracle::BlobProof { value: B256::repeat_byte(0xff), ..right.clone() }),
    );
    add("another commitment", "PointEvaluation", pre, &flip(&witness, 1281 + 96));
    add("another proof", "PointEvaluation", pre, &flip(&witness, 1281 + 191));
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

#[test]
fn refusals() {
    let read = committed("reject.json", &rejects());
    for (index, witness) in read.witnesses.into_iter().enumerate() {
        let error = verify(read.pre[index], &hex::decode(witness).unwrap(), &Kzg).unwrap_err();
        assert_eq!(error.reason(), read.reasons[index], "{}", read.names[index]);
    }
    let reasons: BTreeSet<String> = read.reasons.into_iter().collect();
    assert_eq!(reasons.len(), 8, "every reason occurs: {reasons:?}");
}

/// Each file is read by a test above, by qemu.rs or by guest_steps.rs.
#[test]
fn no_file_is_unread() {
    let known = [
        "instructions.json",
        "qemu.json",
        "reject.json",
        "step-control.json",
        "step-guest.json",
        "step-memory.json",
        "step-random.json",
        "step-system.json",
    ];
    let found: BTreeSet<String> =
        fs::read_dir(directory()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(found, known.map(str::to_owned).into());
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
