//! The world state beside revm's own database: random programs run on both, block after block; results are the same, and roots those of a
//! trie built from scratch of what revm's database holds (EVM-STATE-1, EVM-ENV-1).

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, TxKind, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles, TrieAccount};
use proptest::{collection::vec, prelude::*, sample::select};
use revm::{
    Context, Database, ExecuteCommitEvm, MainBuilder, MainContext,
    context::{TxEnv, result::ExecutionResult},
    database::{AccountState, CacheDB, EmptyDB},
    database_interface::DatabaseCommit,
    primitives::hardfork::SpecId,
};
use tandem_chain::PreimageSource;
use tandem_evm::WorldState;
use tandem_support::chain::{Memory, Missing};

/// Pre-images that grow while a state reads them.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Memory>>);

impl PreimageSource for Shared {
    type Error = Missing;

    fn preimage(&self, hash: B256) -> Result<Bytes, Missing> {
        self.0.borrow().preimage(hash)
    }
}

/// A piece of a contract.
#[derive(Clone, Debug)]
enum Piece {
    Store {
        slot: u8,
        value: u8,
    },
    Send {
        to: u8,
        value: u8,
    },
    /// Creates a child that stores, and destroys itself when it is called; calls it at once if `calls`.
    Child {
        salt: u8,
        value: u8,
        slot: u8,
        calls: bool,
    },
    SelfDestruct {
        heir: u8,
    },
    Revert,
    Invalid,
}

#[derive(Clone, Debug)]
enum Operation {
    Deploy {
        from: u8,
        value: u8,
        init: Vec<Piece>,
        code: Vec<Piece>,
    },
    Call {
        from: u8,
        to: u8,
        value: u8,
    },
    /// Outside of the EVM, as deposits and fees.
    Credit {
        to: u8,
        amount: u8,
    },
    Debit {
        from: u8,
        amount: u8,
    },
}

#[derive(Clone, Copy, Debug)]
enum End {
    Continue,
    Forget,
    Reopen,
    /// Drops the block with all that it changed.
    Discard,
}

fn piece() -> impl Strategy<Value = Piece> {
    prop_oneof![
        4 => (0u8..4, 0u8..3).prop_map(|(slot, value)| Piece::Store { slot, value }),
        3 => (0u8..12, 0u8..3).prop_map(|(to, value)| Piece::Send { to, value }),
        3 => (0u8..2, 0u8..2, 0u8..2, any::<bool>())
            .prop_map(|(salt, value, slot, calls)| Piece::Child { salt, value, slot, calls }),
        1 => (0u8..12).prop_map(|heir| Piece::SelfDestruct { heir }),
        1 => select(vec![Piece::Revert, Piece::Invalid]),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => (0u8..2, 0u8..4, vec(piece(), 0..4), vec(piece(), 0..4))
            .prop_map(|(from, value, init, code)| Operation::Deploy { from, value, init, code }),
        5 => (0u8..2, 0u8..12, 0u8..4).prop_map(|(from, to, value)| Operation::Call { from, to, value }),
        1 => (0u8..12, 0u8..9).prop_map(|(to, amount)| Operation::Credit { to, amount }),
        1 => (0u8..12, 0u8..9).prop_map(|(from, amount)| Operation::Debit { from, amount }),
    ]
}

fn code_of(pieces: &[Piece], addresses: &[Address]) -> Vec<u8> {
    let at = |index: u8| addresses[usize::from(index) % addresses.len()];
    let mut code = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Store { slot, value } => code.extend([0x60, *value, 0x60, *slot, 0x55]),
            Piece::Send { to, value } => {
                code.extend([0x5f, 0x5f, 0x5f, 0x5f, 0x60, *value, 0x73]);
                code.extend(at(*to));
                code.extend([0x5a, 0xf1, 0x50]);
            }
            Piece::Child { salt, value, slot, calls } => {
                // Stores 1 and returns `CALLER SELFDESTRUCT`.
                let init = [0x60, 1, 0x60, *slot, 0x55, 0x61, 0x33, 0xff, 0x5f, 0x52, 0x60, 2, 0x60, 30, 0xf3];
                code.push(0x5f + init.len() as u8);
                code.extend(init);
                code.extend([
                    0x5f,
                    0x52,
                    0x60,
                    *salt,
                    0x60,
                    init.len() as u8,
                    0x60,
                    32 - init.len() as u8,
                    0x60,
                    *value,
                    0xf5,
                ]);
                if *calls {
                    code.extend([0x5f, 0x5f, 0x5f, 0x5f, 0x5f, 0x85, 0x5a, 0xf1, 0x50]);
                }
                code.push(0x50);
            }
            Piece::SelfDestruct { heir } => {
                code.push(0x73);
                code.extend(at(*heir));
                code.push(0xff);
            }
            Piece::Revert => code.extend([0x5f, 0x5f, 0xfd]),
            Piece::Invalid => code.push(0xfe),
        }
    }
    code
}

/// Init code: some pieces, then what returns `code`.
fn init_code(mut init: Vec<u8>, code: &[u8]) -> Bytes {
    let length = (code.len() as u16).to_be_bytes();
    let offset = (init.len() as u16 + 12).to_be_bytes();
    init.extend([0x61, length[0], length[1], 0x80, 0x61, offset[0], offset[1], 0x5f, 0x39, 0x5f, 0xf3, 0x00]);
    init.extend(code);
    init.into()
}

fn execute<D: Database + DatabaseCommit>(database: &mut D, tx: TxEnv) -> ExecutionResult {
    let mut evm = Context::mainnet()
        .with_db(database)
        .modify_cfg_chained(|cfg| {
            cfg.set_spec_and_mainnet_gas_params(SpecId::OSAKA);
            cfg.disable_nonce_check = true;
            cfg.disable_eip3607 = true;
        })
        .build_mainnet();
    evm.transact_commit(tx).unwrap_or_else(|_| panic!("the transaction cannot start"))
}

fn naive_root(leaves: impl Iterator<Item = (B256, Vec<u8>)>) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in leaves.collect::<BTreeMap<_, _>>() {
        builder.add_leaf(Nibbles::unpack(key), &value);
    }
    builder.root()
}

/// The root of what revm's database holds.
fn model_root(model: &CacheDB<EmptyDB>) -> B256 {
    let live = model
        .cache
        .accounts
        .iter()
        .filter(|(_, account)| account.account_state != AccountState::NotExisting && !account.info.is_empty());
    naive_root(live.map(|(address, account)| {
        let slots = account.storage.iter().filter(|(_, value)| !value.is_zero());
        let leaf = TrieAccount {
            nonce: account.info.nonce,
            balance: account.info.balance,
            storage_root: naive_root(
                slots.map(|(slot, value)| (keccak256(slot.to_be_bytes::<32>()), alloy_rlp::encode(value))),
            ),
            code_hash: account.info.code_hash,
        };
        (keccak256(address), alloy_rlp::encode(leaf))
    }))
}

struct Both {
    source: Shared,
    state: WorldState<Shared>,
    model: CacheDB<EmptyDB>,
    root: B256,
    addresses: Vec<Address>,
}

impl Both {
    fn new() -> Self {
        let source = Shared::default();
        let mut both = Self {
            state: WorldState::open(EMPTY_ROOT_HASH, source.clone()),
            source,
            model: CacheDB::new(EmptyDB::default()),
            root: EMPTY_ROOT_HASH,
            addresses: (0xa0..0xa6).map(Address::repeat_byte).collect(),
        };
        for user in 0..2 {
            both.credit(user, 200);
        }
        both
    }

    fn at(&self, index: u8) -> Address {
        self.addresses[usize::from(index) % self.addresses.len()]
    }

    fn credit(&mut self, to: u8, amount: u8) {
        let (address, amount) = (self.at(to), U256::from(amount));
        self.state.credit(address, amount).unwrap();
        if !amount.is_zero() {
            let mut info = self.model.basic(address).unwrap().unwrap_or_default();
            info.balance += amount;
            self.model.insert_account_info(address, info);
        }
    }

    fn debit(&mut self, from: u8, amount: u8) {
        let (address, amount) = (self.at(from), U256::from(amount));
        let mut info = self.model.basic(address).unwrap().unwrap_or_default();
        let affordable = info.balance >= amount;
        assert_eq!(self.state.debit(address, amount).unwrap(), affordable);
        if affordable && !amount.is_zero() {
            info.balance -= amount;
            self.model.insert_account_info(address, info);
        }
    }

    fn transact(&mut self, from: u8, kind: TxKind, value: u8, data: Bytes) {
        let caller = self.at(from);
        let value = U256::from(value).min(self.model.basic(caller).unwrap().unwrap_or_default().balance);
        let tx = TxEnv { caller, kind, value, data, gas_limit: 400_000, ..Default::default() };
        let result = execute(&mut self.state, tx.clone());
        assert_eq!(result, execute(&mut self.model, tx));
        if let Some(created) = result.created_address() {
            self.addresses.push(created);
        }
    }

    fn apply(&mut self, operation: &Operation) {
        match operation {
            Operation::Deploy { from, value, init, code } => {
                let data = init_code(code_of(init, &self.addresses), &code_of(code, &self.addresses));
                self.transact(*from, TxKind::Create, *value, data);
            }
            Operation::Call { from, to, value } => {
                self.transact(*from, TxKind::Call(self.at(*to)), *value, Bytes::new());
            }
            Operation::Credit { to, amount } => self.credit(*to, *amount),
            Operation::Debit { from, amount } => self.debit(*from, *amount),
        }
    }

    /// Ends a block: roots are compared, and every account, slot and code as a fresh reader finds them.
    fn seal(&mut self, end: End, before: CacheDB<EmptyDB>) {
        if matches!(end, End::Discard) {
            self.state.discard();
            self.model = before;
        } else {
            let (root, preimages) = self.state.seal().unwrap();
            self.root = root;
            for (hash, bytes) in preimages {
                assert_eq!(keccak256(&bytes), hash);
                self.source.0.borrow_mut().0.insert(hash, bytes);
            }
        }
        assert_eq!(self.state.root(), self.root);
        assert_eq!(self.root, model_root(&self.model), "after {end:?}");
        match end {
            End::Forget => self.state.forget(),
            End::Reopen => self.state = WorldState::open(self.root, self.source.clone()),
            End::Continue | End::Discard => {}
        }
        let mut fresh = WorldState::open(self.root, self.source.clone());
        for (address, account) in self.model.cache.accounts.clone() {
            let expected = self.model.basic(address).unwrap().filter(|info| !info.is_empty());
            let found = fresh.account(address).unwrap();
            assert_eq!(
                found.map(|info| (info.balance, info.nonce, info.code_hash)),
                expected.as_ref().map(|info| (info.balance, info.nonce, info.code_hash)),
            );
            for (slot, value) in account.storage {
                assert_eq!(fresh.storage(address, slot).unwrap(), value);
                assert_eq!(self.state.storage(address, slot).unwrap(), value);
            }
            if let Some(info) = expected.filter(|info| info.code_hash != KECCAK256_EMPTY) {
                let code = self.model.code_by_hash(info.code_hash).unwrap();
                assert_eq!(fresh.code(address).unwrap(), code.original_bytes());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_state_is_revms(
        blocks in vec(
            (vec(operation(), 0..10), select(vec![End::Continue, End::Continue, End::Forget, End::Reopen, End::Discard])), 1..6,
        )
    ) {
        let mut both = Both::new();
        both.seal(End::Continue, CacheDB::new(EmptyDB::default()));
        for (operations, end) in blocks {
            let before = both.model.clone();
            let addresses = both.addresses.clone();
            for operation in &operations {
                both.apply(operation);
            }
            both.seal(end, before);
            if matches!(end, End::Discard) {
                both.addresses = addresses;
            }
        }
    }
}
