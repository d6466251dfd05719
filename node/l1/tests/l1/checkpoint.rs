use tandem_l1::{bindings::Inbox, checkpoint};
use tandem_support::l1::Harness;

/// Tests L1-CP-1, L1-CP-3: a block has one checkpoint, and whoever had it stored finds it, although one transaction alone emits its event.
#[tokio::test(flavor = "multi_thread")]
async fn two_who_store_a_checkpoint_in_one_block_find_the_same() {
    let harness = Harness::start().await;
    let (client, address) = (&harness.client, harness.deployment.chain.inbox);
    let inbox = Inbox::new(address, client.provider());
    harness.auto_mine(false).await;
    let mut transactions = Vec::new();
    for key in &harness.anvil.keys()[2..4] {
        let sent = inbox.checkpoint().from(key.address()).gas(200_000).send().await.unwrap();
        transactions.push(*sent.tx_hash());
    }
    harness.mine(1).await;
    let head = client.latest().await.unwrap();
    let mut without_event = 0;
    for transaction in transactions {
        let receipt = client.receipt(transaction).await.unwrap().expect("the block includes both");
        assert!(receipt.status());
        assert_eq!(receipt.block_number, Some(head.id.number));
        without_event += usize::from(receipt.logs().is_empty());
        let stored = checkpoint::stored_by(client, address, &receipt).await.unwrap().expect("it is stored");
        assert_eq!((stored.number, stored.timestamp), (head.id.number, head.timestamp));
    }
    assert_eq!(without_event, 1);
    let newest = checkpoint::newest_since(client, address, head.id.number).await.unwrap();
    assert_eq!(newest.map(|checkpoint| checkpoint.number), Some(head.id.number));
    harness.mine(1).await;
    assert_eq!(checkpoint::newest_since(client, address, head.id.number + 1).await.unwrap(), None);
}
