//! `tandem-prover`: see `tandem-prover --help`.

use std::{ffi::OsString, fmt::Display};

use anyhow::Context;
use serde_json::{Value, json};
use tandem_evm::cryptography::{self, Native};
use tandem_prover::{
    ProverNode,
    flags::{Invocation, ProveFlags, ProverFlags, WorkFlags},
    validity::{farm, force, import, key_set, service},
};
use tandem_service::{
    FlagsError, LogFormat, Report, init_logging, parse_with_file, print_completions_if_asked, shutdown_on_signal,
    shutdown_with_stdin,
};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    cryptography::install(Native);
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if print_completions_if_asked::<Invocation>(&arguments, &mut std::io::stdout()) {
        return Ok(());
    }
    let token = CancellationToken::new();
    match parse_with_file(arguments) {
        Err(FlagsError::Flags(error)) => error.exit(),
        Err(error) => Err(error.into()),
        Ok(Invocation::Serve(flags)) => serve(*flags, token).await,
        Ok(Invocation::Prove(flags)) => end_service(prove(*flags, token).await),
        Ok(Invocation::Work(flags)) => end_service(work(*flags, token).await),
        Ok(Invocation::Force(flags)) => {
            init_logging(flags.log_format);
            shutdown_on_signal(token.clone());
            end(Report { json: flags.json }, force::run(&flags, token).await)
        }
        Ok(Invocation::ImportKey(flags)) => {
            init_logging(LogFormat::Text);
            let report = Report { json: flags.json };
            end(report, import::run(&flags, report))
        }
        Ok(Invocation::KeySet(flags)) => {
            init_logging(LogFormat::Text);
            let report = Report { json: flags.json };
            end(report, key_set::run(&flags, report))
        }
        Ok(Invocation::Circuits(flags)) => {
            init_logging(LogFormat::Text);
            let report = Report { json: flags.json };
            end(report, import::digests(&flags, report))
        }
    }
}

/// Runs as a service until it is told to end.
async fn serve(flags: ProverFlags, token: CancellationToken) -> anyhow::Result<()> {
    init_logging(flags.log_format);
    shutdown_on_signal(token.clone());
    if flags.end_with_stdin {
        shutdown_with_stdin(token.clone());
    }
    let node = ProverNode::start(flags, token).await.context("the prover cannot start")?;
    node.wait().await.context("the prover had to stop")
}

/// Proves what the sequencer closes until it is told to end.
async fn prove(flags: ProveFlags, token: CancellationToken) -> anyhow::Result<()> {
    init_logging(flags.log_format);
    shutdown_on_signal(token.clone());
    if flags.end_with_stdin {
        shutdown_with_stdin(token.clone());
    }
    service::run(flags, token).await.context("the prover had to stop")
}

/// Proves for a farm until it is told to end.
async fn work(flags: WorkFlags, token: CancellationToken) -> anyhow::Result<()> {
    init_logging(flags.log_format);
    shutdown_on_signal(token.clone());
    if flags.end_with_stdin {
        shutdown_with_stdin(token.clone());
    }
    farm::work::run(flags, token).await.context("the worker had to stop")
}

/// Ends at once: no proof or key that is under way holds that up.
fn end_service(done: anyhow::Result<()>) -> ! {
    let code = done.map_or_else(
        |error| {
            eprintln!("tandem-prover: {error:#}");
            1
        },
        |()| 0,
    );
    std::process::exit(code)
}

/// Tells what a command did, and ends at once: no proof or key that is under way holds that up.
fn end(report: Report, done: Result<Value, impl Display>) -> ! {
    let code = match done {
        Ok(result) => {
            report.result(&result);
            0
        }
        Err(error) if report.json => {
            println!("{}", json!({ "error": error.to_string() }));
            1
        }
        Err(error) => {
            eprintln!("tandem-prover: {error}");
            1
        }
    };
    std::process::exit(code)
}
