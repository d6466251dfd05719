//! What others can do to the chain: append by force, post garbage, claim what is not theirs.

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol_types::{SolCall, SolInterface},
};
use anyhow::{Context, ensure};
use serde_json::json;
use tandem_chain::{BatchHeader, DataKind, L2Message, MessageTree, OutputFields, batch::calldata_hash};
use tandem_cli::{
    bridge::proof::Proof,
    wallet::{Call, Wallet, WalletError},
};
use tandem_l1::bindings::{AppendArgs, Bridge, Checkpoint, FraudSettlement, Inbox, Schedule};

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
    let wallet = sequencer(world).await?;
    let calls = appends(world, &wallet, batches).await?;
    wallet.send_all(calls).await?;
    Ok(())
}

/// The same, one in every L1 block.
pub async fn append_each_block(world: &World, batches: Vec<(Bytes, u64)>) -> anyhow::Result<()> {
    let wallet = sequencer(world).await?;
    for call in appends(world, &wallet, batches).await? {
        wallet.send(call).await?;
    }
    Ok(())
}

/// The sequencer's key, in hands that do as they like.
async fn sequencer(world: &World) -> anyhow::Result<Wallet> {
    Ok(Wallet::connect(world.devnet.l1.clone(), world.devnet.sequencer_key(), DEADLINE).await?)
}

/// Appends that follow each other.
async fn appends(world: &World, wallet: &Wallet, batches: Vec<(Bytes, u64)>) -> anyhow::Result<Vec<Call>> {
    let chain = &world.devnet.deployment.chain;
    let mut args = next_append(world, wallet, false).await?;
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
    Ok(calls)
}

/// Claims, on top of a claim and under the rules that hold now, that everything in the Bridge belongs to `thief`: the claim's id, and the proof
/// that would pay it out. L1 must take it: it knows no better.
pub async fn claim_everything(
    world: &World,
    user: usize,
    parent: &FraudSettlement::ClaimPosted,
    thief: Address,
) -> anyhow::Result<(B256, Proof)> {
    let (deployment, l1) = (&world.devnet.deployment, world.devnet.l1.provider());
    let inbox = Inbox::new(deployment.chain.inbox, l1);
    let entry = Schedule::new(deployment.schedule, l1).activeEntry().call().await?;
    let batch_index = inbox.batchCount().call().await?;
    // No other message has this place, so that it is not executed yet.
    let index = 1_000;
    let everything = world.l1_balance(deployment.chain.bridge).await?;
    let message = L2Message { index, sender: thief, target: thief, value: everything, ..L2Message::default() };
    let mut leaves = vec![B256::ZERO; usize::try_from(index)?];
    leaves.push(message.hash());
    let tree = MessageTree::new(leaves);
    let fields = OutputFields {
        config_hash: entry.configHash,
        batch_hash: inbox.batchHashOf(batch_index).call().await?,
        last_block_hash: parent.fields.lastBlockHash,
        state_root: parent.fields.stateRoot,
        message_root: tree.root(),
        queue_index: parent.fields.queueIndex,
    };
    let siblings = tree.prove(index).context("the message is in the tree")?;
    let proof = Proof { message, fields, siblings, output: fields.hash(), batch_index };
    let call = FraudSettlement::claimCall { parent: parent.claimId, fields: fields.into(), path: Vec::new() };
    let call = Call::new(deployment.chain.settlement, call.abi_encode()).value(U256::from(entry.rules.claimBond));
    let receipt = world.l1_wallet(user).await?.send(call).await.context("an invented claim")?;
    let posted = receipt.decoded_log::<FraudSettlement::ClaimPosted>().context("nothing was claimed")?;
    Ok((posted.claimId, proof))
}

/// Makes a call that must be refused; the contract's reason.
pub async fn refused<E: SolInterface>(wallet: &Wallet, to: Address, call: impl SolCall) -> anyhow::Result<E> {
    match wallet.send(Call::new(to, call.abi_encode())).await {
        Err(WalletError::Refused(refusal)) => {
            E::abi_decode(&refusal.data).with_context(|| format!("refused for another reason: {refusal}"))
        }
        sent => anyhow::bail!("L1 took a call that it must refuse: {sent:?}"),
    }
}

/// The sequencer's proof of a message, as soon as there is one.
pub async fn proof(world: &World, index: u64) -> anyhow::Result<Proof> {
    let asked = || async { world.ask::<Option<Proof>>("rollup_getMessageProof", json!([format!("{index:#x}")])).await };
    wait_until("there is a proof of the message", asked).await
}

/// Claims with a proof that must be refused; the Bridge's reason.
pub async fn refused_claim(world: &World, user: usize, proof: &Proof) -> anyhow::Result<Bridge::BridgeErrors> {
    refused(&world.l1_wallet(user).await?, world.devnet.deployment.chain.bridge, proof.call()?).await
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
