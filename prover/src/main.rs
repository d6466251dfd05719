//! `tandem-prover`: see `tandem-prover --help`.

use anyhow::Context;
use tandem_evm::cryptography::{self, Native};
use tandem_prover::{ProverNode, flags::ProverFlags};
use tandem_service::{FlagsError, init_logging, parse_with_file, shutdown_on_signal, shutdown_with_stdin};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    cryptography::install(Native);
    let flags: ProverFlags = match parse_with_file(std::env::args_os().collect()) {
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
