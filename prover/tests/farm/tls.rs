//! TLS between coordinator, workers and engine, with certificates of the test's own: made by OpenSSL for this run, so that no key is committed and none runs out.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use tandem_prover::validity::farm::{Names, engine::Engine};
use tandem_support::l1::wait_until;

use super::rig::{Rig, chain};

const CHAIN: u64 = 903;

/// An authority's certificate, and one of the loopback address that it has signed.
struct Certificates {
    authority: PathBuf,
    server: PathBuf,
    server_key: PathBuf,
}

impl Certificates {
    fn new(folder: &Path) -> Self {
        let file = |name: &str| folder.join(name);
        let (authority, authority_key) = (file("authority.pem"), file("authority.key"));
        let (server, server_key) = (file("server.pem"), file("server.key"));
        certify(&authority, &authority_key, |_| ());
        certify(&server, &server_key, |command| {
            command.args(["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"]);
            command.arg("-CA").arg(&authority).arg("-CAkey").arg(&authority_key);
        });
        Self { authority, server, server_key }
    }

    /// What a server's configuration says of them.
    fn configuration(&self) -> String {
        format!("tls {{ cert_file: {:?}, key_file: {:?} }}", self.server, self.server_key)
    }
}

/// A key and a certificate of it, by itself unless `signed` names another.
fn certify(certificate: &Path, key: &Path, signed: impl FnOnce(&mut Command)) {
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-days", "2"]);
    command.args(["-subj", "/CN=a test of Tandem's farm"]).arg("-out").arg(certificate).arg("-keyout").arg(key);
    signed(&mut command);
    let ended = command.stdin(Stdio::null()).stderr(Stdio::null()).status();
    assert!(ended.expect("openssl starts: devnet/install.sh installs it").success(), "{command:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_farm_works_over_tls_and_with_no_other_certificate() {
    let folder = tempfile::TempDir::new().unwrap();
    let (ours, others) = (folder.path().join("ours"), folder.path().join("others"));
    std::fs::create_dir(&ours).unwrap();
    std::fs::create_dir(&others).unwrap();
    let certificates = Certificates::new(&ours);
    let rig = Rig::with_tls(&certificates.configuration(), &certificates.authority);
    let chain = chain(CHAIN);
    let coordinating = rig.coordinate(&chain, 3, "one", true).await;
    let worker = rig.worker(&chain, "left", None);
    assert_eq!(coordinating.proofs().await, 1);
    assert_eq!(worker.stop().await.proven, 1);

    // One who believes another authority, or the system's, does not speak with it.
    let other = Certificates::new(&others).authority;
    for ca in [Some(other), None] {
        let mut address = rig.address("looker");
        address.ca = ca;
        let engine = Engine::connect(&address, "looker", Names::new(chain.hash())).await.unwrap();
        wait_until("it is told", || async { engine.obstacle().is_some() }).await;
        assert!(!engine.is_connected(), "{:?}", engine.obstacle());
    }
}

/// `tls://` is no offer: a server that does not speak it is told neither user nor password.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_not_spoken_with() {
    let rig = Rig::with_users("authorization: { users: [ { user: looker, password: looker } ] }");
    let mut address = rig.address("looker");
    address.servers = vec![rig.nats.url().replace("nats://", "tls://").parse().unwrap()];
    let engine = Engine::connect(&address, "looker", Names::new(chain(CHAIN).hash())).await.unwrap();
    wait_until("it is told", || async { engine.obstacle().is_some() }).await;
    assert!(!engine.is_connected(), "{:?}", engine.obstacle());
}
