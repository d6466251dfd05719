//! One chain from its first deposit to its end.

use std::time::Instant;

use alloy::primitives::{Address, U256};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_devnet::{Service, SettlementKind};
use tandem_tests::{World, WorldOptions, proving::STAGES, world::milliether};

use crate::people::{check_escrow, claimed, tokens, tokens_on_l1, wait_until_proven};

const ETH: Address = Address::ZERO;
/// Who sends, and who receives, among the devnet's accounts.
const ALICE: usize = 0;
const BOB: usize = 1;
/// Who has no role at all.
const STRANGER: usize = 2;
/// Messages must be taken after so long, and end the chain after so long again; seconds.
const WINDOW_S: u64 = 240;
const ESCAPE_DELAY_S: u64 = 300;
/// In which two cores prove a withdrawal and have it paid, with the machine to themselves.
const SENT_TO_PAID_S_MAX: f64 = 60.0;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes of proving: make e2e-validity"]
async fn a_payments_chain_lives_and_ends() -> anyhow::Result<()> {
    let _alone = crate::ALONE.lock().await;
    let options = WorldOptions {
        settlement: SettlementKind::Validity,
        forced_window_s: WINDOW_S,
        escape_delay_s: ESCAPE_DELAY_S,
        ..WorldOptions::default()
    };
    let mut world = World::start(options).await?;
    money_goes_in_moves_and_comes_out(&world).await.context("money")?;
    nothing_is_lost_to_kills(&mut world).await.context("kills")?;
    a_stranger_takes_the_operators_place(&mut world).await.context("force")?;
    everybody_leaves(&world).await.context("escape")?;
    world.stop().await;
    Ok(())
}

/// Deposits of ether and a token, transfers, and a withdrawal that L1 pays; every wei and every unit where it belongs.
async fn money_goes_in_moves_and_comes_out(world: &World) -> anyhow::Result<()> {
    wait_until_proven(world).await?;
    let (alice, bob) = (world.user(ALICE).address(), world.user(BOB).address());
    let token = world.devnet.info.token.to_string();
    world.tandem(ALICE, &["bridge", "deposit", "2"]).await?;
    world.tandem(ALICE, &["bridge", "deposit-erc20", &token, "50"]).await?;
    let arrived = || async { Ok((tokens(world, alice).await? != U256::ZERO).then_some(())) };
    tandem_tests::wait::wait_until("the token is on L2", arrived).await?;
    let units = tokens(world, alice).await?;

    let before = [world.l2_balance(alice).await?, world.l2_balance(bob).await?];
    let paid = world.tandem(ALICE, &["session", "transfer", &bob.to_string(), "1.5"]).await?;
    let token_paid = world.tandem(ALICE, &["session", "transfer-token", &token, &bob.to_string(), "7"]).await?;
    let fees = fee(&paid)? + fee(&token_paid)?;
    ensure!(world.l2_balance(alice).await? == before[0] - milliether(1_500) - U256::from(fees), "the sender's balance");
    ensure!(world.l2_balance(bob).await? == before[1] + milliether(1_500), "the recipient's balance");
    ensure!(tokens(world, bob).await? == U256::from(7), "the recipient's tokens");
    ensure!(tokens(world, alice).await? == units - U256::from(7), "the sender's tokens");

    // From the moment of sending to the payment on L1.
    let sent = Instant::now();
    let on_l1 = world.l1_balance(bob).await?;
    let withdrawn = world.tandem(BOB, &["session", "withdraw", "--until", "settled", &bob.to_string(), "0.25"]).await?;
    let answer = world.tandem(STRANGER, &["bridge", "claims", "--account", &bob.to_string()]).await?;
    let index = answer["withdrawals"][0]["withdrawal"].as_u64().context("no withdrawal is listed")?;
    world.tandem(STRANGER, &["bridge", "claim", &index.to_string()]).await?;
    let seconds = sent.elapsed().as_secs_f64();
    println!("{}", json!({ "name": "validity.sent_to_paid_s", "value": seconds, "unit": "s" }));
    ensure!(seconds <= SENT_TO_PAID_S_MAX, "a withdrawal was paid after {seconds} s");
    ensure!(world.l1_balance(bob).await? == on_l1 + milliether(250), "L1 has paid something else: {withdrawn}");
    wait_until_proven(world).await?;
    check_escrow(world, &[], &[]).await
}

/// Wei that an operation cost.
fn fee(sent: &Value) -> anyhow::Result<u128> {
    Ok(sent["fee"].as_str().context("no fee is told")?.parse()?)
}

/// kill -9 of sequencer and prover at every stage of a batch: what was acknowledged is proven in the end, once, and every wei of it is where it belongs.
async fn nothing_is_lost_to_kills(world: &mut World) -> anyhow::Result<()> {
    let (alice, operator) = (world.user(ALICE).address(), world.devnet.sequencer_key().address());
    let sink = Address::repeat_byte(0x51);
    let before = [world.l2_balance(alice).await?, world.l2_balance(operator).await?];
    let (mut transactions, mut spent) = (Vec::new(), U256::ZERO);
    for (service, words) in STAGES {
        let next = wait_until_all_is_proven(world).await? + 1;
        let sent = world.tandem(ALICE, &["session", "transfer", "--until", "sent", &sink.to_string(), "0.001"]).await?;
        ensure!(sent["state"] == "sent", "{sent}");
        transactions.push(sent["transaction"].clone());
        spent += milliether(1);
        if !words.is_empty() {
            wait_until_said(world, service, words, next).await?;
        }
        world.devnet.services.kill(service).await?;
        world.devnet.services.restart(service)?;
        // It has read L1, too.
        let genesis = || world.ask::<Option<Value>>("eth_getBlockByNumber", json!(["0x0", false]));
        let is_back = || async { Ok(genesis().await.unwrap_or_default()) };
        tandem_tests::wait::wait_until("the node is back", is_back).await?;
    }
    wait_until_all_is_proven(world).await?;
    let mut fees = U256::ZERO;
    for transaction in transactions {
        let receipt: Value = world.ask("eth_getTransactionReceipt", json!([transaction])).await?;
        ensure!(receipt["status"] == "0x1", "{receipt}");
        let quantity = |name: &str| serde_json::from_value::<U256>(receipt[name].clone());
        fees += quantity("gasUsed")? * quantity("effectiveGasPrice")?;
    }
    ensure!(world.l2_balance(sink).await? == spent, "all of it is there, once");
    ensure!(world.l2_balance(alice).await? == before[0] - spent - fees, "what the sender paid");
    ensure!(world.l2_balance(operator).await? == before[1] + fees, "what the operator earned");
    let replica = world.tandem(STRANGER, &["replica"]).await?;
    ensure!(replica["node"]["agrees"] == true, "{replica}");
    check_escrow(world, &[], &[]).await
}

/// Waits until L1 has everything that was acknowledged; how many batches it has then.
async fn wait_until_all_is_proven(world: &World) -> anyhow::Result<u64> {
    let is_proven = || async {
        let status: Value = world.ask("rollup_status", json!([])).await?;
        let nothing_waits = ["pendingTransactions", "waitingTransactions"].iter().all(|name| status[*name] == 0);
        let is_proven = status["syncing"] == false && nothing_waits && status["settled"] == status["latest"]["number"];
        Ok(status["settled"].as_u64().filter(|_| is_proven))
    };
    tandem_tests::wait::wait_until("L1 has all that was acknowledged", is_proven).await
}

/// Waits until a service's log has a line about a batch with all these words.
async fn wait_until_said(world: &World, service: Service, words: &[&str], batch: u64) -> anyhow::Result<()> {
    let log = world.dir().join(match service {
        Service::Sequencer => "sequencer.log",
        Service::Prover => "prover.log",
    });
    let batch = format!("batch={batch}");
    let is_told = |line: &str| {
        words.iter().all(|word| line.contains(word)) && line.split_whitespace().any(|field| field == batch)
    };
    let is_said = || async { Ok(std::fs::read_to_string(&log)?.lines().any(is_told).then_some(())) };
    tandem_tests::wait::wait_until(&format!("{batch}: {words:?}"), is_said).await
}

/// The operator is gone: a stranger proves what an owner asks L1 for, and the owner is paid.
async fn a_stranger_takes_the_operators_place(world: &mut World) -> anyhow::Result<()> {
    let bob = world.user(BOB).address();
    let held: U256 = world.l2_balance(bob).await?;
    world.devnet.services.kill(Service::Sequencer).await?;
    world.devnet.services.kill(Service::Prover).await?;
    world.tandem(BOB, &["bridge", "force-withdraw"]).await?;
    world.pass(WINDOW_S + 1).await?;
    let forced = world.force(STRANGER).await?;
    ensure!(forced["appended"] == true, "{forced}");
    check_escrow(world, &[(ETH, held.to())], &[]).await?;
    let paid = world.tandem(BOB, &["bridge", "claim"]).await?;
    ensure!(claimed(&paid)? == held.to::<u128>(), "{paid}");
    check_escrow(world, &[], &[]).await
}

/// Nobody proves at all: whoever holds something gets it, to the last wei.
async fn everybody_leaves(world: &World) -> anyhow::Result<()> {
    let alice = world.user(ALICE).address();
    world.tandem(ALICE, &["bridge", "deposit", "0.125"]).await?;
    world.pass(WINDOW_S + ESCAPE_DELAY_S + 1).await?;
    world.tandem(STRANGER, &["escape", "freeze"]).await?;
    let (ether, units) = (world.l1_balance(alice).await?, tokens_on_l1(world, alice).await?);
    let left = world.tandem(STRANGER, &["escape", "exit", "--all"]).await?;
    let refunded = world.tandem(STRANGER, &["escape", "refund", "--all"]).await?;
    let of_alice = |answer: &Value, token: &str| -> u128 {
        let all = answer["paid"].as_array().into_iter().flatten();
        let own = all.filter(|payment| payment["account"] == json!(alice) && payment["token"] == token);
        own.filter_map(|payment| payment["amount"].as_str()?.parse::<u128>().ok()).sum()
    };
    let due = of_alice(&left, "ETH") + of_alice(&refunded, "ETH");
    ensure!(due > 0 && of_alice(&refunded, "ETH") == milliether(125).to::<u128>(), "{refunded}");
    ensure!(world.l1_balance(alice).await? == ether + U256::from(due), "ether of who left");
    let token = world.devnet.info.token.to_string().to_lowercase();
    ensure!(tokens_on_l1(world, alice).await? == units + U256::from(of_alice(&left, &token)), "tokens of who left");
    let bridge = world.devnet.deployment.chain.bridge;
    ensure!(world.l1_balance(bridge).await?.is_zero(), "the Bridge still has ether");
    ensure!(tokens_on_l1(world, bridge).await?.is_zero(), "the Bridge still has tokens");
    Ok(())
}
