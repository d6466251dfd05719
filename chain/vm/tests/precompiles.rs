//! Every precompile in node and guest: what it returns, and whether it fails, for its hardest inputs and for bad ones made of them.

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use tandem_evm::WorldState;
use tandem_support::{
    chain::{TestChain, User, block},
    config,
    epochs::{Epoch, payload},
    machine::precompiles::precompiles,
};

/// Calls the address in the first word of the call data with the rest of it and 500,000 gas; keeps keccak(success ‖ result) under keccak(call data).
const ASK: &[u8] = &hex!("365f5f37 365f20 5f5f 60203603 6020 5f51 6207a120 fa 5f52 3d5f60203e 3d6020015f20 9055 00");

/// An input, and what anybody might make of it.
fn variants(input: &[u8]) -> Vec<Vec<u8>> {
    let mut changed = [input.to_vec(), input.to_vec(), input.to_vec()];
    let last = input.len() - 1;
    changed[0][last] ^= 1;
    changed[1][0] ^= 0x80;
    changed[2][last / 2] ^= 0x10;
    let [short, long] = [&input[..last], &[input, &[0]].concat()].map(<[u8]>::to_vec);
    let mut all = vec![input.to_vec(), short, long, vec![0; input.len()], vec![0xff; input.len().min(4096)], vec![]];
    all.extend(changed);
    all
}

#[test]
fn node_and_guest_agree_on_every_precompile() {
    let mut chain = TestChain::new(config());
    let (alice, to) = (User::new(1), Address::repeat_byte(0xcc));
    let mut state = WorldState::open(chain.output.state_root, &chain.memory);
    state.credit(alice.address(), U256::from(10).pow(U256::from(21))).unwrap();
    state.insert(to, 1, U256::ZERO, &Bytes::from_static(ASK), &[]);
    let (root, preimages) = state.seal().unwrap();
    chain.memory.0.extend(preimages);
    chain.output.state_root = root;

    let precompiles = precompiles();
    let addresses: std::collections::BTreeSet<u16> = precompiles.iter().map(|(_, address, _)| *address).collect();
    assert_eq!(addresses.into_iter().collect::<Vec<_>>(), (1..=0x11).chain([0x100]).collect::<Vec<_>>());
    let asked: Vec<Vec<u8>> = precompiles
        .iter()
        .flat_map(|(_, address, input)| {
            let word = B256::left_padding_from(&address.to_be_bytes());
            variants(input).into_iter().map(move |input| [&word[..], &input].concat())
        })
        .collect();
    let transactions = asked.iter().zip(0..).map(|(input, nonce)| {
        let input = input.clone().into();
        alice.sign(TxEip1559 { to: TxKind::Call(to), gas_limit: 1_000_000, input, ..alice.template(nonce) })
    });
    let transactions: Vec<_> = transactions.collect();
    let time = chain.header.posted_at;
    let blocks = transactions.chunks(25).map(|some| block(time, 0, some.to_vec())).collect();
    let mut epoch = Epoch::after(chain);
    let blocks = epoch.calldata(vec![], payload(blocks));
    let receipts = blocks.iter().flat_map(|block| &block.receipts);
    assert_eq!(
        receipts.filter(|receipt| receipt.success).count(),
        asked.len() + 1,
        "all are asked, and the checkpoint set"
    );
    epoch.check();
}
