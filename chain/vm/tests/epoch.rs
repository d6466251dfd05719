//! The committed guest against the native rulebook: the same epochs give the same output.

use alloy_primitives::{Address, B256, TxKind, U256, bytes, keccak256};
use tandem_chain::{
    Message,
    batch::BLOBS_MAX,
    blob,
    epoch::{
        EpochInputs,
        limits::{self, EPOCH_STEPS_MAX, STEPS_PER_GAS_MAX},
    },
    work::{GAS_PER_BLOCK, GAS_PER_PAYLOAD_BYTE, GAS_PER_POSTED_BYTE},
};
use tandem_support::{
    chain::{GWEI, TestChain, User, block, deposit},
    config,
    epochs::{Epoch, guest, payload, worst},
    machine::{self, Lockstep},
};
use tandem_vm::{Machine, OracleKey, PreimageMap, commit::COARSE_STRIDE, fast::Stop};

const ETHER: u64 = 1_000_000_000_000_000_000;
/// What the weights (L1-WORK-2) allow: for a block or a message, for a byte of a payload, and for all that six blobs post.
const BLOCK_STEPS: u64 = GAS_PER_BLOCK * STEPS_PER_GAS_MAX;
const PAYLOAD_BYTE_STEPS: u64 = GAS_PER_PAYLOAD_BYTE * STEPS_PER_GAS_MAX;
const POSTED_STEPS: u64 = (BLOBS_MAX * blob::BLOB_CAPACITY_BYTES) as u64 * GAS_PER_POSTED_BYTE * STEPS_PER_GAS_MAX;

#[test]
fn deposits_transfers_and_contracts() {
    let alice = User::new(1);
    let mut epoch = Epoch::genesis();
    // Returns what keccak256, ecrecover, sha256 and modexp say, and keeps it.
    let code = bytes!(
        "6000600052602060002060005560206000600060006001610bb8f15060206000600060006002610bb8f15060206000600060006005610bb8f150600051600155"
    );
    let create = alice.sign(alloy_consensus::TxEip1559 {
        to: TxKind::Create,
        input: code,
        gas_limit: 500_000,
        ..alice.template(2)
    });
    let transfer = alice.transfer(1, Address::repeat_byte(0xb0), 1234);
    let blocks = vec![block(1_000, 1, vec![]), block(1_001, 0, vec![transfer, create])];
    epoch.calldata(vec![deposit(alice.address(), ETHER)], payload(blocks));
    epoch.forced(vec![deposit(Address::repeat_byte(0xc0), 5)]);
    let more = block(epoch.chain.header.posted_at, 0, vec![alice.transfer(3, Address::repeat_byte(0xd0), 1)]);
    epoch.calldata(vec![], payload(vec![more]));
    let run = epoch.check();
    assert!(run.machine.steps() > COARSE_STRIDE);
    assert!(run.machine.memory_bytes() < 64 << 20);
}

#[test]
fn payloads_in_blobs() {
    let alice = User::new(1);
    let mut epoch = Epoch::genesis();
    let bytes =
        payload(vec![block(1_000, 1, vec![]), block(1_001, 0, vec![alice.transfer(1, Address::repeat_byte(2), 3)])]);
    let blobs = blob::pack(&bytes);
    epoch.blobs(vec![deposit(alice.address(), ETHER)], bytes, blobs);
    // Broken framing is an empty payload.
    let mut broken = blob::pack(b"payload");
    broken[0][64] = 1;
    epoch.blobs(vec![], Vec::new(), broken);
    epoch.check();
}

#[test]
fn adversarial_batches() {
    let mut epoch = Epoch::genesis();
    let alice = User::new(1);
    let good =
        payload(vec![block(1_000, 1, vec![]), block(1_001, 0, vec![alice.transfer(1, Address::repeat_byte(2), 3)])]);
    let mut cut = good.clone();
    cut.truncate(good.len() / 2);
    let failing = Message {
        to: tandem_evm::predeploys::L2_BRIDGE,
        data: bytes!("deadbeef"),
        ..deposit(Address::repeat_byte(1), 5)
    };
    epoch.calldata(vec![failing], cut);
    epoch.calldata(vec![Message { kind: 9, ..deposit(Address::repeat_byte(3), 11) }], vec![0xff; 70_000]);
    epoch.calldata(vec![], Vec::new());
    let mut rng = machine::rng(5);
    for _ in 0..4 {
        let mut mutated = good.clone();
        let at = rand::Rng::random_range(&mut rng, 0..mutated.len());
        mutated[at] ^= 1 << rand::Rng::random_range(&mut rng, 0..8);
        epoch.calldata(vec![], mutated);
    }
    epoch.check();
}

#[test]
fn an_epoch_in_the_middle_of_a_chain() {
    let alice = User::new(1);
    let mut chain = TestChain::new(config());
    chain.batch(vec![deposit(alice.address(), ETHER), deposit(alice.address(), ETHER)], vec![block(1_000, 2, vec![])]);
    let mut epoch = Epoch::after(chain);
    let time = epoch.chain.header.posted_at;
    epoch.calldata(
        vec![deposit(alice.address(), GWEI)],
        payload(vec![block(time, 0, vec![alice.transfer(2, Address::ZERO, 1)])]),
    );
    let run = epoch.check();
    assert_ne!(run.inputs.previous_output, B256::ZERO);
}

#[test]
fn sampled_steps_agree_in_all_implementations() {
    let alice = User::new(1);
    let mut epoch = Epoch::genesis();
    epoch.calldata(vec![deposit(alice.address(), ETHER)], payload(vec![block(1_000, 1, vec![])]));
    let run = epoch.check();
    let (total, key) = (
        run.machine.steps(),
        OracleKey::inputs(run.inputs.previous_output, run.inputs.first_batch_hash, run.inputs.last_batch_hash),
    );
    let mut oracle = run.oracle;
    let mut machine = Machine::new(&guest(), key);
    for _ in 0..6 {
        let mut lockstep = Lockstep {
            reference: machine.reference(),
            fast: machine.clone(),
            oracle: oracle.clone(),
            kzg: machine::Kzg,
        };
        lockstep.run(60);
        machine.run(total / 6 - 7, &mut oracle);
    }
}

#[test]
fn an_invented_previous_output_has_no_result() {
    let inputs = EpochInputs {
        previous_output: keccak256(b"no output"),
        first_batch_hash: B256::ZERO,
        last_batch_hash: B256::ZERO,
    };
    let mut oracle = PreimageMap::default();
    oracle.insert(&inputs.encode());
    oracle.insert(b"no output");
    let mut machine = Machine::new(&guest(), OracleKey::inputs(inputs.previous_output, B256::ZERO, B256::ZERO));
    assert_eq!(machine.run(1 << 30, &mut oracle), Stop::Exited);
    assert_eq!((machine.state().result(), machine.state().exit_code), (None, 3));
    // Inputs of another length are no epoch's.
    oracle.insert(b"no inputs");
    let mut machine = Machine::new(&guest(), OracleKey::of_data(b"no inputs"));
    assert_eq!(machine.run(1 << 30, &mut oracle), Stop::Exited);
    assert_eq!((machine.state().result(), machine.state().exit_code), (None, 2));
    // Without a pre-image there is no step at all.
    let mut machine = Machine::new(&guest(), OracleKey::inputs(B256::ZERO, B256::ZERO, U256::ONE.into()));
    assert!(matches!(machine.run(1 << 30, &mut oracle), Stop::MissingPreimage(_)));
}

/// Else anybody could make storage keys that collide (VM-9).
#[test]
fn hash_maps_have_a_key_that_the_inputs_determine() {
    let mut epoch = Epoch::genesis();
    epoch.calldata(vec![deposit(Address::repeat_byte(7), ETHER)], Vec::new());
    let run = epoch.check();
    let key = &keccak256(run.inputs.encode())[8..16];
    // The program and what it knows from the start end here.
    let mut leaves = (0..(4 << 20) / 32).map(|index| run.machine.leaf(index));
    assert!(leaves.any(|leaf| leaf.chunks_exact(8).any(|word| word == key)));
}

/// What of the machine's memory an epoch may fill.
const MEMORY_BYTES_MAX: usize = 1 << 30;

/// Runs an epoch that is extreme in one way.
fn check_extreme(name: &str, epoch: Epoch, steps_max: u64) {
    let run = epoch.check();
    let (steps, memory_bytes) = (run.machine.steps(), run.machine.memory_bytes());
    println!("{name}: {steps} steps, {memory_bytes} bytes");
    assert!(steps < steps_max, "{name}: {steps} steps");
    assert!(memory_bytes < MEMORY_BYTES_MAX, "{name}: {memory_bytes} bytes");
}

#[test]
fn as_many_blocks_and_messages_as_fit() {
    let blocks = config().max_blocks_per_batch * BLOCK_STEPS;
    check_extreme("blocks", worst::blocks(1), blocks);
    let messages = config().max_messages_per_batch * BLOCK_STEPS;
    check_extreme("messages", worst::message_count(1), messages + config().max_message_gas_per_batch);
    check_extreme("message bytes", worst::message_bytes(1), POSTED_STEPS / 3);
}

#[test]
fn as_many_payload_bytes_as_fit() {
    let mut rng = machine::rng(6);
    let noise: Vec<u8> = (0..blob::capacity_bytes(6)).map(|_| rand::Rng::random(&mut rng)).collect();
    let mut epoch = Epoch::genesis();
    epoch.calldata(vec![], noise[..122_880].to_vec());
    epoch.blobs(vec![], noise.clone(), blob::pack(&noise));
    check_extreme("payload bytes", epoch, POSTED_STEPS / 3);
    // A few bytes that decompress to megabytes, and then to an invalid payload or none.
    let mut epoch = Epoch::genesis();
    let alice = User::new(1);
    let zeros =
        alloy_consensus::TxEip1559 { input: vec![0; 1 << 20].into(), gas_limit: 29_000_000, ..alice.template(0) };
    let bomb = payload(vec![block(1_000, 0, vec![alice.sign(zeros); 3])]);
    assert!(bomb.len() < 10_000, "{} bytes", bomb.len());
    epoch.calldata(vec![], bomb);
    check_extreme("decompressed bytes", epoch, POSTED_STEPS / 3);
}

/// Payloads that cost much for their size, and are invalid or skipped.
#[test]
fn a_share_of_what_payloads_cost_that_nobody_pays_for() {
    check_extreme("compression tables", worst::compression_tables(6), POSTED_STEPS / 6);
    let payload_bytes = config().max_payload_bytes / 10;
    check_extreme("table", worst::table(10), payload_bytes * PAYLOAD_BYTE_STEPS);
}

/// A valid payload, of which most is executed.
#[test]
fn a_share_of_a_large_payload() {
    let mut noise = vec![0; blob::capacity_bytes(1)];
    rand::RngCore::fill_bytes(&mut machine::rng(7), &mut noise);
    check_extreme("valid payload", worst::payload_bytes(&noise, 6), POSTED_STEPS / 3);
}

/// A share of a batch's gas, spent on what takes most steps and most memory; `make worst-vm` spends all of it.
#[test]
fn a_share_of_the_gas_spent_on_the_costliest_things() {
    let gas = |share: u64| (config().max_work_gas_per_batch + config().max_message_gas_per_batch) / share;
    let blocks = |share: u64| (config().max_blocks_per_batch / share + 2) * BLOCK_STEPS;
    check_extreme("gas", worst::gas(300), gas(300) * STEPS_PER_GAS_MAX + blocks(300));
    let cases = [
        ("memory", worst::memory(15)),
        ("transient", worst::transient(50)),
        ("logs", worst::logs(15)),
        ("slots", worst::slots(60)),
        ("stores", worst::stores(60)),
        ("codes", worst::codes(100)),
        ("called codes", worst::called_codes(30)),
    ];
    for (name, epoch) in cases {
        let gas = epoch.gas;
        assert!(gas > config().max_work_gas_per_batch / 170, "{name}: {gas} gas");
        check_extreme(name, epoch, gas * 300 + blocks(60));
    }
    assert!(limits::fits_machine(&config(), 1), "so a whole batch of that ends within {EPOCH_STEPS_MAX} steps");
}
