//! Calls into signed transactions and onto the wire.

use super::{Fees, L1Call, SubmitError, send_error::SendRefusal};
use crate::{
    client::{L1Client, RpcFailure},
    payload::kzg_settings,
};
use alloy::{
    consensus::TxEnvelope,
    eips::{
        BlockId,
        eip2718::Encodable2718,
        eip4844::Blob,
        eip7594::{BlobTransactionSidecarEip7594, BlobTransactionSidecarVariant},
    },
    network::{Ethereum, EthereumWallet, NetworkWallet, TransactionBuilder},
    primitives::{Address, Bytes, TxHash},
    providers::Provider,
    rpc::types::TransactionRequest,
};
use tandem_chain::batch::BLOBS_MAX;

/// Blobs with commitments and cell proofs (EIP-7594).
pub(super) type Sidecar = BlobTransactionSidecarEip7594;

/// Gas beyond the estimate, in per cent: what the call does may depend on the block that it lands in.
const GAS_MARGIN_PERCENT: u64 = 20;

/// The sidecar of a call; none without blobs.
pub(super) async fn sidecar(blobs: &[Bytes]) -> Result<Option<Sidecar>, SubmitError> {
    if blobs.is_empty() {
        return Ok(None);
    }
    if blobs.len() > BLOBS_MAX {
        return Err(SubmitError::BadBlobs);
    }
    let blobs: Vec<Blob> = blobs
        .iter()
        .map(|blob| Blob::try_from(blob.as_ref()))
        .collect::<Result<_, _>>()
        .map_err(|_| SubmitError::BadBlobs)?;
    let proving = tokio::task::spawn_blocking(move || Sidecar::try_from_blobs_with_settings(blobs, kzg_settings()));
    let sidecar = proving.await.map_err(|_| SubmitError::Cancelled)?.map_err(|_| SubmitError::BadBlobs)?;
    Ok(Some(sidecar))
}

/// The unsigned transaction of one attempt.
pub(super) fn transaction(
    call: &L1Call,
    from: Address,
    chain_id: u64,
    nonce: u64,
    gas_limit: u64,
    fees: Fees,
    sidecar: Option<&Sidecar>,
) -> TransactionRequest {
    let mut request = message(call, from);
    request.chain_id = Some(chain_id);
    request.nonce = Some(nonce);
    request.gas = Some(gas_limit);
    request.max_fee_per_gas = Some(fees.max_fee_per_gas);
    request.max_priority_fee_per_gas = Some(fees.max_priority_fee_per_gas);
    if let Some(sidecar) = sidecar {
        request.max_fee_per_blob_gas = fees.max_fee_per_blob_gas;
        request.blob_versioned_hashes = Some(sidecar.versioned_hashes().collect());
        request.sidecar = Some(BlobTransactionSidecarVariant::Eip7594(sidecar.clone()));
    }
    request
}

/// Signs; the same input always gives the same bytes.
pub(super) async fn sign(wallet: &EthereumWallet, request: TransactionRequest) -> Result<(TxHash, Bytes), SubmitError> {
    let envelope: TxEnvelope = NetworkWallet::<Ethereum>::sign_request(wallet, request).await?;
    Ok((*envelope.tx_hash(), envelope.encoded_2718().into()))
}

/// Hands a signed transaction to the endpoint.
pub(super) async fn broadcast(client: &L1Client, raw: &Bytes) -> Result<(), RpcFailure> {
    client.request(async { client.provider().send_raw_transaction(raw).await }).await.map(|_| ())
}

/// Gas for the call; an error if L1 would revert it now, or if the account cannot pay for it.
pub(super) async fn estimate_gas(client: &L1Client, from: Address, call: &L1Call) -> Result<u64, SubmitError> {
    let mut request = simulated(call, from).await?;
    if call.blobs.is_empty() {
        // What a call takes may depend on what it pays: a dispute credits whoever moves (DISP-BOND-2), and where gas is free it stores nothing.
        let fees = super::fees::suggest(client, false).await?;
        request.max_fee_per_gas = Some(fees.max_fee_per_gas);
        request.max_priority_fee_per_gas = Some(fees.max_priority_fee_per_gas);
    }
    client.request(client.provider().estimate_gas(request)).await.map_err(|error| refusal(error, from))
}

/// A limit for what is estimated to take `gas`.
pub(super) fn with_margin(gas: u64) -> u64 {
    gas.saturating_add(gas.saturating_mul(GAS_MARGIN_PERCENT) / 100)
}

/// Repeats the call on top of a block.
pub(super) async fn simulate(client: &L1Client, from: Address, call: &L1Call, at: BlockId) -> Result<(), SubmitError> {
    let request = simulated(call, from).await?;
    client.simulate(request, at).await.map(|_| ()).map_err(|error| refusal(error, from))
}

fn refusal(error: RpcFailure, account: Address) -> SubmitError {
    match error.error_response().and_then(|payload| payload.as_revert_data()) {
        Some(data) => SubmitError::Refused { data },
        None if SendRefusal::of(&error) == Some(SendRefusal::Underfunded) => SubmitError::Underfunded { account },
        None => error.into(),
    }
}

fn message(call: &L1Call, from: Address) -> TransactionRequest {
    TransactionRequest::default()
        .with_from(from)
        .with_kind(call.to)
        .with_input(call.input.clone())
        .with_value(call.value)
}

/// The call as `eth_call` and `eth_estimateGas` take it: blobs by their hashes alone.
async fn simulated(call: &L1Call, from: Address) -> Result<TransactionRequest, SubmitError> {
    let mut request = message(call, from);
    if !call.blobs.is_empty() {
        request.blob_versioned_hashes =
            Some(crate::payload::versioned_hashes(&call.blobs).await.ok_or(SubmitError::BadBlobs)?);
    }
    Ok(request)
}
