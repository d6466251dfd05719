//! The engine, as coordinator and workers use it: NATS with JetStream. What the server has in 2.9, Debian's, is enough, and nothing newer is asked of it.
//!
//! The coordinator makes streams, buckets and the consumer; workers only find them, so that an operator can forbid workers to make anything.

use std::time::Duration;

use async_nats::{
    ClientError, ConnectErrorKind, ConnectOptions, Event, HeaderMap, ServerAddr, ServerError, Subscriber,
    connection::State,
    header::NATS_MESSAGE_ID,
    jetstream::{
        self, Context,
        consumer::{AckPolicy, PullConsumer, pull},
        object_store::{self, ObjectStore},
        stream::{
            self, DeleteMessageErrorKind, DiscardPolicy, LastRawMessageErrorKind, RetentionPolicy, StorageType, Stream,
        },
    },
};
use futures::TryStreamExt;
use tokio::{sync::watch, time::timeout};

use super::{
    address::{FarmAddress, FarmLogin},
    error::FarmError,
    names::{Names, WORKERS},
};

/// A request that gets no answer is given up after this.
pub const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Messages of one subscription that wait to be read; those that come after them are dropped. The engine sends at most 32 MiB of an object ahead, in parts of 128 KiB and some
/// marks between them; of words of life, anybody who may speak sends as many as he likes, each as long as the server takes.
const UNREAD_MAX: usize = 320;
/// Longest wait between two tries to connect.
const RECONNECT_MAX: Duration = Duration::from_secs(2);
/// Jobs that wait or are at work: more chunks than a batch has.
const JOBS_MAX: i64 = 4_096;
/// How long results are kept, and witnesses that nobody deletes.
const KEPT: Duration = Duration::from_secs(24 * 3_600);
/// Bytes of all results: some hundred thousand.
const RESULTS_BYTES_MAX: i64 = 128 << 20;
/// Results of one worker for one chunk that are kept.
const RESULTS_EACH_MAX: i64 = 8;
/// Bytes of a stored message: a message of ours, of 2,048 bytes, and its headers.
const STORED_BYTES_MAX: i32 = 4_096;
/// In this window the engine drops a message that is published twice, since the first answer was lost.
const DUPLICATES: Duration = Duration::from_secs(120);
/// Workers that ask for a job at a time.
const ASKERS_MAX: i64 = 4_096;

/// What kept it from connecting last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// As the client says it.
    pub why: String,
    /// User and password are not those of anybody whom the server lets in.
    pub is_refusal: bool,
}

impl Obstacle {
    /// What an event says of one, if it does.
    fn of(event: &Event) -> Option<Self> {
        let is_refusal = match event {
            Event::ServerError(error) => *error == ServerError::AuthorizationViolation,
            // The kind alone is left of what the server answers to a first word.
            Event::ClientError(error) => {
                *error == ClientError::Other(ConnectErrorKind::AuthorizationViolation.to_string())
            }
            _ => return None,
        };
        Some(Self { why: event.to_string(), is_refusal })
    }
}

/// A connection to the engine, which comes back by itself. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    context: Context,
    names: Names,
    /// The last thing that kept it from connecting.
    obstacle: watch::Receiver<Option<Obstacle>>,
}

/// Streams and buckets of a chain.
#[derive(Clone)]
pub struct Halls {
    /// Jobs, each for one worker.
    pub jobs: Stream,
    /// The stream of results.
    pub results: Stream,
    /// The jobs' bytes.
    pub witnesses: ObjectStore,
    /// Verifying and proving keys.
    pub keys: ObjectStore,
}

impl Engine {
    /// Begins to connect, and goes on with that until it succeeds. `name` is what the server calls this client.
    ///
    /// # Errors
    /// If the address is none, or the file with certificates cannot be read.
    pub async fn connect(address: &FarmAddress, name: &str, names: Names) -> Result<Self, FarmError> {
        let (tell, obstacle) = watch::channel(None);
        let heard = move |event: Event| {
            if event == Event::Connected {
                tell.send_replace(None);
            } else if let Some(obstacle) = Obstacle::of(&event) {
                tell.send_replace(Some(obstacle));
            }
            std::future::ready(())
        };
        let delay = |tries: usize| {
            Duration::from_millis(100).saturating_mul(u32::try_from(tries).unwrap_or(u32::MAX)).min(RECONNECT_MAX)
        };
        let mut options = ConnectOptions::new()
            .name(name)
            .retry_on_initial_connect()
            .request_timeout(Some(ANSWER_MAX))
            .subscription_capacity(UNREAD_MAX)
            // The addresses are those that the operator names, and no others that whoever answers there names.
            .ignore_discovered_servers()
            // One server that is to be spoken with in secret is enough: user and password go to all of them.
            .require_tls(address.servers.iter().any(ServerAddr::tls_required))
            .reconnect_delay_callback(delay)
            .event_callback(heard);
        if let Some(FarmLogin { user, password }) = &address.login {
            options = options.user_and_password(user.clone(), password.text().into());
        }
        if let Some(path) = &address.ca {
            let unreadable = |error| FarmError::Certificates { path: path.clone(), error };
            tokio::fs::metadata(path).await.map_err(unreadable)?;
            options = options.add_root_certificates(path.clone());
        }
        let client = options.connect(address.servers.clone()).await.map_err(FarmError::engine("connecting"))?;
        Ok(Self { context: jetstream::new(client), names, obstacle })
    }

    /// What everything is called.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// Whether there is a connection now.
    pub fn is_connected(&self) -> bool {
        self.context.client().connection_state() == State::Connected
    }

    /// What keeps it from connecting, if anything is known of it.
    pub fn obstacle(&self) -> Option<Obstacle> {
        self.obstacle.borrow().clone()
    }

    /// A text that no other call gives, here or elsewhere: it names a publication.
    pub fn unique(&self) -> String {
        self.context.client().new_inbox()
    }

    /// The chain's streams and buckets, which are made if they are missing, and the workers' consumer, whose lease is set. For the coordinator.
    ///
    /// # Errors
    /// If the engine does not do it.
    pub async fn make(&self, lease: Duration) -> Result<Halls, FarmError> {
        if !self.is_connected() {
            return Err(FarmError::Away);
        }
        let jobs = stream::Config {
            name: self.names.jobs(),
            subjects: vec![self.names.all_jobs()],
            retention: RetentionPolicy::WorkQueue,
            storage: StorageType::File,
            // A job is never dropped for another one.
            discard: DiscardPolicy::New,
            max_messages: JOBS_MAX,
            max_message_size: STORED_BYTES_MAX,
            duplicate_window: DUPLICATES,
            ..stream::Config::default()
        };
        let results = stream::Config {
            name: self.names.results(),
            subjects: vec![self.names.all_results()],
            retention: RetentionPolicy::Limits,
            storage: StorageType::File,
            max_age: KEPT,
            max_bytes: RESULTS_BYTES_MAX,
            max_messages_per_subject: RESULTS_EACH_MAX,
            max_message_size: STORED_BYTES_MAX,
            duplicate_window: DUPLICATES,
            ..stream::Config::default()
        };
        let making = "making the chain's streams";
        let jobs = self.context.get_or_create_stream(jobs).await.map_err(FarmError::engine(making))?;
        let results = self.context.get_or_create_stream(results).await.map_err(FarmError::engine(making))?;
        // A chunk must be proven however often that fails, so that deliveries are not counted: a job that no worker survives is the coordinator's to tell.
        let workers = pull::Config {
            durable_name: Some(WORKERS.into()),
            name: Some(WORKERS.into()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: lease,
            max_ack_pending: JOBS_MAX,
            max_waiting: ASKERS_MAX,
            ..pull::Config::default()
        };
        jobs.create_consumer(workers).await.map_err(FarmError::engine("making the workers' consumer"))?;
        let witnesses = self.bucket(self.names.witnesses(), KEPT).await?;
        let keys = self.bucket(self.names.keys(), Duration::ZERO).await?;
        Ok(Halls { jobs, results, witnesses, keys })
    }

    /// The chain's streams, buckets and consumer, as the coordinator made them. For workers.
    ///
    /// # Errors
    /// If there are none, or the engine does not say.
    pub async fn find(&self) -> Result<(Halls, PullConsumer), FarmError> {
        if !self.is_connected() {
            return Err(FarmError::Away);
        }
        let looking = "looking for the chain's streams, which its coordinator makes";
        let jobs = self.context.get_stream(self.names.jobs()).await.map_err(FarmError::engine(looking))?;
        let results = self.context.get_stream(self.names.results()).await.map_err(FarmError::engine(looking))?;
        let witnesses = self.context.get_object_store(self.names.witnesses()).await;
        let keys = self.context.get_object_store(self.names.keys()).await;
        let workers: PullConsumer = jobs.get_consumer(WORKERS).await.map_err(FarmError::engine(looking))?;
        let witnesses = witnesses.map_err(FarmError::engine(looking))?;
        let keys = keys.map_err(FarmError::engine(looking))?;
        Ok((Halls { jobs, results, witnesses, keys }, workers))
    }

    /// A bucket that keeps objects for so long; for ever if that is zero.
    async fn bucket(&self, bucket: String, max_age: Duration) -> Result<ObjectStore, FarmError> {
        if let Ok(found) = self.context.get_object_store(&bucket).await {
            return Ok(found);
        }
        let config = object_store::Config { bucket, max_age, ..object_store::Config::default() };
        self.context.create_object_store(config).await.map_err(FarmError::engine("making a bucket"))
    }

    /// Publishes to a stream; stored when it returns. What is published twice under one `id` is stored once.
    ///
    /// # Errors
    /// If it is not known to be stored.
    pub async fn publish(&self, subject: String, id: &str, payload: Vec<u8>) -> Result<(), FarmError> {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, id);
        let published = self.context.publish_with_headers(subject, headers, payload.into()).await;
        published.map_err(FarmError::engine("publishing"))?.await.map_err(FarmError::engine("publishing"))?;
        Ok(())
    }

    /// Says something to whoever listens now.
    ///
    /// # Errors
    /// If there is no connection any more.
    pub async fn say(&self, subject: String, payload: Vec<u8>) -> Result<(), FarmError> {
        self.context.client().publish(subject, payload.into()).await.map_err(FarmError::engine("publishing"))
    }

    /// Sends what is still to be sent.
    ///
    /// # Errors
    /// If there is no connection any more.
    pub async fn flush(&self) -> Result<(), FarmError> {
        let flushed = timeout(ANSWER_MAX, self.context.client().flush()).await;
        flushed.map_err(|_| FarmError::Silent { doing: "flushing" })?.map_err(FarmError::engine("flushing"))
    }

    /// What is said on a subject from now on.
    ///
    /// # Errors
    /// If there is no connection any more.
    pub async fn listen(&self, subject: String) -> Result<Subscriber, FarmError> {
        self.context.client().subscribe(subject).await.map_err(FarmError::engine("subscribing"))
    }

    /// Deletes everything in the bucket of witnesses.
    ///
    /// # Errors
    /// If the engine does not do it.
    pub async fn empty_witnesses(&self) -> Result<(), FarmError> {
        // An object store is a stream; object by object, each would leave a mark that it was deleted.
        let doing = "deleting witnesses";
        let name = format!("OBJ_{}", self.names.witnesses());
        let stream = self.context.get_stream_no_info(name).await.map_err(FarmError::engine(doing))?;
        stream.purge().await.map_err(FarmError::engine(doing))?;
        Ok(())
    }
}

/// Deletes a stream's messages on some subjects.
///
/// # Errors
/// If the engine does not do it.
pub async fn purge(stream: &Stream, subjects: String) -> Result<(), FarmError> {
    stream.purge().filter(subjects).await.map_err(FarmError::engine("deleting messages"))?;
    Ok(())
}

/// Deletes the jobs on some subjects, one by one: a purge by subject would make the engine (2.9) pass over all jobs that no worker has had yet.
///
/// # Errors
/// If the engine does not do it.
pub async fn delete_jobs(jobs: &Stream, matching: String) -> Result<(), FarmError> {
    let doing = "deleting jobs";
    for subject in subjects(jobs, matching).await? {
        // One of them at most is ours, and whoever puts others there can have them deleted the next time.
        match jobs.get_last_raw_message_by_subject(&subject).await {
            Ok(job) => match jobs.delete_message(job.sequence).await {
                // If it is not there it was acknowledged meanwhile.
                Ok(_) => {}
                Err(error) if matches!(error.kind(), DeleteMessageErrorKind::JetStream(_)) => {}
                Err(error) => return Err(FarmError::engine(doing)(error)),
            },
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {}
            Err(error) => return Err(FarmError::engine(doing)(error)),
        }
    }
    Ok(())
}

/// What the workers' queue has, as far as the engine knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Jobs that no worker was given yet. If there are none of these, nor any `at_work`, jobs that are listed are passed over.
    pub waiting: u64,
    /// Jobs that workers have: delivered, and neither acknowledged nor gone. Those that went back for a while are among them.
    pub at_work: usize,
}

/// What the workers' queue has.
///
/// # Errors
/// If the engine does not say.
pub async fn queue(jobs: &Stream) -> Result<Queue, FarmError> {
    let workers = jobs.consumer_info(WORKERS).await.map_err(FarmError::engine("asking for the workers' consumer"))?;
    Ok(Queue { waiting: workers.num_pending, at_work: workers.num_ack_pending })
}

/// The subjects of a stream's messages, of those that match.
///
/// # Errors
/// If the engine does not say.
pub async fn subjects(stream: &Stream, matching: String) -> Result<Vec<String>, FarmError> {
    let found = stream.info_with_subjects(matching).await.map_err(FarmError::engine("listing jobs"))?;
    let found = found.map_ok(|(subject, _)| subject).try_collect().await;
    found.map_err(FarmError::engine("listing jobs"))
}
