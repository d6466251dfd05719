//! kill -9 of sequencer and prover, as processes, at every stage of a batch: what was acknowledged is proven in the end, once.
//!
//! The stages are those that their logs tell. What is on disk at each, and that nothing is proven twice, is a matter of units.

use std::path::Path;

use alloy::providers::ext::AnvilApi;
use tandem_devnet::Service;
use tandem_tests::{
    payments::{Chain, ETHER},
    proving::{STAGES, ServiceProcess},
    world::free_ports,
};

use super::sums::Till;

const DEPOSITED: u128 = 10 * ETHER;

/// Both of them, at addresses that stay.
struct Services {
    sequencer: ServiceProcess,
    prover: ServiceProcess,
    ports: [u16; 3],
}

impl Services {
    fn start(chain: &Chain, directory: &Path) -> Self {
        let ports = free_ports().unwrap();
        let [rpc, proving, health] = ports;
        let sequencer = ServiceProcess::sequencer(chain, directory, rpc, proving);
        let prover = ServiceProcess::prover(chain, directory, &format!("http://127.0.0.1:{proving}"), health);
        Self { sequencer, prover, ports }
    }

    fn of(&mut self, victim: Service) -> &mut ServiceProcess {
        match victim {
            Service::Sequencer => &mut self.sequencer,
            Service::Prover => &mut self.prover,
        }
    }

    /// Ends one as kill -9 does, and starts it again.
    fn kill(&mut self, victim: Service, chain: &Chain, directory: &Path) {
        let [rpc, proving, health] = self.ports;
        let process = self.of(victim);
        process.child.kill().unwrap();
        process.child.wait().unwrap();
        *process = match victim {
            Service::Sequencer => ServiceProcess::sequencer(chain, directory, rpc, proving),
            Service::Prover => ServiceProcess::prover(chain, directory, &format!("http://127.0.0.1:{proving}"), health),
        };
    }
}

/// Tests PAY-APPEND: nothing is lost, nothing is doubled, whoever is killed and when.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_killed_at_whatever_stage_everything_is_proven_once() {
    let (mut chain, directory) = (Chain::start().await, tempfile::tempdir().unwrap());
    let directory = directory.path();
    chain.deposit_eth(0, DEPOSITED).await;
    chain.set_session_key(0).await;
    let deployment = serde_json::to_vec(&chain.deployment).unwrap();
    std::fs::write(directory.join("deployment.json"), deployment).unwrap();
    // The blocks of a real L1 go on, and with them its time, whoever waits for what.
    chain.client.provider().anvil_set_interval_mining(1).await.unwrap();
    let mut services = Services::start(&chain, directory);
    let mut till = Till::open(&chain, &format!("http://127.0.0.1:{}", services.ports[0]), DEPOSITED).await;
    for (victim, words) in STAGES {
        let next = format!("batch={}", till.wait_until_on_l1(&chain).await + 1);
        till.pay(&chain, 2).await;
        if !words.is_empty() {
            let words: Vec<&str> = words.iter().copied().chain([next.as_str()]).collect();
            services.of(victim).says(&words).await;
        }
        services.kill(victim, &chain, directory);
        till.pay(&chain, 1).await;
    }
    till.check(&chain).await;
    services.prover.kill();
    services.sequencer.kill();
}
