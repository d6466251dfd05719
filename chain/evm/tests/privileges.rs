//! Nobody gets at what only the rulebook or L1 may do: not by signing, not by a message, not by delegating (PRE-2, PRE-3, PRE-BRIDGE-3, PRE-INFO-1, EVM-SYS-2, EVM-DEP-3).
//!
//! The machine's tests call these functions, and run every batch in the guest.

use alloy_consensus::{SignableTransaction, TxEip1559, TxEip7702};
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, bytes};
use alloy_sol_types::{SolCall, sol};
use tandem_chain::{
    Message, PreimageSource,
    message::{self, VALUE_ALL},
};
use tandem_evm::{
    BlockAttributes, BlockBuilder, Recovered, Rejected, WorldState,
    payload::SignedTransaction,
    predeploys::{self, FEE_VAULT, L1_INFO, L2_BRIDGE, MESSAGE_PASSER, SYSTEM},
};
use tandem_support::{
    chain::{GWEI, TestChain, User, block, deposit, paid},
    config, supply,
};

sol! {
    function set(uint64 number, uint64 timestamp, uint256 baseFee, uint256 blobBaseFee);
    function finalizeDeposit(
        address l1Token, address from, address to, uint256 amount, string name, string symbol, uint8 decimals
    );
    function send(address target, uint64 gasLimit, bytes data);
    function withdraw();
}

const ETHER: u64 = 1_000_000_000 * GWEI;

fn funded(user: &User) -> TestChain {
    let mut chain = TestChain::new(config());
    chain.batch(vec![deposit(user.address(), ETHER)], vec![block(1_000, 1, vec![])]);
    chain
}

fn call(user: &User, nonce: u64, to: Address, input: Vec<u8>) -> SignedTransaction {
    let template = user.template(nonce);
    user.sign(TxEip1559 { to: TxKind::Call(to), input: input.into(), gas_limit: 3_000_000, ..template })
}

fn message_from(sender: Address, to: Address, data: Vec<u8>) -> Message {
    Message { sender, to, data: data.into(), gas_limit: 3_000_000, ..deposit(Address::repeat_byte(0xf1), 5) }
}

fn set_call() -> Vec<u8> {
    setCall { number: 99, timestamp: 99, baseFee: U256::ZERO, blobBaseFee: U256::ZERO }.abi_encode()
}

fn deposit_call(to: Address) -> Vec<u8> {
    finalizeDepositCall {
        l1Token: Address::repeat_byte(0x77),
        from: to,
        to,
        amount: U256::from(1_000),
        name: "Token".into(),
        symbol: "T".into(),
        decimals: 18,
    }
    .abi_encode()
}

fn send_call(target: Address) -> Vec<u8> {
    sendCall { target, gasLimit: 1, data: Bytes::new() }.abi_encode()
}

#[test]
pub(crate) fn a_user_calls_nothing_privileged() {
    let alice = User::new(1);
    let mut chain = funded(&alice);
    let transactions = vec![
        call(&alice, 1, L1_INFO, set_call()),
        call(&alice, 2, L2_BRIDGE, deposit_call(alice.address())),
        alice.transfer(3, predeploys::BRIDGED_TOKEN, 1),
    ];
    let blocks = chain.batch(vec![], vec![block(1_020, 0, transactions)]);
    assert_eq!(blocks[0].receipts.len(), 4);
    assert!(blocks[0].receipts[1..].iter().all(|receipt| !receipt.success), "all are executed, all fail");
    assert_ne!(stored_checkpoint(&chain).number, 99);
}

fn stored_checkpoint(chain: &TestChain) -> tandem_chain::Checkpoint {
    WorldState::open(chain.output.state_root, &chain.memory).checkpoint().unwrap()
}

#[test]
pub(crate) fn a_message_calls_nothing_privileged_unless_it_is_the_bridges() {
    let alice = User::new(1);
    let bridge = config().bridge;
    let strangers = [
        alice.address(),
        // As if it were not aliased, which L1's Bridge, a contract, always is.
        bridge,
        message::alias(message::alias(bridge)),
        message::alias(L2_BRIDGE),
        message::alias(SYSTEM),
        SYSTEM,
        L2_BRIDGE,
        L1_INFO,
    ];
    for stranger in strangers {
        let mut chain = funded(&alice);
        let letters = vec![
            message_from(stranger, L1_INFO, set_call()),
            message_from(stranger, L2_BRIDGE, deposit_call(alice.address())),
        ];
        let blocks = chain.batch(letters, vec![]);
        assert!(blocks[0].receipts[1..].iter().all(|receipt| !receipt.success), "{stranger}");
        assert_eq!(chain.balance(Address::repeat_byte(0xf1)), U256::from(10), "refunded, {stranger}");
        assert_ne!(stored_checkpoint(&chain).number, 99);
    }
    let mut chain = funded(&alice);
    let good = Message {
        mint: U256::ZERO,
        value: U256::ZERO,
        ..message_from(message::alias(bridge), L2_BRIDGE, deposit_call(alice.address()))
    };
    assert!(chain.batch(vec![good], vec![])[0].receipts[1].success);
}

/// Whoever had the bridge predeploy's address could release all tokens on L1; whoever had the vault's, its fees.
#[test]
pub(crate) fn a_message_from_a_reserved_address_only_gets_its_ether_back() {
    let beyond = MESSAGE_PASSER.create2(B256::ZERO, B256::ZERO);
    for reserved in [SYSTEM, MESSAGE_PASSER, L2_BRIDGE, FEE_VAULT, Address::with_last_byte(0xff) | MESSAGE_PASSER] {
        let mut chain = funded(&User::new(1));
        let before = chain.balance(reserved);
        let blocks = chain.batch(vec![message_from(reserved, MESSAGE_PASSER, send_call(beyond))], vec![]);
        assert!(!blocks[0].receipts[1].success);
        assert_eq!(chain.balance(reserved), before, "{reserved}");
        // Not even what it has there of its own.
        let all = Message {
            mint: U256::ZERO,
            value: VALUE_ALL,
            ..message_from(reserved, Address::repeat_byte(0xe0), vec![])
        };
        let nonce = chain.nonce(reserved);
        let mut robbed = chain.clone();
        assert!(!robbed.batch(vec![all], vec![])[0].receipts[1].success);
        assert_eq!(robbed.balance(Address::repeat_byte(0xe0)), U256::ZERO, "{reserved}");
        assert_eq!(robbed.nonce(reserved), nonce + u64::from(reserved == SYSTEM), "{reserved}");
        assert_eq!(chain.balance(Address::repeat_byte(0xf1)), U256::from(5));
        assert_eq!(chain.nonce(SYSTEM), 2, "that of the two checkpoints");
    }
    let mut chain = funded(&User::new(1));
    assert!(chain.batch(vec![message_from(beyond, MESSAGE_PASSER, send_call(beyond))], vec![])[0].receipts[1].success);
}

/// Runs a transaction as if `signer` had signed it.
fn push_as(chain: &TestChain, signer: Address) -> Result<u64, String> {
    let parent = chain.memory.preimage(chain.output.last_block_hash).unwrap();
    let parent = alloy_rlp::Decodable::decode(&mut parent.as_ref()).unwrap();
    let input = chain.input(vec![], Bytes::new());
    let mut state = WorldState::open(chain.output.state_root, &chain.memory);
    let nonce = state.account(signer).unwrap().map_or(0, |info| info.nonce);
    let attributes = BlockAttributes { timestamp: 1_020, checkpoint: input.checkpoint, first_of_batch: false };
    let mut builder =
        BlockBuilder::begin(&chain.config, &parent, chain.output.last_block_hash, attributes, &mut state).unwrap();
    let transaction = Recovered::new_unchecked(User::new(1).transfer(nonce, Address::repeat_byte(0xb0), 1), signer);
    builder.push_transaction(transaction, 1_000_000).map_err(|rejected| match rejected {
        Rejected::State(error) => panic!("{error}"),
        rejected => rejected.to_string(),
    })
}

#[test]
pub(crate) fn no_signature_makes_a_reserved_address_or_a_contract_a_sender() {
    let alice = User::new(1);
    let mut chain = funded(&alice);
    // All of them have ether, so that nothing else stops them: forced in by contracts that destroy themselves at birth.
    let rich =
        [SYSTEM, MESSAGE_PASSER, L2_BRIDGE, L1_INFO, FEE_VAULT, predeploys::MULTICALL3, Address::repeat_byte(0xcc)];
    let create = |(nonce, heir): (usize, &Address)| {
        let input = [&[0x73][..], heir.as_slice(), &[0xff]].concat().into();
        let value = U256::from(ETHER / 10);
        alice.sign(TxEip1559 { to: TxKind::Create, value, input, ..alice.template(nonce as u64 + 1) })
    };
    chain.batch(vec![], vec![block(1_020, 0, rich.iter().enumerate().map(create).collect())]);
    for address in rich {
        assert!(chain.balance(address) >= U256::from(ETHER / 10), "{address}");
    }
    for reserved in &rich[..5] {
        assert_eq!(push_as(&chain, *reserved), Err("a reserved address signs nothing".into()), "{reserved}");
    }
    // EIP-3607.
    assert_eq!(
        push_as(&chain, predeploys::MULTICALL3),
        Err("reject transactions from senders with deployed code".into())
    );
    assert!(push_as(&chain, Address::repeat_byte(0xcc)).is_ok());
}

fn delegate(
    alice: &User,
    nonce: u64,
    authority: &User,
    authority_nonce: u64,
    to: Address,
    call: Bytes,
) -> SignedTransaction {
    let authorization =
        Authorization { chain_id: U256::from(config().l2_chain_id), address: to, nonce: authority_nonce };
    let signature = authority.sign_hash(authorization.signature_hash());
    let template = alice.template(nonce);
    let transaction = TxEip7702 {
        chain_id: template.chain_id,
        nonce,
        gas_limit: 3_000_000,
        max_fee_per_gas: template.max_fee_per_gas,
        max_priority_fee_per_gas: template.max_priority_fee_per_gas,
        to: authority.address(),
        authorization_list: vec![authorization.into_signed(signature)],
        input: call,
        ..Default::default()
    };
    let signature = alice.sign_hash(transaction.signature_hash());
    SignedTransaction::Eip7702(transaction.into_signed(signature))
}

#[test]
pub(crate) fn delegating_to_a_predeploy_gives_its_code_and_none_of_its_powers() {
    let (alice, bob) = (User::new(1), User::new(2));
    let mut chain = funded(&alice);
    let root = chain.output.message_root;
    let transactions = vec![
        // The passer's code, on Bob's storage: no message of the chain's.
        delegate(&alice, 1, &bob, 0, MESSAGE_PASSER, send_call(alice.address()).into()),
        // The vault's code has Bob's balance, and no recipient.
        delegate(&alice, 2, &bob, 1, L1_INFO, set_call().into()),
        delegate(&alice, 3, &bob, 2, L2_BRIDGE, deposit_call(bob.address()).into()),
    ];
    let blocks = chain.batch(vec![], vec![block(1_020, 0, transactions)]);
    let succeeded: Vec<bool> = blocks[0].receipts[1..].iter().map(|receipt| receipt.success).collect();
    assert_eq!(succeeded, [true, false, false]);
    let log = &blocks[0].receipts[1].logs[0];
    assert_eq!(
        (log.address, predeploys::message_from_log(log)),
        (bob.address(), None),
        "a log of Bob's, not the passer's"
    );
    assert_eq!(chain.output.message_root, root);
    assert_ne!(stored_checkpoint(&chain).number, 99);
    assert_eq!(chain.code(bob.address()), Bytes::from([&[0xef, 1, 0][..], L2_BRIDGE.as_slice()].concat()));

    // The system address has no code, so a delegation to it does nothing; a delegated account still signs and sends.
    let transactions =
        vec![delegate(&alice, 4, &bob, 3, SYSTEM, set_call().into()), alice.transfer(5, bob.address(), ETHER / 10)];
    let blocks = chain.batch(vec![], vec![block(1_040, 0, transactions)]);
    assert!(blocks[0].receipts.iter().all(|receipt| receipt.success));
    let blocks = chain.batch(
        vec![message_from(bob.address(), Address::repeat_byte(0xb0), vec![])],
        vec![block(1_060, 1, vec![bob.transfer(5, alice.address(), 1)])],
    );
    assert!(blocks[0].receipts.iter().all(|receipt| receipt.success), "the message took nonce 4");
}

#[test]
pub(crate) fn the_vault_takes_what_it_is_given_and_gives_it_all_to_l1() {
    let alice = User::new(1);
    let mut chain = funded(&alice);
    let vault_code = chain.code(FEE_VAULT);
    let before = chain.balance(FEE_VAULT);
    let minted = supply(&chain.memory, chain.output.state_root);
    // A recipient of a transfer, of a message, of a refund, of what a destroyed contract leaves.
    let refused = Message { refund: FEE_VAULT, ..message_from(alice.address(), L2_BRIDGE, vec![1]) };
    let input = [&[0x73][..], FEE_VAULT.as_slice(), &[0xff]].concat().into();
    let destroy = TxEip1559 { to: TxKind::Create, value: U256::from(13), input, ..alice.template(3) };
    let blocks = chain.batch(
        vec![Message { to: FEE_VAULT, ..deposit(Address::repeat_byte(0xd1), 11) }, refused],
        vec![block(1_020, 2, vec![alice.transfer(2, FEE_VAULT, 7)]), block(1_021, 0, vec![alice.sign(destroy)])],
    );
    assert!(blocks.iter().flat_map(|block| &block.receipts).filter(|receipt| !receipt.success).count() == 1);
    let given = chain.balance(FEE_VAULT) - before - fees(&blocks, &chain);
    assert_eq!(given, U256::from(11 + 5 + 7 + 13));

    // A withdrawal sends what the vault has before the withdrawing transaction pays.
    let held = chain.balance(FEE_VAULT);
    let blocks =
        chain.batch(vec![], vec![block(1_040, 0, vec![call(&alice, 4, FEE_VAULT, withdrawCall {}.abi_encode())])]);
    let sent = blocks[0].receipts[1].logs.iter().find_map(predeploys::message_from_log).unwrap();
    assert_eq!((sent.sender, sent.target, sent.value), (FEE_VAULT, config().l1_fee_recipient, held));
    assert_eq!(chain.balance(MESSAGE_PASSER), held);
    assert_eq!(chain.balance(FEE_VAULT), fees(&blocks, &chain));
    assert_eq!(chain.code(FEE_VAULT), vault_code);
    assert_eq!(supply(&chain.memory, chain.output.state_root), minted + U256::from(11 + 5));
}

/// What the users of these blocks paid.
fn fees(blocks: &[tandem_evm::EvmBlock], chain: &TestChain) -> U256 {
    let checkpoint = stored_checkpoint(chain);
    let places = blocks.iter().flat_map(|block| (0..block.transactions.len()).map(move |index| (block, index)));
    places.filter_map(|(block, index)| paid(block, index, &checkpoint)).map(|(_, paid)| paid.wei()).sum()
}

#[test]
pub(crate) fn ether_burns_only_in_a_contract_that_leaves_it_to_itself() {
    let alice = User::new(1);
    let mut chain = funded(&alice);
    let before = supply(&chain.memory, chain.output.state_root);
    // ADDRESS SELFDESTRUCT, at birth.
    let burn = |nonce| {
        alice.sign(TxEip1559 {
            to: TxKind::Create,
            value: U256::from(17),
            input: bytes!("30ff"),
            ..alice.template(nonce)
        })
    };
    // The same as code: later, it keeps its ether (EIP-6780).
    let keep = TxEip1559 { to: TxKind::Create, input: bytes!("6130ff5f526002601ef3"), ..alice.template(2) };
    let keeper = alice.address().create(2);
    let transactions = vec![burn(1), alice.sign(keep), alice.transfer(3, keeper, 19)];
    let blocks = chain.batch(vec![], vec![block(1_020, 0, transactions)]);
    assert!(blocks[0].receipts.iter().all(|receipt| receipt.success));
    assert_eq!(chain.balance(keeper), U256::from(19));
    assert_eq!(supply(&chain.memory, chain.output.state_root), before - U256::from(17));
}
