//! `evm_increaseTime` and `evm_mine`, which tests know from Anvil and Hardhat: here they move L1's clock, which dates this chain's blocks.
//!
//! Only where an operator says that L1 is a toy (`--l1-clock`).

use std::time::Duration;

use alloy::{primitives::U256, providers::Provider};
use serde_json::{Value, json};
use tandem_l1::L1Client;
use tokio::time::{Instant, timeout_at};

use super::{Params, RpcContext, RpcError};

/// How long a block of this chain may take that is dated as L1 is.
const FOLLOW_TIME_MAX: Duration = Duration::from_secs(20);

pub async fn answer(context: &RpcContext, method: &str, params: &Params) -> Result<Value, RpcError> {
    let Some(l1) = context.l1_clock() else { return Err(RpcError::UnknownMethod { method: method.to_owned() }) };
    if method == "evm_increaseTime" {
        let seconds = Seconds::required(params, 0)?;
        return ask(l1, "evm_increaseTime", json!([seconds])).await;
    }
    let timestamp = Seconds::optional(params, 0)?;
    let asked = timestamp.map_or_else(|| json!([]), |timestamp| json!([timestamp]));
    ask(l1, "evm_mine", asked).await?;
    let dated = l1.latest().await.map_err(|error| RpcError::L1Clock(error.to_string()))?.timestamp;
    follow(context, dated).await?;
    Ok("0x0".into())
}

/// A number of seconds, as a quantity or as a JSON number.
struct Seconds;

impl Seconds {
    const EXPECTED: &'static str = "a number of seconds";

    fn required(params: &Params, index: usize) -> Result<u64, RpcError> {
        Self::optional(params, index)?.ok_or(RpcError::MissingParam { index, expected: Self::EXPECTED })
    }

    fn optional(params: &Params, index: usize) -> Result<Option<u64>, RpcError> {
        let seconds: Option<U256> = params.optional(index, Self::EXPECTED)?;
        let small =
            |seconds| u64::try_from(seconds).map_err(|_| RpcError::InvalidParam { index, expected: Self::EXPECTED });
        seconds.map(small).transpose()
    }
}

async fn ask(l1: &L1Client, method: &'static str, params: Value) -> Result<Value, RpcError> {
    let answer = l1.request(l1.provider().raw_request(method.into(), params)).await;
    answer.map_err(|error| RpcError::L1Clock(error.to_string()))
}

/// Returns when a block of this chain is dated so late, and the tests that ask next see it.
async fn follow(context: &RpcContext, timestamp: u64) -> Result<(), RpcError> {
    let deadline = Instant::now() + FOLLOW_TIME_MAX;
    let mut head = context.engine.head();
    loop {
        context.engine.want_block();
        let number = head.borrow_and_update().number;
        let header = context.clone().blocking(move |context| Ok(context.store.header(number)?)).await?;
        if header.is_some_and(|header| header.timestamp >= timestamp) {
            return Ok(());
        }
        if !matches!(timeout_at(deadline, head.changed()).await, Ok(Ok(()))) {
            return Err(RpcError::L1Clock("no block of this chain followed".into()));
        }
    }
}
