//! The committed programs of `prover/guest/elf` in the machines.

use std::{fs, path::PathBuf};

use tandem_support::machine::{Kzg, Lockstep, NO_KEY, qemu};
use tandem_vm::{Image, Machine, NoPreimages, commit::COARSE_STRIDE, fast::Stop};

/// More than the program takes.
const STEPS_MAX: u64 = 1 << 30;

fn elf(name: &str) -> Vec<u8> {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../../prover/guest/elf", name].iter().collect();
    fs::read(path).unwrap()
}

/// Its exit code is made of all that it computed.
#[test]
fn a_compiled_program_runs_as_in_qemu() {
    let elf = elf("bench.elf");
    let mut machine = Machine::new(&Image::from_elf(&elf).unwrap(), NO_KEY);
    assert_eq!(machine.run(STEPS_MAX, &mut NoPreimages), Stop::Exited);
    let state = machine.state();
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench");
    assert_eq!(state.exit_code, qemu::exit_code(&path, &elf, &[]));
    assert_eq!(state.exit_code, u64::from(state.output.0[31] & 0x7f));
}

/// Steps all along a run: the machines agree there, and on the way from one sample to the next.
#[test]
fn sampled_steps_of_a_compiled_program_agree() {
    let mut machine = Machine::new(&Image::from_elf(&elf("bench.elf")).unwrap(), NO_KEY);
    for sample in 1..20 {
        machine.run(COARSE_STRIDE * sample / 3 + sample, &mut NoPreimages);
        let mut lockstep =
            Lockstep { reference: machine.reference(), fast: machine.clone(), oracle: NoPreimages, kzg: Kzg };
        let steps = lockstep.run(40);
        assert_eq!(steps.len(), 40);
    }
}
