//! A chain with the huge circuits (PAY-CIRCUIT), proven by the services as they are: what waits while a batch is proven fills a huge chunk.

use std::{collections::BTreeSet, time::Duration};

use alloy::{primitives::U256, sol_types::SolCall};
use anyhow::{Context, ensure};
use tandem_circuits::circuit::CircuitId;
use tandem_devnet::SettlementKind;
use tandem_l1::{bindings::ValiditySettlement, payments::read};
use tandem_tests::{World, WorldOptions, flood::Flood};

use crate::people::{balances, check_balances, check_escrow, once_each, payers, wait_until_proven, wait_until_settled};

/// The set that docs/operations.md has operators choose.
const CIRCUITS: [CircuitId; 4] =
    [CircuitId::ApplyLarge, CircuitId::SessionLarge, CircuitId::ApplyHuge, CircuitId::SessionHuge];
/// Transfers of each of the devnet's ten accounts: more than a large chunk has slots, whatever the first batch takes of them.
const TRANSFERS_EACH: usize = 18;
/// Until all are acknowledged; a batch with huge chunks takes a minute.
const PATIENCE: Duration = Duration::from_secs(600);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "minutes of proving: make e2e-validity"]
async fn the_services_prove_huge_chunks() -> anyhow::Result<()> {
    let _alone = crate::ALONE.lock().await;
    let options =
        WorldOptions { settlement: SettlementKind::Validity, circuits: Some(&CIRCUITS), ..WorldOptions::default() };
    let world = World::start(options).await?;
    wait_until_proven(&world).await?;

    let (payers, sinks) = payers(&world).await?;
    let before = balances(&world, &sinks).await?;
    let flood = Flood::start(&world.devnet.l2, &world.devnet.deployment.chain, payers, TRANSFERS_EACH);
    let paid = flood.finish(PATIENCE).await?;
    ensure!(paid.len() == TRANSFERS_EACH * sinks.len(), "{} transfers were acknowledged", paid.len());
    wait_until_settled(&world).await?;

    once_each(&world, &paid).await?;
    check_balances(&world, &before, &sinks, &paid).await?;
    check_escrow(&world, &[], &[]).await?;
    let proven = circuits_on_l1(&world).await?;
    for circuit in [CircuitId::ApplyHuge, CircuitId::SessionHuge] {
        ensure!(proven.contains(&U256::from(circuit.number())), "no proof of {}: {proven:?}", circuit.name());
    }
    world.stop().await;
    Ok(())
}

/// The circuits of all proofs that L1 has taken.
async fn circuits_on_l1(world: &World) -> anyhow::Result<BTreeSet<U256>> {
    let devnet = &world.devnet;
    let history = read(&devnet.l1, &devnet.deployment.chain, devnet.deployment.start_block, 1_000).await?;
    let mut found = BTreeSet::new();
    for batch in history.batches.iter().filter(|batch| batch.index > 0) {
        let transaction = devnet.l1.transaction(batch.transaction).await?.context("L1 has what it said")?;
        let call = ValiditySettlement::appendCall::abi_decode(&transaction.input)?;
        found.extend(call.applied.iter().map(|chunk| chunk.circuit));
        found.extend(call.authorised.iter().map(|chunk| chunk.circuit));
    }
    Ok(found)
}
