//! One step of each instruction from a state that the reader builds itself, on operands that arithmetic goes wrong at.

use alloy_primitives::hex;
use rand::Rng;
use serde::{Deserialize, Serialize};
use tandem_vm::{Image, NoPreimages, State, asm, elf::Segment};

use super::super::{
    DATA_REGISTER, Lockstep,
    edges::{EDGES, RESULT, branch_words, immediate_words, register_words},
    programs, rng,
};

pub const FILE: &str = "instructions.json";
const ADDRESS: u64 = 0x1000;

/// Words, and for each the hashes of the states after, one behind the other.
#[derive(Serialize, Deserialize, PartialEq, Debug, Default)]
pub struct Group {
    pub words: Vec<u32>,
    pub posts: Vec<String>,
}

#[derive(Serialize, Deserialize, PartialEq, Debug)]
pub struct Instructions {
    pub edges: Vec<String>,
    /// On the first edge in both operands.
    pub encodings: Group,
    /// On every edge in the first operand, the first one in the second.
    pub unary: Group,
    /// On every edge in the first operand, with every edge in the second.
    pub binary: Group,
}

/// What all implementations find.
pub fn instructions() -> Instructions {
    let edge = |edge: &u64| format!("{edge:#018x}");
    Instructions {
        edges: EDGES.iter().map(edge).collect(),
        encodings: group(encodings(), 1, 1),
        unary: group(unary_words(), EDGES.len(), 1),
        binary: group([register_words(), branch_words(-8).to_vec()].concat(), EDGES.len(), EDGES.len()),
    }
}

fn group(words: Vec<u32>, first: usize, second: usize) -> Group {
    let pairs = || EDGES[..first].iter().flat_map(|a| EDGES[..second].iter().map(move |b| (*a, *b)));
    let posts = |word: &u32| hex::encode_prefixed(pairs().flat_map(|(a, b)| post(*word, a, b)).collect::<Vec<u8>>());
    Group { posts: words.iter().map(posts).collect(), words }
}

/// From pc 0x1000, the word in otherwise zero memory, x5 = a, x6 = b, every other register its number times an odd constant.
fn post(word: u32, a: u64, b: u64) -> [u8; 32] {
    let mut state = State { pc: ADDRESS, ..programs::base() };
    (state.registers[5], state.registers[6]) = (a, b);
    state.registers[DATA_REGISTER as usize] = 20_u64.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let image = Image::new(vec![Segment { address: ADDRESS, data: word.to_le_bytes().to_vec() }]).unwrap();
    let step = Lockstep::at(state, &image, NoPreimages).step();
    assert_eq!(step.witness.len(), 1281, "{word:#010x} has no data proof");
    step.after.hash().0
}

/// All opcodes, all that f3 and f7 distinguish, and what looks like ECALL and FENCE.
///
/// Loads and stores among them trap: the edge is no address.
fn encodings() -> Vec<u32> {
    let mut rng = rng(12);
    let mut words: Vec<u32> = (0..128).map(|opcode| rng.random::<u32>() << 7 | opcode).collect();
    for opcode in [0x0f, 0x13, 0x1b, 0x33, 0x3b, 0x63, 0x67, 0x73] {
        for f3 in 0..8 {
            words.extend([0, 1, 0x10, 0x20, 0x21, 0x40].map(|f7| asm::r(opcode, f3, f7, RESULT, 5, 6)));
        }
    }
    words.extend([
        0x73,
        0x0010_0073,
        0x73 | 1 << 7,
        0x73 | 1 << 15,
        0x3020_0073,
        0x1050_0073,
        0x0ff0_000f,
        0x8330_000f,
    ]);
    words
}

fn unary_words() -> Vec<u32> {
    let mut words = immediate_words();
    words.extend([8, -8, 4094, -4096].into_iter().flat_map(branch_words));
    for offset in [8, -8, 0xf_fffe, -0x10_0000, 0x800] {
        words.extend([asm::jal(1, offset), asm::jal(0, offset)]);
    }
    for imm in [0, 0x1000, i32::MIN, -0x1000, 0x7fff_f000] {
        words.extend([0x17, 0x37].map(|opcode| asm::u(opcode, RESULT, imm)));
    }
    for (rd, imm) in [(RESULT, 0), (5, 1), (0, -1), (6, 2047)] {
        words.push(asm::i(0x67, 0, rd, 5, imm));
    }
    let [to_zero, doubled] = [asm::addi(0, 5, 1), asm::r(0x33, 0, 0, 5, 5, 5)];
    words.extend([to_zero, asm::r(0x33, 0, 1, 0, 5, 6), doubled, asm::u(0x37, 0, 0x1000)]);
    words
}
