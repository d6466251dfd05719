//! The committed bytecode, run as it will be: from genesis, in revm, against the rulebook's own idea of it.

use alloc::{vec, vec::Vec};

use alloy_primitives::{Address, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue, sol};
use proptest::prelude::*;
use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext, SystemCallCommitEvm,
    context::{TxEnv, result::ExecutionResult},
    database::{CacheDB, Database, EmptyDB},
    primitives::{TxKind, hardfork::SpecId},
    state::{AccountInfo, Bytecode as RevmBytecode},
};
use tandem_chain::{ChainConfig, Checkpoint, L2Message, MessageTree, message};

use super::*;
use crate::{
    fee_estimate::estimate_posted_bytes,
    fees::{BaseFee, DataCharge, l1_data_fee},
    genesis::genesis_accounts,
};

sol! {
    function send(address target, uint64 gasLimit, bytes data) external payable returns (uint64);
    function messageRoot() external returns (bytes32);
    function messageCount() external returns (uint256);
    function l1Bridge() external returns (address);
    function l1FeeRecipient() external returns (address);
    function number() external returns (uint64);
    function timestamp() external returns (uint64);
    function baseFee() external returns (uint256);
    function blobBaseFee() external returns (uint256);
    function register(address account) external returns (uint64);
    function finalizeDeposit(
        address l1Token, address from, address to, uint256 amount, string name, string symbol, uint8 decimals
    ) external;
    function bridgedToken(address l1Token) external returns (address);
    function totalSupply() external returns (uint256);
    function withdraw() external returns (uint64);
    function l1Fee(bytes signedTransaction) external returns (uint256);
    function l1FeePaid(bytes signedTransaction, uint256 gasUsed) external returns (uint256);
    function dataGas(bytes signedTransaction) external returns (uint256);
    function l1BaseFee() external returns (uint256);
    function estimatePostedBytes(bytes signedTransaction) external returns (uint256);
}

const ALL: [Bytecode; 9] = [
    bytecode::MESSAGE_PASSER,
    bytecode::L2_BRIDGE,
    bytecode::L1_INFO,
    bytecode::FEE_VAULT,
    bytecode::BRIDGED_TOKEN,
    bytecode::ADDRESS_TABLE,
    bytecode::HISTORY_STORAGE,
    bytecode::CREATE2_DEPLOYER,
    bytecode::MULTICALL3,
];

fn test_config() -> ChainConfig {
    ChainConfig { bridge: Address::repeat_byte(0xf3), ..tandem_support::config() }
}

/// A chain at genesis that executes one call at a time and keeps what it changes.
struct Chain {
    database: CacheDB<EmptyDB>,
}

impl Chain {
    fn at_genesis(config: &ChainConfig) -> Self {
        let mut database = CacheDB::new(EmptyDB::default());
        for (address, account) in genesis_accounts(config) {
            let code = RevmBytecode::new_raw(account.code);
            database
                .insert_account_info(address, AccountInfo::new(account.balance, account.nonce, code.hash_slow(), code));
            for (slot, value) in account.storage {
                database.insert_account_storage(address, slot, value).unwrap();
            }
        }
        Self { database }
    }

    fn fund(&mut self, account: Address, balance: U256) {
        self.database.insert_account_info(account, AccountInfo::from_balance(balance));
    }

    fn execute(&mut self, caller: Address, to: Address, value: U256, data: Vec<u8>) -> ExecutionResult {
        let mut evm = Context::mainnet()
            .with_db(&mut self.database)
            .modify_cfg_chained(|cfg| {
                cfg.set_spec_and_mainnet_gas_params(SpecId::OSAKA);
                cfg.disable_nonce_check = true;
            })
            .build_mainnet();
        let transaction = TxEnv::builder()
            .caller(caller)
            .kind(TxKind::Call(to))
            .value(value)
            .data(data.into())
            .gas_limit(16_000_000)
            .build()
            .unwrap();
        evm.transact_commit(transaction).unwrap()
    }

    /// Calls from nobody in particular; the call must succeed.
    fn call<C: SolCall>(&mut self, to: Address, call: &C) -> C::Return {
        let result = self.execute(Address::repeat_byte(0x99), to, U256::ZERO, call.abi_encode());
        assert!(result.is_success(), "{result:?}");
        C::abi_decode_returns(result.output().unwrap()).unwrap()
    }

    fn set_checkpoint(&mut self, checkpoint: &Checkpoint) {
        let mut evm = Context::mainnet()
            .with_db(&mut self.database)
            .modify_cfg_chained(|cfg| cfg.set_spec_and_mainnet_gas_params(SpecId::OSAKA))
            .build_mainnet();
        let result = evm.system_call_with_caller_commit(SYSTEM, L1_INFO, set_checkpoint_calldata(checkpoint)).unwrap();
        assert!(result.is_success());
    }

    fn storage(&mut self, address: Address, slot: U256) -> U256 {
        self.database.storage(address, slot).unwrap()
    }
}

/// Tests PRE-CODE-1.
#[test]
fn committed_bytecode_has_the_pinned_hashes() {
    for bytecode in ALL {
        assert_eq!(keccak256(bytecode.code), bytecode.hash);
        assert!(!bytecode.code.is_empty());
    }
}

#[test]
fn every_committed_file_is_pinned() {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/predeploys/bytecode")).unwrap();
    assert_eq!(files.count(), ALL.len());
}

/// Tests PRE-1, PRE-2.
#[test]
fn facts_from_elsewhere_agree() {
    assert_eq!(bytecode::HISTORY_STORAGE.code, &alloy_eips::eip2935::HISTORY_STORAGE_CODE[..]);
    assert_eq!(HISTORY_STORAGE, alloy_eips::eip2935::HISTORY_STORAGE_ADDRESS);
    assert_eq!(SYSTEM, alloy_eips::eip4788::SYSTEM_ADDRESS);
    assert_eq!(address_slot(0), U256::from_be_bytes(keccak256([0; 32]).0));
}

/// Tests PRE-GEN-1, EVM-GEN-1, EVM-ENV-4.
#[test]
fn genesis_is_contracts_without_ether_in_order() {
    let accounts = genesis_accounts(&test_config());
    assert_eq!(accounts.len(), ALL.len());
    assert!(accounts.windows(2).all(|pair| pair[0].0 < pair[1].0));
    for (address, account) in &accounts {
        assert_eq!((account.nonce, account.balance), (1, U256::ZERO), "{address}");
        assert!(ALL.iter().any(|bytecode| bytecode.code == &account.code[..]), "{address}");
        assert!(account.storage.iter().all(|(_, value)| !value.is_zero()), "{address}");
    }
}

/// Tests PRE-MSG-2, PRE-BRIDGE-2, PRE-FEE-1.
#[test]
fn genesis_storage_is_read_by_the_contracts() {
    let config = test_config();
    let mut chain = Chain::at_genesis(&config);
    assert_eq!(chain.call(L2_BRIDGE, &l1BridgeCall {}), config.bridge);
    assert_eq!(chain.call(MESSAGE_PASSER, &l1BridgeCall {}), config.bridge);
    assert_eq!(chain.call(FEE_VAULT, &l1FeeRecipientCall {}), config.l1_fee_recipient);
    assert_eq!(chain.call(MESSAGE_PASSER, &messageRootCall {}), MessageTree::default().root());
}

/// Tests PRE-INFO-1, PRE-INFO-2.
#[test]
fn the_system_alone_sets_the_checkpoint() {
    let mut chain = Chain::at_genesis(&test_config());
    let checkpoint = Checkpoint { number: 1, timestamp: 2, base_fee: U256::MAX, blob_base_fee: U256::from(4) };
    let refused =
        chain.execute(Address::repeat_byte(1), L1_INFO, U256::ZERO, set_checkpoint_calldata(&checkpoint).to_vec());
    assert!(!refused.is_success());

    chain.set_checkpoint(&checkpoint);
    assert_eq!(chain.call(L1_INFO, &numberCall {}), checkpoint.number);
    assert_eq!(chain.call(L1_INFO, &timestampCall {}), checkpoint.timestamp);
    assert_eq!(chain.call(L1_INFO, &baseFeeCall {}), checkpoint.base_fee);
    assert_eq!(chain.call(L1_INFO, &blobBaseFeeCall {}), checkpoint.blob_base_fee);
}

/// Tests PRE-TABLE-1.
#[test]
fn addresses_are_read_from_their_slots() {
    let mut chain = Chain::at_genesis(&test_config());
    for index in 0..5u64 {
        let account = Address::with_last_byte(index as u8 + 1);
        assert_eq!(chain.call(ADDRESS_TABLE, &registerCall { account }), index);
        assert_eq!(chain.storage(ADDRESS_TABLE, address_slot(index)), U256::from(index + 1));
        assert_eq!(chain.storage(ADDRESS_TABLE, address_slot(index + 1)), U256::ZERO);
        assert_eq!(chain.storage(ADDRESS_TABLE, address_index_slot(account)), U256::from(index + 1));
    }
    assert_eq!(chain.storage(ADDRESS_TABLE, address_index_slot(Address::with_last_byte(6))), U256::ZERO);
    assert_eq!(chain.storage(ADDRESS_TABLE, ADDRESS_COUNT_SLOT), U256::from(5));
}

/// Tests PRE-BRIDGE-3, PRE-BRIDGE-5.
#[test]
fn a_deposit_through_the_alias_mints_within_the_gas_that_the_specification_names() {
    let config = test_config();
    let mut chain = Chain::at_genesis(&config);
    let l1_token = Address::repeat_byte(0x77);
    let deposit = finalizeDepositCall {
        l1Token: l1_token,
        from: Address::repeat_byte(1),
        to: Address::repeat_byte(2),
        amount: U256::MAX,
        name: "n".repeat(64),
        symbol: "s".repeat(64),
        decimals: 255,
    };
    let refused = chain.execute(config.bridge, L2_BRIDGE, U256::ZERO, deposit.abi_encode());
    assert!(!refused.is_success());
    let done = chain.execute(message::alias(config.bridge), L2_BRIDGE, U256::ZERO, deposit.abi_encode());
    assert!(done.is_success());
    let used = done.tx_gas_used();
    // What is kept back to return a deposit, the 21,000 and the calldata come on top of minting.
    assert!(used + 250_000 < 700_000, "{used}");
    let token = chain.call(L2_BRIDGE, &bridgedTokenCall { l1Token: l1_token });
    assert_eq!(chain.call(token, &totalSupplyCall {}), U256::MAX);
}

/// Tests PRE-FEE-1, L1-WD-1.
#[test]
fn the_fee_vault_pays_the_recipient_on_l1() {
    let config = test_config();
    let mut chain = Chain::at_genesis(&config);
    let vault = chain.database.load_account(FEE_VAULT).unwrap();
    vault.info.balance = U256::from(7);
    let index = chain.call(FEE_VAULT, &withdrawCall {});
    let expected = L2Message {
        index,
        sender: FEE_VAULT,
        target: config.l1_fee_recipient,
        value: U256::from(7),
        gas_limit: 100_000,
        data: Bytes::new(),
    };
    let root = chain.storage(MESSAGE_PASSER, MESSAGE_ROOT_SLOT);
    assert_eq!(root, U256::from_be_bytes(MessageTree::new(vec![expected.hash()]).root().0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Any messages: the root in state is that of the rulebook's tree over the rulebook's hashes (L1-WD-1, L1-WD-2).
    /// Tests PRE-MSG-1, PRE-MSG-2, L1-WD-2.
    #[test]
    fn the_message_root_is_the_trees(
        messages in prop::collection::vec(
            (any::<[u8; 20]>(), any::<u64>(), 0u64..=8_000_000, prop::collection::vec(any::<u8>(), 0..100)), 0..20,
        )
    ) {
        let mut chain = Chain::at_genesis(&test_config());
        let sender = Address::repeat_byte(0x55);
        let mut leaves = Vec::new();
        for (index, (target, value, gas_limit, data)) in messages.into_iter().enumerate() {
            let message = L2Message {
                index: index as u64,
                sender,
                target: target.into(),
                value: U256::from(value),
                gas_limit,
                data: data.into(),
            };
            chain.fund(sender, message.value);
            let call = sendCall { target: message.target, gasLimit: gas_limit, data: message.data.clone() };
            let result = chain.execute(sender, MESSAGE_PASSER, message.value, call.abi_encode());
            prop_assert!(result.is_success());
            prop_assert_eq!(result.output().unwrap().to_vec(), message.index.abi_encode());
            let logs = result.logs();
            prop_assert_eq!(logs.len(), 1);
            prop_assert_eq!(message_from_log(&logs[0]), Some(message.clone()));
            prop_assert_eq!(message_from_log(&Log { address: sender, data: logs[0].data.clone() }), None);
            // Value, gas limit, offset of the data, hash.
            prop_assert_eq!(B256::from_slice(&logs[0].data.data[96..128]), message.hash());
            leaves.push(message.hash());
            let root = chain.storage(MESSAGE_PASSER, MESSAGE_ROOT_SLOT);
            prop_assert_eq!(root, U256::from_be_bytes(MessageTree::new(leaves.clone()).root().0));
        }
        prop_assert_eq!(chain.storage(MESSAGE_PASSER, MESSAGE_COUNT_SLOT), U256::from(leaves.len()));
    }

    /// FEE-L1-4: the contract tells what the rulebook charges, once the base fee has caught up.
    /// Tests FEE-L1-2, FEE-L1-3, FEE-L1-4.
    #[test]
    fn the_data_fee_is_told_as_it_is_charged(
        parts in prop::collection::vec(fee_input_part(), 0..8),
        base_fee in prices(),
        blob_base_fee in prices(),
        gas_used in 0..20_000_000u64,
    ) {
        let bytes = parts.concat();
        let mut chain = Chain::at_genesis(&test_config());
        let checkpoint = Checkpoint { number: 1, timestamp: 1, base_fee, blob_base_fee };
        chain.set_checkpoint(&checkpoint);
        let told = chain.call(L1_INFO, &estimatePostedBytesCall { signedTransaction: bytes.clone().into() });
        prop_assert_eq!(told, U256::from(estimate_posted_bytes(&bytes)));
        let fee = chain.call(L1_INFO, &l1FeeCall { signedTransaction: bytes.clone().into() });
        prop_assert_eq!(fee, l1_data_fee(&bytes, &checkpoint));
        // Block 1 has L1's price at once, beside a part for execution of nothing.
        let genesis = alloy_consensus::Header::default();
        let base_fee = BaseFee::after(&genesis, 0, 0, &checkpoint);
        prop_assert_eq!(chain.call(L1_INFO, &l1BaseFeeCall {}), U256::from(base_fee.data));
        let charge = DataCharge::new(&bytes, &checkpoint, base_fee);
        let gas = chain.call(L1_INFO, &dataGasCall { signedTransaction: bytes.clone().into() });
        prop_assert_eq!(gas, U256::from(charge.gas));
        let paid = l1FeePaidCall { signedTransaction: bytes.into(), gasUsed: U256::from(gas_used) };
        prop_assert_eq!(chain.call(L1_INFO, &paid), charge.paid(gas_used.max(charge.gas)));
    }
}

/// Noise, runs and repetition: what makes literals, long matches and far ones.
fn fee_input_part() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..120),
        (any::<u8>(), 0usize..900).prop_map(|(byte, count)| vec![byte; count]),
        prop::collection::vec(0u8..3, 0..300),
        Just((0..40u8).collect()),
    ]
}

fn prices() -> impl Strategy<Value = U256> {
    prop_oneof![any::<u64>().prop_map(U256::from), Just(U256::ZERO), Just(U256::MAX), Just(U256::MAX >> 20)]
}

/// Tests FEE-L1-1, EVM-DA-2.
#[test]
fn the_data_fee_agrees_at_every_short_length_and_across_the_match_distance() {
    let mut chain = Chain::at_genesis(&test_config());
    let mut agree = |bytes: Vec<u8>| {
        let told = chain.call(L1_INFO, &estimatePostedBytesCall { signedTransaction: bytes.clone().into() });
        assert_eq!(told, U256::from(estimate_posted_bytes(&bytes)), "{} bytes", bytes.len());
    };
    // Above the minimum that is charged, differences show.
    let noise: Vec<u8> = (0u32..300).flat_map(|seed| keccak256(seed.to_be_bytes()).0).collect();
    for tail in 0..40 {
        agree(noise[..tail].to_vec());
        agree([&noise[..200], &noise[..tail]].concat());
        agree([&noise[..200], &vec![7; 250 + tail][..]].concat());
    }
    // Repeats what begins at the second byte, and what begins at the last byte of a match.
    let (matched, after) = (&noise[50..80], &noise[300..340]);
    for length in 200..204 {
        agree([&noise[..length], &noise[1..40]].concat());
        agree([&noise[..length], matched, after, &matched[29..], after].concat());
    }
    for distance in 8_185..8_200 {
        agree([&noise[..distance], &noise[..30], &noise[..15]].concat());
    }
}
