//! A sequencer that lies to a prover: nothing of it is proven, each lie is named, and the truth is proven when it comes.
//!
//! Which lies there are, and by which rule each is found, is a matter of units (`every_lie_is_found_and_named` of the prover); here they meet the process, its health
//! address and a real L1.

use tandem_payments::operation::Call;
use tandem_tests::{
    payments::{Chain, ETHER, eth},
    proving::{Closer, Lie, SequencerDouble, ServiceProcess, answers, land},
    world::free_ports,
};

/// Tests PAY-SESSION-TX, PAY-TREE, PAY-APPEND: the prover derives, it does not believe.
#[tokio::test(flavor = "multi_thread")]
async fn a_prover_proves_no_lie_and_goes_on_with_the_truth() {
    let (mut chain, directory) = (Chain::start().await, tempfile::tempdir().unwrap());
    chain.deposit_eth(0, ETHER).await;
    chain.set_session_key(0).await;
    let mut closer = Closer::default();
    let first = closer.close(&chain, 2, &[]).await;
    chain.deposit_eth(1, ETHER).await;
    let payee = chain.user(1).address();
    let calls = [7, 8].map(|amount| Call::Transfer { recipient: payee, amount });
    let second = closer.close(&chain, 1, &calls).await;

    let deployment = serde_json::to_vec(&chain.deployment).unwrap();
    std::fs::write(directory.path().join("deployment.json"), deployment).unwrap();
    let (sequencer, [health]) = (SequencerDouble::default(), free_ports().unwrap());
    let url = sequencer.serve().await;
    sequencer.close(first.clone());
    let mut prover = ServiceProcess::prover(&chain, directory.path(), &url, health);
    let proven = sequencer.proven(1).await;
    land(&mut chain, &closer, &first, &proven).await;

    for lie in Lie::ALL {
        let told = lie.about(&second, &chain);
        assert_ne!(told, second, "{lie:?}");
        answers(health, "readyz", 200, "ready").await;
        sequencer.close(told);
        answers(health, "readyz", 503, "false batch: batch 2: ").await;
        answers(health, "readyz", 503, lie.is_found_as()).await;
        // It asks on, and forgets the lie when it is not told any more.
        sequencer.withdraw(2);
    }
    answers(health, "readyz", 200, "ready").await;
    prover.says(&["ERROR", "is not what the sequencer claims", "batch=2"]).await;
    assert_eq!(sequencer.brought_back(), [1], "nothing that was not so came back proven");
    answers(health, "metrics", 200, "tandem_proving_proven_batches_total 1\n").await;

    sequencer.close(second.clone());
    let proven = sequencer.proven(2).await;
    land(&mut chain, &closer, &second, &proven).await;
    answers(health, "metrics", 200, "tandem_proving_proven_batches_total 2\n").await;
    assert_eq!(chain.state.get(eth(payee)).unwrap().balance, ETHER + 15);
    prover.kill();
}
