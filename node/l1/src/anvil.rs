//! Starts Foundry's Anvil: the L1 of tests and of the devnet. Nothing that runs against a real L1 uses this.

use alloy::signers::local::PrivateKeySigner;
use std::{
    env,
    ffi::OsString,
    io::{self, BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};
use url::Url;

/// Names the binary, before everything else.
const BINARY_VARIABLE: &str = "TANDEM_ANVIL";

/// Why Anvil does not run.
#[derive(Debug, thiserror::Error)]
pub enum AnvilError {
    /// Neither `TANDEM_ANVIL` nor `contracts/node_modules` has it.
    #[error("anvil not found: set TANDEM_ANVIL or run `npm ci` in contracts/ (looked at {0})")]
    NotFound(PathBuf),
    /// The program is missing or cannot be started.
    #[error("cannot start anvil: {0}")]
    Start(#[from] io::Error),
    /// It ended, or said nothing of use, before it listened.
    #[error("anvil did not get ready within {0:?}")]
    NotReady(Duration),
    /// Its address makes no URL.
    #[error(transparent)]
    Url(#[from] url::ParseError),
}

/// How to run it.
#[derive(Clone, Debug)]
pub struct AnvilOptions {
    /// 0: any free port.
    pub port: u16,
    /// Mines a block so often; none: with every transaction.
    pub block_time: Option<Duration>,
    /// Keeps its state in this file.
    pub state: Option<PathBuf>,
    /// Further arguments of Anvil's command line.
    pub arguments: Vec<OsString>,
    /// How long it may take to listen.
    pub patience: Duration,
}

impl Default for AnvilOptions {
    fn default() -> Self {
        Self { port: 0, block_time: None, state: None, arguments: Vec::new(), patience: Duration::from_secs(30) }
    }
}

/// Runs what follows, and ends it when standard input ends: with its owner, however that went. Standard output is left to it alone, so that
/// its end is seen. It is interrupted until it has ended: what a shell runs in the background ignores interrupts until it minds them itself, some time after its start.
const LEASH: &str = r#""$@" </dev/null & child=$!; exec >&-; cat >/dev/null; while kill -INT "$child" 2>/dev/null; do sleep 0.1; done; wait "$child""#;

/// A running Anvil; ends when dropped, and when its owner is killed.
#[derive(Debug)]
pub struct Anvil {
    child: Child,
    /// Its output ended, and so did Anvil.
    ended: Arc<AtomicBool>,
    port: u16,
    keys: Vec<PrivateKeySigner>,
}

impl Anvil {
    /// Starts it and waits until it listens on the loopback interface.
    pub fn start(options: AnvilOptions) -> Result<Self, AnvilError> {
        let mut command = Command::new("sh");
        command.args(["-c", LEASH, "sh"]).arg(binary()?).process_group(0);
        command.args(["--host", "127.0.0.1", "--hardfork", "osaka", "--port"]).arg(options.port.to_string());
        if let Some(block_time) = options.block_time {
            command.arg("--block-time").arg(block_time.as_secs_f64().to_string());
        }
        if let Some(state) = &options.state {
            command.arg("--state").arg(state);
        }
        command.args(&options.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let ended = Arc::new(AtomicBool::new(false));
        let banner = child.stdout.take().map(|output| read_banner(output, options.patience, ended.clone()));
        match banner.flatten() {
            Some((port, keys)) => Ok(Self { child, ended, port, keys }),
            None => {
                end(&mut child);
                Err(AnvilError::NotReady(options.patience))
            }
        }
    }

    /// JSON-RPC over HTTP, and the beacon API.
    pub fn url(&self) -> Result<Url, AnvilError> {
        Ok(Url::parse(&format!("http://127.0.0.1:{}", self.port))?)
    }

    /// Whether it has ended by itself, or was killed by somebody else.
    pub fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The process of Anvil itself; none if it has ended, or where Linux does not tell.
    pub fn process_id(&self) -> Option<u32> {
        let id = self.child.id();
        let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    }

    /// Bytes of memory that Anvil has in use, as Linux counts them; none elsewhere.
    pub fn memory_bytes(&self) -> Option<u64> {
        let anvil = self.process_id()?;
        let status = std::fs::read_to_string(format!("/proc/{anvil}/status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1_024)
    }

    /// The keys that it funded at its genesis.
    pub fn keys(&self) -> &[PrivateKeySigner] {
        &self.keys
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// An orderly end, in which Anvil writes its state.
fn end(child: &mut Child) {
    drop(child.stdin.take());
    let _ = child.wait();
}

/// The Anvil to run.
pub fn binary() -> Result<PathBuf, AnvilError> {
    if let Some(path) = env::var_os(BINARY_VARIABLE) {
        return Ok(path.into());
    }
    let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let system = if cfg!(target_os = "macos") { "darwin" } else { "linux" };
    let inside = format!("contracts/node_modules/@foundry-rs/anvil-{system}-{machine}/bin/anvil");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let candidates = [root.join(&inside), PathBuf::from(&inside)];
    let found = candidates.iter().find(|path| path.is_file()).cloned();
    let [first, _] = candidates;
    found.ok_or(AnvilError::NotFound(first))
}

/// Reads until Anvil listens; keeps its pipe drained afterwards.
fn read_banner(
    output: ChildStdout,
    patience: Duration,
    ended: Arc<AtomicBool>,
) -> Option<(u16, Vec<PrivateKeySigner>)> {
    let (sender, receiver) = mpsc::sync_channel(1);
    thread::spawn(move || {
        let mut keys = Vec::new();
        for line in BufReader::new(output).lines() {
            let Ok(line) = line else { break };
            let last = line.split_whitespace().next_back().unwrap_or_default();
            if line.starts_with('(') {
                keys.extend(last.parse::<PrivateKeySigner>());
            } else if let Some(address) = line.strip_prefix("Listening on ") {
                let port = address.trim().rsplit(':').next().and_then(|port| port.parse().ok());
                let _ = sender.try_send(port.map(|port| (port, std::mem::take(&mut keys))));
            }
        }
        ended.store(true, Ordering::Release);
    });
    receiver.recv_timeout(patience).ok().flatten()
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn it_ends_with_its_owner() {
        let mut anvil = Anvil::start(AnvilOptions::default()).unwrap();
        let listens = |port| TcpStream::connect(("127.0.0.1", port)).is_ok();
        assert!(listens(anvil.port));
        // As the kernel closes it when the owner is killed.
        drop(anvil.child.stdin.take());
        let status = anvil.child.wait().unwrap();
        assert!(!listens(anvil.port), "{status}");
    }

    #[test]
    fn its_end_is_seen() {
        let anvil = Anvil::start(AnvilOptions::default()).unwrap();
        assert!(!anvil.has_ended());
        let id = anvil.process_id().unwrap().to_string();
        assert!(Command::new("kill").args(["-9", &id]).status().unwrap().success());
        let started = std::time::Instant::now();
        while !anvil.has_ended() {
            assert!(started.elapsed() < Duration::from_secs(60), "kill -9 of Anvil is not seen");
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn a_bad_flag_is_told_at_once() {
        let options = AnvilOptions { arguments: vec!["--no-such-flag".into()], ..AnvilOptions::default() };
        let started = std::time::Instant::now();
        assert!(matches!(Anvil::start(options.clone()), Err(AnvilError::NotReady(_))));
        assert!(started.elapsed() < options.patience);
    }
}
