//! What every Tandem process does alike: flags that a file may set, logging, and an orderly end.

mod flags;
mod process;

pub use flags::{FlagsError, parse_with_file};
pub use process::{LogFormat, init_logging, shutdown_on_signal, shutdown_with_stdin};
