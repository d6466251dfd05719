//! Who is admitted, and who is not.

use alloy::primitives::{Address, Bytes};
use tandem_payments::{
    ethereum::{ACCOUNTS, BRIDGE},
    operation::{Call, Operation},
};
use tandem_sequencer::{
    mempool::MempoolLimits,
    payments::{
        dropped::Dropped,
        engine::{EngineConfig, NotAdmitted},
        pool::NoPlace,
        signed::{NotSigned, Signed},
        view::{Moment, Place},
    },
};

use super::rig::{ETHER, L1, PRICE, Rig, START_S, TOKEN, chain, config, operation, signed, small, transfer, user};

/// Users 1 and 2 have an ether and a key, user 1 a hundred tokens.
async fn rig(config: EngineConfig) -> (Rig, L1, tempfile::TempDir) {
    rig_on(L1::new(), config).await
}

async fn rig_on(mut l1: L1, config: EngineConfig) -> (Rig, L1, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    l1.fund(1, ETHER);
    l1.fund(2, ETHER);
    l1.fund_token(1, 100);
    let rig = Rig::start(directory.path(), config, &l1).await;
    (rig, l1, directory)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_be_served_is_refused_with_the_reason() {
    let (rig, l1, _directory) = rig(config()).await;
    let base = operation(1, 0, transfer(3, 5));
    let with = |change: fn(&mut Operation)| {
        let mut changed = base;
        change(&mut changed);
        signed(1, changed)
    };
    let fee = 42_000 * u128::from(PRICE);
    for (envelope, expected) in [
        (signed(7, operation(7, 0, transfer(3, 5))), NotAdmitted::NoAccount { account: user(7) }),
        (signed(2, base), NotAdmitted::OtherKey { account: user(1) }),
        (with(|op| op.nonce = 257), NotAdmitted::NonceTooHigh { next: 0, nonce: 257 }),
        (with(|op| op.max_fee_per_gas = PRICE - 1), NotAdmitted::Underpriced { signed: PRICE - 1, asked: PRICE }),
        (with(|op| op.gas_limit = 41_999), NotAdmitted::GasTooLow { limit: 41_999, gas: 42_000 }),
        (
            with(|op| op.gas_limit = 21_000 + (1 << 32)),
            NotAdmitted::GasTooHigh { limit: 21_000 + (1 << 32), max: 21_000 + (1 << 32) },
        ),
        (with(|op| op.expiry = START_S), NotAdmitted::Expired { expiry: START_S, now: l1.timestamp }),
        (with(|op| op.call = transfer(3, ETHER)), NotAdmitted::Funds { balance: ETHER, cost: ETHER + fee }),
        (
            with(|op| op.call = Call::TokenTransfer { token: TOKEN, recipient: user(3), amount: 101 }),
            NotAdmitted::TokenFunds { token: TOKEN, balance: 100, cost: 101 },
        ),
        (
            with(|op| op.call = Call::Transfer { recipient: BRIDGE, amount: 1 }),
            NotAdmitted::BadRecipient { to: BRIDGE },
        ),
        (
            with(|op| op.call = Call::Transfer { recipient: Address::ZERO, amount: 1 }),
            NotAdmitted::BadRecipient { to: Address::ZERO },
        ),
        (
            with(|op| op.call = Call::TokenTransfer { token: TOKEN, recipient: BRIDGE, amount: 1 }),
            NotAdmitted::BadRecipient { to: BRIDGE },
        ),
        (
            with(|op| op.call = Call::TokenTransfer { token: TOKEN, recipient: ACCOUNTS, amount: 1 }),
            NotAdmitted::BadRecipient { to: ACCOUNTS },
        ),
        (
            with(|op| op.call = Call::TokenTransfer { token: TOKEN, recipient: Address::ZERO, amount: 1 }),
            NotAdmitted::BadRecipient { to: Address::ZERO },
        ),
    ] {
        assert_eq!(rig.send(&envelope).await, Err(expected));
    }
    assert!(rig.store.journal().unwrap().is_empty(), "nothing is kept of them");
    // The same, signed as it has to be.
    let hash = rig.send(&signed(1, base)).await.unwrap();
    assert_eq!(rig.send(&signed(1, base)).await, Err(NotAdmitted::NonceTooLow { next: 1, nonce: 0 }));
    assert!(matches!(rig.records.transaction(hash).unwrap(), Some(Place::Pending(_, 4 | 5))));
    assert_eq!(rig.balance(3, Moment::Pending), 5);
    assert_eq!(rig.balance(3, Moment::Latest), 0, "no batch has closed");
}

/// Tests L1-MSG-7: what L1 reverts, or pays to a contract that does nothing with it, would be proven and settled, and lost.
#[tokio::test(flavor = "multi_thread")]
async fn withdrawals_that_nobody_would_have_are_refused() {
    let (rig, _l1, _directory) = rig(config()).await;
    let chain = chain();
    let own = |to, contract| (to, 1, NotAdmitted::OwnPayee { to, contract });
    for (recipient, amount, expected) in [
        (Address::ZERO, 1, NotAdmitted::ZeroPayee),
        (user(3), 0, NotAdmitted::NothingToPay),
        own(chain.bridge, "Bridge"),
        own(chain.inbox, "Inbox"),
        own(chain.settlement, "ValiditySettlement"),
    ] {
        for call in [Call::WithdrawEth { recipient, amount }, Call::WithdrawToken { token: TOKEN, recipient, amount }] {
            assert_eq!(rig.send(&signed(1, operation(1, 0, call))).await, Err(expected), "{call:?}");
        }
    }
    for to in [Address::ZERO, chain.bridge, chain.inbox, chain.settlement] {
        for call in [
            Call::Transfer { recipient: to, amount: 1 },
            Call::TokenTransfer { token: TOKEN, recipient: to, amount: 1 },
        ] {
            assert_eq!(
                rig.send(&signed(1, operation(1, 0, call))).await,
                Err(NotAdmitted::BadRecipient { to }),
                "{call:?}"
            );
        }
    }
    assert!(rig.store.journal().unwrap().is_empty(), "nothing is kept of them");
    // Others are paid. On the chain itself a transfer of 0 is one like any other.
    let recipient = user(3);
    for (nonce, call) in (0..).zip([
        Call::WithdrawEth { recipient, amount: 1 },
        Call::WithdrawToken { token: TOKEN, recipient, amount: 1 },
        transfer(3, 0),
    ]) {
        rig.send(&signed(1, operation(1, nonce, call))).await.unwrap();
    }
}

/// What is no transaction never reaches the engine.
#[test]
fn bytes_that_are_no_transaction_are_refused() {
    let envelope = signed(1, operation(1, 0, transfer(3, 5)));
    for wallet in [&[0x02, 0xc0][..], &[0xf8, 0x00], &[0x01]] {
        assert_eq!(Signed::read(&chain(), wallet), Err(NotSigned::Ethereum));
    }
    let mut forged = envelope.to_vec();
    *forged.last_mut().unwrap() ^= 1;
    for bytes in [Bytes::new(), Bytes::from_static(b"\x7f"), envelope.slice(1..), forged.into()] {
        assert!(matches!(Signed::read(&chain(), &bytes), Err(NotSigned::Envelope(_) | NotSigned::Ethereum)), "{bytes}");
    }
    let mut elsewhere = chain();
    elsewhere.l2_chain_id += 1;
    assert!(Signed::read(&elsewhere, &envelope).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_before_l1_was_read() {
    let directory = tempfile::tempdir().unwrap();
    let rig = Rig::open(directory.path(), config());
    let envelope = signed(1, operation(1, 0, transfer(3, 5)));
    assert_eq!(rig.send(&envelope).await, Err(NotAdmitted::Syncing));
}

/// A nonce that comes early waits for the one before it, and what waits counts against the funds.
#[tokio::test(flavor = "multi_thread")]
async fn nonces_may_come_in_any_order_within_bounds() {
    let limits = MempoolLimits { per_sender_max: 2, ..MempoolLimits::DEFAULT };
    let (rig, _l1, _directory) = rig(EngineConfig { mempool: limits, ..config() }).await;
    let half = ETHER / 2;
    let early = rig.transfer(1, 1, 3, half).await;
    assert!(matches!(rig.records.transaction(early).unwrap(), Some(Place::Waiting(_))));
    assert_eq!(rig.records.nonce(user(1), Moment::Pending), 0);
    let too_much = rig.send(&signed(1, operation(1, 0, transfer(4, half)))).await;
    assert!(matches!(too_much, Err(NotAdmitted::Funds { .. })), "{too_much:?}");
    let other = rig.send(&signed(1, operation(1, 1, transfer(4, 1)))).await;
    assert_eq!(other, Err(NotAdmitted::NoPlace(NoPlace::NonceTaken { nonce: 1 })));
    rig.transfer(1, 2, 3, 1).await;
    let third = rig.send(&signed(1, operation(1, 3, transfer(4, 1)))).await;
    assert_eq!(third, Err(NotAdmitted::NoPlace(NoPlace::SenderFull { count: 2 })));
    // The one that all wait for is taken whatever waits, and then none of them does.
    rig.transfer(1, 0, 4, 1).await;
    assert_eq!((rig.records.waiting_count(), rig.records.nonce(user(1), Moment::Pending)), (0, 3));
}

/// What waits for nonces that do not come keeps nobody else out.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_his_turn_is_taken_however_many_wait() {
    let limits = MempoolLimits { transactions_max: 1, ..MempoolLimits::DEFAULT };
    let (rig, _l1, _directory) = rig(EngineConfig { mempool: limits, ..config() }).await;
    rig.transfer(1, 1, 3, 1).await;
    let early = rig.send(&signed(2, operation(2, 1, transfer(3, 1)))).await;
    assert_eq!(early, Err(NotAdmitted::NoPlace(NoPlace::Full { count: 1 })));
    let hash = rig.transfer(2, 0, 3, 1).await;
    assert!(matches!(rig.records.transaction(hash).unwrap(), Some(Place::Pending(..))));
    rig.transfer(1, 0, 3, 1).await;
    assert_eq!((rig.records.waiting_count(), rig.balance(3, Moment::Pending)), (0, 3));
}

/// Whoever had the key and has it no more has no hold on the account: neither on its funds nor on its nonces.
#[tokio::test(flavor = "multi_thread")]
async fn another_key_frees_the_account_of_what_the_old_one_signed() {
    let (rig, mut l1, _directory) = rig(config()).await;
    let stolen = rig.transfer(1, 1, 3, ETHER / 10 * 9).await;
    assert!(matches!(rig.records.transaction(stolen).unwrap(), Some(Place::Waiting(_))));
    l1.set_key(1, 9);
    rig.tell(&l1).await;
    let place = rig.records.transaction(stolen).unwrap();
    assert!(matches!(place, Some(Place::Dropped(Dropped::OtherKey { account })) if account == user(1)), "{place:?}");
    assert!(rig.store.journal().unwrap().is_empty());
    for (nonce, amount) in [(1, 1), (0, ETHER / 2)] {
        rig.send(&signed(9, operation(1, nonce, transfer(4, amount)))).await.unwrap();
    }
    assert_eq!((rig.balance(4, Moment::Pending), rig.balance(3, Moment::Pending)), (ETHER / 2 + 1, 0));
}

/// A flood beyond what is proven: bounded, told, and nothing that was acknowledged is lost.
#[tokio::test(flavor = "multi_thread")]
async fn the_backlog_is_bounded_and_everything_acknowledged_is_proven() {
    let (rig, mut l1, _directory) = rig_on(L1::small(), EngineConfig { waiting_batches_max: 2, ..small() }).await;
    // Messages first, which fill batches of their own.
    let mut acknowledged = Vec::new();
    let refused = loop {
        match rig.send_next(acknowledged.len()).await {
            Ok(hash) => acknowledged.push(hash),
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused, NotAdmitted::Behind { waiting: 2 });
    let told = refused.to_string();
    assert!(told.contains("the prover is behind") && told.contains("--waiting-batches-max"), "{told}");
    // Once all of them are proven it is L1 that has to go on.
    let (closed, mut proven) = (rig.next().await.unwrap(), l1.clone());
    let sealed = proven.derive(&closed);
    rig.bring_back(&closed, &sealed).await;
    assert_eq!(rig.send_next(acknowledged.len()).await, Err(NotAdmitted::Behind { waiting: 1 }));
    proven.land(&sealed);
    let second = rig.next().await.unwrap();
    rig.bring_back(&second, &proven.derive(&second)).await;
    let refused = rig.send_next(acknowledged.len()).await.unwrap_err();
    assert_eq!(refused, NotAdmitted::L1Behind { waiting: 2 });
    let told = refused.to_string();
    assert!(told.contains("L1 is behind") && told.contains("--waiting-batches-max"), "{told}");
    for _ in 0..2 {
        l1.land(&l1.derive(&rig.engine.next_to_post().await.unwrap().unwrap().block));
        rig.tell(&l1).await;
    }
    for _ in 0..16 {
        if acknowledged.iter().all(|hash| matches!(rig.records.transaction(*hash).unwrap(), Some(Place::Block(block, _)) if block.number <= rig.records.heads().settled)) {
            break;
        }
        rig.settle_next(&mut l1).await;
    }
    for hash in &acknowledged {
        let place = rig.records.transaction(*hash).unwrap();
        assert!(matches!(place, Some(Place::Block(block, _)) if block.number <= rig.records.heads().settled));
    }
    assert_eq!(rig.balance(2, Moment::Settled), ETHER + acknowledged.len() as u128);
    // There is room again.
    rig.transfer(1, acknowledged.len() as u64, 2, 1).await;
}
