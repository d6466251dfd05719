//! Sums that must come out to the wei.

use alloy::primitives::{Address, TxHash, U256};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tandem_cli::contracts::L2Bridge;
use tandem_evm::predeploys;
use tandem_l1::bindings::{Bridge, Erc20};

use crate::World;

/// What a transaction on L2 cost its sender beside its value, its place on L1 included (EVM-FEE-5).
pub async fn l2_fee(world: &World, transaction: TxHash) -> anyhow::Result<U256> {
    let receipt: Value = world.ask("eth_getTransactionReceipt", json!([transaction])).await?;
    let quantity = |key: &str| -> anyhow::Result<U256> {
        serde_json::from_value(receipt[key].clone()).with_context(|| format!("receipt of {transaction} has no {key}"))
    };
    Ok(quantity("gasUsed")? * quantity("effectiveGasPrice")?)
}

/// With every message executed on both sides: the Bridge holds exactly the ether that L2 has, and the tokens that L2 has minted. `others`
/// are accounts with ether on L2 besides the users, the fee vault and the faucet.
pub async fn check_escrow(world: &World, others: &[Address]) -> anyhow::Result<()> {
    let devnet = &world.devnet;
    let bridge = Bridge::new(devnet.deployment.chain.bridge, devnet.l1.provider());
    let escrow = world.l1_balance(devnet.deployment.chain.bridge).await?;
    let users = devnet.users.iter().map(|user| user.address());
    let accounts = users.chain([predeploys::FEE_VAULT, devnet.faucet_account()]).chain(others.iter().copied());
    let mut supply = U256::ZERO;
    for account in accounts {
        supply += world.l2_balance(account).await?;
    }
    ensure!(escrow == supply, "the Bridge holds {escrow} wei, L2 has {supply}");

    let token = devnet.info.token;
    let l2_token = L2Bridge::new(predeploys::L2_BRIDGE, devnet.l2.provider()).bridgedToken(token).call().await?;
    let minted = Erc20::new(l2_token, devnet.l2.provider()).totalSupply().call().await?;
    let escrow = bridge.escrowOf(token).call().await?;
    let held = Erc20::new(token, devnet.l1.provider()).balanceOf(devnet.deployment.chain.bridge).call().await?;
    ensure!(escrow == minted && held == minted, "the Bridge counts {escrow} tokens and holds {held}, L2 has {minted}");
    Ok(())
}
