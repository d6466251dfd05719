//! Epochs of one batch that are extreme in one way each: at the configuration's limits, or at a share of them.

use alloy_consensus::TxEip1559;
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, Bytes, TxKind, U256, hex};
use tandem_chain::{Message, blob};
use tandem_evm::{
    WorldState,
    payload::{Payload, PayloadBlock, SignedTransaction, encode},
    predeploys::{ADDRESS_TABLE, address_slot},
};

use super::{Epoch, payload};
use crate::{
    chain::{Memory, TestChain, User, block, deposit},
    config,
};

const ETHER: u64 = 1_000_000_000_000_000_000;
/// A transaction's cap on gas (EIP-7825).
const TRANSACTION_GAS_MAX: u64 = 1 << 24;
/// Gas that the checkpoint's transaction may take of a batch's first block (EVM-SYS-2).
const CHECKPOINT_GAS: u64 = 300_000;
/// A message's cap on gas (L1-MSG-5).
const MESSAGE_GAS_MAX: u64 = 8_000_000;
/// A message's cap on bytes (L1-MSG-5).
const MESSAGE_BYTES_MAX: u64 = 32_768;
/// A contract's cap on bytes (EIP-170).
const CODE_BYTES_MAX: usize = 24_576;
/// What an item of an access list takes of a payload's cap (EVM-PL-7).
const ADDRESS_CHARGE_BYTES: u64 = 20;

/// ecrecover, the costliest work per gas, until 30,000 gas are left; r is the base point's x.
const RECOVER: &[u8] = &hex!(
    "601b6020527f79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798604052
     7f353535353535353535353535353535353535353535353535353535353535353560605260015f52
     5b60205f60805f60015afa506175305a11605157 00"
);
/// Expands memory to 500,000 bytes, then calls itself with what gas is left.
const EXPAND: &[u8] = &hex!("5f6207a1205360005f5f5f5f305af100");
/// From the number in the call data on: asks for the size of the code at that address, and goes on to the next; until 10,000 gas are left.
const SIZES: &[u8] = &hex!("5f35 5b 803b50 600101 6127105a11 600257 00");
/// Calls that address instead.
const CALLS: &[u8] = &hex!("5f35 5b 5f5f5f5f5f855af150 600101 6127105a11 600257 00");
/// The same program with storage slots.
const SLOTS: &[u8] = &hex!("5f35 5b 805450 600101 6127105a11 600257 00");

/// Stores at the number in the call data and on, as the gas in a block's share allows.
const STORES: &[u8] = &hex!("5f35 5b 808055 600101 6127105a11 600257 00");
/// Stores transiently under keys that differ in the middle, until 10,000 gas are left, and reverts.
const TRANSIENT: &[u8] = &hex!("5f35 5b 80805d 700100000000000000000000000000000000 01 6127105a11 600257 5f5ffd");
/// Logs 4,096 bytes until 40,000 gas are left.
const LOGS: &[u8] = &hex!("5b 6110005fa0 619c405a11 5f57 00");

/// The first account with code, and the first slot.
const FIRST: u64 = 1 << 32;
/// Gas of one round of [`SIZES`], [`CALLS`] and [`SLOTS`].
const SIZE_GAS: u64 = 2_633;
const CALL_GAS: u64 = 2_645;
const SLOT_GAS: u64 = 2_133;
/// Gas of one round of [`STORES`], which changes a slot that was not zero.
const STORE_GAS: u64 = 5_034;

/// A chain with contracts of these codes at the addresses 0xc0de00.., and `alice`, who is rich.
fn chain(codes: &[&[u8]], more: impl FnOnce(&mut WorldState<&Memory>)) -> (TestChain, User, Vec<Address>) {
    let mut chain = TestChain::new(config());
    let alice = User::new(1);
    let addresses: Vec<Address> =
        (0..codes.len()).map(|number| Address::left_padding_from(&[0xc0, 0xde, number as u8])).collect();
    let mut state = WorldState::open(chain.output.state_root, &chain.memory);
    state.credit(alice.address(), U256::from(1000 * u128::from(ETHER))).unwrap();
    for (address, code) in addresses.iter().zip(codes) {
        state.insert(*address, 1, U256::ZERO, &Bytes::copy_from_slice(code), &[]);
    }
    more(&mut state);
    let (root, preimages) = state.seal().unwrap();
    chain.memory.0.extend(preimages);
    chain.output.state_root = root;
    (chain, alice, addresses)
}

/// Blocks with calls that together have this gas to spend. Their data are numbers from [`FIRST`] on, as far apart as the gas between them allows
/// rounds of that price.
fn calls(alice: &User, to: Address, gas: u64, time: u64, round_gas: u64) -> Vec<PayloadBlock> {
    let (mut blocks, mut left, mut nonce) = (Vec::new(), gas, 0);
    while left > 0 {
        let mut room = config().block_gas_limit - CHECKPOINT_GAS;
        let mut transactions: Vec<SignedTransaction> = Vec::new();
        while room.min(left) > 100_000 {
            let gas_limit = TRANSACTION_GAS_MAX.min(room).min(left);
            let input = U256::from(FIRST + (gas - left) / round_gas).to_be_bytes_vec().into();
            transactions.push(alice.sign(TxEip1559 {
                to: TxKind::Call(to),
                gas_limit,
                input,
                ..alice.template(nonce)
            }));
            (room, left, nonce) = (room - gas_limit, left - gas_limit, nonce + 1);
        }
        if transactions.is_empty() {
            break;
        }
        blocks.push(block(time, 0, transactions));
    }
    blocks
}

/// An epoch of one batch of [`calls`].
fn spend(chain: TestChain, alice: &User, to: Address, gas: u64, round_gas: u64) -> Epoch {
    let time = chain.header.posted_at;
    let mut epoch = Epoch::after(chain);
    epoch.calldata(vec![], payload(calls(alice, to, gas, time, round_gas)));
    epoch
}

/// Messages that call a contract, with this gas together.
fn messages(to: Address, gas: u64) -> Vec<Message> {
    let count = gas.div_ceil(MESSAGE_GAS_MAX);
    (0..count).map(|_| Message { gas_limit: gas / count, ..deposit(to, 1) }).collect()
}

/// All gas of transactions and messages in ecrecover, and empty blocks up to their limit.
pub fn gas(share: u64) -> Epoch {
    let (chain, alice, to) = chain(&[RECOVER], |_| ());
    let time = chain.header.posted_at;
    let mut epoch = Epoch::after(chain);
    let mut blocks = calls(&alice, to[0], config().max_work_gas_per_batch / share, time, 1);
    blocks.resize(config().max_blocks_per_batch as usize / share as usize, block(time, 0, vec![]));
    epoch.calldata(messages(to[0], config().max_message_gas_per_batch / share), payload(blocks));
    epoch
}

/// An epoch of blocks with nothing in them.
pub fn blocks(share: u64) -> Epoch {
    let mut epoch = Epoch::genesis();
    let time = epoch.chain.header.posted_at;
    epoch.calldata(vec![], payload(vec![block(time, 0, vec![]); (config().max_blocks_per_batch / share) as usize]));
    epoch
}

/// As many messages of the most bytes as the messages' gas allows.
pub fn message_bytes(share: u64) -> Epoch {
    let data: Vec<u8> = (0..MESSAGE_BYTES_MAX).map(|at| (at % 255) as u8 + 1).collect();
    let gas_limit = 100_000 + 40 * MESSAGE_BYTES_MAX;
    let message = |at: u64| Message {
        gas_limit,
        data: data.clone().into(),
        ..deposit(Address::left_padding_from(&at.to_be_bytes()), 1)
    };
    let mut epoch = Epoch::genesis();
    epoch.forced((1..=config().max_message_gas_per_batch / gas_limit / share).map(message).collect());
    epoch
}

/// As many messages as a batch takes, each in a block of its own.
pub fn message_count(share: u64) -> Epoch {
    let mut epoch = Epoch::genesis();
    let time = epoch.chain.header.posted_at;
    let count = (config().max_messages_per_batch / share) as usize;
    let gas_limit = config().max_message_gas_per_batch / config().max_messages_per_batch;
    let message = Message { gas_limit, ..deposit(Address::repeat_byte(7), 1) };
    epoch.calldata(vec![message; count], payload(vec![block(time, 1, vec![]); count]));
    epoch
}

/// Blobs full of a valid payload that decompresses to almost all that a payload may: call data, most of it zeros.
pub fn payload_bytes(noise: &[u8], share: usize) -> Epoch {
    let (chain, alice, _) = chain(&[], |_| ());
    let time = chain.header.posted_at;
    let mut epoch = Epoch::after(chain);
    let zeros = vec![0; 1_000_000 / share];
    let inputs = noise.chunks(80_000).chain([&zeros[..]; 3]);
    let blocks = (0..).zip(inputs).map(|(nonce, input)| {
        let transaction = TxEip1559 { input: input.to_vec().into(), gas_limit: 16_000_000, ..alice.template(nonce) };
        block(time, 0, vec![alice.sign(transaction)])
    });
    let bytes = payload(blocks.collect());
    let blobs = blob::pack(&bytes);
    epoch.blobs(vec![], bytes, blobs);
    epoch
}

/// Addresses that the table names, each another one, in access lists of a transaction that is skipped: as many as a payload can name.
pub fn table(share: u64) -> Epoch {
    let count = (config().max_payload_bytes - 1_000) / ADDRESS_CHARGE_BYTES / share;
    let named = |index: u64| Address::left_padding_from(&(FIRST + index).to_be_bytes());
    let (chain, alice, _) = chain(&[], |state| {
        let slots: Vec<(U256, U256)> =
            (0..count).map(|index| (address_slot(index), named(index).into_word().into())).collect();
        let code = state.code(ADDRESS_TABLE).unwrap();
        state.insert(ADDRESS_TABLE, 1, U256::ZERO, &code, &slots);
    });
    let access_list = (0..count).map(|index| AccessListItem { address: named(index), storage_keys: vec![] });
    let transaction = TxEip1559 { access_list: AccessList(access_list.collect()), ..alice.template(0) };
    let blocks = vec![block(chain.header.posted_at, 0, vec![alice.sign(transaction)])];
    let indices = |address: &Address| u64::from_be_bytes(address[12..].try_into().unwrap()).checked_sub(FIRST);
    let payload = encode(&Payload { blocks }, config().l2_chain_id, indices).unwrap().compressed(3);
    let mut epoch = Epoch::after(chain);
    epoch.calldata(vec![], payload);
    epoch
}

/// Blobs full of compressed blocks that each describe three tables in a few bits, and use them once (RFC 8878, 3.1.1.3.2.1).
pub fn compression_tables(share: usize) -> Epoch {
    // A raw block of 8 bytes; then, without literals, one sequence whose codes are always 0, the tables' accuracies being 9, 8 and 9.
    let raw = [&(8_u32 << 3).to_le_bytes()[..3], &[0; 8]].concat();
    let tables = hex!("00 01 a8 f43f f31f f43f 00000004");
    let block = |last: bool| [&(13_u32 << 3 | 2 << 1 | u32::from(last)).to_le_bytes()[..3], &tables].concat();
    let count = (blob::capacity_bytes(6) / share - 32) / 16;
    let body = [raw, block(false).repeat(count - 1), block(true)].concat();
    let length = [body.len() as u8 | 0x80, (body.len() >> 7) as u8 | 0x80, (body.len() >> 14) as u8];
    let bytes = [&[1, 1][..], &length, &body].concat();
    let blobs = blob::pack(&bytes);
    let mut epoch = Epoch::genesis();
    epoch.blobs(vec![], bytes, blobs);
    epoch
}

/// All gas in calls of a contract without a state.
fn of_calls(contract: &[u8], share: u64) -> Epoch {
    let (chain, alice, to) = chain(&[contract], |_| ());
    spend(chain, &alice, to[0], config().max_work_gas_per_batch / share, 1)
}

/// All gas in transient storage, all of which is taken back.
pub fn transient(share: u64) -> Epoch {
    of_calls(TRANSIENT, share)
}

/// All gas in logs.
pub fn logs(share: u64) -> Epoch {
    of_calls(LOGS, share)
}

/// All gas in changing storage slots of a contract that has many, a few in each of the most blocks.
pub fn stores(share: u64) -> Epoch {
    let gas_per_block = config().max_work_gas_per_batch / config().max_blocks_per_batch;
    let (blocks, stores) = (config().max_blocks_per_batch / share, gas_per_block / STORE_GAS);
    let (chain, alice, to) = chain_with_slots(STORES, blocks * stores);
    let time = chain.header.posted_at;
    let call = |number: u64| {
        let input = U256::from(FIRST + number * stores).to_be_bytes_vec().into();
        let call = TxEip1559 { to: TxKind::Call(to[0]), gas_limit: gas_per_block, input, ..alice.template(number) };
        block(time, 0, vec![alice.sign(call)])
    };
    let blocks = (0..blocks).map(call).collect();
    let mut epoch = Epoch::after(chain);
    epoch.calldata(vec![], payload(blocks));
    epoch
}

/// All gas in memory of nested calls.
pub fn memory(share: u64) -> Epoch {
    of_calls(EXPAND, share)
}

/// All gas in loading the longest code of accounts that the state held before, each with a code of its own.
pub fn codes(share: u64) -> Epoch {
    with_codes(share, SIZES, SIZE_GAS, |_| CODE_BYTES_MAX)
}

/// All gas in calling that code, which does nothing.
pub fn called_codes(share: u64) -> Epoch {
    with_codes(share, CALLS, CALL_GAS, |_| CODE_BYTES_MAX)
}

/// The same as [`codes`], with code of another length for each transaction: a block of the guest's heap that is freed serves its size only.
pub fn code_lengths(share: u64) -> Epoch {
    with_codes(share, SIZES, SIZE_GAS, |transaction| {
        // From the largest block that code fills downwards, four to a power of two; less what surrounds the code.
        let (power, quarter) = (14 - (transaction + 1) / 4, 3 - (transaction + 1) % 4);
        CODE_BYTES_MAX.min(((quarter + 5) << (power - 2)) - 64)
    })
}

/// `length`: of the code that a transaction reads, by its place among the transactions.
fn with_codes(share: u64, contract: &[u8], round_gas: u64, length: impl Fn(usize) -> usize) -> Epoch {
    let gas = config().max_work_gas_per_batch / share;
    // As [`calls`] cuts it.
    let room = config().block_gas_limit - CHECKPOINT_GAS;
    let transaction = |spent: u64| 2 * (spent / room) + u64::from(spent % room >= TRANSACTION_GAS_MAX);
    let (chain, alice, to) = chain(&[contract], |state| {
        for number in 0..=gas / round_gas {
            let mut code = vec![0x5b; length(transaction(number * round_gas) as usize)];
            let last = code.len() - 1;
            code[2..10].copy_from_slice(&number.to_be_bytes());
            (code[0], code[1], code[last]) = (0, 0x67, 0);
            let address = Address::left_padding_from(&(FIRST + number).to_be_bytes());
            state.insert(address, 1, U256::ZERO, &code.into(), &[]);
        }
    });
    spend(chain, &alice, to[0], gas, round_gas)
}

/// All gas in reading storage slots of a contract that has many more.
pub fn slots(share: u64) -> Epoch {
    let gas = config().max_work_gas_per_batch / share;
    let (chain, alice, to) = chain_with_slots(SLOTS, gas / SLOT_GAS);
    spend(chain, &alice, to[0], gas, SLOT_GAS)
}

/// A chain with a contract that has so many slots.
fn chain_with_slots(contract: &'static [u8], count: u64) -> (TestChain, User, Vec<Address>) {
    chain(&[contract], |state| {
        let slots: Vec<(U256, U256)> = (FIRST..=FIRST + count).map(|slot| (U256::from(slot), U256::MAX)).collect();
        state.insert(
            Address::left_padding_from(&[0xc0, 0xde, 0]),
            1,
            U256::ZERO,
            &Bytes::from_static(contract),
            &slots,
        );
    })
}
