//! Logging and an orderly end.

use std::io::{IsTerminal, Read};

use clap::ValueEnum;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people to read.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// Everything that Tandem says once per batch or rarer; of libraries only what degrades. NATS's client tells each try to reconnect, of which our own lines tell once a minute.
const DEFAULT_FILTER: &str = "warn,async_nats=off,tandem=info,tandem_sequencer=info,tandem_prover=info,tandem_l1=info,tandem_store=info,tandem_cli=info,tandem_devnet=info";

/// Writes logs to standard error; `RUST_LOG` selects, `info` of Tandem's own crates by default.
pub fn init_logging(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

/// Cancels `token` on Ctrl-C or SIGTERM.
pub fn shutdown_on_signal(token: CancellationToken) {
    tokio::spawn(async move {
        let terminated = async {
            match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                Ok(mut signal) => {
                    signal.recv().await;
                }
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = terminated => {}
        }
        token.cancel();
    });
}

/// Cancels `token` when standard input ends: when the process that holds its other end is gone, however it went.
pub fn shutdown_with_stdin(token: CancellationToken) {
    // A thread rather than a task: a pending read of standard input would hold up the end of the runtime.
    std::thread::spawn(move || {
        let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
        token.cancel();
    });
}
