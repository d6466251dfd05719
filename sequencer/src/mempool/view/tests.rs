use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    primitives::U256,
    signers::{SignerSync, local::PrivateKeySigner},
};
use tandem_evm::payload::SignedTransaction;

use super::*;
use crate::mempool::MempoolLimits;

fn signed(seed: u8, nonce: u64) -> Arc<Recovered> {
    let transaction = TxEip1559 { chain_id: 1, nonce, gas_limit: 21_000, max_fee_per_gas: 9, ..Default::default() };
    let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(seed)).unwrap();
    let signature = signer.sign_hash_sync(&transaction.signature_hash()).unwrap();
    Arc::new(Recovered::new(SignedTransaction::Eip1559(transaction.into_signed(signature))).unwrap())
}

fn hash(transaction: &Recovered) -> B256 {
    *transaction.transaction().hash()
}

/// Both, holding these transactions of accounts at nonce 0.
fn published(transactions: &[Arc<Recovered>]) -> (Mempool, PoolView) {
    let (mut pool, view) = (Mempool::new(MempoolLimits::default()), PoolView::new(10));
    for transaction in transactions {
        pool.insert(transaction.clone(), 0, U256::MAX, U256::ONE).unwrap();
    }
    view.publish(&pool, Change { added: transactions.to_vec(), ..Default::default() });
    (pool, view)
}

/// Whether the view counts what it holds.
fn assert_counts(view: &PoolView) {
    let content = view.content(usize::MAX).unwrap();
    let pending = content.iter().filter(|(_, executable)| *executable).count();
    assert_eq!(view.counts(), Counts { pending, queued: content.len() - pending });
}

#[test]
fn what_waits_is_seen_with_its_sender_and_counted() {
    let all = [signed(1, 0), signed(1, 1), signed(1, 3), signed(2, 5)];
    let (mut pool, view) = published(&all);
    assert_eq!(view.counts(), Counts { pending: 2, queued: 2 });
    assert_eq!(view.pending_nonce(&all[0].signer()), Some(2));
    assert_eq!(view.pending_nonce(&all[3].signer()), Some(0), "a gap is what comes next");
    assert_eq!(view.pending_nonce(&Address::ZERO), None);
    let waiting = |transaction: &Arc<Recovered>| Fate::Waiting { transaction: transaction.clone(), pending_nonce: 2 };
    assert_eq!(view.fate(&hash(&all[2])), Some(waiting(&all[2])));
    assert_eq!(view.content(3), Err(4));
    assert_counts(&view);

    // A block with the first, which uses the second's nonce too.
    let sender = all[0].signer();
    assert_eq!(pool.advance(sender, 2), [hash(&all[0]), hash(&all[1])]);
    let past = (hash(&all[1]), Dropped::NonceUsed { next: 2 });
    view.publish(&pool, Change { included: vec![hash(&all[0])], dropped: vec![past.clone()], ..Default::default() });
    assert_eq!(view.fate(&hash(&all[0])), None, "the store has it");
    assert_eq!(view.fate(&hash(&all[1])), Some(Fate::Dropped(past.1)));
    assert_eq!(view.counts(), Counts { pending: 0, queued: 2 });
    assert_counts(&view);

    // A message from L1 uses a nonce, and what waited behind it is next.
    pool.advance(sender, 3);
    let counts = view.counts();
    view.publish(&pool, Change { advanced: [sender].into(), ..Default::default() });
    assert_eq!((counts.pending, view.counts().pending, view.pending_nonce(&sender)), (0, 1, Some(4)));
    assert_counts(&view);

    // What was dropped may be accepted again.
    view.publish(&pool, Change { added: vec![all[1].clone()], ..Default::default() });
    assert!(matches!(view.fate(&hash(&all[1])), Some(Fate::Waiting { .. })));
}

#[test]
fn taking_blocks_back_takes_no_nonce_back() {
    let (waiting, included) = (signed(1, 2), [signed(1, 0), signed(1, 1), signed(2, 0)]);
    let (mut pool, view) = published(std::slice::from_ref(&waiting));
    pool.advance(waiting.signer(), 2);
    view.publish(&pool, Change { included: vec![hash(&included[0])], ..Default::default() });
    view.replace(&pool, Vec::new());
    assert_eq!((view.pending_nonce(&waiting.signer()), view.counts().pending), (Some(3), 1));

    view.take_back(included.to_vec(), |sender| if *sender == waiting.signer() { 3 } else { 1 });
    assert_eq!(view.rewinds(), 1);
    assert_eq!((view.pending_nonce(&waiting.signer()), view.pending_nonce(&included[2].signer())), (Some(3), Some(1)));
    assert_eq!(view.counts(), Counts { pending: 4, queued: 0 });
    assert!(included.iter().all(|transaction| view.get(&hash(transaction)).is_some()));
    assert_counts(&view);

    pool.clear();
    for transaction in included.iter().chain([&waiting]) {
        pool.restore(transaction.clone(), 0, U256::ONE);
    }
    view.replace(&pool, Vec::new());
    assert_eq!(view.counts(), Counts { pending: 4, queued: 0 });
    assert_eq!(view.pending_nonce(&waiting.signer()), Some(3));
    assert_counts(&view);
}
