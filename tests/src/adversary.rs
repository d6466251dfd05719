//! What others can do to the chain: append by force, post garbage, claim what is not theirs.

use alloy::{
    primitives::{B256, Bytes, U256},
    sol_types::SolCall,
};
use anyhow::{Context, ensure};
use serde_json::json;
use tandem_chain::{BatchHeader, DataKind, batch::calldata_hash};
use tandem_cli::{
    bridge::proof::Proof,
    wallet::{Call, Wallet, WalletError},
};
use tandem_l1::bindings::{AppendArgs, Bridge, Checkpoint, Inbox};

use crate::{
    World,
    world::{DEADLINE, wait_until},
};

/// Work that a hostile batch declares, in gas: enough for whatever it may hold.
const WORK_GAS: u64 = 30_000_000;

/// Gas that an append of few bytes takes at most.
const APPEND_GAS: u64 = 400_000;

/// Arguments of the next append, taking the messages up to `queue_end`, with a checkpoint stored for it.
async fn next_append(world: &World, wallet: &Wallet, take_messages: bool) -> anyhow::Result<AppendArgs> {
    let devnet = &world.devnet;
    let inbox = Inbox::new(devnet.deployment.chain.inbox, devnet.l1.provider());
    let receipt = wallet.send(Call::new(*inbox.address(), Inbox::checkpointCall {}.abi_encode())).await?;
    let stored = receipt.decoded_log::<Inbox::CheckpointStored>();
    let checkpoint: Checkpoint = stored.context("no checkpoint was stored")?.data.checkpoint;
    let earlier = || async { Ok((devnet.l1.latest().await?.id.number > checkpoint.number).then_some(())) };
    wait_until("the checkpoint is of an earlier block", earlier).await?;
    let last = inbox.batchCount().call().await?;
    let queue_end =
        if take_messages { inbox.queueLength().call().await? } else { inbox.queueConsumed().call().await? };
    Ok(AppendArgs {
        index: last + 1,
        parentContentHash: inbox.lastContentHash().call().await?,
        queueEnd: queue_end,
        queueHash: inbox.queueHashOf(queue_end).call().await?,
        workGas: 0,
        checkpoint,
    })
}

/// Anybody appends the messages that the sequencer withholds.
pub async fn append_forced(world: &World, user: usize) -> anyhow::Result<()> {
    let wallet = world.l1_wallet(user).await?;
    let args = next_append(world, &wallet, true).await?;
    wallet.send(Call::new(world.devnet.deployment.chain.inbox, Inbox::appendForcedCall { args }.abi_encode())).await?;
    Ok(())
}

/// A sequencer gone mad appends bytes that are no payload.
pub async fn append_bytes(world: &World, payload: Bytes) -> anyhow::Result<()> {
    append_all(world, vec![(payload, WORK_GAS)]).await
}

/// Payloads with the work that they declare, appended at once: each is signed before the one before it is posted (L1-BATCH-1).
pub async fn append_all(world: &World, batches: Vec<(Bytes, u64)>) -> anyhow::Result<()> {
    let chain = &world.devnet.deployment.chain;
    let wallet = Wallet::connect(world.devnet.l1.clone(), world.devnet.sequencer_key(), DEADLINE).await?;
    let mut args = next_append(world, &wallet, false).await?;
    let mut calls = Vec::new();
    for (payload, work_gas) in batches {
        args.workGas = work_gas;
        let content = BatchHeader {
            index: args.index,
            parent_hash: B256::ZERO,
            parent_content_hash: args.parentContentHash,
            data_kind: DataKind::Calldata,
            data_hash: calldata_hash(&payload),
            queue_end: args.queueEnd,
            queue_hash: args.queueHash,
            checkpoint_hash: tandem_chain::Checkpoint::from(args.checkpoint.clone()).hash(),
            config_hash: chain.hash(),
            work_gas,
            posted_at: 0,
        };
        let call = Call::new(chain.inbox, Inbox::appendCalldataCall { args: args.clone(), payload }.abi_encode());
        // What follows depends on what is not posted, so it cannot be estimated.
        calls.push(if calls.is_empty() { call } else { call.gas_limit(APPEND_GAS) });
        args.index += 1;
        args.parentContentHash = content.content_hash();
    }
    wallet.send_all(calls).await?;
    Ok(())
}

/// The sequencer's proof of a message, as soon as there is one.
pub async fn proof(world: &World, index: u64) -> anyhow::Result<Proof> {
    let asked = || async { world.ask::<Option<Proof>>("rollup_getMessageProof", json!([format!("{index:#x}")])).await };
    wait_until("there is a proof of the message", asked).await
}

/// Claims with a proof that must be refused; the Bridge's reason.
pub async fn refused_claim(world: &World, user: usize, proof: &Proof) -> anyhow::Result<Bridge::BridgeErrors> {
    let wallet = world.l1_wallet(user).await?;
    let sent = wallet.send(Call::new(world.devnet.deployment.chain.bridge, proof.call()?.abi_encode())).await;
    let Err(WalletError::Refused(refusal)) = sent else {
        anyhow::bail!("the Bridge took a claim that it must refuse: {sent:?}")
    };
    use alloy::sol_types::SolInterface;
    Bridge::BridgeErrors::abi_decode(&refusal.data)
        .with_context(|| format!("the Bridge refused for another reason: {refusal}"))
}

/// The same proof with one thing wrong, in every way there is.
pub fn forgeries(proof: &Proof) -> Vec<(&'static str, Proof)> {
    let forged = |what, change: fn(&mut Proof)| {
        let mut forged = proof.clone();
        change(&mut forged);
        (what, forged)
    };
    vec![
        forged("a sibling", |proof| proof.siblings[3] = B256::repeat_byte(0x33)),
        forged("the lowest sibling", |proof| proof.siblings[0] = B256::repeat_byte(0x11)),
        forged("more value", |proof| proof.message.value += U256::ONE),
        forged("another target", |proof| proof.message.target = [0x44; 20].into()),
        forged("another index", |proof| proof.message.index += 1),
        forged("another root", |proof| proof.fields.message_root = B256::repeat_byte(0x55)),
    ]
}

/// Fails unless the Bridge refuses because nothing is proven.
pub async fn must_not_be_proven(world: &World, user: usize, proof: &Proof, what: &str) -> anyhow::Result<()> {
    let reason = refused_claim(world, user, proof).await?;
    ensure!(matches!(reason, Bridge::BridgeErrors::Bridge_NotProven(_)), "{what}: refused with {reason:?}");
    Ok(())
}
