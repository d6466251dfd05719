//! What a person sees while chunks are proven: on a terminal one line that changes with every stage, elsewhere a line for each chunk.

use tandem_circuits::groth16::Stage;
use tandem_service::Report;

use crate::validity::{
    pool::Event,
    progress::{ProgressLine, words},
};

/// Tells events to standard error.
#[derive(Debug)]
pub struct Told {
    report: Report,
    chunks: usize,
    line: ProgressLine,
}

impl Told {
    /// For a batch of so many chunks.
    pub fn new(report: Report, chunks: usize) -> Self {
        Self { report, chunks, line: ProgressLine::new(!report.json) }
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
        self.line.show(format_args!("chunk {} of {}: {}", chunk.saturating_add(1), self.chunks, words(stage)));
    }

    fn line(&mut self, text: impl std::fmt::Display) {
        self.line.clear();
        self.report.progress(text);
    }
}
