//! `tandem-prover`: see `tandem-prover --help`.

use std::ffi::OsString;

use anyhow::Context;
use tandem_evm::cryptography::{self, Native};
use tandem_prover::{ProverNode, flags::ProverFlags};
use tandem_service::{
    FlagsError, init_logging, parse_with_file, print_completions_if_asked, shutdown_on_signal, shutdown_with_stdin,
};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    cryptography::install(Native);
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if print_completions_if_asked::<ProverFlags>(&arguments, &mut std::io::stdout()) {
        return Ok(());
    }
    let flags: ProverFlags = match parse_with_file(arguments) {
        Err(FlagsError::Flags(error)) => error.exit(),
        flags => flags?,
    };
    init_logging(flags.log_format);
    let token = CancellationToken::new();
    shutdown_on_signal(token.clone());
    if flags.end_with_stdin {
        shutdown_with_stdin(token.clone());
    }
    let node = ProverNode::start(flags, token).await.context("the prover cannot start")?;
    node.wait().await.context("the prover had to stop")
}
