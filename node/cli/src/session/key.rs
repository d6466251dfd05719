//! Which session key is meant, and for which chain. Rule: PAY-SESSION-KEY.

use alloy::{
    primitives::{Address, B256, Bytes, hex},
    signers::SignerSync,
};
use clap::Args;
use serde_json::{Value, json};
use tandem_l1::Deployment;
use tandem_payments::{
    eddsa::{SecretKey, SessionKeyRequest},
    field::integer,
};

use super::{chain_name::ChainName, error::SessionError};
use crate::chain::{ChainFlags, PrivateKey};

/// Which session key is meant: its chain, account and number.
#[derive(Clone, Debug, Args)]
pub struct KeyFlags {
    /// Chain id of the payments chain; the deployment's if absent
    #[arg(long)]
    pub chain_id: Option<u64>,
    /// Hash of its genesis; the deployment's if absent
    #[arg(long)]
    pub genesis: Option<B256>,
    /// Number of the key, so that an account can change it
    #[arg(long, default_value_t = 0)]
    pub index: u32,
    /// The account; that of TANDEM_KEY if absent
    #[arg(long)]
    pub account: Option<Address>,
    /// What the account's wallet answered to `text`, 65 bytes; TANDEM_KEY signs if absent
    #[arg(long, env = "TANDEM_WALLET_SIGNATURE", hide_env_values = true)]
    pub wallet_signature: Option<Bytes>,
}

impl KeyFlags {
    /// The chain by the flags alone, if they name one, else the deployment's: for what is done offline.
    pub fn chain(&self, flags: &ChainFlags) -> Result<ChainName, SessionError> {
        match (self.chain_id, self.genesis) {
            (Some(chain_id), Some(genesis)) => Ok(ChainName { chain_id, genesis }),
            _ => self.deployed_chain(&Deployment::read(&flags.deployment_path())?),
        }
    }

    /// The deployment's chain, which must be the one that the flags name, as far as they do.
    pub fn deployed_chain(&self, deployment: &Deployment) -> Result<ChainName, SessionError> {
        let deployed = ChainName::of(deployment)?;
        let named = ChainName {
            chain_id: self.chain_id.unwrap_or(deployed.chain_id),
            genesis: self.genesis.unwrap_or(deployed.genesis),
        };
        if named == deployed { Ok(deployed) } else { Err(SessionError::OtherChain { named, deployed }) }
    }

    /// What a wallet is asked for.
    pub fn request(&self, chain: ChainName, wallet: Option<&PrivateKey>) -> Result<SessionKeyRequest, SessionError> {
        let account = self.account.or(wallet.map(PrivateKey::address)).ok_or(SessionError::NoAccount)?;
        Ok(SessionKeyRequest { chain_id: chain.chain_id, genesis_hash: chain.genesis, account, index: self.index })
    }

    /// The account and its key.
    pub fn derive(&self, chain: ChainName, wallet: Option<&PrivateKey>) -> Result<(Address, SecretKey), SessionError> {
        let request = self.request(chain, wallet)?;
        let account = request.account;
        let key = match (&self.wallet_signature, wallet) {
            (Some(signature), _) => request.key(signature)?,
            (None, Some(wallet)) if wallet.address() != account => {
                return Err(SessionError::OtherAccount { account, key: wallet.address() });
            }
            (None, Some(wallet)) => {
                let signature = wallet.signer().sign_message_sync(request.text().as_bytes())?;
                request.key(&signature.as_bytes())?
            }
            (None, None) => return Err(SessionError::NoSignature),
        };
        Ok((account, key))
    }
}

/// The public part of a key: what `bridge set-session-key --file` reads.
pub fn describe(account: Address, index: u32, key: &SecretKey) -> Value {
    let public = key.public();
    json!({
        "account": hex::encode_prefixed(account),
        "index": index,
        "publicKeyX": integer(public.x()).to_string(),
        "publicKeyY": integer(public.y()).to_string(),
        "keyHash": B256::from(integer(public.hash())),
    })
}
