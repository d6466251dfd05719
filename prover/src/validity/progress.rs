//! What a person at a terminal sees while a chunk is proven: one line, which changes with every stage.

use std::{
    fmt::Display,
    io::{IsTerminal, Write, stderr},
};

use tandem_circuits::groth16::Stage;

/// The line. Nothing is written where standard error is no terminal.
#[derive(Debug)]
pub struct ProgressLine {
    is_shown: bool,
    is_open: bool,
}

impl ProgressLine {
    /// A line that is shown on a terminal, unless that is not wanted.
    pub fn new(is_wanted: bool) -> Self {
        Self { is_shown: is_wanted && stderr().is_terminal(), is_open: false }
    }

    /// Puts words in the place of those before.
    pub fn show(&mut self, words: impl Display) {
        if self.is_shown {
            // Whatever else is written begins where the line does, and takes its place.
            eprint!("\x1b[K{words}\r");
            // A line that does not show is no reason to stop.
            let _ = stderr().flush();
            self.is_open = true;
        }
    }

    /// Erases it, so that other lines can follow.
    pub fn clear(&mut self) {
        if std::mem::take(&mut self.is_open) {
            eprint!("\x1b[K");
        }
    }
}

/// What a stage does.
pub fn words(stage: Stage) -> &'static str {
    match stage {
        Stage::Witness => "computing the witness (1 of 6)",
        Stage::Quotient => "dividing (2 of 6)",
        Stage::A => "multiplying for A (3 of 6)",
        Stage::B => "multiplying for B (4 of 6)",
        Stage::C => "multiplying for C (5 of 6)",
        Stage::Verify => "verifying (6 of 6)",
    }
}
