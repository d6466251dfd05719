//! The committed programs of `prover/guest/elf` in the machines.

mod common;

use std::{fs, path::PathBuf};

use common::{Kzg, Lockstep, NO_KEY};
use tandem_vm::{Image, Machine, NoPreimages, commit::COARSE_STRIDE};

fn program(name: &str) -> Image {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../prover/guest/elf", name].iter().collect();
    Image::from_elf(&fs::read(path).unwrap()).unwrap()
}

/// The exit code of the program under qemu-user, which `vm` bench runs compare again.
const BENCH_EXIT_CODE: u64 = 54;

#[test]
fn a_compiled_program_runs_as_in_qemu() {
    let mut machine = Machine::new(&program("bench.elf"), NO_KEY);
    machine.run(u64::MAX, &mut NoPreimages);
    let state = machine.state();
    assert!(state.exited);
    assert_eq!(state.exit_code, BENCH_EXIT_CODE);
    assert_eq!(state.exit_code, u64::from(state.output.0[31] & 0x7f));
}

/// Steps all along a run: the machines agree there, and on the way from one sample to the next.
#[test]
fn sampled_steps_of_a_compiled_program_agree() {
    let mut machine = Machine::new(&program("bench.elf"), NO_KEY);
    for sample in 1..20 {
        machine.run(COARSE_STRIDE * sample / 3 + sample, &mut NoPreimages);
        let mut lockstep =
            Lockstep { reference: machine.reference(), fast: machine.clone(), oracle: NoPreimages, kzg: Kzg };
        let steps = lockstep.run(40);
        assert_eq!(steps.len(), 40);
    }
}
