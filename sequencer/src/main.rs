//! The program `tandem-sequencer`; `docs/operations.md` tells how it is run.

use std::ffi::OsString;

use anyhow::Context;
use tandem_evm::cryptography::{self, Native};
use tandem_sequencer::{Node, SequencerFlags};
use tandem_service::{
    FlagsError, init_logging, parse_with_file, print_completions_if_asked, shutdown_on_signal, shutdown_with_stdin,
};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    cryptography::install(Native);
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if print_completions_if_asked::<SequencerFlags>(&arguments, &mut std::io::stdout()) {
        return Ok(());
    }
    let flags: SequencerFlags = match parse_with_file(arguments) {
        Err(FlagsError::Flags(error)) => error.exit(),
        flags => flags?,
    };
    init_logging(flags.log_format);
    let cancel = CancellationToken::new();
    shutdown_on_signal(cancel.clone());
    if flags.end_with_stdin {
        shutdown_with_stdin(cancel.clone());
    }
    let node = Node::start(flags, cancel).await.context("the sequencer cannot start")?;
    node.wait().await.context("the sequencer had to stop")
}
