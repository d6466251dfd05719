//! What tokens are called. A token has the same address here as on L1 (PAY-PREDEPLOY), and what it is called is asked there; nothing here depends on it.
//!
//! Adversarial: callers, who may ask for any address, and tokens, which may answer anything. So L1 is asked for few addresses at a time, for a bounded answer, and once
//! for what does not change.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use alloy::{
    eips::BlockId,
    primitives::{Address, Bytes, TxKind},
    rpc::types::{TransactionInput, TransactionRequest},
    sol,
    sol_types::SolCall,
};
use tandem_l1::{L1Client, RpcFailure};
use tokio::sync::Semaphore;

use super::refusal::Refusal;

sol! {
    /// What is read of tokens.
    #[derive(Debug, PartialEq, Eq)]
    interface Erc20 {
        function name() external view returns (string);
        function symbol() external view returns (string);
        function decimals() external view returns (uint8);
        function totalSupply() external view returns (uint256);
        function balanceOf(address account) external view returns (uint256);
        function allowance(address owner, address spender) external view returns (uint256);
    }
    /// What is read of the Bridge on L1.
    interface Escrow {
        function escrowOf(address token) external view returns (uint256);
    }
}

/// Questions to L1 at a time.
const ASKED_MAX: usize = 8;
/// Answers that are remembered; when there are more, all are forgotten.
const KNOWN_MAX: usize = 4_096;
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 1_024;
/// Gas of a question.
const GAS: u64 = 200_000;
/// How long an address stays none of a token.
const UNKNOWN: Duration = Duration::from_secs(60);

/// What L1 said, or that it had no answer, and when.
type Answer = (Option<Bytes>, Instant);

/// Asks L1 about tokens, where there is one to be asked. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tokens(Option<Arc<OnL1>>);

struct OnL1 {
    client: L1Client,
    bridge: Address,
    /// By address and call. A lock, since every request may add to it; held for look-ups alone.
    known: Mutex<HashMap<(Address, [u8; 4]), Answer>>,
    turns: Semaphore,
}

impl Tokens {
    /// Those of an L1 with this Bridge.
    pub fn of(client: L1Client, bridge: Address) -> Self {
        let turns = Semaphore::new(ASKED_MAX);
        Self(Some(Arc::new(OnL1 { client, bridge, known: Mutex::default(), turns })))
    }

    /// Whether L1 has a token at an address: one that tells its decimals. False where no L1 is asked.
    pub async fn is_token(&self, address: Address) -> Result<bool, Refusal> {
        let Some(l1) = &self.0 else { return Ok(false) };
        let answer = l1.constant(address, Erc20::decimalsCall::SELECTOR).await?;
        Ok(answer.is_some_and(|answer| answer.len() == 32))
    }

    /// What a token answers on L1 to a question that it always answers alike, as it is.
    pub async fn constant(&self, token: Address, selector: [u8; 4]) -> Result<Bytes, Refusal> {
        let l1 = self.0.as_ref().ok_or(Refusal::NoL1 { token })?;
        l1.constant(token, selector).await?.ok_or(Refusal::NoToken { token })
    }

    /// What the Bridge holds of a token: the most that there can be of it here, deposits under way and unclaimed withdrawals among it.
    pub async fn escrow(&self, token: Address) -> Result<Bytes, Refusal> {
        let l1 = self.0.as_ref().ok_or(Refusal::NoL1 { token })?;
        let call = Escrow::escrowOfCall { token }.abi_encode();
        l1.ask(token, l1.bridge, call.into()).await?.ok_or(Refusal::NoToken { token })
    }
}

impl OnL1 {
    async fn constant(&self, token: Address, selector: [u8; 4]) -> Result<Option<Bytes>, Refusal> {
        let key = (token, selector);
        let is_fresh = |(answer, since): &Answer| answer.is_some() || since.elapsed() < UNKNOWN;
        if let Some((answer, _)) = self.known().get(&key).filter(|answer| is_fresh(answer)) {
            return Ok(answer.clone());
        }
        let answer = self.ask(token, token, selector.into()).await?;
        let mut known = self.known();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(key, (answer.clone(), Instant::now()));
        Ok(answer)
    }

    /// An answer within bounds; none if the call fails or gives nothing.
    async fn ask(&self, token: Address, to: Address, input: Bytes) -> Result<Option<Bytes>, Refusal> {
        let _turn = self.turns.try_acquire().map_err(|_| Refusal::L1Busy)?;
        let input = TransactionInput::new(input);
        let request = TransactionRequest { to: Some(TxKind::Call(to)), input, gas: Some(GAS), ..Default::default() };
        match self.client.simulate(request, BlockId::latest()).await {
            Ok(answer) => Ok(Some(answer).filter(|answer| (1..=ANSWER_BYTES_MAX).contains(&answer.len()))),
            Err(error) if is_refusal(&error) => Ok(None),
            Err(error) => {
                tracing::debug!(%error, %token, "L1 does not answer what a token is");
                Err(Refusal::L1Silent { token })
            }
        }
    }

    // What a panic left is whole: no change is made by halves.
    fn known(&self) -> MutexGuard<'_, HashMap<(Address, [u8; 4]), Answer>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether L1 executed the call, and it failed.
fn is_refusal(error: &RpcFailure) -> bool {
    error
        .error_response()
        .is_some_and(|response| response.as_revert_data().is_some() || response.message.contains("revert"))
}
