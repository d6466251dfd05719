//! What a person sees while chunks are proven: on a terminal one line that changes with every stage, elsewhere a line for each chunk.

use std::io::{IsTerminal, Write, stderr};

use tandem_circuits::groth16::Stage;
use tandem_service::Report;

use crate::validity::pool::Event;

/// Tells events to standard error.
#[derive(Debug)]
pub struct Told {
    report: Report,
    is_terminal: bool,
    chunks: usize,
    /// Whether the last line is one that changes.
    is_open: bool,
}

impl Told {
    /// For a batch of so many chunks.
    pub fn new(report: Report, chunks: usize) -> Self {
        Self { report, is_terminal: stderr().is_terminal(), chunks, is_open: false }
    }

    /// Tells one event.
    pub fn hear(&mut self, event: &Event<'_>) {
        match event {
            Event::Stage { chunk, stage } => self.stage(*chunk, *stage),
            Event::Proven { chunk, took, missing } => {
                let done = self.chunks.saturating_sub(*missing);
                let (number, chunks) = (chunk.saturating_add(1), self.chunks);
                let seconds = took.as_secs_f32();
                self.line(format_args!(
                    "chunk {number} of {chunks} is proven, in {seconds:.1} s; {done} of {chunks} are there"
                ));
            }
            Event::Faulty { chunk, worker, fault, dismissed } => {
                let number = chunk.saturating_add(1);
                let then = if *dismissed { "it gets nothing more" } else { "the chunk goes out again" };
                self.line(format_args!("{worker} has no proof of chunk {number}: {fault}; {then}"));
            }
            Event::Standstill { chunk, worker } => {
                let number = chunk.saturating_add(1);
                self.line(format_args!(
                    "nothing moves: {worker} has chunk {number} and says nothing, and no other is free"
                ));
            }
        }
    }

    fn stage(&mut self, chunk: u32, stage: Stage) {
        if self.is_terminal && !self.report.json {
            // Erases what was there before.
            eprint!("\r\x1b[Kchunk {} of {}: {}", chunk.saturating_add(1), self.chunks, words(stage));
            // A line that does not show is no reason to stop.
            let _ = stderr().flush();
            self.is_open = true;
        }
    }

    fn line(&mut self, text: impl std::fmt::Display) {
        if std::mem::take(&mut self.is_open) {
            eprint!("\r\x1b[K");
        }
        self.report.progress(text);
    }
}

fn words(stage: Stage) -> &'static str {
    match stage {
        Stage::Witness => "computing the witness (1 of 6)",
        Stage::Quotient => "dividing (2 of 6)",
        Stage::A => "multiplying for A (3 of 6)",
        Stage::B => "multiplying for B (4 of 6)",
        Stage::C => "multiplying for C (5 of 6)",
        Stage::Verify => "verifying (6 of 6)",
    }
}
