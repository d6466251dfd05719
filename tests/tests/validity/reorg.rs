//! Reorganisations of L1 void no proof, unless a message that it consumed is another one now, or its time has run out.

use alloy::{
    providers::ext::AnvilApi,
    rpc::types::anvil::{ReorgOptions, TransactionData},
};
use tandem_l1::bindings::{Inbox, ValiditySettlement};
use tandem_payments::operation::Call;

use tandem_tests::payments::{Chain, ETHER, refused};

async fn reorg(chain: &Chain, depth: u64) {
    let tx_block_pairs: Vec<(TransactionData, u64)> = Vec::new();
    chain.client.provider().anvil_reorg(ReorgOptions { depth, tx_block_pairs }).await.unwrap();
}

/// The same proofs land again, on another parent block, at another time, with another checkpoint.
#[tokio::test(flavor = "multi_thread")]
async fn a_proven_batch_that_was_dropped_is_posted_again() {
    let mut chain = Chain::start().await;
    chain.deposit_eth(0, 2 * ETHER).await;
    chain.set_session_key(0).await;
    chain.consume().await;
    let mut draft = chain.draft().await;
    chain.operate(&mut draft, 0, Call::WithdrawEth { recipient: chain.user(1).address(), amount: ETHER });
    let proven = chain.prove(draft);
    let (settlement, sequencer) = (chain.chain().settlement, chain.sequencer().clone());
    for depth in [1, 2] {
        chain.append(&sequencer, &proven).await.unwrap();
        reorg(&chain, depth).await;
        assert_eq!(chain.view(settlement, ValiditySettlement::leafCountCall {}).await, chain.state.leaf_count());
        chain.wait(60).await;
    }
    chain.post(proven).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_of_a_message_that_is_another_one_now_is_refused() {
    let mut chain = Chain::start().await;
    chain.deposit_eth(0, ETHER).await;
    let mut draft = chain.draft().await;
    chain.take_messages(&mut draft);
    let proven = chain.prove(draft);
    reorg(&chain, 1).await;
    chain.queue.clear();
    chain.deposit_eth(0, 2 * ETHER).await;
    let outcome = chain.post_as(chain.sequencer().clone(), proven).await;
    refused::<ValiditySettlement::ValiditySettlement_OtherMessages>(outcome);
    chain.consume().await;
}

/// A message that the batch leaves may go, and another come in its place: nothing of it is in the proof.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_survives_the_loss_of_a_message_that_it_leaves() {
    let mut chain = Chain::start().await;
    chain.deposit_eth(0, ETHER).await;
    chain.deposit_eth(1, 7).await;
    let mut draft = chain.draft().await;
    chain.take_next_messages(&mut draft, 1);
    let proven = chain.prove(draft);
    reorg(&chain, 1).await;
    chain.queue.truncate(1);
    let inbox = chain.chain().inbox;
    assert_eq!(chain.view(inbox, Inbox::queueLengthCall {}).await, 1, "L1 has lost the second message");
    // Anvil puts its clock back with its blocks.
    chain.wait(60).await;
    chain.append(&chain.sequencer().clone(), &proven).await.unwrap();
    reorg(&chain, 1).await;
    chain.wait(60).await;
    chain.deposit_eth(0, 2 * ETHER).await;
    chain.post(proven).await;
    chain.consume().await;
    assert_eq!(chain.view(inbox, Inbox::queueConsumedCall {}).await, 2);
}

/// PAY-TIME: a proof can be posted for as long as a checkpoint can be named.
#[tokio::test(flavor = "multi_thread")]
async fn the_time_of_a_proof_runs_out() {
    let mut chain = Chain::start().await;
    let sequencer = chain.sequencer().clone();
    let proven = chain.prove(chain.draft().await);
    chain.wait(3_500).await;
    chain.append(&sequencer, &proven).await.unwrap();
    reorg(&chain, 1).await;
    chain.wait(200).await;
    let late = chain.post_as(sequencer.clone(), proven).await;
    refused::<ValiditySettlement::ValiditySettlement_TimeOutOfRange>(late);

    // Neither ahead of L1, nor before the batch before it.
    let now = chain.client.latest().await.unwrap().timestamp;
    let ahead = chain.prove(chain.draft_at(now + 600));
    let ahead = chain.post_as(sequencer.clone(), ahead).await;
    refused::<ValiditySettlement::ValiditySettlement_TimeOutOfRange>(ahead);
    chain.post(chain.prove(chain.draft_at(now))).await;
    let back = chain.prove(chain.draft_at(now - 1));
    refused::<ValiditySettlement::ValiditySettlement_TimeOutOfRange>(chain.post_as(sequencer, back).await);
}
