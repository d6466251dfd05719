//! Instructions of the guest per unit of EVM gas: for ordinary traffic, and for whatever might cost the machine the most.
//!
//! Each figure is a slope: the same batch with more of the same in it, so that what every batch costs cancels out.

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, U256, hex};
use tandem_support::{
    chain::{TestChain, User, block, deposit},
    config,
    epochs::{Epoch, payload},
    machine::precompiles::precompiles,
};

const ETHER: u64 = 1_000_000_000_000_000_000;
/// Gas by which the longer run of a slope exceeds the shorter one, roughly.
const SLOPE_GAS: u64 = 500_000;

/// A figure's name and value.
pub type Figure = (String, f64);

/// A chain on which `alice` is rich and these contracts exist.
fn chain(codes: &[&[u8]]) -> (TestChain, User, Vec<Address>) {
    let mut chain = TestChain::new(config());
    let alice = User::new(1);
    let transactions: Vec<_> =
        (1..).zip(codes).map(|(nonce, code)| alice.sign(creation(&alice, nonce, code))).collect();
    let blocks = chain
        .batch(vec![deposit(alice.address(), ETHER)], vec![block(1_000, 1, vec![]), block(1_001, 0, transactions)]);
    assert!(blocks[1].receipts.iter().all(|receipt| receipt.success), "contracts are created");
    let addresses = (1..).zip(codes).map(|(nonce, _)| alice.address().create(nonce)).collect();
    (chain, alice, addresses)
}

fn creation(alice: &User, nonce: u64, code: &[u8]) -> TxEip1559 {
    let length = u16::try_from(code.len()).expect("below EIP-170's limit").to_be_bytes();
    // PUSH2 length, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN
    let copy = [0x61, length[0], length[1], 0x80, 0x60, 10, 0x5f, 0x39, 0x5f, 0xf3];
    let input = [&copy[..], code].concat().into();
    TxEip1559 { to: TxKind::Create, input, gas_limit: 10_000_000, ..alice.template(nonce) }
}

/// An epoch of one batch with these transactions, and its gas.
fn epoch(chain: TestChain, alice: &User, transactions: Vec<TxEip1559>) -> (Epoch, u64) {
    let transactions = transactions.into_iter().map(|transaction| alice.sign(transaction)).collect();
    let time = chain.header.posted_at;
    let mut epoch = Epoch::after(chain);
    let blocks = epoch.calldata(vec![], payload(vec![block(time, 0, transactions)]));
    (epoch, blocks[0].header.gas_used)
}

/// Its gas and steps.
fn measure(epoch: (Epoch, u64)) -> (f64, f64) {
    (epoch.1 as f64, epoch.0.check().machine.steps() as f64)
}

fn slope(few: (f64, f64), many: (f64, f64)) -> f64 {
    (many.1 - few.1) / (many.0 - few.0)
}

/// Steps per gas of repeating `body`, whose stack effect is nil, over memory that holds `input`.
fn per_gas(body: &[u8], input: &[u8]) -> f64 {
    let repeated = |count: usize| {
        // The input stands behind the code: call data has a floor price.
        let start = 8 + body.len() * count + 1;
        let [length, start] =
            [input.len(), start].map(|size| u16::try_from(size).expect("below EIP-170's limit").to_be_bytes());
        // PUSH2 length, PUSH2 start, PUSH0, CODECOPY
        let copy = [0x61, length[0], length[1], 0x61, start[0], start[1], 0x5f, 0x39];
        let code = [&copy[..], &body.repeat(count), &[0x00], input].concat();
        let (chain, alice, contracts) = chain(&[&code]);
        let call = TxEip1559 {
            to: TxKind::Call(contracts[0]),
            gas_limit: 10_000_000,
            ..alice.template(chain.nonce(alice.address()))
        };
        epoch(chain, &alice, vec![call])
    };
    let gas = repeated(3).1 - repeated(2).1;
    let many = usize::try_from(SLOPE_GAS / gas).expect("few").clamp(3, (24_000 - input.len()) / body.len());
    slope(measure(repeated(1)), measure(repeated(many)))
}

/// A static call of a precompile.
fn precompile(address: u16, input: &[u8]) -> f64 {
    let [[a, b], [high, low]] = [u16::try_from(input.len()).expect("small"), address].map(u16::to_be_bytes);
    // PUSH0, PUSH0, PUSH2 length, PUSH0, PUSH2 address, GAS, STATICCALL, POP
    per_gas(&[0x5f, 0x5f, 0x61, a, b, 0x5f, 0x61, high, low, 0x5a, 0xfa, 0x50], input)
}

/// Everything that the limits must be set by.
pub fn worst_cases() -> Vec<Figure> {
    let repeated = |body: &[u8]| body.repeat(100);
    let word = [0xfb; 32];
    let push = |count: usize| [&[0x7f][..], &word].concat().repeat(count);
    let mut figures: Vec<Figure> = precompiles()
        .into_iter()
        .map(|(name, address, input)| (format!("precompile.{name}"), precompile(address, &input)))
        .collect();
    for (name, body) in [
        ("jumpdest", repeated(&[0x5b])),
        ("push0_pop", repeated(&[0x5f, 0x50])),
        ("mulmod", [push(1), repeated(&[0x80, 0x80, 0x80, 0x09, 0x50]), vec![0x50]].concat()),
        ("sdiv", [push(1), vec![0x60, 0x07], repeated(&[0x80, 0x82, 0x05, 0x50]), vec![0x50, 0x50]].concat()),
        ("mod", [vec![0x6f], vec![0x9d; 16], push(1), repeated(&[0x81, 0x81, 0x06, 0x50]), vec![0x50, 0x50]].concat()),
        ("exp", [push(1), vec![0x80, 0x0a, 0x50]].concat()),
        ("keccak_32", repeated(&[0x60, 0x20, 0x5f, 0x20, 0x50])),
        ("keccak_4096", vec![0x61, 0x10, 0x00, 0x5f, 0x20, 0x50]),
        ("mload", repeated(&[0x5f, 0x51, 0x50])),
        ("mcopy_4096", vec![0x61, 0x10, 0x00, 0x5f, 0x60, 0x01, 0x5e]),
        ("sload_cold", vec![0x5a, 0x54, 0x50]),
        ("sstore_new", [0x5a, 0x80, 0x55].to_vec()),
        ("balance_cold", [0x5a, 0x31, 0x50].to_vec()),
        ("call_empty", hex!("5f5f5f5f5f5a5af150").to_vec()),
        ("create_empty", hex!("5f5f5ff050").to_vec()),
        ("create_initcode", hex!("6130005f5ff050").to_vec()),
        ("log_4096", vec![0x61, 0x10, 0x00, 0x5f, 0xa0]),
    ] {
        figures.push((format!("opcode.{name}"), per_gas(&body, &[0x5b; 32])));
    }
    figures
}

/// Steps per gas of transfers, token transfers and both with some computing.
pub fn traffic() -> Vec<Figure> {
    let token = hex!(
        "335f52 60405f20 8054 602435 9003 9055 600435 5f52 60405f20 8054 602435 01 9055 602435 5f52 600435 33
         7fddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef 60205fa3 60015f52 60205ff3"
    );
    let keep_price = hex!("602435 60043502 5f54 01 5f55 60205f20 600155 00");
    let make = |kinds: &[usize], count: u64| {
        let (chain, alice, contracts) = chain(&[&token, &keep_price]);
        let first = chain.nonce(alice.address());
        let numbers = (first..first + count).zip(kinds.iter().cycle());
        let transactions = numbers.map(|(nonce, kind)| transaction(&alice, &contracts, nonce, *kind)).collect();
        measure(epoch(chain, &alice, transactions))
    };
    [("transfer", &[0][..]), ("erc20_transfer", &[1]), ("mix", &[0, 1, 2, 1])]
        .map(|(name, kinds)| (format!("traffic.{name}"), slope(make(kinds, 8), make(kinds, 48))))
        .to_vec()
}

fn transaction(alice: &User, contracts: &[Address], nonce: u64, kind: usize) -> TxEip1559 {
    let to = Address::from_word(alloy_primitives::keccak256(nonce.to_be_bytes()));
    let arguments = [to.into_word(), U256::from(nonce * 1000).into()].concat();
    match kind {
        0 => TxEip1559 { to: TxKind::Call(to), value: U256::from(nonce), ..alice.template(nonce) },
        _ => TxEip1559 {
            to: TxKind::Call(contracts[kind - 1]),
            input: [&hex!("a9059cbb")[..], &arguments].concat().into(),
            ..alice.template(nonce)
        },
    }
}
