//! The prover's flags, and those of its commands. A file named by `--config` may set each of them (see `tandem_service::parse_with_file`).

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf};

use alloy::primitives::{Address, B256, U256};
use async_nats::ServerAddr;
use clap::{
    ArgMatches, Command, CommandFactory, FromArgMatches,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use tandem_circuits::circuit::{CircuitId, Family};
use tandem_l1::PrivateKey;
use tandem_service::LogFormat;
use url::Url;

use crate::validity::farm::{FarmLoginFlags, FarmServer, WorkerName};

/// Most memory for a proving key and a proof together unless the flag says otherwise, in MiB.
const PROVING_MEMORY_MIB: u64 = 4_096;

/// What a prover does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    /// Claims every epoch, and plays the disputes about them
    #[default]
    Propose,
    /// Claims nothing but the right output beside a wrong one, and plays the disputes
    Challenge,
}

/// Runs a Tandem prover: claims on L1 what derivation from L1 yields, and defends it in disputes.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "tandem-prover", version)]
pub struct ProverFlags {
    /// What to do: `tandem-prover challenge` watches a chain that others claim for
    #[arg(value_enum, default_value_t)]
    pub role: Role,
    /// TOML file with any of these flags
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Deployment file that `tandem deploy` wrote
    #[arg(long, env = "TANDEM_DEPLOYMENT")]
    pub deployment: PathBuf,
    /// Directory for the database, archived payloads and the transaction journal; created if missing
    #[arg(long, env = "TANDEM_DATA_DIR")]
    pub data_dir: PathBuf,
    /// L1 execution endpoint (HTTP or WebSocket)
    #[arg(long, env = "TANDEM_L1_RPC")]
    pub l1_rpc: Url,
    /// L1 beacon endpoint for blobs
    #[arg(long, env = "TANDEM_L1_BEACON")]
    pub l1_beacon: Option<Url>,
    /// Directory with archived blobs from elsewhere, as another source
    #[arg(long, env = "TANDEM_BLOB_DIR")]
    pub blob_dir: Option<PathBuf>,
    /// Key that claims and stakes, as hex (prefer the environment variable over the flag)
    #[arg(long, env = "TANDEM_PROPOSER_KEY", hide_env_values = true)]
    pub key: PrivateKey,
    /// Address for /healthz, /readyz, /status and /metrics; none if absent
    #[arg(long, env = "TANDEM_PROVER_HEALTH")]
    pub health: Option<SocketAddr>,
    /// L1 blocks that must lie above a batch before it is derived
    #[arg(long, env = "TANDEM_L1_DEPTH", default_value_t = tandem_l1::defaults::DEPTH)]
    pub l1_depth: u64,
    /// Time between looks at L1, in milliseconds
    #[arg(long, env = "TANDEM_L1_POLL_MS", default_value_t = tandem_l1::defaults::POLL_MS)]
    pub l1_poll_ms: u64,
    /// Time limit of a request to L1, in milliseconds
    #[arg(long, env = "TANDEM_L1_TIMEOUT_MS", default_value_t = tandem_l1::defaults::TIMEOUT_MS)]
    pub l1_timeout_ms: u64,
    /// Time after which a transaction that is not included bids more, in seconds
    #[arg(long, env = "TANDEM_BUMP_AFTER_S", default_value_t = tandem_l1::defaults::BUMP_AFTER_S)]
    pub bump_after_s: u64,
    /// Time without progress after which an L1 transaction is reported as stuck, in the log and by /readyz, in seconds
    #[arg(long, env = "TANDEM_L1_PATIENCE_S", default_value_t = tandem_l1::defaults::PATIENCE_S)]
    pub l1_patience_s: u64,
    /// Time between comparisons of all open claims with derivation, in seconds
    #[arg(long, env = "TANDEM_AUDIT_S", default_value_t = 60)]
    pub audit_s: u64,
    /// Claim nothing more, finalize what is claimed, and take the stake back
    #[arg(long, env = "TANDEM_RETIRE")]
    pub retire: bool,
    /// Receives what is earned, and the stake of who retires; the key's own account if absent
    #[arg(long, env = "TANDEM_PAYOUT")]
    pub payout: Option<Address>,
    /// Least credit worth a withdrawal, in wei
    #[arg(long, env = "TANDEM_PAYOUT_MIN_WEI", default_value = "1")]
    pub payout_min_wei: U256,
    /// Leave disputes to other processes: nothing is computed or played here, for a proposer beside a challenger of its own
    #[arg(long, env = "TANDEM_NO_CHALLENGE")]
    pub no_challenge: bool,
    /// Threads that compute commitments; all cores if absent
    #[arg(long, env = "TANDEM_CHALLENGE_THREADS")]
    pub challenge_threads: Option<usize>,
    /// Compute commitments only once an epoch is contested, not ahead of it: saves a core, and costs time of a dispute's six hours
    #[arg(long, env = "TANDEM_CHALLENGE_LATE")]
    pub challenge_late: bool,
    /// Program that judges epochs, as ELF; the one of this release if absent
    #[arg(long, env = "TANDEM_GUEST")]
    pub guest: Option<PathBuf>,
    /// Flush every write to disk: survives power loss, not only the end of the process
    #[arg(long, env = "TANDEM_SYNC")]
    pub sync: bool,
    /// End when standard input ends: for a process that starts this one and must not leave it behind
    #[arg(long, env = "TANDEM_END_WITH_STDIN")]
    pub end_with_stdin: bool,
    /// How log lines look
    #[arg(long, env = "TANDEM_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// Takes a batch to L1 that the operator of a payments chain leaves: rebuilds the chain from L1, proves what is overdue, appends it.
///
/// Anybody may, once the first message that waits is older than the forced-inclusion window. What is proven is kept: a run that ended early is gone on with.
#[derive(Clone, Debug, clap::Parser)]
pub struct ForceFlags {
    /// TOML file with any of these flags
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Deployment file that `tandem deploy` wrote
    #[arg(long, env = "TANDEM_DEPLOYMENT")]
    pub deployment: PathBuf,
    /// Directory for the batch that is being proven and the transaction journal; created if missing
    #[arg(long, env = "TANDEM_DATA_DIR")]
    pub data_dir: PathBuf,
    /// Directory with the proving keys, a devnet's being made there; `keys` in the data directory if absent
    #[arg(long, env = "TANDEM_PROVING_KEYS")]
    pub keys: Option<PathBuf>,
    /// L1 execution endpoint (HTTP or WebSocket), with the history since the deployment
    #[arg(long, env = "TANDEM_L1_RPC")]
    pub l1_rpc: Url,
    /// Key that pays for the transactions, as hex (prefer the environment variable over the flag)
    #[arg(long, env = "TANDEM_KEY", hide_env_values = true)]
    pub key: PrivateKey,
    /// L1 blocks that must lie above a message that need not be taken yet, and above the batch before it is done
    #[arg(long, env = "TANDEM_L1_DEPTH", default_value_t = tandem_l1::defaults::DEPTH)]
    pub l1_depth: u64,
    /// Time between looks at L1, in milliseconds
    #[arg(long, env = "TANDEM_L1_POLL_MS", default_value_t = tandem_l1::defaults::POLL_MS)]
    pub l1_poll_ms: u64,
    /// Time limit of a request to L1, in milliseconds
    #[arg(long, env = "TANDEM_L1_TIMEOUT_MS", default_value_t = tandem_l1::defaults::TIMEOUT_MS)]
    pub l1_timeout_ms: u64,
    /// Time after which a transaction that is not included bids more, in seconds
    #[arg(long, env = "TANDEM_BUMP_AFTER_S", default_value_t = tandem_l1::defaults::BUMP_AFTER_S)]
    pub bump_after_s: u64,
    /// Time after which an L1 transaction that is not included is given up, in seconds; what was proven is kept
    #[arg(long, env = "TANDEM_L1_PATIENCE_S", default_value_t = tandem_l1::defaults::PATIENCE_S)]
    pub l1_patience_s: u64,
    /// Threads that prove; all cores if absent
    #[arg(long, env = "TANDEM_PROVING_THREADS")]
    pub proving_threads: Option<usize>,
    /// Most memory for a proving key and a proof together, in MiB
    #[arg(long, env = "TANDEM_PROVING_MEMORY_MIB", default_value_t = PROVING_MEMORY_MIB)]
    pub proving_memory_mib: u64,
    /// The result as one JSON object
    #[arg(long)]
    pub json: bool,
    /// How log lines look
    #[arg(long, env = "TANDEM_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// Proves the batches of a payments chain that its sequencer closes, and brings them back to it: derived here from L1, so that nobody need be believed.
///
/// Needs neither a key nor ether: what L1 gets, the sequencer sends. What is proven is kept, and a run that ended is gone on with.
#[derive(Clone, Debug, clap::Parser)]
pub struct ProveFlags {
    /// TOML file with any of these flags
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Deployment file that `tandem deploy` wrote
    #[arg(long, env = "TANDEM_DEPLOYMENT")]
    pub deployment: PathBuf,
    /// Directory for the chain as L1 tells it, and for batches that are being proven; created if missing
    #[arg(long, env = "TANDEM_DATA_DIR")]
    pub data_dir: PathBuf,
    /// Directory with the proving keys, a devnet's being made there; `keys` in the data directory if absent
    #[arg(long, env = "TANDEM_PROVING_KEYS")]
    pub keys: Option<PathBuf>,
    /// L1 execution endpoint (HTTP or WebSocket), with the history since the deployment
    #[arg(long, env = "TANDEM_L1_RPC")]
    pub l1_rpc: Url,
    /// Address at which the sequencer hands out batches (gRPC)
    #[arg(long, env = "TANDEM_SEQUENCER")]
    pub sequencer: Url,
    /// Address for /healthz, /readyz, /status and /metrics; none if absent
    #[arg(long, env = "TANDEM_PROVER_HEALTH")]
    pub health: Option<SocketAddr>,
    /// L1 blocks that must lie above a batch before its proofs are deleted here
    #[arg(long, env = "TANDEM_L1_DEPTH", default_value_t = tandem_l1::defaults::DEPTH)]
    pub l1_depth: u64,
    /// Time between looks at L1, in milliseconds
    #[arg(long, env = "TANDEM_L1_POLL_MS", default_value_t = tandem_l1::defaults::POLL_MS)]
    pub l1_poll_ms: u64,
    /// Time limit of a request to L1, in milliseconds
    #[arg(long, env = "TANDEM_L1_TIMEOUT_MS", default_value_t = tandem_l1::defaults::TIMEOUT_MS)]
    pub l1_timeout_ms: u64,
    /// Workers, each of which proves one chunk at a time
    #[arg(long, env = "TANDEM_PROVING_WORKERS", default_value_t = NonZeroUsize::MIN)]
    pub workers: NonZeroUsize,
    /// Threads of each worker; its share of all cores if absent
    #[arg(long, env = "TANDEM_PROVING_THREADS")]
    pub proving_threads: Option<usize>,
    /// Most memory of each worker for a proving key and a proof together, in MiB; the keys are there once for all
    #[arg(long, env = "TANDEM_PROVING_MEMORY_MIB", default_value_t = PROVING_MEMORY_MIB)]
    pub proving_memory_mib: u64,
    /// Prove on other machines, with `tandem-prover work`, and nothing here: servers of NATS with JetStream, nats://HOST[:PORT] or tls://..., separated by commas
    #[arg(long, env = "TANDEM_FARM", hide_env_values = true, value_delimiter = ',', value_parser = FarmServer, conflicts_with = "workers")]
    pub farm: Vec<ServerAddr>,
    /// As whom this program shows itself to the farm's servers
    #[command(flatten)]
    pub farm_login: FarmLoginFlags,
    /// Time after which a farm's job goes to another worker if its own says nothing, in seconds
    #[arg(long, env = "TANDEM_FARM_LEASE_S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub farm_lease_s: u64,
    /// Time after which a farm's job is put out anew though its worker says that it is at work, in seconds
    #[arg(long, env = "TANDEM_FARM_PATIENCE_S", default_value_t = 1_200, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub farm_patience_s: u64,
    /// Give the farm the proving keys of --keys, once, for workers that have none
    #[arg(long, env = "TANDEM_FARM_SHARE_KEYS", requires = "farm")]
    pub farm_share_keys: bool,
    /// End when standard input ends: for a process that starts this one and must not leave it behind
    #[arg(long, env = "TANDEM_END_WITH_STDIN")]
    pub end_with_stdin: bool,
    /// How log lines look
    #[arg(long, env = "TANDEM_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// Proves for a farm: takes jobs from its engine, which `tandem-prover prove --farm` puts there, and brings proofs back.
///
/// Runs on any machine, as often as wanted, and may be killed at any moment. Needs neither L1 nor a sequencer, neither a key of an account nor ether.
#[derive(Clone, Debug, clap::Parser)]
pub struct WorkFlags {
    /// TOML file with any of these flags
    #[arg(long)]
    pub config: Option<PathBuf>,
    /// Deployment file that `tandem deploy` wrote: says which chain's jobs are taken
    #[arg(long, env = "TANDEM_DEPLOYMENT")]
    pub deployment: PathBuf,
    /// Directory for proving keys that are fetched from the farm; created if missing
    #[arg(long, env = "TANDEM_DATA_DIR")]
    pub data_dir: PathBuf,
    /// Servers of the farm's engine, NATS with JetStream: nats://HOST[:PORT] or tls://..., separated by commas
    #[arg(long, env = "TANDEM_FARM", hide_env_values = true, value_delimiter = ',', value_parser = FarmServer, required = true)]
    pub farm: Vec<ServerAddr>,
    /// As whom this program shows itself to the farm's servers
    #[command(flatten)]
    pub farm_login: FarmLoginFlags,
    /// Name of this worker, in the coordinator's log and in the subjects on which it speaks; that of `--farm-user` if absent, machine and process without one
    #[arg(long, env = "TANDEM_WORKER_NAME")]
    pub name: Option<WorkerName>,
    /// Directory with the proving keys, a devnet's being made there; fetched from the farm if absent, or if a key is missing
    #[arg(long, env = "TANDEM_PROVING_KEYS")]
    pub keys: Option<PathBuf>,
    /// Jobs that are proven at a time
    #[arg(long, env = "TANDEM_PROVING_WORKERS", default_value_t = NonZeroUsize::MIN)]
    pub workers: NonZeroUsize,
    /// Threads for each job; its share of all cores if absent
    #[arg(long, env = "TANDEM_PROVING_THREADS")]
    pub proving_threads: Option<usize>,
    /// Most memory for each job, a proving key and a proof together, in MiB; the keys are there once for all
    #[arg(long, env = "TANDEM_PROVING_MEMORY_MIB", default_value_t = PROVING_MEMORY_MIB)]
    pub proving_memory_mib: u64,
    /// Address for /healthz, /readyz, /status and /metrics; none if absent
    #[arg(long, env = "TANDEM_PROVER_HEALTH")]
    pub health: Option<SocketAddr>,
    /// End when standard input ends: for a process that starts this one and must not leave it behind
    #[arg(long, env = "TANDEM_END_WITH_STDIN")]
    pub end_with_stdin: bool,
    /// How log lines look
    #[arg(long, env = "TANDEM_LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// The circuits by their names, each with what it is for.
fn circuit() -> impl TypedValueParser<Value = CircuitId> {
    let named = CircuitId::ALL.map(|circuit| {
        let what = match circuit.family() {
            Family::Apply => "Operations",
            Family::Session => "Session signatures",
        };
        PossibleValue::new(circuit.name()).help(format!("{what}, {} in a chunk", circuit.slots()))
    });
    PossibleValuesParser::from(named).try_map(|name| CircuitId::named(&name).ok_or("there is no such circuit"))
}

/// Checks a proving key that a ceremony made (docs/ceremony.md), and puts it where `prove`, `work` and `force` find it.
#[derive(Clone, Debug, clap::Parser)]
pub struct ImportKeyFlags {
    /// The key: arkworks' `ProvingKey`
    pub file: PathBuf,
    /// Directory with the proving keys; created if missing
    #[arg(long, env = "TANDEM_PROVING_KEYS")]
    pub keys: PathBuf,
    /// The circuit that the key is for
    #[arg(long, value_parser = circuit())]
    pub circuit: CircuitId,
    /// Digest of the circuit, as it came with the key; `tandem-prover circuits` tells those of this version
    #[arg(long)]
    pub digest: B256,
    /// The key's points are compressed
    #[arg(long)]
    pub compressed: bool,
    /// The result as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Writes the verifying keys of imported proving keys into one file, which `tandem deploy` reads (`keys` in the specification).
#[derive(Clone, Debug, clap::Parser)]
pub struct KeySetFlags {
    /// Directory with the proving keys, where `import-key` put them
    #[arg(long, env = "TANDEM_PROVING_KEYS")]
    pub keys: PathBuf,
    /// The circuits of the chain, separated by commas; one that applies operations at least
    #[arg(long, value_delimiter = ',', value_parser = circuit(), required = true)]
    pub circuits: Vec<CircuitId>,
    /// The file to write. One that is there and holds anything else is left as it is, and that is an error
    #[arg(long)]
    pub out: PathBuf,
    /// The result as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// Tells the digests of the circuits of this version, by which keys of a ceremony are known (docs/ceremony.md).
#[derive(Clone, Debug, clap::Parser)]
pub struct CircuitsFlags {
    /// The circuits, separated by commas; all if absent, of which the huge ones take two gigabytes of memory
    #[arg(long, value_delimiter = ',', value_parser = circuit())]
    pub circuits: Vec<CircuitId>,
    /// The result as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// What `tandem-prover` is asked to do.
#[derive(Clone, Debug)]
pub enum Invocation {
    /// Run as a service.
    Serve(Box<ProverFlags>),
    /// Prove what the sequencer closes.
    Prove(Box<ProveFlags>),
    /// Prove for a farm.
    Work(Box<WorkFlags>),
    /// Prove and append what is overdue.
    Force(Box<ForceFlags>),
    /// Import a proving key.
    ImportKey(ImportKeyFlags),
    /// Write the verifying keys of a deployment.
    KeySet(KeySetFlags),
    /// Tell the circuits' digests.
    Circuits(CircuitsFlags),
}

impl CommandFactory for Invocation {
    fn command() -> Command {
        ProverFlags::command()
            .args_conflicts_with_subcommands(true)
            .subcommand_negates_reqs(true)
            .subcommand(ProveFlags::command().name("prove"))
            .subcommand(WorkFlags::command().name("work"))
            .subcommand(ForceFlags::command().name("force"))
            .subcommand(ImportKeyFlags::command().name("import-key"))
            .subcommand(KeySetFlags::command().name("key-set"))
            .subcommand(CircuitsFlags::command().name("circuits"))
    }

    fn command_for_update() -> Command {
        Self::command()
    }
}

impl FromArgMatches for Invocation {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(match matches.subcommand() {
            Some(("prove", matches)) => Self::Prove(Box::new(ProveFlags::from_arg_matches(matches)?)),
            Some(("work", matches)) => Self::Work(Box::new(WorkFlags::from_arg_matches(matches)?)),
            Some(("force", matches)) => Self::Force(Box::new(ForceFlags::from_arg_matches(matches)?)),
            Some(("import-key", matches)) => Self::ImportKey(ImportKeyFlags::from_arg_matches(matches)?),
            Some(("key-set", matches)) => Self::KeySet(KeySetFlags::from_arg_matches(matches)?),
            Some(("circuits", matches)) => Self::Circuits(CircuitsFlags::from_arg_matches(matches)?),
            _ => Self::Serve(Box::new(ProverFlags::from_arg_matches(matches)?)),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use tandem_service::{FlagsError, parse_with_file};

    const KEY: &str = "0x0101010101010101010101010101010101010101010101010101010101010101";

    fn parse(words: &[&str]) -> Result<Invocation, FlagsError> {
        parse_with_file(["tandem-prover"].iter().chain(words).map(OsString::from).collect())
    }

    #[test]
    fn commands_and_service_are_told_apart() {
        Invocation::command().debug_assert();
        let common = ["--deployment", "d", "--data-dir", "e", "--l1-rpc", "http://l1", "--key", KEY];
        let with = |word| parse(&[&[word][..], &common].concat()).unwrap();
        let Invocation::Force(flags) = with("force") else { panic!("no force") };
        assert_eq!((flags.deployment, flags.keys, flags.json), ("d".into(), None, false));
        let Invocation::Serve(flags) = with("challenge") else { panic!("no service") };
        assert_eq!(flags.role, Role::Challenge);
        assert!(matches!(parse(&common), Ok(Invocation::Serve(flags)) if flags.role == Role::Propose));
        let digest = B256::ZERO.to_string();
        let import = ["import-key", "--keys", "k", "--circuit", "apply-large", "--digest", &digest, "file"];
        let Ok(Invocation::ImportKey(flags)) = parse(&import) else { panic!("no import") };
        assert_eq!((flags.circuit, flags.compressed), (CircuitId::ApplyLarge, false));
        let set = |circuits| parse(&["key-set", "--keys", "k", "--out", "o", "--circuits", circuits]);
        let Ok(Invocation::KeySet(flags)) = set("apply-large,session-large") else { panic!("no key set") };
        assert_eq!(flags.circuits, [CircuitId::ApplyLarge, CircuitId::SessionLarge]);
        assert!(matches!(set("apply-tiny"), Err(FlagsError::Flags(_))), "there is no such circuit");
        assert!(matches!(parse(&["key-set", "--keys", "k", "--out", "o"]), Err(FlagsError::Flags(_))), "no circuits");
        assert!(matches!(parse(&["circuits"]), Ok(Invocation::Circuits(flags)) if flags.circuits.is_empty()));
        let common = ["prove", "--deployment", "d", "--data-dir", "e", "--l1-rpc", "http://l1"];
        let Ok(Invocation::Prove(flags)) = parse(&[&common[..], &["--sequencer", "http://s"]].concat()) else {
            panic!("no service of proofs")
        };
        assert_eq!((flags.workers.get(), flags.proving_threads, flags.health), (1, None, None));
        assert!(matches!(parse(&common), Err(FlagsError::Flags(_))), "no sequencer");
        let farm = |more: &[&str]| parse(&[&common[..], &["--sequencer", "http://s"], more].concat());
        let Ok(Invocation::Prove(flags)) = farm(&["--farm", "nats://a,tls://b:7", "--farm-share-keys"]) else {
            panic!("no farm")
        };
        assert_eq!(flags.farm.iter().map(ServerAddr::port).collect::<Vec<_>>(), [4_222, 7]);
        assert!(flags.farm_share_keys && flags.farm_login.farm_ca.is_none() && flags.farm_login.farm_user.is_none());
        for wrong in [
            &["--farm", "ws://a"][..],
            &["--farm", "nats://a", "--workers", "2"],
            &["--farm-share-keys"],
            &["--farm-user", "left"],
            &["--farm", "nats://a", "--farm-password-file", "f"],
        ] {
            assert!(matches!(farm(wrong), Err(FlagsError::Flags(_))), "{wrong:?}");
        }
        let work = ["work", "--deployment", "d", "--data-dir", "e", "--name", "left", "--farm"];
        let Ok(Invocation::Work(flags)) = parse(&[&work[..], &["localhost"]].concat()) else { panic!("no worker") };
        assert_eq!((flags.farm.len(), flags.name.as_ref().map(WorkerName::as_str)), (1, Some("left")));
        assert!(matches!(parse(&work[..work.len() - 1]), Err(FlagsError::Flags(_))), "no farm");
        // a flag of the one is none of the other's
        let others = [
            &["force", "--retire"][..],
            &["challenge", "--json"],
            &["import-key", "--key", KEY],
            &["circuits", "--keys", "k"],
            &["prove", "--key", KEY],
            &["work", "--sequencer", "http://s"],
        ];
        for words in others {
            assert!(matches!(parse(words), Err(FlagsError::Flags(_))), "{words:?}");
        }
    }

    /// A password that was put where an address belongs is not shown to whoever reads the terminal or the log.
    #[test]
    fn what_a_farms_flags_refuse_is_not_shown() {
        let work = |more: &[&str]| parse(&[&["work", "--deployment", "d", "--data-dir", "e"][..], more].concat());
        for wrong in [
            "nats://left:s3cret@host",
            "nats://a,tls://left:s3cret@host:7",
            "left:s3cret@host",
            "nats://:s3cret@host",
            "nats://left:s3cret@",
            "nats://left:s3cret,s3cret@host",
            "s3cret://host",
            "nats://s3cret@host",
        ] {
            let error = work(&["--farm", wrong]).unwrap_err().to_string();
            assert!(error.contains("--farm") && !error.contains("s3cret"), "{error}");
        }
        let named = ["--farm", "nats://host", "--farm-user", "left", "--farm-password", "s3cret"];
        let Ok(Invocation::Work(flags)) = work(&named) else { panic!("no worker") };
        let password = flags.farm_login.farm_password.as_ref();
        assert_eq!(password.map(crate::validity::farm::Password::text), Some("s3cret"));
        assert!(!format!("{flags:?}").contains("s3cret"));
        let error = work(&[&named[..], &["--farm-password-file", "f"]].concat()).unwrap_err().to_string();
        assert!(error.contains("--farm-password-file") && !error.contains("s3cret"), "{error}");
    }

    #[test]
    fn a_file_has_the_flags_of_the_command() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines = format!("deployment = 'd'\ndata-dir = 'e'\nl1-rpc = 'http://l1'\nkey = '{KEY}'\njson = true\n");
        std::fs::write(file.path(), lines).unwrap();
        let path = file.path().to_str().unwrap();
        assert!(matches!(parse(&["force", "--config", path]), Ok(Invocation::Force(flags)) if flags.json));
        assert!(matches!(parse(&["--config", path]), Err(FlagsError::UnknownKey { key, .. }) if key == "json"));
    }
}
