//! Results of programs by qemu-user, an independent implementation, in `tests/vectors/vm/qemu.json`.
//!
//! They are made again every time and must be the same, so `qemu-riscv64` has to be installed (`make setup`).

mod common;

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use common::{DATA_ADDRESS, DATA_REGISTER, Lockstep, NO_KEY, programs::random_value, random_instruction, rng};
use rand::Rng;
use serde::{Deserialize, Serialize};
use tandem_vm::{Image, Machine, NoPreimages, asm, elf::Segment, state::ENTRY_PC};

const PROGRAMS: u64 = 16;
const DATA_PAGE: u64 = DATA_ADDRESS & !0xfff;

/// Programs that end in `exit`, and what qemu had in its registers by then.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Program {
    words: Vec<u32>,
    steps: usize,
    registers: Vec<String>,
}

fn random_program(seed: u64) -> Vec<u32> {
    let mut rng = rng(seed);
    let mut words = Vec::new();
    for register in 1..32 {
        words.extend(asm::li(register, random_value(&mut rng)));
    }
    words.extend(asm::li(DATA_REGISTER, DATA_ADDRESS));
    let random: Vec<u32> = (0..rng.random_range(200..300)).map(|_| random_instruction(&mut rng)).collect();
    words.extend(random.into_iter().filter(|word| is_defined(*word)));
    words.extend([asm::addi(0, 0, 0); 5]);
    words.extend(asm::exit(0));
    words
}

/// Whether this machine knows the instruction; qemu would raise a signal at others.
fn is_defined(word: u32) -> bool {
    let mut state = common::programs::base();
    let image = asm::image(&[word]).unwrap();
    state.memory_root = image.memory_root();
    state.pc = ENTRY_PC;
    let mut machine = Machine::resume(state, &image).unwrap();
    machine.run(1, &mut NoPreimages);
    !machine.exited()
}

fn image(words: &[u32]) -> Image {
    let data = Segment { address: DATA_PAGE, data: data_page() };
    Image::new([Segment { address: ENTRY_PC, data: asm::bytes(words) }, data].to_vec()).unwrap()
}

fn data_page() -> Vec<u8> {
    (0..0x2000_u32).map(|at| (at.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect()
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
fn qemu(words: &[u32], seed: u64) -> Program {
    let help = Command::new("qemu-riscv64").arg("-h").output().expect("qemu-riscv64 is installed: `make setup`").stdout;
    let single_step =
        if String::from_utf8_lossy(&help).contains("one-insn-per-tb") { "-one-insn-per-tb" } else { "-singlestep" };
    let base = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("qemu-{seed}"));
    let (program, log) = (base.with_extension("elf"), base.with_extension("log"));
    fs::write(&program, elf(words)).unwrap();
    let mut command = Command::new("sh");
    command.arg("-c").arg(r#"chmod +x "$1" && exec qemu-riscv64 "$2" -d cpu,nochain -D "$3" "$1""#);
    let status = command.arg("sh").arg(&program).arg(single_step).arg(&log).status().unwrap();
    assert!(status.success(), "program {seed} ended with {status}");
    let text = fs::read_to_string(&log).unwrap();
    let dumps: Vec<&str> = text.split(" pc ").skip(1).collect();
    let fields: Vec<&str> = dumps.last().unwrap().split_whitespace().skip(1).collect();
    let registers = fields.chunks(2).take(32).map(|pair| format!("0x{}", pair[1])).collect();
    Program { words: words.to_vec(), steps: dumps.len(), registers }
}

#[test]
fn the_machines_agree_with_qemu() {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../tests/vectors/vm/qemu.json"].iter().collect();
    let fresh: Vec<Program> = (0..PROGRAMS).map(|seed| qemu(&random_program(seed), seed)).collect();
    let fresh = serde_json::to_string(&fresh).unwrap() + "\n";
    if std::env::var_os("TANDEM_WRITE_VECTORS").is_some() {
        fs::write(&path, &fresh).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap();
    assert!(found == fresh, "qemu.json differs from what qemu says");
    let programs: Vec<Program> = serde_json::from_str(&found).unwrap();
    assert_eq!(programs.len() as u64, PROGRAMS);
    let mut kinds = BTreeSet::new();
    for program in programs {
        kinds.extend(program.words.iter().map(|word| (word & 0x7f, word >> 12 & 7, word >> 25 & 0x21)));
        let mut lockstep = Lockstep::new(&image(&program.words), NO_KEY, NoPreimages);
        let steps = lockstep.run(program.steps);
        let last = &steps.last().unwrap().after;
        assert_eq!((last.exited, last.exit_code), (true, 0));
        let registers: Vec<String> = last.registers.iter().map(|register| format!("{register:#018x}")).collect();
        assert_eq!(registers, program.registers);
        let mut fast = Machine::new(&image(&program.words), NO_KEY);
        fast.run(u64::MAX, &mut NoPreimages);
        assert_eq!(fast.state(), last);
    }
    assert!(kinds.len() > 100, "{} kinds of instruction", kinds.len());
}
