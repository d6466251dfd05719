//! The fast machine, the reference and the witness verifier agree after every step, however the fast machine gets there (VM-4, VM-5, VM-6, VM-7).

use programs::Case;
use rand::Rng;
use tandem_support::machine::{self, DATA_ADDRESS, DATA_REGISTER, Lockstep, programs, rewriting, rng};
use tandem_vm::{
    Commitment, Image, Machine, NoPreimages, OracleKey, PreimageMap, State,
    asm::{self, addi, reg::*},
    fast::Stop,
    state::{ENTRY_PC, TRAP_EXIT_CODE, syscall},
    tree::leaf_index,
};

/// Step by step; then in one go and in chunks, so that what is cached across instructions, runs and snapshots is exercised.
fn run(case: Case) -> Vec<machine::Checked> {
    let steps = Lockstep::at(case.state.clone(), &case.image, case.oracle.clone()).run(case.steps);
    let mut fast = Machine::resume(steps[0].before.clone(), &case.image).unwrap();
    fast.run(steps.len() as u64, &mut case.oracle.clone());
    assert_eq!(*fast.state(), steps.last().unwrap().after, "{} in one go", case.name);
    for seed in 0..(steps.len() as u64 / 4).min(3) {
        run_in_chunks(&case, &steps, seed);
    }
    steps
}

fn run_in_chunks(case: &Case, steps: &[machine::Checked], seed: u64) {
    let (mut rng, mut oracle) = (rng(seed), case.oracle.clone());
    let mut fast = Machine::resume(steps[0].before.clone(), &case.image).unwrap();
    let mut done = 0;
    while done < steps.len() {
        let chunk = rng.random_range(1..8).min(steps.len() - done);
        fast.run(chunk as u64, &mut oracle);
        done += chunk;
        let expected = &steps[done - 1].after;
        assert_eq!(fast.registers(), (expected.pc, &expected.registers), "{} after {done} steps", case.name);
        // Asking for the state hashes memory, and a snapshot forgets what is decoded and what is being read.
        match rng.random_range(0..4) {
            0 => assert_eq!(fast.state(), expected, "{} after {done} steps", case.name),
            1 => fast = Machine::resume(expected.clone(), &fast.image()).expect("memory is the reference's"),
            _ => {}
        }
    }
    assert_eq!(*fast.state(), steps[done - 1].after, "{} in chunks", case.name);
}

#[test]
fn hand_written_programs() {
    let cases = programs::hand_written();
    assert!(cases.len() > 150);
    for case in cases {
        let name = case.name.clone();
        let steps = run(case);
        let last = &steps.last().unwrap().after;
        for traps in
            ["past memory", "at the top", "misaligned", "call ", "of kind", "pc ", "zeros", "ones", "compressed"]
        {
            assert!(!name.contains(traps) || last.exit_code == TRAP_EXIT_CODE && last.exited, "{name}: {last:?}");
        }
    }
}

#[test]
fn programs_that_write_over_code() {
    for (case, exit_code) in rewriting::programs() {
        let name = case.name.clone();
        let last = run(case).pop().unwrap().after;
        assert_eq!((last.exited, last.exit_code), (true, exit_code), "{name}");
    }
}

#[test]
fn outcomes_that_the_specification_spells_out() {
    let result = |name: &str| run(programs::named(name)).pop().unwrap().after;
    let rewritten = result("write over an instruction that ran");
    assert_eq!((rewritten.exit_code, rewritten.exited), (11, true));
    assert_eq!(result("write over the next instruction").registers[11], 9);
    assert_eq!(result("step counter wraps").step, 1);
    assert_eq!(result("already trapped").step, 41);
    assert_eq!(result("jalr odd").pc, 0x1_0008);
    assert_eq!(result("oracle program").result().unwrap()[..8], *b"what the");
    assert_eq!(result("exit 255").result(), None);
    assert_eq!(result("off the end").exit_code, TRAP_EXIT_CODE);
}

#[test]
fn random_programs() {
    let mut rng = rng(1);
    for _ in 0..150 {
        run(programs::random_program(&mut rng, 60));
    }
}

#[test]
fn random_programs_with_loops_and_calls() {
    let mut rng = rng(4);
    for _ in 0..10 {
        let steps = run(programs::random_looping_program(&mut rng));
        assert_eq!(steps.last().unwrap().after.exit_code, 7, "it ends");
        let jumps = |back: bool| steps.iter().filter(|step| (step.after.pc < step.before.pc) == back).count();
        assert!(jumps(true) > 20 && jumps(false) > 300);
    }
}

#[test]
fn random_states() {
    let mut rng = rng(2);
    let mut trapped = 0;
    for _ in 0..1500 {
        let steps = run(programs::random_state(&mut rng));
        trapped += u32::from(steps[0].after.exit_code == TRAP_EXIT_CODE);
    }
    assert!((300..1400).contains(&trapped), "{trapped} trapped");
}

#[test]
fn a_missing_pre_image_stops_before_the_step() {
    let mut case = programs::named("read 8 bytes at 8");
    case.state.memory_root = case.image.memory_root();
    let mut fast = Machine::resume(case.state.clone(), &case.image).unwrap();
    let key = case.state.oracle_key;
    assert_eq!(fast.run(5, &mut PreimageMap::default()), Stop::MissingPreimage(key));
    assert_eq!(*fast.state(), case.state);
    assert_eq!(fast.reference().step(&mut PreimageMap::default()).unwrap_err().key, key);
    fast.run(1, &mut case.oracle);
    assert_eq!(fast.steps(), case.state.step + 1);
}

/// What the same run did before is done; what it would have done is not.
#[test]
fn a_missing_pre_image_keeps_the_steps_before_it() {
    let read = addi(A7, 0, syscall::READ as i32);
    let words =
        [addi(A1, 0, 5), asm::s(3, DATA_REGISTER, A1, 0), addi(A1, A1, -1), asm::b(1, A1, 0, -8), read, asm::ECALL];
    let data = b"sixteen bytes ..";
    let image = asm::image(&[&words[..], &[addi(A2, A0, 0)], &asm::exit(3)].concat()).unwrap();
    let state = State {
        memory_root: image.memory_root(),
        oracle_key: OracleKey::of_data(data),
        pc: ENTRY_PC,
        ..programs::base()
    };
    let before = 1 + 5 * 3 + 1;
    let mut reference = Machine::resume(state.clone(), &image).unwrap().reference();
    (0..before).for_each(|_| drop(reference.step(&mut NoPreimages).unwrap()));
    let mut fast = Machine::resume(state.clone(), &image).unwrap();
    for budget in [before + 1, 1, 1000] {
        assert_eq!(fast.run(budget, &mut NoPreimages), Stop::MissingPreimage(state.oracle_key));
        assert_eq!(*fast.state(), reference.state);
        assert_eq!(fast.steps(), state.step + before);
    }
    let mut oracle = PreimageMap::default();
    oracle.insert(data);
    assert_eq!(fast.run(1000, &mut oracle), Stop::Exited);
    while !reference.state.exited {
        reference.step(&mut oracle).unwrap();
    }
    assert_eq!(*fast.state(), reference.state);
}

#[test]
fn a_machine_resumes_in_the_middle_of_a_pre_image() {
    let mut case = programs::named("oracle program");
    let steps = Lockstep::at(case.state.clone(), &case.image, case.oracle.clone()).run(case.steps);
    let last = &steps.last().unwrap().after;
    let within = steps.iter().filter(|step| step.before.oracle_offset > 0).collect::<Vec<_>>();
    assert!(within.len() > 10);
    for step in within {
        let mut fast = Machine::resume(step.before.clone(), &case.image).unwrap();
        fast.run(case.steps as u64, &mut case.oracle);
        assert_eq!(fast.state(), last);
    }
}

#[test]
fn snapshots_and_the_reference_continue_where_the_machine_was() {
    let mut rng = rng(3);
    let case = programs::random_program(&mut rng, 200);
    let mut machine = Machine::new(&case.image, OracleKey::of_data(&[]));
    let mut oracle = case.oracle;
    machine.run(60, &mut oracle);
    let state = machine.state().clone();
    let mut resumed = Machine::resume(state.clone(), &machine.image()).unwrap();
    assert_eq!(machine.reference().memory().root(), state.memory_root);
    machine.run(100, &mut oracle);
    resumed.run(100, &mut oracle);
    assert_eq!(machine.hash(), resumed.hash());
    let wrong = Machine::resume(machine::programs::base(), &machine.image());
    assert!(wrong.is_err());
}

/// Stores all over memory, some of them between two looks: leaves and siblings are those of a tree that is hashed at once.
#[test]
fn proofs_of_the_fast_machine_are_those_of_the_tree() {
    let mut rng = rng(5);
    let near = [0, ENTRY_PC + 0x8000, DATA_ADDRESS, 1 << 31, (1 << 32) - 0x2000];
    let mut random_store = || {
        let address = match rng.random_range(0..4) {
            0 => u64::from(rng.random::<u32>() & !7),
            _ => near[rng.random_range(0..near.len())] + 8 * rng.random_range(0..0x400),
        };
        (address, rng.random())
    };
    let stores: Vec<(u64, u64)> = (0..80).map(|_| random_store()).collect();
    let store =
        |(address, value): &(u64, u64)| [asm::li(T0, *address), asm::li(T1, *value), vec![asm::s(3, T0, T1, 0)]];
    let words = stores.iter().flat_map(store).collect::<Vec<_>>().concat();
    let image = asm::image(&words).unwrap();
    let (mut machine, mut memory) = (Machine::new(&image, machine::NO_KEY), image.memory());
    let (steps, mut unmapped) = ((words.len() / stores.len()) as u64, 0);
    for (address, value) in stores {
        machine.run(steps, &mut NoPreimages);
        memory.write(address, &value.to_le_bytes());
        if rng.random_range(0..3) > 0 {
            continue;
        }
        let leaf = leaf_index(address);
        let other = rng.random_range(0..1 << 27);
        unmapped += u32::from(memory.leaf(other) == [0; 32]);
        for index in [leaf, leaf ^ 1, leaf ^ 0x40, leaf ^ 0x80, leaf ^ 0x100, other, 0, (1 << 27) - 1] {
            assert_eq!(machine.leaf(index), memory.leaf(index), "leaf {index:#x}");
            assert_eq!(machine.siblings(index), memory.siblings(index), "siblings of {index:#x}");
        }
        assert_eq!(machine.state().memory_root, memory.root());
    }
    assert!(unmapped > 10);
}

/// Counts down from 50 and exits.
fn countdown() -> Image {
    let exit = asm::exit(0);
    asm::image(&[addi(5, 0, 50), addi(5, 5, -1), asm::b(1, 5, 0, -4), exit[0], exit[1], exit[2]]).unwrap()
}

#[test]
fn commitments_hold_the_state_after_each_stride() {
    let (image, mut oracle) = (countdown(), PreimageMap::default());
    let machine = Machine::new(&image, machine::NO_KEY);
    let fine = Commitment::run(&mut machine.clone(), 1, &mut oracle).unwrap();
    let mut reference = machine.clone().reference();
    for index in 0..120 {
        reference.step(&mut oracle).unwrap();
        assert_eq!(fine.leaf(index), reference.state.hash());
    }
    assert!(reference.state.exited);
    assert_eq!(fine.leaf((1 << 20) - 1), reference.state.hash());
    let tens = Commitment::run(&mut machine.clone(), 10, &mut oracle).unwrap();
    assert_eq!(tens.leaf(3), fine.leaf(39));
    assert_ne!(tens.root(), fine.root());
    let mut halted = machine;
    halted.run(1000, &mut oracle);
    assert_eq!(Commitment::run(&mut halted, 1, &mut oracle).unwrap().leaf(0), reference.state.hash());
}
