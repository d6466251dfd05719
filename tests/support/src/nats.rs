//! The engine of a prover farm: Debian's `nats-server` as a process of its own, with its store in a folder that outlives it.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A server starts in far less.
const START_MAX: Duration = Duration::from_secs(30);

/// A server on a port of its own. Dropped, it is gone.
pub struct Nats {
    port: u16,
    store: PathBuf,
    /// Users and what they may, if there are any.
    config: Option<PathBuf>,
    child: Option<Child>,
}

impl Nats {
    /// Starts one with its store in a folder.
    pub fn start(store: &Path) -> Self {
        Self::configured(store, None)
    }

    /// The same, with a configuration file.
    pub fn configured(store: &Path, config: Option<&Path>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let mut nats = Self { port, store: store.into(), config: config.map(Into::into), child: None };
        nats.restart();
        nats
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Its process, while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Ends it at once, as kill -9 does.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again, on the same port and the same store.
    pub fn restart(&mut self) {
        self.kill();
        let mut command = Command::new(binary());
        command.args(["-js", "-a", "127.0.0.1", "-p", &self.port.to_string(), "-sd"]).arg(&self.store);
        if let Some(config) = &self.config {
            command.arg("-c").arg(config);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().expect("nats-server starts: devnet/install.sh installs it"));
        let (address, start) = (SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)), Instant::now());
        while TcpStream::connect(address).is_err() {
            assert!(start.elapsed() < START_MAX, "nats-server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Debian puts it where only root's path leads.
fn binary() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/bin".into()]);
    folders.map(|folder| folder.join("nats-server")).find(|file| file.is_file()).unwrap_or("nats-server".into())
}
