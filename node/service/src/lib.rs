//! What every Tandem process does alike: flags that a file may set, logging, what commands say, and an orderly end.

mod completions;
mod flags;
mod process;
mod readiness;
mod reminder;
mod report;

pub use completions::print_completions_if_asked;
pub use flags::{FlagsError, parse_with_file};
pub use process::{LogFormat, init_logging, shutdown_on_signal, shutdown_with_stdin};
pub use readiness::{Readiness, Trouble};
pub use reminder::Reminder;
pub use report::Report;
