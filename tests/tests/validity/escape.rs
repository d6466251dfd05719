//! The end of a chain that nobody proves: everything leaves, to the wei (PAY-FREEZE, PAY-ESCAPE).

use alloy::primitives::Address;
use tandem_l1::bindings::{Inbox, PaymentsBridge, ValiditySettlement};
use tandem_payments::{data::Message, operation::Call};

use crate::life::{claims, output};
use tandem_tests::payments::{Chain, ESCAPE_DELAY, ETHER, PRICE, WINDOW, eth, exit, refused};

const ETH: Address = Address::ZERO;
const PAYEE: Address = Address::repeat_byte(0xbb);

fn refund(chain: &Chain, index: usize) -> PaymentsBridge::refundDepositCall {
    let Message::Deposit { key, amount } = chain.queue[index] else { panic!("message {index} is a deposit") };
    let (account, token) = (key.address, key.token);
    PaymentsBridge::refundDepositCall { index: index as u64, account, token, amount, to: account }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_leaves_a_chain_that_nobody_proves() {
    let mut chain = Chain::start().await;
    let (bridge, settlement, token) = (chain.chain().bridge, chain.chain().settlement, chain.token);
    let people = [0, 1].map(|i| chain.user(i).address());
    chain.deposit_eth(0, 5 * ETHER).await;
    chain.deposit_token(0, 900).await;
    chain.set_session_key(0).await;
    chain.deposit_eth(1, 7).await;
    chain.consume().await;
    let mut draft = chain.draft().await;
    chain.operate(&mut draft, 0, Call::Transfer { recipient: people[1], amount: ETHER });
    chain.operate(&mut draft, 0, Call::TokenTransfer { token, recipient: people[1], amount: 100 });
    chain.operate(&mut draft, 0, Call::WithdrawEth { recipient: PAYEE, amount: 2 * ETHER });
    let last = chain.prove(draft);
    let segment = last.withdrawals.clone();
    let receipt = chain.post(last).await;

    // From here on nobody proves. What waits: a deposit of each kind, and messages that are none.
    chain.deposit_eth(1, 3 * ETHER).await;
    chain.force_withdrawal(0, ETH).await;
    chain.deposit_token(0, 50).await;
    let stranger = chain.stranger().clone();
    refused::<PaymentsBridge::Bridge_NotFrozen>(chain.call(&stranger, bridge, 0, exit(&chain, 1)).await);
    refused::<PaymentsBridge::Bridge_NotFrozen>(chain.call(&stranger, bridge, 0, refund(&chain, 4)).await);
    chain.wait(WINDOW + ESCAPE_DELAY - 60).await;
    let freeze = ValiditySettlement::freezeCall {};
    let early = chain.call(&stranger, settlement, 0, freeze.clone()).await;
    refused::<ValiditySettlement::ValiditySettlement_NotFreezable>(early);
    chain.wait(120).await;
    let mut draft = chain.draft().await;
    chain.take_messages(&mut draft);
    let late = chain.prove(draft);
    chain.call(&stranger, settlement, 0, freeze).await.unwrap();
    let late = chain.post_as(chain.sequencer().clone(), late).await;
    refused::<ValiditySettlement::ValiditySettlement_Frozen>(late);

    // The operator, last of the three, has the fees: a transfer, one of tokens that creates a leaf, and a withdrawal (PAY-GAS).
    let owners = [people[0], people[1], chain.sequencer().address()];
    let fees = (21_000 + 42_000 + 21_000 + 30_000) * u128::from(PRICE);
    assert_eq!(chain.state.get(eth(owners[2])).unwrap().balance, fees);
    let mut expected = owners.map(|_| (0, 0));
    for (i, owner) in owners.iter().enumerate() {
        expected[i] = (chain.ether_of(*owner).await, chain.tokens_of(*owner).await);
    }
    let operators_before = expected[2];
    let leave = |exit: PaymentsBridge::escapeCall| chain.call(&stranger, bridge, 0, exit);
    for index in 0..chain.state.leaf_count() as u32 {
        let leaf = *chain.state.leaf(index).unwrap();
        if let Some(i) = owners.iter().position(|owner| *owner == leaf.key.address) {
            let sum = if leaf.key.token == token { &mut expected[i].1 } else { &mut expected[i].0 };
            *sum += leaf.balance;
        }
        let mut richer = exit(&chain, index);
        richer.leaf.balance += 1;
        refused::<PaymentsBridge::Bridge_NotALeaf>(leave(richer).await);
        if leaf.balance == 0 {
            let refusal = leave(exit(&chain, index)).await.unwrap_err();
            assert!(
                refusal.is::<PaymentsBridge::Bridge_ZeroAddress>()
                    || refusal.is::<PaymentsBridge::Bridge_NothingToPay>()
            );
            continue;
        }
        let mut elsewhere = exit(&chain, index);
        elsewhere.to = stranger.address();
        refused::<PaymentsBridge::Bridge_NotPayee>(leave(elsewhere).await);
        leave(exit(&chain, index)).await.unwrap();
        refused::<PaymentsBridge::Bridge_AlreadyEscaped>(leave(exit(&chain, index)).await);
    }
    for index in [4, 6] {
        chain.call(&stranger, bridge, 0, refund(&chain, index)).await.unwrap();
        let again = chain.call(&stranger, bridge, 0, refund(&chain, index)).await;
        refused::<PaymentsBridge::Bridge_AlreadyRefunded>(again);
    }
    expected[1].0 += 3 * ETHER;
    expected[0].1 += 50;
    let consumed = chain.call(&stranger, bridge, 0, refund(&chain, 0)).await;
    refused::<PaymentsBridge::Bridge_AlreadyConsumed>(consumed);
    let mut not_one = refund(&chain, 4);
    not_one.index = 5;
    refused::<PaymentsBridge::Bridge_NotADeposit>(chain.call(&stranger, bridge, 0, not_one).await);
    let claim = claims(2, output(&receipt), &segment).remove(0);
    chain.call(&stranger, bridge, 0, claim).await.unwrap();

    for (i, owner) in owners.iter().enumerate() {
        assert_eq!((chain.ether_of(*owner).await, chain.tokens_of(*owner).await), expected[i], "owner {i}");
    }
    assert_eq!(expected[2], (operators_before.0 + fees, operators_before.1));
    assert_eq!(chain.ether_of(PAYEE).await, 2 * ETHER);
    assert_eq!((chain.escrow(ETH).await, chain.escrow(token).await), (0, 0));
    assert_eq!((chain.ether_of(bridge).await, chain.tokens_of(bridge).await), (0, 0));
}

/// PAY-FREEZE: a chain whose messages are consumed cannot be ended.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_proves_its_messages_goes_on() {
    let mut chain = Chain::start().await;
    let settlement = chain.chain().settlement;
    let freeze = ValiditySettlement::freezeCall {};
    let stranger = chain.stranger().clone();
    let nothing = chain.call(&stranger, settlement, 0, freeze.clone()).await;
    refused::<ValiditySettlement::ValiditySettlement_NothingUnproven>(nothing);
    chain.deposit_eth(0, ETHER).await;
    chain.wait(WINDOW + ESCAPE_DELAY + 60).await;
    chain.consume().await;
    let nothing = chain.call(&stranger, settlement, 0, freeze).await;
    refused::<ValiditySettlement::ValiditySettlement_NothingUnproven>(nothing);
    assert!(!chain.view(settlement, ValiditySettlement::isFrozenCall {}).await);
    assert_eq!(chain.view(chain.chain().inbox, Inbox::queueConsumedCall {}).await, 1);
}
