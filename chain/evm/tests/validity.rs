//! What admission accepts is executed, and what it refuses is not, on the same state with the nonce's turn and funds (EVM-TX-1, EVM-WORK-1).

use std::sync::LazyLock;

use alloy_consensus::{Header, SignableTransaction, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use proptest::{collection::vec, prelude::*, sample::select};
use revm::context::result::InvalidTransaction;
use tandem_chain::{ChainConfig, Checkpoint, PreimageSource};
use tandem_evm::{
    BlockAttributes, BlockBuilder, Recovered, Rejected, WorldState,
    payload::SignedTransaction,
    predeploys,
    validity::{cost_max, validate_waiting},
};
use tandem_support::{
    chain::{GWEI, Memory, Missing, TestChain, User},
    config,
};

/// Greatest gas limit of a transaction (EIP-7825).
const GAS_LIMIT_MAX: u64 = 1 << 24;
/// Greatest init code (EIP-3860).
const INIT_CODE_MAX: usize = 49_152;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Legacy,
    Unprotected,
    AccessList,
    DynamicFee,
    SetCode,
}

/// What is at the sender's address.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sender {
    Plain,
    /// A delegation to code elsewhere (EIP-7702), which may send.
    Delegated,
    /// Code of its own, which may not send (EIP-3607).
    Contract,
    /// One of the rulebook's own addresses (PRE-3).
    Reserved,
    /// An account whose next nonce is the last that there is.
    Spent,
}

/// A transaction of its parts.
#[derive(Clone, Debug)]
struct Parts {
    kind: Kind,
    sender: Sender,
    is_create: bool,
    is_foreign: bool,
    input: (usize, u8),
    gas_limit: u64,
    fee_max: u128,
    tip_max: u128,
    value: U256,
    /// Keys of each entry.
    access_list: Vec<usize>,
    authorizations: usize,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            kind: Kind::DynamicFee,
            sender: Sender::Plain,
            is_create: false,
            is_foreign: false,
            input: (0, 0),
            gas_limit: 1_000_000,
            fee_max: GWEI.into(),
            tip_max: 1,
            value: U256::ZERO,
            access_list: Vec::new(),
            authorizations: 1,
        }
    }
}

fn parts() -> impl Strategy<Value = Parts> {
    let kind = select(vec![Kind::Legacy, Kind::Unprotected, Kind::AccessList, Kind::DynamicFee, Kind::SetCode]);
    let sender = select(vec![
        Sender::Plain,
        Sender::Plain,
        Sender::Plain,
        Sender::Delegated,
        Sender::Contract,
        Sender::Reserved,
        Sender::Spent,
    ]);
    let shape = (any::<bool>(), prop::bool::weighted(0.1), 0usize..4, vec(0usize..4, 0..3));
    let input = (select(vec![0, 1, 100, 5_000, INIT_CODE_MAX, INIT_CODE_MAX + 1]), select(vec![0u8, 0xfe]));
    let gas_limit = prop_oneof![
        select(vec![0, 20_999, 21_000, 53_000, 100_000, GAS_LIMIT_MAX, GAS_LIMIT_MAX + 1, u64::MAX]),
        21_000u64..70_000,
        21_000u64..3_000_000,
    ];
    let minimum = u128::from(config().min_base_fee);
    let fee = || select(vec![0, 1, minimum - 1, minimum, u128::from(GWEI), u128::MAX]);
    let value = select(vec![U256::ZERO, U256::ONE, U256::from(GWEI), U256::MAX >> 1, U256::MAX]);
    (kind, sender, shape, input, gas_limit, (fee(), fee(), value)).prop_map(
        |(kind, sender, (is_create, is_foreign, authorizations, access_list), input, gas_limit, money)| Parts {
            kind,
            sender,
            is_create,
            is_foreign,
            input,
            gas_limit,
            fee_max: money.0,
            tip_max: money.1,
            value: money.2,
            access_list,
            authorizations,
        },
    )
}

impl Parts {
    fn nonce(&self) -> u64 {
        if self.sender == Sender::Spent { u64::MAX } else { 3 }
    }

    fn build(&self) -> Recovered {
        let user = User::new(1);
        let chain_id = config().l2_chain_id + u64::from(self.is_foreign);
        let to = if self.is_create { TxKind::Create } else { TxKind::Call(Address::repeat_byte(0xb0)) };
        let (nonce, gas_limit, value) = (self.nonce(), self.gas_limit, self.value);
        let (gas_price, max_fee_per_gas, max_priority_fee_per_gas) = (self.fee_max, self.fee_max, self.tip_max);
        let input = Bytes::from(vec![self.input.1; self.input.0]);
        let access_list = AccessList(
            (0u8..)
                .zip(&self.access_list)
                .map(|(seed, keys)| AccessListItem {
                    address: Address::repeat_byte(seed),
                    storage_keys: vec![B256::ZERO; *keys],
                })
                .collect(),
        );
        let signed = match self.kind {
            Kind::Legacy | Kind::Unprotected => {
                let chain_id = (self.kind == Kind::Legacy).then_some(chain_id);
                let tx = TxLegacy { chain_id, nonce, gas_price, gas_limit, to, value, input };
                let signature = user.sign_hash(tx.signature_hash());
                SignedTransaction::Legacy(tx.into_signed(signature))
            }
            Kind::AccessList => {
                let tx = TxEip2930 { chain_id, nonce, gas_price, gas_limit, to, value, access_list, input };
                let signature = user.sign_hash(tx.signature_hash());
                SignedTransaction::Eip2930(tx.into_signed(signature))
            }
            Kind::DynamicFee => user.sign(TxEip1559 {
                chain_id,
                nonce,
                gas_limit,
                max_fee_per_gas,
                max_priority_fee_per_gas,
                to,
                value,
                access_list,
                input,
            }),
            Kind::SetCode => {
                let tx = TxEip7702 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas,
                    max_priority_fee_per_gas,
                    to: Address::repeat_byte(0xb0),
                    value,
                    access_list,
                    authorization_list: (0..self.authorizations).map(authorization).collect(),
                    input,
                };
                let signature = user.sign_hash(tx.signature_hash());
                SignedTransaction::Eip7702(tx.into_signed(signature))
            }
        };
        match self.sender {
            Sender::Reserved => Recovered::new_unchecked(signed, predeploys::L2_BRIDGE),
            _ => Recovered::new(signed).unwrap(),
        }
    }

    /// The sender with its nonce and more ether than there is, on the chain's state.
    fn fund<'a>(&self, chain: &'a TestChain, sender: Address) -> WorldState<&'a Memory> {
        let mut state = WorldState::open(chain.output.state_root, &chain.memory);
        let code: Bytes = match self.sender {
            Sender::Delegated => [&[0xef, 0x01, 0x00][..], &[0xb0; 20]].concat().into(),
            Sender::Contract => Bytes::from_static(&[0x00]),
            Sender::Plain | Sender::Spent | Sender::Reserved => Bytes::new(),
        };
        state.insert(sender, self.nonce(), U256::MAX >> 2, &code, &[]);
        state
    }
}

/// One that somebody else signed, or nobody.
fn authorization(index: usize) -> SignedAuthorization {
    let authorization =
        Authorization { chain_id: U256::ZERO, address: Address::repeat_byte(index as u8), nonce: index as u64 };
    let signature = match index {
        0 => User::new(9).sign_hash(authorization.signature_hash()),
        _ => Signature::new(U256::ZERO, U256::ZERO, false),
    };
    authorization.into_signed(signature)
}

/// What admission says, and what the builder does at the lowest base fee.
#[allow(clippy::type_complexity, reason = "two answers side by side, each as it comes")]
fn both(chain: &TestChain, parts: &Parts) -> (Result<(), Rejected<Missing>>, Result<u64, Rejected<Missing>>) {
    let config = &chain.config;
    let transaction = parts.build();
    let mut state = parts.fund(chain, transaction.signer());
    // L1 costs nothing, so that the base fee is the least that there is.
    let checkpoint = Checkpoint::default();
    let admitted =
        validate_waiting(config, &mut state, &transaction).and_then(|()| check_funds(&mut state, &transaction));
    let encoded = chain.memory.preimage(chain.output.last_block_hash).unwrap();
    let parent: Header = alloy_rlp::Decodable::decode(&mut encoded.as_ref()).unwrap();
    let attributes = BlockAttributes { timestamp: parent.timestamp + 100_000, checkpoint, first_of_batch: true };
    let mut builder =
        BlockBuilder::begin(config, &parent, chain.output.last_block_hash, attributes, &mut state).unwrap();
    assert_eq!(builder.base_fee(), config.min_base_fee);
    (admitted, builder.push_transaction(transaction, config.max_work_gas_per_batch))
}

fn check_funds(state: &mut WorldState<&Memory>, transaction: &Recovered) -> Result<(), Rejected<Missing>> {
    let (balance, fee) = (state.balance(transaction.signer())?, cost_max(transaction));
    if balance >= fee {
        return Ok(());
    }
    let (balance, fee) = (Box::new(balance), Box::new(fee));
    Err(Rejected::Invalid(InvalidTransaction::LackOfFundForMaxFee { balance, fee }))
}

static CHAIN: LazyLock<TestChain> = LazyLock::new(|| TestChain::new(config()));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn what_is_accepted_is_executed_and_what_is_refused_is_not(parts in parts()) {
        let (admitted, built) = both(&CHAIN, &parts);
        prop_assert_eq!(admitted.is_ok(), built.is_ok(), "admission: {:?}, builder: {:?}", admitted, built);
    }
}

/// What a transaction is made of, and whether it is refused for the right reason.
type Case = (Parts, fn(&InvalidTransaction) -> bool);

#[test]
fn every_rule_refuses_who_breaks_it() {
    use InvalidTransaction as I;
    let plain = Parts::default();
    let create = Parts { is_create: true, gas_limit: GAS_LIMIT_MAX, ..plain.clone() };
    let data = Parts { input: (5_000, 0xfe), ..plain.clone() };
    let minimum = u128::from(config().min_base_fee);
    let cases: Vec<Case> = vec![
        (Parts { input: (INIT_CODE_MAX + 1, 0xfe), ..create.clone() }, |i| *i == I::CreateInitCodeSizeLimit),
        (Parts { kind: Kind::SetCode, authorizations: 0, ..plain.clone() }, |i| *i == I::EmptyAuthorizationList),
        (Parts { gas_limit: 20_999, ..plain.clone() }, |i| matches!(i, I::CallGasCostMoreThanGasLimit { .. })),
        (Parts { gas_limit: 150_000, ..data.clone() }, |i| matches!(i, I::GasFloorMoreThanGasLimit { .. })),
        (Parts { gas_limit: GAS_LIMIT_MAX + 1, ..plain.clone() }, |i| matches!(i, I::TxGasLimitGreaterThanCap { .. })),
        (Parts { tip_max: u128::from(GWEI) + 1, ..plain.clone() }, |i| *i == I::PriorityFeeGreaterThanMaxFee),
        (Parts { fee_max: minimum - 1, ..plain.clone() }, |i| *i == I::GasPriceLessThanBasefee),
        (Parts { is_foreign: true, ..plain.clone() }, |i| *i == I::InvalidChainId),
        (Parts { value: U256::MAX, ..plain.clone() }, |i| *i == I::OverflowPaymentInTransaction),
        (Parts { fee_max: u128::MAX, ..plain.clone() }, |i| *i == I::OverflowPaymentInTransaction),
        (Parts { sender: Sender::Contract, ..plain.clone() }, |i| *i == I::RejectCallerWithCode),
        (Parts { sender: Sender::Spent, ..plain.clone() }, |i| *i == I::NonceOverflowInTransaction),
        (Parts { sender: Sender::Reserved, ..plain.clone() }, |i| matches!(i, I::Str(_))),
    ];
    for (parts, is_the_reason) in cases {
        let (admitted, built) = both(&CHAIN, &parts);
        assert!(built.is_err(), "{parts:?}");
        assert!(
            matches!(&admitted, Err(Rejected::Invalid(invalid)) if is_the_reason(invalid)),
            "{parts:?} {admitted:?}"
        );
    }
    for parts in [
        Parts { input: (INIT_CODE_MAX, 0), ..create },
        Parts { kind: Kind::SetCode, ..plain.clone() },
        Parts { gas_limit: 21_000, fee_max: minimum, ..plain.clone() },
        Parts { gas_limit: 21_000 + 5_000 * 40, ..data },
        Parts { gas_limit: GAS_LIMIT_MAX, ..plain.clone() },
        Parts { sender: Sender::Delegated, ..plain },
    ] {
        let (admitted, built) = both(&CHAIN, &parts);
        assert!(admitted.is_ok() && built.is_ok(), "{parts:?}: {admitted:?} {built:?}");
    }
}

#[test]
fn more_gas_than_a_block_or_a_batch_has_is_refused() {
    let tight = ChainConfig { block_gas_limit: 18_000_000, max_work_gas_per_batch: 500_000, ..config() };
    let tight = TestChain::new(tight);
    let (admitted, built) = both(&tight, &Parts { gas_limit: 500_001, ..Parts::default() });
    assert!(matches!(admitted, Err(Rejected::BatchFull { gas_left: 500_000, .. })), "{admitted:?}");
    assert!(built.is_err());
    let (admitted, built) = both(&tight, &Parts { gas_limit: 500_000, ..Parts::default() });
    assert!(admitted.is_ok() && built.is_ok());
    let (admitted, _) = both(&tight, &Parts { gas_limit: 18_000_001, ..Parts::default() });
    assert!(matches!(admitted, Err(Rejected::BlockFull { .. })), "{admitted:?}");
}

#[test]
fn what_may_be_right_later_is_no_reason() {
    let transaction = Parts { fee_max: config().min_base_fee.into(), ..Parts::default() }.build();
    let mut nobody = WorldState::open(CHAIN.output.state_root, &CHAIN.memory);
    validate_waiting(&config(), &mut nobody, &transaction).expect("no account, no funds, another nonce");
    assert_eq!(nobody.root(), CHAIN.output.state_root);
}
