//! What a command says: progress to standard error, the result to standard output, as text or as one JSON object.

use serde_json::Value;

/// Where a command's words go.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// One JSON object instead of text.
    pub json: bool,
}

impl Report {
    /// What is being done or waited for.
    pub fn progress(self, text: impl std::fmt::Display) {
        if !self.json {
            eprintln!("{text}");
        }
    }

    /// What the command was asked for: a line for each field, or one JSON object.
    pub fn result(self, value: &Value) {
        if self.json {
            println!("{value}");
            return;
        }
        for (key, value) in value.as_object().into_iter().flatten() {
            match value {
                Value::String(text) => println!("{key:<14} {text}"),
                other => println!("{key:<14} {other}"),
            }
        }
    }
}
