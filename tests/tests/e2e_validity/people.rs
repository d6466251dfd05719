//! What people do and see on a payments chain, and the sums that must come out.

use std::collections::{BTreeMap, HashMap};

use alloy::primitives::{Address, TxHash, U256};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_l1::{
    bindings::{Erc20, PaymentsBridge},
    payments::rebuild,
};
use tandem_tests::{
    World,
    flood::{Paid, Payer, VALUE, transactions},
    wait::wait_until,
};

/// Who pays, and whom.
pub type Sinks = BTreeMap<Address, Address>;

/// All accounts of the devnet as payers.
pub async fn payers(world: &World) -> anyhow::Result<(Vec<Payer>, Sinks)> {
    let mut payers = Vec::new();
    for owner in &world.devnet.users {
        payers.push(Payer::of_devnet(owner, &world.devnet.deployment.chain, &world.devnet.l2).await?);
    }
    let sinks = payers.iter().map(|payer| (payer.account, payer.to)).collect();
    Ok((payers, sinks))
}

/// What L1 pays of a withdrawal.
pub fn claimed(answer: &Value) -> anyhow::Result<u128> {
    let paid = answer["claimed"].as_array().context("a list of payments")?;
    let amounts = paid.iter().map(|payment| payment["amount"].as_str().unwrap_or_default().parse::<u128>());
    Ok(amounts.sum::<Result<_, _>>()?)
}

/// Units of a token that an account holds on L2.
pub async fn tokens(world: &World, account: Address) -> anyhow::Result<U256> {
    let mut data = vec![0x70, 0xa0, 0x82, 0x31];
    data.extend(account.into_word());
    let call = json!([{ "to": world.devnet.info.token, "data": alloy::hex::encode_prefixed(data) }, "latest"]);
    world.ask("eth_call", call).await
}

/// Waits until L1 has everything that the node has closed, and nothing of the queue waits.
pub async fn wait_until_proven(world: &World) -> anyhow::Result<()> {
    let proven = || async {
        let status: Value = world.ask("rollup_status", json!([])).await?;
        let is_read = status["syncing"] == false;
        Ok((is_read && status["settled"] == status["latest"]["number"]).then_some(()))
    };
    wait_until("L1 has every closed batch", proven).await
}

/// Waits until L1 has everything that was acknowledged: in its time for each batch, however many there are.
pub async fn wait_until_settled(world: &World) -> anyhow::Result<()> {
    loop {
        let status: Value = world.ask("rollup_status", json!([])).await?;
        let nothing_waits = status["syncing"] == false
            && ["pendingTransactions", "waitingTransactions"].iter().all(|name| status[*name] == 0);
        if nothing_waits && status["settled"] == status["latest"]["number"] {
            return Ok(());
        }
        let goes_on = || async {
            let now: Value = world.ask("rollup_status", json!([])).await?;
            Ok((now["settled"] != status["settled"] || now["latest"] != status["latest"]).then_some(()))
        };
        wait_until("L1 has another batch", goes_on).await?;
    }
}

/// Everything that was acknowledged is in one batch, and L1 has it.
pub async fn once_each(world: &World, paid: &[Paid]) -> anyhow::Result<()> {
    let mut found: HashMap<TxHash, usize> = HashMap::new();
    for batch in 1..=world.ask::<Value>("rollup_status", json!([])).await?["settled"].as_u64().context("settled")? {
        for hash in transactions(&world.devnet.l2, batch).await? {
            *found.entry(hash).or_default() += 1;
        }
    }
    for Paid { hash, .. } in paid {
        ensure!(found.get(hash) == Some(&1), "{hash} is in {:?} batches", found.get(hash));
        let receipt: Value = world.ask("eth_getTransactionReceipt", json!([hash])).await?;
        let level = receipt["rollupStatus"].as_str().context("a receipt tells what is promised")?;
        ensure!(receipt["status"] == "0x1" && ["settled", "finalized"].contains(&level), "{receipt}");
    }
    Ok(())
}

/// Wei of everybody who pays, is paid, or earns the fees.
pub async fn balances(world: &World, sinks: &Sinks) -> anyhow::Result<BTreeMap<Address, U256>> {
    let operator = world.devnet.sequencer_key().address();
    let mut found = BTreeMap::new();
    for account in sinks.iter().flat_map(|(from, to)| [*from, *to]).chain([operator]) {
        found.insert(account, world.l2_balance(account).await?);
    }
    Ok(found)
}

/// Every wei: each paid for each of his transfers once, the other side got it once, and the operator has the fees.
pub async fn check_balances(
    world: &World,
    before: &BTreeMap<Address, U256>,
    sinks: &Sinks,
    paid: &[Paid],
) -> anyhow::Result<()> {
    let mut expected = before.clone();
    let operator = world.devnet.sequencer_key().address();
    for Paid { account, hash, .. } in paid {
        let receipt: Value = world.ask("eth_getTransactionReceipt", json!([hash])).await?;
        let quantity = |name: &str| serde_json::from_value::<U256>(receipt[name].clone());
        let (fee, value) = (quantity("gasUsed")? * quantity("effectiveGasPrice")?, U256::from(VALUE));
        let sum = |of: &Address| expected.get(of).copied().context("an account of the flood");
        let (payer, payee, earner) = (sum(account)?, sum(&sinks[account])?, sum(&operator)?);
        expected.insert(*account, payer.checked_sub(value + fee).context("somebody spent more than there was")?);
        expected.insert(sinks[account], payee + value);
        expected.insert(operator, earner + fee);
    }
    let found = balances(world, sinks).await?;
    ensure!(found == expected, "balances are {found:#?} instead of {expected:#?}");
    Ok(())
}

/// The escrow equation, from L1 alone: what the Bridge holds is what leaves hold, and what waits in the queue or to be claimed.
pub async fn check_escrow(
    world: &World,
    unclaimed: &[(Address, u128)],
    queued: &[(Address, u128)],
) -> anyhow::Result<()> {
    let (devnet, token) = (&world.devnet, world.devnet.info.token);
    let chain = &devnet.deployment.chain;
    let rebuilt = rebuild(&devnet.l1, chain, devnet.deployment.start_block, 1_000).await?;
    let bridge = PaymentsBridge::new(chain.bridge, devnet.l1.provider());
    for asset in [Address::ZERO, token] {
        let leaves = rebuilt.ledger.leaves().filter(|(_, leaf)| leaf.key.token == asset);
        let held: u128 = leaves.map(|(_, leaf)| leaf.balance).sum();
        let outside: u128 = unclaimed.iter().chain(queued).filter(|(of, _)| *of == asset).map(|(_, sum)| sum).sum();
        let escrow = bridge.escrowOf(asset).call().await?;
        ensure!(escrow == U256::from(held + outside), "{asset}: escrow {escrow}, leaves {held}, outside {outside}");
    }
    let at_bridge = world.l1_balance(chain.bridge).await?;
    let escrow = bridge.escrowOf(Address::ZERO).call().await?;
    ensure!(at_bridge == escrow, "the Bridge has {at_bridge} wei, its escrow is {escrow}");
    Ok(())
}

/// Units of the devnet's token that an account holds on L1.
pub async fn tokens_on_l1(world: &World, account: Address) -> anyhow::Result<U256> {
    Ok(Erc20::new(world.devnet.info.token, world.devnet.l1.provider()).balanceOf(account).call().await?)
}
