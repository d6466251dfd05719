//! `tandem`: see `tandem --help` and docs/operations.md.

use clap::{Parser, Subcommand};
use tandem_cli::{
    bridge::{self, BridgeCommand},
    chain::ChainFlags,
    deploy::{self, DeployFlags},
    payments::{
        escape::{self, EscapeCommand},
        replica::{self, ReplicaFlags},
    },
    preinstalls,
    session::{self, SessionCommand},
    status,
};
use tandem_evm::cryptography::{self, Native};
use tandem_service::Report;

/// Deploys Tandem chains and moves money in and out.
#[derive(Debug, Parser)]
#[command(name = "tandem", version)]
struct Flags {
    /// The result as one JSON object
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    chain: ChainFlags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Deploys a chain to L1
    Deploy(DeployFlags),
    /// Puts the ERC-4337 EntryPoints and Permit2 at their usual addresses on L2, as far as they are not there, paid by `--key`
    Preinstalls,
    /// Moves money between L1 and L2
    #[command(subcommand)]
    Bridge(BridgeCommand),
    /// Ends a payments chain whose messages stay unproven, and gets the money out of it
    #[command(subcommand)]
    Escape(EscapeCommand),
    /// Session keys of the payments chain: derives them, signs and sends with them
    #[command(subcommand)]
    Session(SessionCommand),
    /// How far the chain is
    Status,
    /// Derives a payments chain's ledger from L1 alone: its roots, an account if asked, and whether the node at `--l2-rpc` has the same
    Replica(ReplicaFlags),
}

#[tokio::main]
async fn main() -> std::process::ExitCode {
    cryptography::install(Native);
    let arguments: Vec<_> = std::env::args_os().collect();
    if tandem_service::print_completions_if_asked::<Flags>(&arguments, &mut std::io::stdout()) {
        return std::process::ExitCode::SUCCESS;
    }
    let flags = Flags::parse();
    tandem_service::init_logging(tandem_service::LogFormat::Text);
    let report = Report { json: flags.json };
    let outcome = match flags.command {
        Command::Deploy(command) => deploy::run(command, &flags.chain, report).await,
        Command::Preinstalls => preinstalls::run(&flags.chain, report).await,
        Command::Bridge(command) => bridge::run(command, &flags.chain, report).await,
        Command::Escape(command) => escape::run(command, &flags.chain, report).await,
        Command::Session(command) => session::run(command, &flags.chain, report).await,
        Command::Status => status::run(&flags.chain, report).await,
        Command::Replica(command) => replica::run(command, &flags.chain, report).await,
    };
    match outcome {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(error) => {
            if report.json {
                println!("{}", serde_json::json!({ "error": format!("{error:#}") }));
            } else {
                eprintln!("tandem: {error:#}");
            }
            std::process::ExitCode::FAILURE
        }
    }
}
