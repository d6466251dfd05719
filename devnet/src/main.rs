//! `tandem-devnet`: see `tandem-devnet --help` and docs/operations.md.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use tandem_devnet::DevnetFlags;
use tandem_evm::cryptography::{self, Native};

/// Runs a local L1 and a Tandem chain on it.
#[derive(Debug, Parser)]
#[command(name = "tandem-devnet", version)]
struct Flags {
    /// Directory for everything that it writes; .devnet, or .devnet-validity of a payments chain, if absent
    #[arg(long, env = "TANDEM_DIR")]
    dir: Option<PathBuf>,
    #[command(flatten)]
    devnet: DevnetFlags,
}

#[tokio::main]
async fn main() -> ExitCode {
    cryptography::install(Native);
    let arguments: Vec<_> = std::env::args_os().collect();
    if tandem_service::print_completions_if_asked::<Flags>(&arguments, &mut std::io::stdout()) {
        return ExitCode::SUCCESS;
    }
    let flags = Flags::parse();
    tandem_service::init_logging(tandem_service::LogFormat::Text);
    let dir = flags.dir.unwrap_or_else(|| flags.devnet.settlement.default_dir().into());
    match tandem_devnet::run(flags.devnet, &dir).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tandem-devnet: {error:#}");
            ExitCode::FAILURE
        }
    }
}
