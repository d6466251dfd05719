//! The sequencer's side of proving, over gRPC (`proto/tandem/v1/proving.proto`): what to prove, and where it goes back.
//!
//! Adversarial: the sequencer. Answers are bounded in bytes and time; what they say is judged elsewhere.

use std::{sync::Arc, time::Duration};

use alloy::primitives::B256;
use tandem_payments::{Fr, field::integer};
use tandem_proto::v1::{
    self, ClosedBatch, NextBatchRequest, ProvenRequest, proven_response, proving_client::ProvingClient,
};
use tokio::time::timeout;
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};
use url::Url;

use super::line::Name;

/// The longest answer, in bytes: a batch of as many operations as can be proven at once.
const ANSWER_BYTES_MAX: usize = 2 << 20;
/// How long the sequencer may take to let a connection come about.
const CONNECT: Duration = Duration::from_secs(5);
/// A connection that says nothing is asked whether it lives so often, and has as long to say so.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// For an answer to the question what is next: the sequencer waits for 30 seconds if nothing is.
const NEXT: Duration = Duration::from_secs(45);
/// For an answer to a proven batch.
const PROVEN: Duration = Duration::from_secs(30);

/// What goes back of a batch.
#[derive(Debug, PartialEq, Eq)]
pub struct Call {
    /// The arguments of `ValiditySettlement.append` after the first (PAY-APPEND), as Solidity encodes them.
    pub arguments: Vec<u8>,
    /// The root after the batch.
    pub root_after: B256,
    /// Hash of the configuration that it was proven for.
    pub config_hash: B256,
    /// Hash of the verifying keys that judge it.
    pub keys_hash: B256,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It is not there, or busy: ask again.
    #[error("it does not answer: {0}")]
    Away(Box<str>),
    /// It refuses, and will again.
    #[error("it refuses ({code:?}): {message}")]
    Refuses {
        /// The status code of gRPC by which it refuses.
        code: Code,
        /// What it says.
        message: Box<str>,
    },
    /// It says what this program does not know.
    #[error("it answers with outcome {0}, which is not known here: it is of another version")]
    Unknown(i32),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        match status.code() {
            code @ (Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::Unimplemented
            | Code::PermissionDenied
            | Code::Unauthenticated) => Self::Refuses { code, message: status.message().into() },
            code => Self::Away(format!("{code:?}: {}", status.message()).into()),
        }
    }
}

/// What became of a batch that was brought back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The sequencer keeps it.
    Taken,
    /// It is proven already.
    Known,
    /// Another batch has its index.
    Unwanted,
}

/// The connection. Cheap to clone; made when it is needed, and again when it broke.
#[derive(Clone, Debug)]
pub struct Sequencer {
    client: ProvingClient<Channel>,
    dom: Vec<u8>,
}

impl Sequencer {
    /// At an address, for the chain of this signing domain (PAY-OPHASH).
    ///
    /// # Errors
    /// If the address is none.
    pub fn new(url: &Url, dom: Fr) -> Result<Self, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(url.to_string())?.connect_timeout(CONNECT);
        let endpoint = endpoint.http2_keep_alive_interval(KEEP_ALIVE).keep_alive_timeout(KEEP_ALIVE);
        let client = ProvingClient::new(endpoint.connect_lazy()).max_decoding_message_size(ANSWER_BYTES_MAX);
        Ok(Self { client, dom: integer(dom).to_be_bytes::<32>().to_vec() })
    }

    /// The batch after what is held, or what displaced it; none if there is none yet.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn next_batch(&self, held: Option<Name>) -> Result<Option<ClosedBatch>, Failure> {
        let (held_index, held_id) = held.map_or((0, Vec::new()), |(index, id)| (index, id.to_vec()));
        let request = NextBatchRequest { dom: self.dom.clone(), held_index, held_id };
        let mut client = self.client.clone();
        let answer = timeout(NEXT, client.next_batch(request)).await.map_err(|_| silent(NEXT))??;
        Ok(answer.into_inner().batch)
    }

    /// Brings a batch back.
    ///
    /// # Errors
    /// If there is no answer.
    pub async fn bring_back(&self, (index, id): Name, call: Arc<Call>) -> Result<Outcome, Failure> {
        let request = ProvenRequest {
            index,
            id: id.to_vec(),
            arguments: call.arguments.clone(),
            root_after: call.root_after.to_vec(),
            config_hash: call.config_hash.to_vec(),
            keys_hash: call.keys_hash.to_vec(),
        };
        let mut client = self.client.clone();
        let answer = timeout(PROVEN, client.proven(request)).await.map_err(|_| silent(PROVEN))??;
        let v1::ProvenResponse { outcome } = answer.into_inner();
        match proven_response::Outcome::try_from(outcome) {
            Ok(proven_response::Outcome::Taken) => Ok(Outcome::Taken),
            Ok(proven_response::Outcome::Known) => Ok(Outcome::Known),
            Ok(proven_response::Outcome::Unwanted) => Ok(Outcome::Unwanted),
            Ok(proven_response::Outcome::Unspecified) | Err(_) => Err(Failure::Unknown(outcome)),
        }
    }
}

fn silent(after: Duration) -> Failure {
    Failure::Away(format!("no answer within {} s", after.as_secs()).into())
}
