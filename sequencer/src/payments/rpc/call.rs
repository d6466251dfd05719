//! `eth_call` and `eth_estimateGas`: reads of tokens and of the bridge, and operations as the rules would take them now (PAY-PREDEPLOY, PAY-GAS). Nothing else can be
//! called, since there are no contracts.
//!
//! Adversarial: every field of a call. Each is used, or refused; none is ignored but a type and a nonce, which change nothing that is asked. A read takes no gas, so that any
//! limit is enough for it and no price too high, and it gives everybody the same answer.

use alloy::{
    eips::BlockId,
    primitives::{Address, Bytes, TxKind, U256},
    rpc::types::{BlockOverrides, TransactionRequest, state::StateOverride},
    sol,
    sol_types::{SolCall, SolInterface, SolValue},
};
use serde_json::Value;
use tandem_payments::{
    ethereum::{self, ACCOUNTS, BRIDGE, NotAnOperation},
    leaf::Key,
    operation::{Call, GAS_SLACK_BITS},
};

use super::{
    context::PaymentsContext,
    json,
    refusal::Refusal,
    tokens::Erc20::{self, Erc20Calls},
};
use crate::{
    payments::engine::NotAdmitted,
    rpc::{Params, RpcError},
};

sol! {
    /// What is read of the bridge, as an EVM chain's has it.
    interface Bridge {
        function l1Bridge() external view returns (address);
        function l1TokenOf(address l2Token) external view returns (address);
        function bridgedToken(address l1Token) external view returns (address);
    }
}

/// A call, every field of which was looked at.
#[derive(Clone, Debug)]
struct Asked {
    from: Option<Address>,
    to: Option<Address>,
    value: U256,
    input: Bytes,
    /// The gas limit, if there is one.
    gas: Option<u64>,
    /// What each gas is offered at most, in wei.
    price: u128,
    block: Option<BlockId>,
}

/// The answer to a call, or who has it.
enum Answer {
    Known(Bytes),
    /// What a token of L1 always answers to this selector.
    Constant(Address, [u8; 4]),
    /// What the Bridge on L1 holds of a token.
    Escrow(Address),
}

pub async fn call(context: &PaymentsContext, params: Params) -> Result<Value, RpcError> {
    let answer = context.clone().blocking(move |context| answer(context, &Asked::new(context, &params)?)).await?;
    let bytes = match answer {
        Answer::Known(bytes) => bytes,
        Answer::Constant(token, selector) => context.tokens.constant(token, selector).await?,
        Answer::Escrow(token) => context.tokens.escrow(token).await?,
    };
    json::value(&bytes)
}

/// The gas that an operation takes, a new leaf for the recipient reckoned in; it is no more than that, and the limit may be just so much (PAY-USER).
pub fn estimate_gas(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let asked = Asked::new(context, params)?;
    let asked = Asked { block: asked.block.or(Some(BlockId::pending())), ..asked };
    json::quantity(simulate(context, &asked, operation(&asked)?)?)
}

impl Asked {
    fn new(context: &PaymentsContext, params: &Params) -> Result<Self, RpcError> {
        let request: TransactionRequest = params.required_object(0, "a call")?;
        let block = params.block(1)?;
        let state: Option<StateOverride> = params.object(2, "state overrides")?;
        let overrides: Option<BlockOverrides> = params.object(3, "block overrides")?;
        if state.is_some_and(|state| !state.is_empty()) {
            return Err(RpcError::BadOverride { what: "accounts: this chain runs no contracts" });
        }
        if overrides.is_some_and(|overrides| overrides != BlockOverrides::default()) {
            return Err(RpcError::BadOverride { what: "the block: this chain runs no contracts" });
        }
        if request.access_list.is_some_and(|list| !list.is_empty()) {
            return Err(Refusal::NoUse { what: "access lists" }.into());
        }
        if request.authorization_list.is_some_and(|list| !list.is_empty()) {
            return Err(Refusal::NoUse { what: "authorizations" }.into());
        }
        if request.blob_versioned_hashes.is_some_and(|hashes| !hashes.is_empty()) || request.sidecar.is_some() {
            return Err(Refusal::NoUse { what: "blobs" }.into());
        }
        if request.chain_id.is_some_and(|chain_id| chain_id != context.chain.l2_chain_id) {
            return Err(RpcError::RefusedTransaction("invalid chain id: the call is for another chain id"));
        }
        let names_new_price = request.max_fee_per_gas.is_some() || request.max_priority_fee_per_gas.is_some();
        if request.gas_price.is_some() && names_new_price {
            return Err(RpcError::TwoPrices);
        }
        Ok(Self {
            from: request.from,
            to: request.to.and_then(TxKind::into_to),
            value: request.value.unwrap_or_default(),
            input: request.input.try_into_unique_input().map_err(|_| RpcError::TwoInputs)?.unwrap_or_default(),
            gas: request.gas,
            price: request.max_fee_per_gas.or(request.gas_price).unwrap_or_default(),
            block,
        })
    }
}

/// Reads first: the rest is an operation, or nothing.
fn answer(context: &PaymentsContext, asked: &Asked) -> Result<Answer, RpcError> {
    let known = |bytes: Vec<u8>| Ok(Answer::Known(bytes.into()));
    let to = asked.to.ok_or(Refusal::NoContracts(NotAnOperation::Creation))?;
    if to == BRIDGE
        && let Ok(read) = Bridge::BridgeCalls::abi_decode_validate(&asked.input)
    {
        check_read(context, asked)?;
        // A token has the same address here as on L1.
        return known(match read {
            Bridge::BridgeCalls::l1Bridge(_) => context.chain.bridge.abi_encode(),
            Bridge::BridgeCalls::l1TokenOf(read) => read.l2Token.abi_encode(),
            Bridge::BridgeCalls::bridgedToken(read) => read.l1Token.abi_encode(),
        });
    }
    let is_token = ![BRIDGE, ACCOUNTS, Address::ZERO].contains(&to);
    if is_token && let Ok(read) = Erc20Calls::abi_decode_validate(&asked.input) {
        check_read(context, asked)?;
        return Ok(match read {
            Erc20Calls::balanceOf(read) => {
                let key = Key { address: read.account, token: to };
                let leaf = context.at(asked.block, |records, moment| records.leaf(key, moment))?;
                Answer::Known(U256::from(leaf.map_or(0, |leaf| leaf.balance)).abi_encode().into())
            }
            // Nobody moves what is another's.
            Erc20Calls::allowance(_) => Answer::Known(U256::ZERO.abi_encode().into()),
            Erc20Calls::totalSupply(_) => {
                context.moment(asked.block.unwrap_or_default())?;
                Answer::Escrow(to)
            }
            Erc20Calls::name(_) => Answer::Constant(to, Erc20::nameCall::SELECTOR),
            Erc20Calls::symbol(_) => Answer::Constant(to, Erc20::symbolCall::SELECTOR),
            Erc20Calls::decimals(_) => Answer::Constant(to, Erc20::decimalsCall::SELECTOR),
        });
    }
    let call = operation(asked)?;
    simulate(context, asked, call)?;
    known(match call {
        Call::TokenTransfer { .. } => true.abi_encode(),
        _ => Vec::new(),
    })
}

/// Refuses a read that brings ether, and one at a block that there is not.
fn check_read(context: &PaymentsContext, asked: &Asked) -> Result<(), RpcError> {
    if !asked.value.is_zero() {
        return Err(Refusal::from(NotAnOperation::Value).into());
    }
    context.check_block(asked.block)
}

/// The operation that a call is.
fn operation(asked: &Asked) -> Result<Call, Refusal> {
    Ok(ethereum::call(asked.to, asked.value, &asked.input)?)
}

/// The gas of an operation that the rules would take now, whoever signed it. A sender that is not named has everything.
fn simulate(context: &PaymentsContext, asked: &Asked, call: Call) -> Result<u64, RpcError> {
    NotAdmitted::check_call(&context.chain, &call).map_err(Refusal::from)?;
    // Some operations read no leaf.
    context.moment(asked.block.unwrap_or_default())?;
    let leaf = |key| context.at(asked.block, |records, moment| records.leaf(key, moment));
    let (credited, wei, units) = match call {
        Call::Transfer { recipient, amount } => (Some(Key::eth(recipient)), amount, None),
        Call::TokenTransfer { token, recipient, amount } => {
            (Some(Key { address: recipient, token }), 0, Some((token, amount)))
        }
        Call::WithdrawEth { amount, .. } => (None, amount, None),
        Call::WithdrawToken { token, amount, .. } => (None, 0, Some((token, amount))),
        Call::SetSession { .. } => return Err(Refusal::SessionKeyHere.into()),
    };
    let creates = match credited {
        Some(key) => leaf(key)?.is_none(),
        None => false,
    };
    let gas = call.kind().gas_after(creates);
    let max = call.kind().gas().saturating_add(1 << GAS_SLACK_BITS);
    match asked.gas {
        Some(limit) if limit < gas => return refuse(NotAdmitted::GasTooLow { limit, gas }),
        Some(limit) if limit >= max => return refuse(NotAdmitted::GasTooHigh { limit, max }),
        Some(_) | None => {}
    }
    let Some(account) = asked.from else { return Ok(gas) };
    let balance = leaf(Key::eth(account))?.ok_or(Refusal::from(NotAdmitted::NoAccount { account }))?.balance;
    let cost = asked.price.saturating_mul(gas.into()).saturating_add(wei);
    if cost > balance {
        return refuse(NotAdmitted::Funds { balance, cost });
    }
    if let Some((token, cost)) = units {
        let balance = leaf(Key { address: account, token })?.map_or(0, |leaf| leaf.balance);
        if cost > balance {
            return refuse(NotAdmitted::TokenFunds { token, balance, cost });
        }
    }
    Ok(gas)
}

fn refuse<T>(why: NotAdmitted) -> Result<T, RpcError> {
    Err(Refusal::from(why).into())
}
