//! Code that was read does not fill memory, and code that the source does not have yet is not forgotten.

use std::{cell::RefCell, collections::HashMap};

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use tandem_chain::PreimageSource;
use tandem_evm::WorldState;

/// Remembers how often each pre-image was asked for.
struct Counting {
    preimages: HashMap<B256, Bytes>,
    reads: RefCell<HashMap<B256, usize>>,
}

#[derive(Debug, thiserror::Error)]
#[error("no pre-image {0}")]
struct Missing(B256);

impl PreimageSource for Counting {
    type Error = Missing;

    fn preimage(&self, hash: B256) -> Result<Bytes, Missing> {
        *self.reads.borrow_mut().entry(hash).or_default() += 1;
        self.preimages.get(&hash).cloned().ok_or(Missing(hash))
    }
}

fn address(number: u64) -> Address {
    Address::left_padding_from(&(0x1_0000 + number).to_be_bytes())
}

fn code(number: u64) -> Bytes {
    let mut code = vec![0; 24_576];
    code[..8].copy_from_slice(&number.to_be_bytes());
    code.into()
}

/// 64 MiB of the longest code.
const CODES_KEPT: u64 = (64 << 20) / 24_576;

#[test]
fn code_that_was_read_is_dropped_in_time() {
    let nothing = Counting { preimages: HashMap::new(), reads: RefCell::default() };
    let mut state = WorldState::open(alloy_consensus::EMPTY_ROOT_HASH, &nothing);
    for number in 0..=CODES_KEPT {
        state.insert(address(number), 1, U256::ZERO, &code(number), &[]);
    }
    let (root, preimages) = state.seal().unwrap();

    let source = Counting { preimages: preimages.into_iter().collect(), reads: RefCell::default() };
    let reads = |number: u64| source.reads.borrow().get(&keccak256(code(number))).copied().unwrap_or(0);
    let mut state = WorldState::open(root, &source);
    let new = Bytes::from_static(&[0x5b, 0x00]);
    state.insert(address(u64::from(u32::MAX)), 1, U256::ZERO, &new, &[]);
    state.seal().unwrap();
    for number in 0..CODES_KEPT {
        assert_eq!(state.code(address(number)).unwrap(), code(number));
    }
    state.code(address(0)).unwrap();
    assert_eq!(reads(0), 1, "what fits is kept");
    state.code(address(CODES_KEPT)).unwrap();
    state.code(address(0)).unwrap();
    assert_eq!(reads(0), 2, "what does not fit makes room");
    assert_eq!(state.code(address(u64::from(u32::MAX))).unwrap(), new, "the source does not have it");
}
