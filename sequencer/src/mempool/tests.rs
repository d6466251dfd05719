use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    signers::{SignerSync, local::PrivateKeySigner},
};
use tandem_evm::payload::SignedTransaction;

use super::*;

const RICH: U256 = U256::from_limbs([1_000_000, 0, 0, 0]);
const COST: U256 = U256::from_limbs([1, 0, 0, 0]);

fn signed(seed: u8, nonce: u64, fee_max: u128, tip_max: u128) -> Arc<Recovered> {
    let transaction = TxEip1559 {
        chain_id: 1,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: fee_max,
        max_priority_fee_per_gas: tip_max,
        ..Default::default()
    };
    let signer = PrivateKeySigner::from_bytes(&B256::repeat_byte(seed)).unwrap();
    let signature = signer.sign_hash_sync(&transaction.signature_hash()).unwrap();
    Arc::new(Recovered::new(SignedTransaction::Eip1559(transaction.into_signed(signature))).unwrap())
}

fn hash(transaction: &Arc<Recovered>) -> B256 {
    *transaction.transaction().hash()
}

fn pool() -> Mempool {
    Mempool::new(MempoolLimits { transactions_max: 6, per_sender_max: 4, nonce_gap_max: 8, ..Default::default() })
}

/// What was displaced, whatever for.
fn insert(
    pool: &mut Mempool,
    transaction: Arc<Recovered>,
    next: u64,
    balance: U256,
    cost: U256,
) -> Result<Vec<B256>, Refused> {
    let displaced = pool.insert(transaction, next, balance, cost)?;
    Ok(displaced.into_iter().map(|(hash, _)| hash).collect())
}

/// How many wait, with and without a gap before them.
fn counts(pool: &Mempool) -> (usize, usize) {
    let standings = pool.standings();
    let executable = standings.iter().map(|(_, standing)| standing.executable).sum();
    (executable, standings.iter().map(|(_, standing)| standing.waiting).sum::<usize>() - executable)
}

/// Everything that [`Mempool::best`] gives when every transaction is executed.
fn order(pool: &Mempool, base_fee: u64) -> Vec<B256> {
    let mut best = pool.best(base_fee);
    let mut order = Vec::new();
    while let Some(next) = best.next() {
        order.push(hash(&next));
        best.follow(&next);
    }
    order
}

#[test]
fn refusals_name_their_reason_and_leave_nothing() {
    let mut pool = pool();
    assert_eq!(insert(&mut pool, signed(1, 4, 9, 1), 5, RICH, COST), Err(Refused::NonceTooLow { next: 5, nonce: 4 }));
    assert_eq!(
        insert(&mut pool, signed(1, 14, 9, 1), 5, RICH, COST),
        Err(Refused::NonceTooHigh { next: 5, nonce: 14 })
    );
    assert_eq!(
        insert(&mut pool, signed(1, 5, 9, 1), 5, U256::ZERO, COST),
        Err(Refused::InsufficientFunds { balance: U256::ZERO, cost: COST, queued: U256::ZERO })
    );
    assert!(pool.is_empty());
    assert_eq!(counts(&pool), (0, 0));
    assert_eq!(insert(&mut pool, signed(1, 13, 9, 1), 5, COST, COST), Ok(vec![]), "the limits themselves are allowed");
    assert_eq!(insert(&mut pool, signed(1, 13, 9, 1), 5, COST, COST), Err(Refused::AlreadyKnown));
    assert_eq!(pool.len(), 1);
}

#[test]
fn a_replacement_must_raise_both_fees_by_a_tenth() {
    let mut pool = pool();
    let first = signed(1, 0, 100, 50);
    insert(&mut pool, first.clone(), 0, RICH, COST).unwrap();
    for (fee_max, tip_max) in [(109, 60), (120, 54), (100, 50), (1, 1)] {
        let underpriced = insert(&mut pool, signed(1, 0, fee_max, tip_max), 0, RICH, COST);
        assert!(matches!(underpriced, Err(Refused::Underpriced | Refused::AlreadyKnown)), "{fee_max} {tip_max}");
    }
    let second = signed(1, 0, 110, 55);
    assert_eq!(insert(&mut pool, second.clone(), 0, RICH, COST), Ok(vec![hash(&first)]));
    assert!(pool.get(&hash(&first)).is_none());
    assert_eq!(pool.get(&hash(&second)).map(hash), Some(hash(&second)));
    assert_eq!((pool.len(), order(&pool, 1)), (1, vec![hash(&second)]));
}

#[test]
fn a_free_transaction_is_not_replaced_by_a_free_one() {
    let mut pool = pool();
    insert(&mut pool, signed(1, 0, 0, 0), 0, RICH, COST).unwrap();
    let mut other = signed(1, 0, 1, 0);
    assert_eq!(insert(&mut pool, other, 0, RICH, COST), Err(Refused::Underpriced));
    other = signed(1, 0, 1, 1);
    assert_eq!(insert(&mut pool, other, 0, RICH, COST).unwrap().len(), 1);
}

#[test]
fn a_gap_holds_back_what_is_behind_it() {
    let mut pool = pool();
    let chain: Vec<Arc<Recovered>> = (0..4).map(|nonce| signed(1, nonce, 9, 1)).collect();
    let sender = chain[0].signer();
    for nonce in [0, 1, 3] {
        insert(&mut pool, chain[nonce].clone(), 0, RICH, COST).unwrap();
    }
    assert_eq!(counts(&pool), (2, 1));
    assert_eq!(pool.pending_nonce(&sender, 0), 2);
    assert_eq!(pool.pending_nonce(&Address::repeat_byte(9), 7), 7, "an unknown sender's is its account's");
    assert_eq!(order(&pool, 1), vec![hash(&chain[0]), hash(&chain[1])]);
    insert(&mut pool, chain[2].clone(), 0, RICH, COST).unwrap();
    assert_eq!(counts(&pool), (4, 0));
    assert_eq!(pool.pending_nonce(&sender, 0), 4);
    assert_eq!(order(&pool, 1), chain.iter().map(hash).collect::<Vec<_>>());
}

#[test]
fn who_pays_more_comes_first_and_equals_by_arrival() {
    let mut pool = pool();
    let (poor, rich, late) = (signed(1, 0, 100, 1), signed(2, 0, 100, 5), signed(3, 0, 100, 1));
    let (behind, capped) = (signed(1, 1, 100, 50), signed(4, 0, 12, 90));
    for transaction in [&poor, &rich, &late, &behind, &capped] {
        insert(&mut pool, transaction.clone(), 0, RICH, COST).unwrap();
    }
    // At base fee 10 the capped one pays 2; the best paying one of all waits for its sender's nonce.
    assert_eq!(order(&pool, 10), [&rich, &capped, &poor, &behind, &late].map(hash));
    assert_eq!(order(&pool, 13), [&rich, &poor, &behind, &late].map(hash), "who cannot pay the base fee waits");
    assert!(order(&pool, 101).is_empty());
    assert!(pool.has_executable(100) && !pool.has_executable(101));
}

#[test]
fn advancing_forgets_what_the_account_is_past() {
    let mut pool = pool();
    let chain: Vec<Arc<Recovered>> = (0..3).map(|nonce| signed(1, nonce, 9, 1)).collect();
    let sender = chain[0].signer();
    for transaction in &chain {
        insert(&mut pool, transaction.clone(), 0, RICH, COST).unwrap();
    }
    assert_eq!(pool.advance(sender, 2), [hash(&chain[0]), hash(&chain[1])]);
    assert_eq!((pool.len(), order(&pool, 1)), (1, vec![hash(&chain[2])]));
    assert_eq!(pool.advance(sender, 5), [hash(&chain[2])]);
    assert!(pool.is_empty() && pool.senders.is_empty());
    assert!(pool.advance(sender, 6).is_empty());
}

#[test]
fn limits_bind_one_sender_and_all() {
    let mut pool = pool();
    for nonce in 0..4 {
        insert(&mut pool, signed(1, nonce, 9, 1), 0, RICH, COST).unwrap();
    }
    assert_eq!(insert(&mut pool, signed(1, 4, 9, 1), 0, RICH, COST), Err(Refused::SenderFull { limit: 4 }));
    insert(&mut pool, signed(1, 3, 20, 20), 0, RICH, COST).expect("a replacement takes no more room");
}

#[test]
fn a_full_pool_keeps_what_is_executable_and_pays_more() {
    let mut pool = pool();
    // Mallory fills it with what can never be executed.
    let gapped: Vec<Arc<Recovered>> =
        (0..6).map(|seed| signed(10 + seed, 5, 1_000 + 10 * u128::from(seed), 1)).collect();
    for transaction in &gapped {
        insert(&mut pool, transaction.clone(), 0, RICH, COST).unwrap();
    }
    let behind_a_gap = signed(2, 5, 1_000, 1);
    assert_eq!(insert(&mut pool, behind_a_gap, 0, RICH, COST), Err(Refused::PoolFull), "pays no more than the worst");
    assert_eq!(insert(&mut pool, signed(2, 5, 1_001, 1), 0, RICH, COST), Ok(vec![hash(&gapped[0])]));
    for (seed, displaced) in [1, 2, 3, 4].into_iter().zip([&signed(2, 5, 1_001, 1), &gapped[1], &gapped[2], &gapped[3]])
    {
        assert_eq!(insert(&mut pool, signed(seed, 0, 9, 1), 0, RICH, COST), Ok(vec![hash(displaced)]), "{seed}");
    }
    assert_eq!(insert(&mut pool, signed(1, 1, 9, 1), 0, RICH, COST), Ok(vec![hash(&gapped[4])]));
    assert_eq!(insert(&mut pool, signed(5, 0, 8, 1), 0, RICH, COST), Ok(vec![hash(&gapped[5])]));
    // All are executable now: who pays more displaces the last of who pays least, never one of its own.
    assert_eq!(insert(&mut pool, signed(6, 0, 8, 1), 0, RICH, COST), Err(Refused::PoolFull));
    assert_eq!(insert(&mut pool, signed(6, 0, 9, 1), 0, RICH, COST), Ok(vec![hash(&signed(5, 0, 8, 1))]));
    assert_eq!((pool.len(), order(&pool, 1).len()), (6, 6));
    let mut one_sender = Mempool::new(MempoolLimits { transactions_max: 1, ..Default::default() });
    insert(&mut one_sender, signed(1, 0, 9, 1), 0, RICH, COST).unwrap();
    assert_eq!(insert(&mut one_sender, signed(1, 1, 99, 1), 0, RICH, COST), Err(Refused::PoolFull));
}

#[test]
fn memory_is_bounded_as_well_as_number() {
    let one = ENTRY_BYTES + bytes_max(signed(1, 0, 9, 1).transaction());
    let mut pool = Mempool::new(MempoolLimits { bytes_max: 3 * one + one / 2, ..Default::default() });
    let counted = |pool: &Mempool| -> usize {
        pool.senders.values().flat_map(|queue| queue.by_nonce.values()).map(|waiting| waiting.bytes).sum()
    };
    for seed in 1..=3 {
        insert(&mut pool, signed(seed, 0, 9, 1), 0, RICH, COST).unwrap();
    }
    assert_eq!(insert(&mut pool, signed(4, 0, 9, 1), 0, RICH, COST), Err(Refused::PoolFull));
    assert_eq!(
        insert(&mut pool, signed(4, 0, 10, 1), 0, RICH, COST).unwrap().len(),
        3,
        "a hundredth of the number at once"
    );
    insert(&mut pool, signed(4, 0, 20, 2), 0, RICH, COST).unwrap();
    insert(&mut pool, signed(4, 1, 20, 2), 0, RICH, COST).unwrap();
    assert_eq!((pool.len(), pool.bytes), (2, counted(&pool)));
    pool.advance(signed(4, 0, 1, 1).signer(), 1);
    assert_eq!((pool.len(), pool.bytes), (1, counted(&pool)));
    assert_eq!(pool.remove(&hash(&signed(4, 1, 20, 2))), Some(signed(4, 1, 20, 2).signer()));
    assert_eq!((pool.len(), pool.bytes), (0, 0));
}

#[test]
fn what_was_accepted_comes_back_whatever_the_limits() {
    let mut pool = Mempool::new(MempoolLimits { transactions_max: 1, per_sender_max: 1, ..Default::default() });
    let late = signed(1, 4, 9, 1);
    let past = pool.restore(late.clone(), 5, COST);
    assert_eq!(past, Some((hash(&late), Dropped::NonceUsed { next: 5 })), "the account is past it");
    for nonce in [5, 6, 900] {
        assert_eq!(pool.restore(signed(1, nonce, 9, 1), 5, COST), None);
        assert_eq!(pool.restore(signed(1, nonce, 9, 1), 5, COST), None, "twice is once");
    }
    assert_eq!((pool.len(), counts(&pool)), (3, (2, 1)));
    let displaced = insert(&mut pool, signed(2, 0, 1, 1), 0, RICH, COST);
    assert_eq!(displaced, Ok(vec![hash(&signed(1, 900, 9, 1))]), "others still meet them");
}

#[test]
fn a_replacement_that_a_kill_interrupted_is_one_afterwards() {
    let mut pool = pool();
    let (old, new) = (signed(1, 5, 9, 1), signed(1, 5, 10, 2));
    assert_eq!(pool.restore(old.clone(), 5, COST), None);
    assert_eq!(pool.restore(new.clone(), 5, COST), Some((hash(&old), Dropped::Replaced { by: hash(&new) })));
    assert_eq!(order(&pool, 1), [hash(&new)]);
}

#[test]
fn who_displaces_is_named() {
    let mut pool = pool();
    let (first, second) = (signed(1, 0, 100, 50), signed(1, 0, 110, 55));
    pool.insert(first.clone(), 0, RICH, COST).unwrap();
    let displaced = pool.insert(second.clone(), 0, RICH, COST).unwrap();
    assert_eq!(displaced, [(hash(&first), Dropped::Replaced { by: hash(&second) })]);
    let mut small = Mempool::new(MempoolLimits { transactions_max: 1, ..Default::default() });
    small.insert(second.clone(), 0, RICH, COST).unwrap();
    let other = signed(2, 0, 111, 1);
    let displaced = small.insert(other.clone(), 0, RICH, COST).unwrap();
    assert_eq!(displaced, [(hash(&second), Dropped::Displaced { by: hash(&other) })]);
}

#[test]
fn funds_must_cover_everything_that_waits_of_a_sender() {
    let mut pool = pool();
    let (cost, balance) = (U256::from(40), U256::from(100));
    pool.insert(signed(1, 0, 9, 1), 0, balance, cost).unwrap();
    pool.insert(signed(1, 2, 9, 1), 0, balance, cost).unwrap();
    let third = pool.insert(signed(1, 1, 9, 1), 0, balance, cost);
    assert_eq!(third, Err(Refused::InsufficientFunds { balance, cost, queued: U256::from(80) }));
    pool.insert(signed(1, 1, 9, 1), 0, balance, U256::from(20)).expect("just enough");
    pool.insert(signed(1, 0, 10, 2), 0, balance, cost).expect("what is replaced counts no more");
    pool.insert(signed(2, 0, 9, 1), 0, balance, balance).expect("nor do others");
}

#[test]
fn clearing_leaves_nothing() {
    let mut pool = pool();
    for transaction in [signed(2, 1, 9, 1), signed(1, 0, 9, 1), signed(2, 0, 99, 9)] {
        pool.insert(transaction, 0, RICH, COST).unwrap();
    }
    assert_eq!(pool.transactions().len(), 3);
    pool.clear();
    assert!(pool.is_empty() && order(&pool, 0).is_empty() && pool.bytes == 0);
}

#[test]
fn only_what_no_block_can_take_expires() {
    let clock = crate::clock::ManualClock::at(1_000);
    let mut pool = pool();
    let (ready, follows, poor, behind) =
        (signed(1, 5, 9, 1), signed(1, 6, 9, 1), signed(2, 0, 3, 1), signed(3, 2, 9, 1));
    for (transaction, next) in [(&ready, 5), (&follows, 5), (&poor, 0), (&behind, 0)] {
        insert(&mut pool, transaction.clone(), next, RICH, COST).unwrap();
    }
    let max = Duration::from_secs(60);
    assert!(pool.expire(5, &clock.clock(), max).is_empty());
    clock.advance(Duration::from_secs(40));
    // For a moment the base fee is low: the poor one could be taken, and what it waited before does not count.
    assert!(pool.expire(2, &clock.clock(), max).is_empty());
    assert!(pool.expire(5, &clock.clock(), max).is_empty());
    clock.advance(Duration::from_secs(20));
    assert_eq!(pool.expire(5, &clock.clock(), max), [hash(&behind)]);
    clock.advance(Duration::from_secs(40));
    assert_eq!(pool.expire(5, &clock.clock(), max), [hash(&poor)]);
    clock.advance(Duration::from_secs(10_000));
    assert!(pool.expire(5, &clock.clock(), max).is_empty(), "what blocks can take stays, however long there are none");
    assert_eq!(order(&pool, 5), [hash(&ready), hash(&follows)]);
    // Behind one that cannot be taken, nothing can.
    assert!(pool.expire(10, &clock.clock(), max).is_empty());
    clock.advance(max);
    assert_eq!(pool.expire(10, &clock.clock(), max).len(), 2);
    assert!(pool.is_empty());
}
