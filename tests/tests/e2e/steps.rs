//! L1 executes steps of the fraud-proof machine: real transactions with the largest pre-image, and with an element of a blob that a batch
//! was posted in.

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    providers::Provider,
    rpc::types::TransactionRequest,
    sol_types::{SolCall, SolError},
};
use anyhow::{Context, ensure};
use tandem_chain::L1Data;
use tandem_cli::wallet::Call;
use tandem_l1::{Archive, BeaconClient, BlobSource, L1Update, PayloadFetcher, Reader, ReaderConfig};
use tandem_tests::{World, WorldOptions, world::DEADLINE};
use tandem_vm::{
    OracleKey, Reference, State, asm,
    kzg::{BlobOracle, Kzg},
    state::syscall,
    verify,
};

const ALICE: usize = 0;
/// A transaction's cap on gas (EIP-7825).
const TRANSACTION_GAS_MAX: u64 = 1 << 24;

alloy::sol! {
    interface IStep {
        error Step_Key(bytes32 actual);
        error Step_PointEvaluation();
        function step(bytes32 stateHash, bytes calldata witness) external view returns (bytes32);
    }
}

/// A read of eight bytes at an offset of a pre-image's stream: the hash of the state before, the witness, the state after.
fn read(key: OracleKey, offset: u64, oracle: &mut BlobOracle) -> anyhow::Result<(B256, Vec<u8>, State)> {
    let image = asm::image(&[asm::ECALL])?;
    let mut state = State::initial(image.memory_root(), key);
    state.registers[asm::reg::A7 as usize] = syscall::READ;
    state.oracle_offset = offset;
    let before = state.hash();
    let witness = Reference::resume(state, image.memory()).step(oracle)?.0;
    let after = verify(before, &witness, &Kzg)?;
    Ok((before, witness, after))
}

/// A blob of a batch, from L1 alone.
async fn posted_blob(world: &World) -> anyhow::Result<(B256, Bytes)> {
    let devnet = &world.devnet;
    let chain = devnet.deployment.chain.clone();
    let archive = tempfile::tempdir()?;
    let beacon = BlobSource::Beacon(BeaconClient::new(devnet.info.l1_rpc.clone(), Duration::from_secs(20))?);
    let payloads = PayloadFetcher::new(devnet.l1.clone(), chain.inbox, vec![beacon], Archive::new(archive.path()));
    let config = ReaderConfig::new(chain.inbox, chain.settlement, devnet.deployment.start_block);
    let mut reader = Reader::new(devnet.l1.clone(), config);
    let find = async {
        loop {
            let L1Update::Block(block) = reader.next().await else { continue };
            for posted in &block.batches {
                let batch = payloads.fetch(posted, block.number, block.timestamp).await?;
                if let L1Data::Blobs { versioned_hashes, blobs } = batch.data {
                    let first = versioned_hashes.first().copied().zip(blobs.first().cloned());
                    return first.context("a batch without blobs");
                }
            }
        }
    };
    tokio::time::timeout(DEADLINE, find).await.context("no batch is in blobs")?
}

#[tokio::test(flavor = "multi_thread")]
async fn l1_executes_steps_that_read_pre_images() -> anyhow::Result<()> {
    let world = World::start(WorldOptions { data: "blobs", ..WorldOptions::default() }).await?;
    let transfer = Call::new(Address::repeat_byte(0xb0), Vec::new()).value(U256::from(3));
    world.l2_wallet(ALICE).await?.send(transfer).await?;
    world.wait_until_posted().await?;
    let contract = world.forge_create(&world.devnet.l1, ALICE, "src/vm/Step.sol:Step").await?;
    let wallet = world.l1_wallet(ALICE).await?;

    let mut oracle = BlobOracle::default();
    let data: Vec<u8> = (0..100_000_u32).map(|at| (at.wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
    oracle.preimages.insert(&data);
    let (hash, blob) = posted_blob(&world).await?;
    oracle.insert_blob(hash, &blob)?;
    let keys = [("largest pre-image", OracleKey::of_data(&data)), ("element of a blob", OracleKey::blob(hash, 0))];
    for (what, key) in keys {
        // The length, the middle, and past the end.
        for offset in [0, 16, 100_008] {
            let (before, witness, after) = read(key, offset, &mut oracle)?;
            let call = IStep::stepCall { stateHash: before, witness: witness.into() }.abi_encode();
            let request = TransactionRequest::default().to(contract).input(call.clone().into());
            let said = world.devnet.l1.provider().call(request).await?;
            ensure!(**said == after.hash().0, "{what} at {offset}: L1 says {said}");
            let receipt = wallet.send(Call::new(contract, call).gas_limit(TRANSACTION_GAS_MAX)).await.context(what)?;
            ensure!(receipt.status(), "{what} at {offset}: the transaction failed");
        }
    }

    // Another pre-image, and another value.
    for (what, key, at, error) in [
        ("changed pre-image", keys[0].1, 60_000, IStep::Step_Key::SELECTOR),
        ("changed element", keys[1].1, 1_281 + 95, IStep::Step_PointEvaluation::SELECTOR),
    ] {
        let (before, mut witness, _) = read(key, 16, &mut oracle)?;
        witness[at] ^= 1;
        let call = IStep::stepCall { stateHash: before, witness: witness.into() }.abi_encode();
        let request = TransactionRequest::default().to(contract).input(call.into());
        let Err(refused) = world.devnet.l1.provider().call(request).await else { anyhow::bail!("{what} is accepted") };
        let data = refused.as_error_resp().and_then(|error| error.as_revert_data()).context("no revert data")?;
        ensure!(data.starts_with(&error), "{what} is refused with {data}");
    }
    world.stop().await;
    Ok(())
}
