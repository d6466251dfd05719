//! Reads a batch's results from their stream, in order: what is there first, then what comes.

use std::time::Duration;

use async_nats::jetstream::{
    self,
    consumer::{AckPolicy, DeliverPolicy, pull},
    stream::Stream,
};
use futures::StreamExt;
use tokio::{sync::mpsc, time::timeout};

use super::error::FarmError;

/// How long a question for results waits at the engine.
const ASK: Duration = Duration::from_secs(3);
/// An answer that is due at once is given up after this.
const SILENCE_MAX: Duration = Duration::from_secs(10);
/// Results in an answer.
const ANSWER_MAX: usize = 64;
/// The engine forgets a reader that does not ask for so long.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

/// What is read.
#[derive(Debug)]
pub enum Read {
    /// A result that the stream has.
    Result {
        /// Its place in the stream.
        sequence: u64,
        /// Its subject, which the engine vouches for.
        subject: String,
        /// The bytes of its message.
        payload: Vec<u8>,
    },
    /// All that was there at the beginning has been read.
    CaughtUp,
}

/// Reads from a place in the stream on until nobody listens, or the engine fails: this is the last that `out` hears.
pub async fn read_results(stream: Stream, matching: String, from: u64, out: mpsc::Sender<Result<Read, FarmError>>) {
    if let Err(error) = read(&stream, matching, from, &out).await {
        // Who does not listen any more does not care.
        let _ = out.send(Err(error)).await;
    }
}

async fn read(
    stream: &Stream,
    filter_subject: String,
    from: u64,
    out: &mpsc::Sender<Result<Read, FarmError>>,
) -> Result<(), FarmError> {
    let doing = "reading results";
    let config = pull::Config {
        deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: from.max(1) },
        // Where the reader is it knows itself, and a proof that was heard twice changes nothing.
        ack_policy: AckPolicy::None,
        filter_subject,
        inactive_threshold: FORGOTTEN_AFTER,
        memory_storage: true,
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await.map_err(FarmError::engine(doing))?;
    loop {
        // Without a limit of time it is answered at once, even if nothing is there.
        let mut answer =
            consumer.fetch().max_messages(ANSWER_MAX).messages().await.map_err(FarmError::engine(doing))?;
        let mut count = 0_usize;
        while let Some(message) = timeout(SILENCE_MAX, answer.next()).await.map_err(|_| FarmError::Silent { doing })? {
            count = count.saturating_add(1);
            if !tell(out, &message.map_err(FarmError::engine(doing))?).await? {
                return Ok(());
            }
        }
        if count == 0 {
            break;
        }
    }
    if out.send(Ok(Read::CaughtUp)).await.is_err() {
        return Ok(());
    }
    loop {
        let mut answer = consumer
            .batch()
            .max_messages(ANSWER_MAX)
            .expires(ASK)
            .messages()
            .await
            .map_err(FarmError::engine(doing))?;
        let mut count = 0_usize;
        while let Some(message) = answer.next().await {
            count = count.saturating_add(1);
            if !tell(out, &message.map_err(FarmError::engine(doing))?).await? {
                return Ok(());
            }
        }
        // A server that has forgotten its reader, by a restart or after a minute without a question, does not answer it at all (2.9), so that silence is no sign of life.
        if count == 0 {
            consumer.get_info().await.map_err(FarmError::engine(doing))?;
        }
    }
}

/// Hands a result on; whether anybody listens.
async fn tell(out: &mpsc::Sender<Result<Read, FarmError>>, message: &jetstream::Message) -> Result<bool, FarmError> {
    let sequence = message.info().map_err(FarmError::engine("reading results"))?.stream_sequence;
    let (subject, payload) = (message.subject.to_string(), message.payload.to_vec());
    Ok(out.send(Ok(Read::Result { sequence, subject, payload })).await.is_ok())
}
