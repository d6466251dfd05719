//! Money goes in, moves, and comes out; to the wei, whoever proves.

use alloy::{
    primitives::{Address, keccak256},
    rpc::types::TransactionReceipt,
    sol_types::SolEvent,
};
use tandem_chain::OutputFields;
use tandem_l1::{
    bindings::{PaymentsBridge, ValiditySettlement, payments::OutputFields as SolOutputFields},
    payments::{rebuild, withdrawals},
};
use tandem_payments::{
    content::DATA_KIND,
    data::{Withdrawal, elements},
    operation::Call,
};

use tandem_tests::payments::{Chain, ETHER, PRICE, WINDOW, cost, eth, refused};

const ETH: Address = Address::ZERO;
const PAYEE: Address = Address::repeat_byte(0xaa);

/// The output of the batch that a transaction appended.
pub fn output(receipt: &TransactionReceipt) -> OutputFields {
    let proven = receipt.logs().iter().find_map(|log| ValiditySettlement::BatchProven::decode_log(&log.inner).ok());
    let fields: SolOutputFields = proven.expect("the batch was proven").data.fields;
    fields.into()
}

/// The claims of all withdrawals of a batch.
pub fn claims(batch: u64, fields: OutputFields, segment: &[u8]) -> Vec<PaymentsBridge::withdrawCall> {
    let paid = Withdrawal::decode_all(&elements(segment).unwrap()).unwrap();
    let claim = |(position, paid): (usize, Withdrawal)| PaymentsBridge::withdrawCall {
        output: fields.hash(),
        index: withdrawals::index(batch, position as u32),
        to: paid.recipient,
        paid: paid.into(),
        proof: withdrawals::proof(fields, withdrawals::siblings(segment, position as u32).unwrap()),
    };
    paid.into_iter().enumerate().map(claim).collect()
}

/// PAY-APPEND, PAY-OUTPUT, PAY-CLAIM: deposits of ether and a token, a session key from L1, transfers, withdrawals.
#[tokio::test(flavor = "multi_thread")]
async fn money_goes_in_moves_and_comes_out() {
    let mut chain = Chain::start().await;
    let (alice, bob, operator) = (chain.user(0).address(), chain.user(1).address(), chain.sequencer().address());
    chain.deposit_eth(0, 10 * ETHER).await;
    chain.deposit_token(0, 5_000).await;
    chain.set_session_key(0).await;
    chain.consume().await;

    let token = chain.token;
    let mut draft = chain.draft().await;
    for call in [
        Call::Transfer { recipient: bob, amount: ETHER },
        Call::TokenTransfer { token, recipient: bob, amount: 77 },
        Call::WithdrawEth { recipient: PAYEE, amount: 3 * ETHER },
        Call::WithdrawToken { token, recipient: PAYEE, amount: 1_000 },
    ] {
        chain.operate(&mut draft, 0, call);
    }
    let proven = chain.prove(draft);
    let segment = proven.withdrawals.clone();
    let receipt = chain.post(proven).await;

    // A transfer to a new account, a token transfer to one that has no such leaf, two withdrawals (PAY-GAS).
    let fees = u128::from(42_000 + 63_000 + 30_000 + 32_000u32) * u128::from(PRICE);
    let balance = |address| chain.state.get(eth(address)).unwrap().balance;
    assert_eq!(balance(alice), 6 * ETHER - fees);
    assert_eq!((balance(bob), balance(operator)), (ETHER, fees));
    assert_eq!(chain.held(token), 4_000);
    assert_eq!((chain.escrow(ETH).await, chain.escrow(token).await), (10 * ETHER, 5_000));

    let bridge = chain.chain().bridge;
    for claim in claims(2, output(&receipt), &segment) {
        let mut greater = claim.clone();
        greater.paid.amount += 1;
        refused::<PaymentsBridge::Bridge_NotProven>(chain.call(chain.stranger(), bridge, 0, greater).await);
        let mut elsewhere = claim.clone();
        elsewhere.to = chain.stranger().address();
        refused::<PaymentsBridge::Bridge_NotPayee>(chain.call(chain.stranger(), bridge, 0, elsewhere).await);
        let mut next = claim.clone();
        next.index += 1 << 32;
        refused::<PaymentsBridge::Bridge_NotProven>(chain.call(chain.stranger(), bridge, 0, next).await);
        chain.call(chain.stranger(), bridge, 0, claim.clone()).await.unwrap();
        refused::<PaymentsBridge::Bridge_AlreadyExecuted>(chain.call(chain.stranger(), bridge, 0, claim).await);
    }
    assert_eq!((chain.ether_of(PAYEE).await, chain.tokens_of(PAYEE).await), (3 * ETHER, 1_000));
    assert_eq!(chain.escrow(ETH).await, chain.held(ETH));
    assert_eq!(chain.escrow(token).await, chain.held(token));

    // L1 alone tells all of it.
    let rebuilt = rebuild(&chain.client, chain.chain(), chain.deployment.start_block, 1_000).await.unwrap();
    assert_eq!(rebuilt.ledger.state().root(), chain.state.root());
    assert_eq!((rebuilt.ledger.index(), rebuilt.messages.len()), (2, 3));
}

/// PAY-APPEND: whoever asks for his money on L1 gets it by the next batch that anybody proves; once it is overdue, and without operations.
#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_proves_a_forced_withdrawal() {
    let mut chain = Chain::start().await;
    let stranger = chain.stranger().clone();
    chain.deposit_eth(0, 2 * ETHER).await;
    chain.set_session_key(0).await;
    chain.consume().await;
    chain.force_withdrawal(0, ETH).await;

    let mut draft = chain.draft().await;
    chain.take_messages(&mut draft);
    let early = chain.prove(draft);
    refused::<ValiditySettlement::ValiditySettlement_NotSequencer>(chain.post_as(stranger.clone(), early).await);

    chain.wait(WINDOW + 1).await;
    let mut draft = chain.draft().await;
    let call = Call::Transfer { recipient: PAYEE, amount: 1 };
    chain.operate(&mut draft, 0, call);
    chain.take_messages(&mut draft);
    let signed = chain.prove(draft);
    let outcome = chain.post_as(stranger.clone(), signed).await;
    refused::<ValiditySettlement::ValiditySettlement_ForcedWithOperations>(outcome);

    let mut draft = chain.draft().await;
    chain.take_messages(&mut draft);
    let proven = chain.prove(draft);
    let segment = proven.withdrawals.clone();
    let receipt = chain.post_as(stranger.clone(), proven).await.unwrap();

    // The owner claims it himself, and has it sent to another address.
    let owner = chain.user(0).clone();
    let mut claim = claims(2, output(&receipt), &segment).remove(0);
    assert_eq!((claim.paid.recipient, claim.paid.amount), (owner.address(), 2 * ETHER));
    claim.to = PAYEE;
    let before = chain.ether_of(owner.address()).await;
    let receipt = chain.call(&owner, chain.chain().bridge, 0, claim).await.unwrap();
    assert_eq!(chain.ether_of(PAYEE).await, 2 * ETHER);
    assert_eq!(chain.ether_of(owner.address()).await, before - cost(&receipt));
    assert_eq!((chain.escrow(ETH).await, chain.held(ETH)), (0, 0));
}

/// PAY-CONTENT: what a batch's content commits to, beside the event of the Inbox.
#[tokio::test(flavor = "multi_thread")]
async fn the_content_of_a_proven_batch_commits_to_its_segments() {
    use alloy::sol_types::SolValue;
    use tandem_l1::bindings::Inbox;

    let mut chain = Chain::start().await;
    chain.deposit_eth(0, ETHER).await;
    let mut draft = chain.draft().await;
    chain.take_messages(&mut draft);
    let proven = chain.prove(draft);
    let (env, segments) = (proven.env.pack(), proven.batch.segments.clone());
    let receipt = chain.post(proven).await;
    let appended = receipt.logs().iter().find_map(|log| Inbox::BatchAppended::decode_log(&log.inner).ok()).unwrap();
    let content = &appended.header.content;
    let parts = segments.each_ref().map(|bytes| (alloy::primitives::U256::from(bytes.len()), keccak256(bytes)));
    let [effects, withdrawals, messages] = parts;
    let expected = keccak256(
        (env, effects.0, effects.1, withdrawals.0, withdrawals.1, messages.0, messages.1).abi_encode_params(),
    );
    assert_eq!((content.dataKind, content.dataHash, content.workGas), (DATA_KIND, expected, 0));
}
