//! The fast machine, the reference and the witness verifier agree after every step.

mod common;

use common::{Lockstep, programs, rng};
use programs::Case;
use tandem_vm::{Commitment, Machine, OracleKey, PreimageMap, asm, fast::Stop, state::TRAP_EXIT_CODE};

fn run(case: Case) -> Vec<common::Checked> {
    let (state, image, oracle) = (case.state.clone(), &case.image, case.oracle.clone());
    let steps = Lockstep::at(state, image, oracle).run(case.steps);
    // The same in one go, so that what is cached across instructions is exercised.
    let mut oracle = case.oracle;
    let mut fast = Machine::resume(steps[0].before.clone(), &case.image).unwrap();
    fast.run(steps.len() as u64, &mut oracle);
    assert_eq!(*fast.state(), steps.last().unwrap().after, "{}", case.name);
    steps
}

#[test]
fn hand_written_programs() {
    let cases = [programs::memory(), programs::control(), programs::system()].concat_all();
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
fn outcomes_that_the_specification_spells_out() {
    let cases = [programs::memory(), programs::control(), programs::system()].concat_all();
    let result = |name: &str| run(cases.iter().find(|case| case.name == name).unwrap().clone()).pop().unwrap().after;
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
    let mut case = programs::system().into_iter().find(|case| case.name == "read 8 bytes at 8").unwrap();
    case.state.memory_root = case.image.memory_root();
    let mut fast = Machine::resume(case.state.clone(), &case.image).unwrap();
    let key = case.state.oracle_key;
    assert_eq!(fast.run(5, &mut PreimageMap::default()), Stop::MissingPreimage(key));
    assert_eq!(*fast.state(), case.state);
    assert_eq!(fast.reference().step(&mut PreimageMap::default()).unwrap_err().key, key);
    fast.run(1, &mut case.oracle);
    assert_eq!(fast.steps(), case.state.step + 1);
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
    let wrong = Machine::resume(common::programs::base(), &machine.image());
    assert!(wrong.is_err());
}

/// Counts down from 50 and exits.
fn countdown() -> tandem_vm::Image {
    let exit = asm::exit(0);
    asm::image(&[asm::addi(5, 0, 50), asm::addi(5, 5, -1), asm::b(1, 5, 0, -4), exit[0], exit[1], exit[2]]).unwrap()
}

#[test]
fn commitments_hold_the_state_after_each_stride() {
    let (image, mut oracle) = (countdown(), PreimageMap::default());
    let machine = Machine::new(&image, common::NO_KEY);
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

trait ConcatAll {
    fn concat_all(self) -> Vec<Case>;
}

impl<const N: usize> ConcatAll for [Vec<Case>; N] {
    fn concat_all(self) -> Vec<Case> {
        self.into_iter().flatten().collect()
    }
}
