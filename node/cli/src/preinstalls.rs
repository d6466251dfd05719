//! Contracts that dApps expect at the same address on every chain: the ERC-4337 EntryPoints and Permit2. Ordinary transactions to the deterministic deployer put
//! them there, never genesis.
//!
//! The init code is what `@account-abstraction/contracts` 0.6.0, 0.7.0 and 0.8.0 publish (MIT), and Permit2's source (MIT) compiled as its authors do
//! (`contracts/script/preinstalls.js` compares). Deployer, salt and code make the address, so a wrong byte would be a wrong address.

use alloy::{
    primitives::{Address, B256, Bytes, U256, address, b256, hex, keccak256},
    providers::Provider,
};
use anyhow::{Context, ensure};
use serde_json::json;
use tandem_service::Report;

use crate::{
    chain::{Chain, ChainFlags},
    wallet::{Call, Wallet},
};

/// The deterministic deployer, a predeploy (docs/spec/predeploys.md).
const DEPLOYER: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");

/// Such a contract, and what puts it where it belongs.
#[derive(Clone, Copy, Debug)]
pub struct Preinstall {
    /// Its name, and its version if there are several.
    pub name: &'static str,
    /// Where it is on every chain.
    pub address: Address,
    salt: B256,
    init_code: &'static str,
}

/// Those that are in use.
pub const PREINSTALLS: [Preinstall; 4] = [
    Preinstall {
        name: "EntryPoint 0.6",
        address: address!("5FF137D4b0FDCD49DcA30c7CF57E578a026d2789"),
        salt: B256::ZERO,
        init_code: include_str!("../../../contracts/artifacts/preinstalls/entry-point-0.6.hex"),
    },
    Preinstall {
        name: "EntryPoint 0.7",
        address: address!("0000000071727De22E5E9d8BAf0edAc6f37da032"),
        salt: b256!("90d8084deab30c2a37c45e8d47f49f2f7965183cb6990a98943ef94940681de3"),
        init_code: include_str!("../../../contracts/artifacts/preinstalls/entry-point-0.7.hex"),
    },
    Preinstall {
        name: "EntryPoint 0.8",
        address: address!("4337084D9E255Ff0702461CF8895CE9E3b5Ff108"),
        salt: b256!("0a59dbff790c23c976a548690c27297883cc66b4c67024f9117b0238995e35e9"),
        init_code: include_str!("../../../contracts/artifacts/preinstalls/entry-point-0.8.hex"),
    },
    Preinstall {
        name: "Permit2",
        address: address!("000000000022D473030F116dDEE9F6B43aC78BA3"),
        salt: b256!("0000000000000000000000000000000000000000d3af2663da51c10215000000"),
        init_code: include_str!("../../../contracts/artifacts/preinstalls/permit2.hex"),
    },
];

impl Preinstall {
    fn init_code(&self) -> anyhow::Result<Bytes> {
        let code = hex::decode(self.init_code.trim()).with_context(|| self.name.to_owned())?;
        Ok(code.into())
    }

    /// What creates it.
    fn creation(&self) -> anyhow::Result<Call> {
        let init_code = self.init_code()?;
        let address = DEPLOYER.create2(self.salt, keccak256(&init_code));
        ensure!(address == self.address, "{} would be at {address} instead of {}", self.name, self.address);
        Ok(Call::new(DEPLOYER, [self.salt.as_slice(), &init_code].concat()))
    }
}

/// Creates those that are not there yet; all of them are afterwards. `wallet` is on L2. Returns how many were created.
pub async fn deploy(wallet: &Wallet) -> anyhow::Result<usize> {
    let missing = missing(wallet).await?;
    if missing.is_empty() {
        return Ok(0);
    }
    let creations = missing.iter().map(Preinstall::creation).collect::<anyhow::Result<Vec<_>>>()?;
    wallet.send_all(creations).await.context("creating the contracts that dApps expect")?;
    if let Some(preinstall) = self::missing(wallet).await?.first() {
        anyhow::bail!("{} is not at {} after its creation", preinstall.name, preinstall.address);
    }
    Ok(missing.len())
}

async fn missing(wallet: &Wallet) -> anyhow::Result<Vec<Preinstall>> {
    let client = wallet.client();
    let mut missing = Vec::new();
    for preinstall in PREINSTALLS {
        if client.request(client.provider().get_code_at(preinstall.address)).await?.is_empty() {
            missing.push(preinstall);
        }
    }
    Ok(missing)
}

/// Runs `tandem preinstalls`.
pub async fn run(flags: &ChainFlags, report: Report) -> anyhow::Result<()> {
    let chain = Chain::open(flags).await?;
    let wallet = chain.l2_wallet().await?;
    let balance = chain.l2.request(chain.l2.provider().get_balance(wallet.address())).await?;
    ensure!(balance > U256::ZERO, "account {} has no ether on L2 to pay with", wallet.address());
    let created = deploy(&wallet).await?;
    let addresses: serde_json::Map<_, _> =
        PREINSTALLS.iter().map(|preinstall| (preinstall.name.into(), json!(preinstall.address))).collect();
    report.result(&json!({ "created": created, "contracts": addresses }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contract_comes_to_its_usual_address_and_no_other_code_does() {
        for preinstall in PREINSTALLS {
            let creation = preinstall.creation().unwrap();
            assert_eq!(creation.to.to(), Some(&DEPLOYER));
            let mut code = preinstall.init_code().unwrap().to_vec();
            code[100] ^= 1;
            let altered = hex::encode(code);
            let altered = Preinstall { init_code: altered.leak(), ..preinstall };
            assert!(altered.creation().unwrap_err().to_string().contains("instead of"));
        }
    }
}
