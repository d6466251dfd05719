//! Results of programs by qemu-user in `tests/vectors/vm/qemu.json`: random ones, and such that compute on edges.
//!
//! They are made again every time and must be the same.

use std::{collections::BTreeMap, fs, path::PathBuf};

use alloy_primitives::Bytes;
use rand::Rng;
use serde::{Deserialize, Serialize};
use tandem_support::machine::{
    DATA_ADDRESS, DATA_REGISTER, Lockstep, NO_KEY,
    edges::{self, EDGES, fold},
    loops,
    mnemonic::{MNEMONICS, mnemonic},
    programs::random_value,
    qemu, rng,
    vectors::committed,
};
use tandem_vm::{
    Image, Machine, NoPreimages,
    asm::{self, addi, reg::A0},
    elf::Segment,
    state::ENTRY_PC,
};

const STRAIGHT_PROGRAMS: u64 = 6;
const LOOPING_PROGRAMS: u64 = 6;
const DATA_PAGE: u64 = DATA_ADDRESS & !0xfff;
/// Each instruction is executed so often at least, ECALL once by every program.
const EXECUTED_MIN: usize = 16;

/// A program that ends in `exit`, and what qemu had in its registers by then.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Program {
    code: Bytes,
    steps: usize,
    registers: Vec<String>,
}

fn programs() -> Vec<Vec<u32>> {
    let straight = (0..STRAIGHT_PROGRAMS).map(|seed| {
        random_program(seed, |words, rng| {
            let length = rng.random_range(200..300);
            loops::append_block(words, rng, length);
        })
    });
    let looping = (0..LOOPING_PROGRAMS).map(|seed| random_program(100 + seed, loops::append));
    let edges = edges::programs(DATA_PAGE).into_iter().map(|words| [&words[..], &asm::exit(0)].concat());
    straight.chain(looping).chain(edges).collect()
}

fn random_program(seed: u64, body: impl Fn(&mut Vec<u32>, &mut rand::rngs::StdRng)) -> Vec<u32> {
    let mut rng = rng(seed);
    let mut words = Vec::new();
    for register in 1..32 {
        words.extend(asm::li(register, random_value(&mut rng)));
    }
    words.extend(asm::li(DATA_REGISTER, DATA_ADDRESS));
    body(&mut words, &mut rng);
    words.extend(fold_memory());
    words.extend(asm::exit(0));
    words
}

/// Leaves in x28 what every word of the data page determines, and in x30 what exit overwrites.
fn fold_memory() -> Vec<u32> {
    let [at, end, word, sum, factor] = [25, 26, 27, 28, 29];
    let mut words =
        [asm::li(at, DATA_PAGE), asm::li(end, DATA_PAGE + 0x1000), asm::li(factor, 0x9e37_79b9_7f4a_7c15)].concat();
    words.push(addi(30, A0, 0));
    let start = words.len();
    for number in 0..4 {
        words.push(asm::i(0x03, 3, word, at, 8 * number));
        words.extend(fold(sum, factor, word));
    }
    words.push(addi(at, at, 32));
    words.push(asm::b(6, at, end, 4 * (start as i32 - words.len() as i32)));
    words
}

fn image(code: &[u8]) -> Image {
    let data = Segment { address: DATA_PAGE, data: data_page() };
    Image::new([Segment { address: ENTRY_PC, data: code.to_vec() }, data].to_vec()).unwrap()
}

/// The edges, then bytes of all kinds.
fn data_page() -> Vec<u8> {
    let edges = EDGES.iter().flat_map(|edge| edge.to_le_bytes());
    edges.chain((0..).map(|at: u32| (at.wrapping_mul(0x9e37_79b9) >> 24) as u8)).take(0x1000).collect()
}

/// An ELF executable with the program and its data, by the System V ABI.
fn elf(words: &[u32]) -> Vec<u8> {
    let segments = [(ENTRY_PC, asm::bytes(words), 5_u32), (DATA_PAGE, data_page(), 6)];
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xf3\0\x01\0\0\0".to_vec();
    file.extend([ENTRY_PC, 64, 0].iter().flat_map(|field| field.to_le_bytes()));
    file.extend([0, 0, 0, 0, 64, 0, 56, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    let mut offset = 0x1000;
    for (address, data, flags) in &segments {
        file.extend([1, *flags].iter().flat_map(|field| field.to_le_bytes()));
        let size = data.len() as u64;
        file.extend([offset, *address, *address, size, size, 0x1000_u64].iter().flat_map(|field| field.to_le_bytes()));
        offset += size.next_multiple_of(0x1000);
    }
    for (_, data, _) in segments {
        file.resize(file.len().next_multiple_of(0x1000), 0);
        file.extend(data);
    }
    file
}

/// Runs a program one instruction at a time, with the registers before each in the log.
fn run(words: Vec<u32>, name: &str) -> Program {
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let log = program.with_extension("log");
    let arguments = [qemu::single_step(), "-d", "cpu,nochain", "-D", log.to_str().unwrap()];
    assert_eq!(qemu::exit_code(&program, &elf(&words), &arguments), 0, "{name}");
    let text = fs::read_to_string(&log).unwrap();
    fs::remove_file(log).unwrap();
    let dumps: Vec<&str> = text.split(" pc ").skip(1).collect();
    let fields: Vec<&str> = dumps.last().unwrap().split_whitespace().skip(1).collect();
    let registers = fields.chunks(2).take(32).map(|pair| format!("0x{}", pair[1])).collect();
    Program { code: asm::bytes(&words).into(), steps: dumps.len(), registers }
}

#[test]
fn the_machines_agree_with_qemu() {
    let fresh: Vec<Program> =
        (0..).zip(programs()).map(|(number, words)| run(words, &format!("qemu-{number}"))).collect();
    let mut executed = BTreeMap::<&str, usize>::new();
    for (number, program) in committed(qemu::FILE, &fresh).into_iter().enumerate() {
        let steps = Lockstep::new(&image(&program.code), NO_KEY, NoPreimages).run(program.steps);
        let last = &steps.last().unwrap().after;
        assert_eq!((last.exited, last.exit_code), (true, 0), "program {number}");
        let registers: Vec<String> = last.registers.iter().map(|register| format!("{register:#018x}")).collect();
        assert_eq!(registers, program.registers, "program {number}");
        let mut fast = Machine::new(&image(&program.code), NO_KEY);
        fast.run(program.steps as u64, &mut NoPreimages);
        assert_eq!(fast.state(), last, "program {number}");
        for step in steps {
            *executed.entry(mnemonic(step.word().unwrap()).unwrap()).or_default() += 1;
        }
    }
    assert_eq!(executed.len(), MNEMONICS, "{executed:?}");
    assert!(executed.values().all(|count| *count >= EXECUTED_MIN), "{executed:?}");
}
