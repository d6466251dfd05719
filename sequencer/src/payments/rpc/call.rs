//! `eth_call` and `eth_estimateGas`: nothing runs here. A call is an operation (PAY-PREDEPLOY), or a question about a token.

use alloy::{
    primitives::{Address, Bytes, U256},
    rpc::types::TransactionRequest,
    sol,
    sol_types::{SolCall, SolValue},
};
use serde_json::{Value, json};
use tandem_payments::{
    ethereum::{self, ACCOUNTS, BRIDGE},
    leaf::Key,
    operation::Call,
};

use super::context::PaymentsContext;
use crate::{
    payments::view::Moment,
    rpc::{Params, RpcError},
};

sol! {
    function balanceOf(address account) external view returns (uint256);
    function name() external view returns (string);
    function symbol() external view returns (string);
    function decimals() external view returns (uint8);
    function totalSupply() external view returns (uint256);
    function allowance(address owner, address spender) external view returns (uint256);
}

const CALL: &str = "a call";

/// What a call would return.
pub fn call(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let request: TransactionRequest = params.required_object(0, CALL)?;
    let moment = context.moment(params.block(1)?)?;
    let (to, input) = (callee(&request), input(&request));
    if let Some(token) = to.filter(|to| ![BRIDGE, ACCOUNTS, Address::ZERO].contains(to))
        && let Some(selector) = input.first_chunk::<4>()
    {
        match *selector {
            balanceOfCall::SELECTOR => {
                let balanceOfCall { account } = balanceOfCall::abi_decode_validate(&input)
                    .map_err(|_| RpcError::NotHere("balanceOf takes one address"))?;
                let leaf = context.records.leaf(Key { address: account, token }, moment);
                return Ok(json!(Bytes::from(U256::from(leaf.map_or(0, |leaf| leaf.balance)).abi_encode())));
            }
            nameCall::SELECTOR | symbolCall::SELECTOR | decimalsCall::SELECTOR | totalSupplyCall::SELECTOR => {
                return Err(RpcError::NotHere(
                    "a token has its L1 address here: ask L1 for its name, symbol, decimals and supply",
                ));
            }
            allowanceCall::SELECTOR => {
                return Err(RpcError::NotHere("there are no allowances: every transfer is signed by its payer"));
            }
            _ => {}
        }
    }
    Ok(json!(match operation(to, &request, &input)? {
        // What ERC-20 says it returns.
        Call::TokenTransfer { .. } => Bytes::from(true.abi_encode()),
        _ => Bytes::new(),
    }))
}

/// The gas that an operation takes (PAY-GAS), with a leaf if its recipient has none.
pub fn estimate_gas(context: &PaymentsContext, params: &Params) -> Result<Value, RpcError> {
    let request: TransactionRequest = params.required_object(0, CALL)?;
    let call = operation(callee(&request), &request, &input(&request))?;
    let credited = match call {
        Call::Transfer { recipient, .. } => Some(Key::eth(recipient)),
        Call::TokenTransfer { token, recipient, .. } => Some(Key { address: recipient, token }),
        Call::WithdrawEth { .. } | Call::WithdrawToken { .. } | Call::SetSession { .. } => None,
    };
    let creates = credited.is_some_and(|key| context.records.leaf(key, Moment::Pending).is_none());
    Ok(json!(U256::from(call.kind().gas_after(creates))))
}

fn callee(request: &TransactionRequest) -> Option<Address> {
    request.to.and_then(|to| to.to().copied())
}

fn input(request: &TransactionRequest) -> Bytes {
    request.input.input().cloned().unwrap_or_default()
}

fn operation(to: Option<Address>, request: &TransactionRequest, input: &Bytes) -> Result<Call, RpcError> {
    let call = ethereum::call(to, request.value.unwrap_or_default(), input);
    call.map_err(|error| RpcError::Refused(error.into()))
}
