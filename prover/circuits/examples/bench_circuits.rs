//! `make bench-circuits`: constraints of the circuits, of their slots and of every operation (`tandem_circuits::figures`).
//!
//! One JSON object per line, the same in `target/bench/circuits.json`.

use serde_json::json;
use std::{fs, path::PathBuf};
use tandem_circuits::figures::Figures;

fn main() {
    let figures = Figures::measure().expect("the circuits synthesise");
    let mut lines = String::new();
    for (name, value) in figures.all() {
        let line = json!({ "name": format!("constraints.{name}"), "value": value, "unit": "constraints" });
        println!("{line}");
        lines += &format!("{line}\n");
    }
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/bench");
    fs::create_dir_all(&directory).expect("target/bench");
    fs::write(directory.join("circuits.json"), lines).expect("the figures' file");
}
