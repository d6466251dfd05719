//! Derivation from L1 alone gives the sequencer's blocks, whoever posted what.

use alloy::primitives::U256;
use anyhow::{Context, ensure};
use tandem_cli::wallet::Call;
use tandem_devnet::Service;
use tandem_l1::bindings::{Bridge, Inbox};
use tandem_tests::{
    World, WorldOptions, adversary, derivation,
    world::{milliether, wait_until},
};

const CAROL: usize = 2;
const DAVE: usize = 3;

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_follows_from_l1_alone() -> anyhow::Result<()> {
    let mut world = World::start(WorldOptions { forced_window_s: 5, ..WorldOptions::default() }).await?;
    let carol = world.user(CAROL).address();
    // What a devnet creates for dApps is in batches before.
    world.wait_until_posted().await?;
    world.l2_wallet(CAROL).await?.send(Call::new([0xcc; 20].into(), Vec::new()).value(U256::from(3))).await?;
    world.wait_until_posted().await?;
    let normal = derivation::check(world.chain()).await.context("normal batches")?;
    ensure!(normal.iter().any(|batch| batch.transactions == 1), "{normal:?}");

    // The sequencer is silent; a deposit is forced in by somebody, then bytes that are no payload come, then nothing at all.
    world.devnet.services.kill(Service::Sequencer).await?;
    let inbox = Inbox::new(world.devnet.deployment.chain.inbox, world.devnet.l1.provider());
    let before = inbox.batchCount().call().await?;
    let deposit = Bridge::depositETHCall { to: carol, refund: carol };
    use alloy::sol_types::SolCall;
    let call = Call::new(world.devnet.deployment.chain.bridge, deposit.abi_encode()).value(milliether(9));
    world.l1_wallet(CAROL).await?.send(call).await?;
    ensure!(adversary::append_forced(&world, DAVE).await.is_err(), "a batch was forced before the window had passed");
    wait_until("the message is overdue", || async { Ok(inbox.isForcible().call().await?.then_some(())) }).await?;
    adversary::append_forced(&world, DAVE).await.context("forced batch")?;
    adversary::append_bytes(&world, b"this is no payload".as_slice().into()).await.context("garbage batch")?;
    adversary::append_bytes(&world, [].as_slice().into()).await.context("empty batch")?;
    ensure!(inbox.batchCount().call().await? == before + 3, "other batches came between");

    world.devnet.services.restart(Service::Sequencer)?;
    wait_until("the sequencer is back", || async { world.status().await.map(Some) }).await?;
    let batches = derivation::check(world.chain()).await.context("after forced, garbage and empty batches")?;
    let [forced, garbage, empty, ..] = &batches[before as usize..] else { anyhow::bail!("{batches:?}") };
    ensure!((forced.messages, forced.transactions) == (1, 0) && !forced.blocks.is_empty(), "{forced:?}");
    ensure!((garbage.messages, garbage.transactions) == (0, 0), "{garbage:?}");
    ensure!((empty.messages, empty.transactions) == (0, 0), "{empty:?}");

    // And it goes on from there.
    let balance = world.l2_balance(carol).await?;
    world.l2_wallet(DAVE).await?.send(Call::new(carol, Vec::new()).value(U256::from(5))).await?;
    ensure!(world.l2_balance(carol).await? == balance + U256::from(5), "the transfer did not arrive");
    world.wait_until_posted().await?;
    let batches = derivation::check(world.chain()).await.context("going on")?;
    ensure!(batches[before as usize + 3..].iter().any(|batch| batch.transactions == 1), "{batches:?}");
    world.stop().await;
    Ok(())
}
