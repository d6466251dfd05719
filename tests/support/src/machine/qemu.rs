//! qemu-user, an independent implementation, which has to be installed (`make setup`).

use std::{fs, path::Path, process::Command};

/// The file with its results in `tests/vectors/vm`.
pub const FILE: &str = "qemu.json";

/// Runs an ELF executable, which it writes to this path; gives its exit code.
pub fn exit_code(path: &Path, elf: &[u8], arguments: &[&str]) -> u64 {
    fs::write(path, elf).unwrap();
    // By another process: in this one a file could still be open for writing while another thread forks.
    let mut command = Command::new("sh");
    command.arg("-c").arg(r#"program=$1; shift; chmod +x "$program" && exec qemu-riscv64 "$@" "$program""#);
    let status = command.arg("sh").arg(path).args(arguments).status().unwrap();
    let code = status.code().unwrap_or_else(|| panic!("{} ended with {status}", path.display()));
    code.try_into().unwrap()
}

/// The option that makes it translate one instruction at a time.
pub fn single_step() -> &'static str {
    let help = Command::new("qemu-riscv64").arg("-h").output().expect("qemu-riscv64 is installed: `make setup`").stdout;
    if String::from_utf8_lossy(&help).contains("one-insn-per-tb") { "-one-insn-per-tb" } else { "-singlestep" }
}
