//! Chunks as jobs.

use super::{
    super::job::ChunkJob,
    error::{Result, WireError},
    fields::{
        VERSION, address, all_bytes, amount, array, at_most, bytes, check_version, element, elements, exactly, hash,
        lane, limited,
    },
};
use crate::{
    any::AnyChunk,
    apply::Apply,
    authorise::session::{Authorisation, SessionChunk},
    circuit::Chunk as _,
};
use alloy_primitives::U256;
use ark_ff::BigInt;
use prost::Message;
use tandem_payments::{
    batch::{ApplyCircuit, AuthoriseCircuit, Challenges, Chunk, Counts},
    data::Element,
    eddsa::{PublicKey, Signature},
    kind::Variant,
    leaf::{Key, Leaf},
    ledger::Env,
    operation::{Authority, SignatureKind},
    slot::{ITEMS, LANE_BITS, Lanes, Slot},
    state::Opening,
    tree::{ARITY, CAP_NODES, PATH_LEVELS},
};
use tandem_proto::v1;

/// The longest job, in bytes: 112 slots take about 500,000.
pub const JOB_BYTES_MAX: usize = 1 << 20;

impl ChunkJob {
    /// The job's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let work = match &self.work {
            AnyChunk::Apply(apply) => v1::chunk_job::Work::Apply(apply_work(apply)),
            AnyChunk::Session(session) => v1::chunk_job::Work::Session(session_work(session)),
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
            v1::chunk_job::Work::Apply(work) => AnyChunk::Apply(Box::new(read_apply(&work)?)),
            v1::chunk_job::Work::Session(work) => AnyChunk::Session(read_session(&work)?),
        };
        Ok(Self { number: job.number, work })
    }
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
        slots: chunk.slots.iter().map(|given| slot(given).encode_to_vec()).collect(),
        data_challenge: bytes(data),
        value_challenge: bytes(values),
        evaluations: all_bytes(&evaluations),
    }
}

fn read_apply(work: &v1::ApplyWork) -> Result<Apply> {
    let circuit = ApplyCircuit::ALL.into_iter().find(|known| known.id == u64::from(work.circuit));
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
        slots: work.slots.iter().map(|bytes| read_slot(bytes)).collect::<Result<_>>()?,
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

fn read_slot(bytes: &[u8]) -> Result<Slot> {
    let message = v1::Slot::decode(bytes)?;
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
    let signature = |given: &Authorisation| {
        let message = v1::Authorisation {
            operation_hash: bytes(given.operation_hash),
            key_x: bytes(given.key.x()),
            key_y: bytes(given.key.y()),
            r8_x: bytes(given.signature.r8_x),
            r8_y: bytes(given.signature.r8_y),
            s: U256::from_limbs(given.signature.s.0).to_be_bytes_vec(),
        };
        message.encode_to_vec()
    };
    v1::SessionWork {
        circuit: session.circuit_id() as u32,
        challenge: bytes(session.challenge()),
        signatures: session.authorisations().iter().map(signature).collect(),
    }
}

fn read_session(work: &v1::SessionWork) -> Result<SessionChunk> {
    let circuit = AuthoriseCircuit::SESSION.into_iter().find(|known| known.id == u64::from(work.circuit));
    let circuit = circuit.ok_or(WireError::Circuit(work.circuit))?;
    let challenge = element("challenge", &work.challenge)?;
    at_most("signatures", work.signatures.len(), circuit.slots)?;
    let signature = |bytes: &Vec<u8>| {
        let given = v1::Authorisation::decode(bytes.as_slice())?;
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
    Ok(SessionChunk::of(circuit, signatures, challenge)?)
}
