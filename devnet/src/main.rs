//! `tandem-devnet`: see `tandem-devnet --help` and docs/operations.md.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use tandem_devnet::DevnetFlags;
use tandem_evm::cryptography::{self, Native};

/// Runs a local L1 and a Tandem chain on it.
#[derive(Debug, Parser)]
#[command(name = "tandem-devnet", version)]
struct Flags {
    /// Directory for everything that it writes
    #[arg(long, env = "TANDEM_DIR", default_value = ".devnet")]
    dir: PathBuf,
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
    match tandem_devnet::run(flags.devnet, &flags.dir).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tandem-devnet: {error:#}");
            ExitCode::FAILURE
        }
    }
}
