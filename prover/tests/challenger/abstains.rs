use alloy::primitives::B256;
use tandem_prover::ProverNode;
use tandem_support::l1::DEADLINE;

use super::{LIAR, claim, deploy, post, start, wrong_output};

/// Waits until it says why it does not play; right after its start it may be something else.
async fn wait_for_reason(node: &ProverNode, expected: &str) {
    let says = |reason: &Option<String>| reason.as_ref().is_some_and(|reason| reason.contains(expected));
    let mut disputes = node.disputes();
    let told = disputes.wait_for(|status| status.disputes.iter().any(|dispute| says(&dispute.abstains)));
    let told = tokio::time::timeout(DEADLINE, told).await;
    let status = told.unwrap_or_else(|_| panic!("it does not say `{expected}` in time")).unwrap().clone();
    assert_eq!((status.locked_gwei, status.calls), (0, 0), "nothing was staked or said");
}

/// A contested epoch of which the replica lacks the batches, and one whose program this process does not have.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_plays_for_what_it_cannot_judge() {
    let harness = deploy(B256::repeat_byte(0x99)).await;
    post(&harness).await;
    for (key, seed) in [(LIAR, 1), (4, 2)] {
        let output = wrong_output(&harness, seed).await;
        claim(&harness, key, output).await;
    }
    for (depth, expected) in [(1_000, "has not derived all batches"), (0, "is not at hand (--guest)")] {
        let directory = tempfile::tempdir().unwrap();
        let node = start(&harness, directory.path(), depth).await;
        wait_for_reason(&node, expected).await;
        node.stop();
        node.wait().await.unwrap();
    }
}
