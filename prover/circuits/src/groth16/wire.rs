//! Jobs, proofs and assemblies as bytes (`proto/tandem/v1/prover.proto`).
//!
//! Every byte is adversarial: lengths, ranges and curve are checked, and bytes beyond a limit are not looked at. What a job means is not
//! checked here but by the circuit, and what a proof is worth by the assembly.

use super::{
    assembly::{Assembly, AssemblyError, VerifyingKeys},
    job::{ChunkJob, ChunkProof, Work},
    proof::{Proof, point_g1, point_g2},
    statement::{ApplyStatement, AuthoriseStatement, Statement},
    transcript::{ApplyTurn, AuthoriseTurn, Header},
};
use crate::{
    apply::Apply,
    authorise::session::{Authorisation, SessionChunk, SessionChunkError},
    circuit::{Chunk as _, CircuitId},
};
use alloy_primitives::{Address, B256, U256, keccak256};
use ark_bn254::Fr;
use ark_ff::BigInt;
use prost::Message;
use tandem_payments::{
    batch::{ApplyCircuit, Challenges, Chunk, Counts},
    data::Element,
    eddsa::{EddsaError, PublicKey, Signature},
    field::{fr_checked, integer},
    kind::Variant,
    leaf::{Key, Leaf},
    ledger::Env,
    operation::{Authority, SignatureKind},
    slot::{ITEMS, LANE_BITS, Lanes, Slot},
    state::Opening,
    tree::{ARITY, CAP_NODES, PATH_LEVELS},
};
use tandem_proto::v1;

/// Of all messages here.
const VERSION: u32 = 1;
/// The longest job, in bytes: 27 slots take about 120,000.
pub const JOB_BYTES_MAX: usize = 256 << 10;
/// The longest proof, in bytes.
pub const PROOF_BYTES_MAX: usize = 512;
/// The longest assembly, in bytes: segments and chunks are bounded by what fits a transaction.
pub const ASSEMBLY_BYTES_MAX: usize = 4 << 20;

/// Why bytes are no job, proof or assembly.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// More bytes than any message of the kind has.
    #[error("{bytes} bytes, at most {max} are taken")]
    TooLong {
        /// How many there are.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Not an encoding of the message.
    #[error("encoding: {0}")]
    Decode(#[from] prost::DecodeError),
    /// The hash after the bytes is not theirs.
    #[error("the bytes were damaged")]
    Damaged,
    /// A version that this release does not know.
    #[error("version {0}")]
    Version(u32),
    /// A part is absent.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// A part has the wrong length or number.
    #[error("{field} has {found} bytes or items, not {expected}")]
    Length {
        /// The part.
        field: &'static str,
        /// Its length.
        found: usize,
        /// The length that it has.
        expected: usize,
    },
    /// A value is out of its range.
    #[error("{0} is out of range")]
    Range(&'static str),
    /// A point is off its curve or outside its subgroup.
    #[error("point {0} is not of its group")]
    Point(&'static str),
    /// There is no such circuit, or it is of the other family.
    #[error("circuit {0} is not of the family")]
    Circuit(u32),
    /// A key of a signature is no key.
    #[error("key of a signature: {0}")]
    Key(#[from] EddsaError),
    /// A signature does not verify, or there are too many.
    #[error(transparent)]
    Session(#[from] SessionChunkError),
    /// A proof in an assembly is not of its batch.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
}

type Result<T> = core::result::Result<T, WireError>;

impl ChunkJob {
    /// The job's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let work = match &self.work {
            Work::Apply(apply) => v1::chunk_job::Work::Apply(apply_work(apply)),
            Work::Session(session) => v1::chunk_job::Work::Session(session_work(session)),
        };
        v1::ChunkJob { version: VERSION, number: self.number, work: Some(work) }.encode_to_vec()
    }

    /// Reads a job.
    ///
    /// # Errors
    /// If the bytes are none. The witness may still be false: then it is not proven.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let job = v1::ChunkJob::decode(limited(bytes, JOB_BYTES_MAX)?)?;
        check_version(job.version)?;
        let work = match job.work.ok_or(WireError::Missing("work"))? {
            v1::chunk_job::Work::Apply(work) => Work::Apply(Box::new(read_apply(&work)?)),
            v1::chunk_job::Work::Session(work) => Work::Session(read_session(&work)?),
        };
        Ok(Self { number: job.number, work })
    }
}

impl ChunkProof {
    /// The proof's bytes.
    pub fn encode(&self) -> Vec<u8> {
        self.message().encode_to_vec()
    }

    /// Reads a proof. Its points are on their curves; whether it proves anything is another matter.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        Self::read(&v1::ChunkProof::decode(limited(bytes, PROOF_BYTES_MAX)?)?)
    }

    fn message(&self) -> v1::ChunkProof {
        let Self { number, circuit, a, b, c } = *self;
        let words = Proof { circuit, inputs: Vec::new(), a, b, c }.words();
        let proof = words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect();
        v1::ChunkProof { version: VERSION, number, circuit: circuit as u32, proof }
    }

    fn read(message: &v1::ChunkProof) -> Result<Self> {
        check_version(message.version)?;
        let circuit = circuit(message.circuit)?;
        let [a0, a1, b0, b1, b2, b3, c0, c1] = words::<8>("proof", &message.proof)?;
        Ok(Self {
            number: message.number,
            circuit,
            a: point_g1([a0, a1]).ok_or(WireError::Point("A"))?,
            b: point_g2([b0, b1, b2, b3]).ok_or(WireError::Point("B"))?,
            c: point_g1([c0, c1]).ok_or(WireError::Point("C"))?,
        })
    }
}

impl Assembly {
    /// The bytes of the batch with the proofs so far, and their hash after them.
    pub fn encode(&self) -> Vec<u8> {
        let Statement { header, segments, apply, authorise } = self.statement();
        let apply = apply.iter().map(|chunk| v1::ApplyStatement {
            circuit: chunk.turn.circuit as u32,
            root_out: bytes(chunk.turn.root_out),
            counts_out: bytes(chunk.turn.counts_out),
            fee_out: bytes(chunk.turn.fee_out),
            data_digest: bytes(chunk.turn.data_digest),
            value_digest: bytes(chunk.turn.value_digest),
            evaluations_out: all_bytes(&chunk.evaluations_out),
            product: bytes(chunk.product),
        });
        let authorise = authorise.iter().map(|chunk| v1::AuthoriseStatement {
            circuit: chunk.turn.circuit as u32,
            value_digest: bytes(chunk.turn.value_digest),
            product: bytes(chunk.product),
        });
        let message = v1::BatchAssembly {
            version: VERSION,
            header: Some(v1::BatchHeader {
                config_hash: header.config_hash.to_vec(),
                key_set_hash: header.key_set_hash.to_vec(),
                index: header.index,
                root_in: bytes(header.root_in),
                leaf_count_in: header.leaf_count_in,
                queue_start: header.queue_start,
                queue_hash_start: header.queue_hash_start.to_vec(),
                queue_end: header.queue_end,
                queue_hash_end: header.queue_hash_end.to_vec(),
                env: header.env.to_be_bytes_vec(),
                dom: bytes(header.dom),
            }),
            segments: segments.to_vec(),
            apply: apply.collect(),
            authorise: authorise.collect(),
            proofs: self.proofs().map(ChunkProof::message).collect(),
        };
        let mut bytes = message.encode_to_vec();
        bytes.extend_from_slice(keccak256(&bytes).as_slice());
        bytes
    }

    /// Reads an assembly, and verifies each proof in it again.
    ///
    /// # Errors
    /// If the bytes were damaged, are none, or one of the proofs is not of the batch.
    pub fn decode(bytes: &[u8], keys: &VerifyingKeys) -> Result<Self> {
        let (body, checksum) =
            limited(bytes, ASSEMBLY_BYTES_MAX)?.split_last_chunk::<32>().ok_or(WireError::Damaged)?;
        if keccak256(body) != *checksum {
            return Err(WireError::Damaged);
        }
        let message = v1::BatchAssembly::decode(body)?;
        check_version(message.version)?;
        let header = message.header.ok_or(WireError::Missing("header"))?;
        let header = Header {
            config_hash: hash("config_hash", &header.config_hash)?,
            key_set_hash: hash("key_set_hash", &header.key_set_hash)?,
            index: header.index,
            root_in: element("root_in", &header.root_in)?,
            leaf_count_in: header.leaf_count_in,
            queue_start: header.queue_start,
            queue_hash_start: hash("queue_hash_start", &header.queue_hash_start)?,
            queue_end: header.queue_end,
            queue_hash_end: hash("queue_hash_end", &header.queue_hash_end)?,
            env: hash("env", &header.env)?.into(),
            dom: element("dom", &header.dom)?,
        };
        let found = message.segments.len();
        let segments =
            message.segments.try_into().map_err(|_| WireError::Length { field: "segments", found, expected: 3 })?;
        let apply = message.apply.iter().map(read_apply_statement).collect::<Result<_>>()?;
        let authorise = message.authorise.iter().map(read_authorise_statement).collect::<Result<_>>()?;
        let mut assembly = Self::new(Statement { header, segments, apply, authorise });
        for proof in &message.proofs {
            assembly.insert(&ChunkProof::read(proof)?, keys)?;
        }
        Ok(assembly)
    }
}

fn read_apply_statement(message: &v1::ApplyStatement) -> Result<ApplyStatement> {
    let turn = ApplyTurn {
        circuit: circuit_of(message.circuit, true)?,
        root_out: element("root_out", &message.root_out)?,
        counts_out: element("counts_out", &message.counts_out)?,
        fee_out: element("fee_out", &message.fee_out)?,
        data_digest: element("data_digest", &message.data_digest)?,
        value_digest: element("value_digest", &message.value_digest)?,
    };
    let evaluations_out = elements("evaluations_out", &message.evaluations_out)?;
    Ok(ApplyStatement { turn, evaluations_out, product: element("product", &message.product)? })
}

fn read_authorise_statement(message: &v1::AuthoriseStatement) -> Result<AuthoriseStatement> {
    let circuit = circuit_of(message.circuit, false)?;
    let turn = AuthoriseTurn { circuit, value_digest: element("value_digest", &message.value_digest)? };
    Ok(AuthoriseStatement { turn, product: element("product", &message.product)? })
}

fn apply_work(apply: &Apply) -> v1::ApplyWork {
    let chunk = apply.chunk();
    let (Challenges { data, values }, evaluations) = (apply.challenges(), apply.start());
    v1::ApplyWork {
        circuit: chunk.circuit.id as u32,
        operator: chunk.env.operator.to_vec(),
        timestamp: chunk.env.timestamp,
        dom: bytes(chunk.dom),
        cap_in: all_bytes(&chunk.cap_in),
        cap_out: all_bytes(&chunk.cap_out),
        counts_in: Some(counts(&chunk.counts_in)),
        counts_out: Some(counts(&chunk.counts_out)),
        fee_in: chunk.fee_in.to_be_bytes().to_vec(),
        fee_out: chunk.fee_out.to_be_bytes().to_vec(),
        slots: chunk.slots.iter().map(slot).collect(),
        data_challenge: bytes(data),
        value_challenge: bytes(values),
        evaluations: all_bytes(&evaluations),
    }
}

fn read_apply(work: &v1::ApplyWork) -> Result<Apply> {
    let circuit =
        [ApplyCircuit::SMALL, ApplyCircuit::LARGE].into_iter().find(|known| known.id == u64::from(work.circuit));
    let circuit = circuit.ok_or(WireError::Circuit(work.circuit))?;
    exactly("slots", work.slots.len(), circuit.slots)?;
    let chunk = Chunk {
        circuit,
        env: Env { operator: address("operator", &work.operator)?, timestamp: work.timestamp },
        dom: element("dom", &work.dom)?,
        cap_in: elements::<CAP_NODES>("cap_in", &work.cap_in)?,
        cap_out: elements::<CAP_NODES>("cap_out", &work.cap_out)?,
        counts_in: read_counts("counts_in", work.counts_in)?,
        counts_out: read_counts("counts_out", work.counts_out)?,
        fee_in: amount("fee_in", &work.fee_in)?,
        fee_out: amount("fee_out", &work.fee_out)?,
        slots: work.slots.iter().map(read_slot).collect::<Result<_>>()?,
    };
    let challenges = Challenges {
        data: element("data_challenge", &work.data_challenge)?,
        values: element("value_challenge", &work.value_challenge)?,
    };
    Ok(Apply::new(chunk, challenges, elements("evaluations", &work.evaluations)?))
}

fn counts(counts: &Counts) -> v1::Counts {
    let Counts { effects, withdrawals, message_index, leaf_count } = *counts;
    v1::Counts { effects, withdrawals, message_index, leaf_count }
}

fn read_counts(field: &'static str, message: Option<v1::Counts>) -> Result<Counts> {
    let v1::Counts { effects, withdrawals, message_index, leaf_count } = message.ok_or(WireError::Missing(field))?;
    if leaf_count >> 40 != 0 {
        return Err(WireError::Range(field));
    }
    Ok(Counts { effects, withdrawals, message_index, leaf_count })
}

fn slot(slot: &Slot) -> v1::Slot {
    let Lanes { amount, after_a, after_b, bid, account } = slot.lanes;
    v1::Slot {
        variant: slot.variant as u32,
        a: Some(opening(&slot.a)),
        b: Some(opening(&slot.b)),
        amount: amount.to_be_bytes().to_vec(),
        after_a: after_a.to_be_bytes_vec(),
        after_b: after_b.to_be_bytes_vec(),
        bid: bid.to_be_bytes_vec(),
        account: account.to_be_bytes_vec(),
        ethereum: slot.ethereum,
        end: slot.end,
        items: slot.items.iter().map(|item| item.map_or_else(Vec::new, |item| item.to_bytes().to_vec())).collect(),
        authority: slot.authority.map(|authority| v1::Authority {
            kind: match authority.kind {
                SignatureKind::Session => 1,
                SignatureKind::Ethereum => 2,
                SignatureKind::Register => 3,
            },
            operation_hash: bytes(authority.operation_hash),
            key_hash: bytes(authority.key_hash),
        }),
    }
}

fn read_slot(message: &v1::Slot) -> Result<Slot> {
    let variant = Variant::ALL.get(message.variant as usize).ok_or(WireError::Range("variant"))?;
    let [_, after_a, after_b, bid, account] = LANE_BITS;
    exactly("items", message.items.len(), ITEMS)?;
    let mut items = [None; ITEMS];
    for (item, bytes) in items.iter_mut().zip(&message.items).filter(|(_, bytes)| !bytes.is_empty()) {
        *item = Element::new(U256::from_be_bytes(array::<32>("items", &[&[0][..], bytes].concat())?));
    }
    Ok(Slot {
        variant: *variant,
        a: read_opening("a", message.a.as_ref())?,
        b: read_opening("b", message.b.as_ref())?,
        lanes: Lanes {
            amount: amount("amount", &message.amount)?,
            after_a: lane("after_a", &message.after_a, after_a)?,
            after_b: lane("after_b", &message.after_b, after_b)?,
            bid: lane("bid", &message.bid, bid)?,
            account: lane("account", &message.account, account)?,
        },
        ethereum: message.ethereum,
        end: message.end,
        items,
        authority: message.authority.as_ref().map(read_authority).transpose()?,
    })
}

fn read_authority(message: &v1::Authority) -> Result<Authority> {
    let kind = match message.kind {
        1 => SignatureKind::Session,
        2 => SignatureKind::Ethereum,
        3 => SignatureKind::Register,
        _ => return Err(WireError::Range("kind")),
    };
    let operation_hash = element("operation_hash", &message.operation_hash)?;
    Ok(Authority { kind, operation_hash, key_hash: element("key_hash", &message.key_hash)? })
}

fn opening(opening: &Opening) -> v1::Opening {
    let leaf = &opening.leaf;
    v1::Opening {
        index: opening.index,
        leaf: Some(v1::Leaf {
            address: leaf.key.address.to_vec(),
            token: leaf.key.token.to_vec(),
            next_address: leaf.next.address.to_vec(),
            next_token: leaf.next.token.to_vec(),
            nonce: leaf.nonce,
            balance: leaf.balance.to_be_bytes().to_vec(),
            key_hash: bytes(leaf.key_hash),
            session_hash: bytes(leaf.session_hash),
        }),
        path: all_bytes(opening.path.as_flattened()),
    }
}

fn read_opening(field: &'static str, message: Option<&v1::Opening>) -> Result<Opening> {
    let message = message.ok_or(WireError::Missing(field))?;
    let leaf = message.leaf.as_ref().ok_or(WireError::Missing("leaf"))?;
    let key = |address_bytes: &[u8], token: &[u8]| {
        Ok::<_, WireError>(Key { address: address("address", address_bytes)?, token: address("token", token)? })
    };
    let path = elements::<{ PATH_LEVELS * ARITY }>("path", &message.path)?;
    Ok(Opening {
        index: message.index,
        leaf: Leaf {
            key: key(&leaf.address, &leaf.token)?,
            next: key(&leaf.next_address, &leaf.next_token)?,
            nonce: leaf.nonce,
            balance: amount("balance", &leaf.balance)?,
            key_hash: element("key_hash", &leaf.key_hash)?,
            session_hash: element("session_hash", &leaf.session_hash)?,
        },
        path: core::array::from_fn(|level| core::array::from_fn(|child| path[ARITY * level + child])),
    })
}

fn session_work(session: &SessionChunk) -> v1::SessionWork {
    let signature = |given: &Authorisation| v1::Authorisation {
        operation_hash: bytes(given.operation_hash),
        key_x: bytes(given.key.x()),
        key_y: bytes(given.key.y()),
        r8_x: bytes(given.signature.r8_x),
        r8_y: bytes(given.signature.r8_y),
        s: U256::from_limbs(given.signature.s.0).to_be_bytes_vec(),
    };
    v1::SessionWork {
        circuit: session.circuit_id() as u32,
        challenge: bytes(session.challenge()),
        signatures: session.authorisations().iter().map(signature).collect(),
    }
}

fn read_session(work: &v1::SessionWork) -> Result<SessionChunk> {
    let circuit = circuit_of(work.circuit, false)?;
    let challenge = element("challenge", &work.challenge)?;
    let signature = |given: &v1::Authorisation| {
        let s: U256 = hash("s", &given.s)?.into();
        Ok::<_, WireError>(Authorisation {
            operation_hash: element("operation_hash", &given.operation_hash)?,
            key: PublicKey::new(element("key_x", &given.key_x)?, element("key_y", &given.key_y)?)?,
            signature: Signature {
                r8_x: element("r8_x", &given.r8_x)?,
                r8_y: element("r8_y", &given.r8_y)?,
                s: BigInt(s.into_limbs()),
            },
        })
    };
    let signatures = work.signatures.iter().map(signature).collect::<Result<Vec<_>>>()?;
    let chunk = if circuit == CircuitId::SessionSmall {
        SessionChunk::small(signatures, challenge)
    } else {
        SessionChunk::large(signatures, challenge)
    };
    Ok(chunk?)
}

fn limited(bytes: &[u8], max: usize) -> Result<&[u8]> {
    if bytes.len() > max { Err(WireError::TooLong { bytes: bytes.len(), max }) } else { Ok(bytes) }
}

fn check_version(version: u32) -> Result<()> {
    if version == VERSION { Ok(()) } else { Err(WireError::Version(version)) }
}

fn circuit(id: u32) -> Result<CircuitId> {
    CircuitId::ALL.into_iter().find(|circuit| *circuit as u32 == id).ok_or(WireError::Circuit(id))
}

fn circuit_of(id: u32, apply: bool) -> Result<CircuitId> {
    let circuit = circuit(id)?;
    let is_apply = matches!(circuit, CircuitId::ApplySmall | CircuitId::ApplyLarge);
    if is_apply == apply { Ok(circuit) } else { Err(WireError::Circuit(id)) }
}

fn exactly(field: &'static str, found: usize, expected: usize) -> Result<()> {
    if found == expected { Ok(()) } else { Err(WireError::Length { field, found, expected }) }
}

fn bytes(element: Fr) -> Vec<u8> {
    integer(element).to_be_bytes_vec()
}

fn all_bytes(elements: &[Fr]) -> Vec<u8> {
    elements.iter().flat_map(|element| integer(*element).to_be_bytes::<32>()).collect()
}

fn array<const N: usize>(field: &'static str, bytes: &[u8]) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| WireError::Length { field, found: bytes.len(), expected: N })
}

fn words<const N: usize>(field: &'static str, bytes: &[u8]) -> Result<[U256; N]> {
    exactly(field, bytes.len(), 32 * N)?;
    Ok(core::array::from_fn(|i| U256::from_be_slice(&bytes[32 * i..32 * (i + 1)])))
}

fn elements<const N: usize>(field: &'static str, bytes: &[u8]) -> Result<[Fr; N]> {
    let found = words::<N>(field, bytes)?.map(fr_checked);
    if found.contains(&None) {
        return Err(WireError::Range(field));
    }
    Ok(found.map(Option::unwrap_or_default))
}

fn element(field: &'static str, bytes: &[u8]) -> Result<Fr> {
    elements::<1>(field, bytes).map(|[element]| element)
}

fn hash(field: &'static str, bytes: &[u8]) -> Result<B256> {
    array(field, bytes).map(B256::new)
}

fn address(field: &'static str, bytes: &[u8]) -> Result<Address> {
    array(field, bytes).map(Address::new)
}

fn amount(field: &'static str, bytes: &[u8]) -> Result<u128> {
    array(field, bytes).map(u128::from_be_bytes)
}

fn lane(field: &'static str, bytes: &[u8], bits: usize) -> Result<U256> {
    let value: U256 = hash(field, bytes)?.into();
    if value.bit_len() > bits { Err(WireError::Range(field)) } else { Ok(value) }
}
