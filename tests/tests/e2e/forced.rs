//! Users against their own operator: what is on L2 comes out through L1 alone.

use std::process::Stdio;

use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    primitives::{Address, B256, TxKind, U256},
    providers::Provider,
    signers::SignerSync,
    sol_types::SolCall,
};
use anyhow::{Context, ensure};
use tandem_devnet::Service;
use tandem_evm::payload::{Payload, PayloadBlock, SignedTransaction, encode};
use tandem_tests::{
    World, WorldOptions, adversary,
    world::{built, milliether},
};
use tokio::process::{Child, Command};

const CAROL: usize = 2;
const DAVE: usize = 3;
const MALLORY: Address = Address::repeat_byte(0x66);
/// An address on L1 without a history.
const SAFE: Address = Address::repeat_byte(0xa7);

alloy::sol! {
    #[sol(rpc)]
    contract Messenger {
        function lastCaller() external view returns (address);
        function lastNumber() external view returns (uint256);
        function note(uint256 number) external payable;
    }
}

/// A sequencer that ignores everything from an account and includes old transactions of it; then every operator key is gone, and with them
/// the endpoints. The account gets out with all that it has, and so would anybody.
#[tokio::test(flavor = "multi_thread")]
async fn ether_comes_out_although_every_operator_is_hostile_or_gone() -> anyhow::Result<()> {
    let mut world = World::start(WorldOptions { forced_window_s: 20, ..WorldOptions::default() }).await?;
    let carol = world.user(CAROL).address();
    world.tandem(CAROL, &["bridge", "deposit", "100"]).await?;
    let balance = world.l2_balance(carol).await?;
    ensure!(balance >= milliether(100_000), "L2 has {balance}");
    let old = old_transaction(&world).await?;
    world.wait_until_posted().await?;

    // From here on the sequencer is silent, but for a batch with what it once was given.
    world.devnet.services.kill(Service::Sequencer).await?;
    let time = world.devnet.l1.latest().await?.timestamp;
    let blocks = vec![PayloadBlock { timestamp: time, message_count: 0, transactions: vec![old] }];
    let payload = encode(&Payload { blocks }, world.devnet.deployment.chain.l2_chain_id, |_| None)?.stored();
    adversary::append_bytes(&world, payload.into()).await.context("the old transaction")?;
    world.devnet.services.kill(Service::Prover).await?;

    // A fixed value is not covered any more; everything always is.
    let exact = alloy::primitives::utils::format_ether(balance);
    let to = SAFE.to_string();
    let refused = world.tandem(CAROL, &["bridge", "force-withdraw", &exact, "--to", &to]).await;
    let reason = format!("{:#}", refused.err().context("more than everything was withdrawn")?);
    ensure!(reason.contains("withdrew nothing"), "refused with {reason}");
    let sent = world.tandem(CAROL, &["bridge", "force-withdraw", "--to", &to]).await.context("everything")?;
    let wei: U256 = sent["wei"].as_str().context("no amount is told")?.parse()?;
    ensure!(wei < balance - milliether(1_000), "the old transaction was not included");
    ensure!(wei > balance - milliether(1_001), "of {balance} only {wei} come out");
    let refused = world.tandem(CAROL, &["bridge", "force-withdraw"]).await;
    ensure!(refused.is_err_and(|error| error.to_string().contains("withdrew nothing")), "something was left");

    // Outputs are claimed by whoever wants to.
    let _prover = prover_of(&world, DAVE)?;
    let index = sent["message"].to_string();
    world.tandem(DAVE, &["bridge", "claim", &index]).await.context("claim")?;
    let out = world.l1_balance(SAFE).await?;
    ensure!(out == wei, "{out} wei came out of {wei}");
    world.stop().await;
    Ok(())
}

/// Signed once, never sent: pays Mallory an ether.
async fn old_transaction(world: &World) -> anyhow::Result<SignedTransaction> {
    let (l2, signer) = (&world.devnet.l2, world.user(CAROL));
    let nonce = l2.request(l2.provider().get_transaction_count(signer.address())).await?;
    let transaction = TxEip1559 {
        chain_id: world.devnet.deployment.chain.l2_chain_id,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000_000,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(MALLORY),
        value: milliether(1_000),
        ..TxEip1559::default()
    };
    let signature = signer.sign_hash_sync(&transaction.signature_hash())?;
    Ok(SignedTransaction::Eip1559(transaction.into_signed(signature)))
}

/// A prover with a user's key: it needs nothing but L1.
pub(crate) fn prover_of(world: &World, user: usize) -> anyhow::Result<Child> {
    let (l1_rpc, l1_beacon) = (world.devnet.info.l1_rpc.to_string(), world.devnet.info.faucet.to_string());
    let mut command = Command::new(built("tandem-prover")?);
    command
        .arg("--deployment")
        .arg(world.dir().join("deployment.json"))
        .arg("--data-dir")
        .arg(world.dir().join("own-prover"));
    command.args(["--l1-rpc", &l1_rpc, "--l1-beacon", &l1_beacon, "--l1-poll-ms", "200", "--l1-depth", "1"]);
    command.env("TANDEM_PROPOSER_KEY", B256::from(world.user(user).to_bytes()).to_string());
    Ok(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn()?)
}

/// With a sequencer that does its work: a call from L1, paid with what is on L2 and what is brought along.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_forced_and_spends_what_is_on_l2() -> anyhow::Result<()> {
    let world = World::start(WorldOptions::default()).await?;
    let messenger = world.forge_create(&world.devnet.l2, DAVE, "src/devnet/Messenger.sol:Messenger").await?;
    let carol = world.user(CAROL).address();
    let before = world.l2_balance(carol).await?;
    let (to, data) = (messenger.to_string(), Messenger::noteCall { number: U256::from(11) }.abi_encode());
    let data = alloy::primitives::hex::encode_prefixed(data);
    let call = ["bridge", "force-call", &to, "--data", &data, "--value", "0.7", "--mint", "0.2"];
    world.tandem(CAROL, &call).await?;
    let contract = Messenger::new(messenger, world.devnet.l2.provider());
    ensure!(contract.lastNumber().call().await? == U256::from(11), "the contract was not called");
    ensure!(contract.lastCaller().call().await? == carol, "an account that calls the Bridge itself is not aliased");
    ensure!(world.l2_balance(messenger).await? == milliether(700), "another amount arrived");
    ensure!(world.l2_balance(carol).await? == before - milliether(500), "another amount was spent");

    let alias = tandem_chain::message::alias(tandem_evm::predeploys::MULTICALL3).to_string();
    let refused = world.tandem(CAROL, &["bridge", "force-call", &to, "--refund", &alias]).await;
    let reason = format!("{:#}", refused.err().context("a refund address of everybody's is taken")?);
    ensure!(reason.contains("for anybody"), "refused with {reason}");

    let gate = world.devnet.deployment.gate.to_string();
    for command in ["force-withdraw", "withdraw"] {
        let refused = world.tandem(CAROL, &["bridge", command, "0.1", "--to", &gate]).await;
        let reason = format!("{:#}", refused.err().context("a payee that takes no ether is taken")?);
        ensure!(reason.contains("UpgradeGate"), "{command} refused with {reason}");
    }
    world.stop().await;
    Ok(())
}
