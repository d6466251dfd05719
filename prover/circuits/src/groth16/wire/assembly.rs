//! Proofs, and batches whose proofs are being gathered.

use super::{
    super::{
        assembly::{Assembly, VerifyingKeys},
        job::ChunkProof,
        proof::{Proof, point_g1, point_g2},
        statement::{ApplyStatement, AuthoriseStatement, Statement},
        transcript::{ApplyTurn, AuthoriseTurn, Header},
    },
    error::{Result, WireError},
    fields::{
        VERSION, all_bytes, at_most, bytes, check_version, circuit, circuit_of, element, elements, hash, limited, words,
    },
};
use crate::circuit::Family;
use alloy_primitives::keccak256;
use prost::Message;
use tandem_proto::v1;

/// The longest proof, in bytes.
pub const PROOF_BYTES_MAX: usize = 512;
/// The longest assembly, in bytes. What a transaction can post, proofs included, is less than 128 KiB, and an assembly repeats little of it.
pub const ASSEMBLY_BYTES_MAX: usize = 1 << 20;
/// The most statements of an assembly: a transaction of 2^24 gas cannot verify as many.
pub const ASSEMBLY_STATEMENTS_MAX: usize = 512;

impl ChunkProof {
    /// The proof's bytes.
    pub fn encode(&self) -> Vec<u8> {
        let Self { number, circuit, a, b, c } = *self;
        let words = Proof { circuit, inputs: Vec::new(), a, b, c }.words();
        let proof = words.iter().flat_map(|word| word.to_be_bytes::<32>()).collect();
        v1::ChunkProof { version: VERSION, number, circuit: circuit as u32, proof }.encode_to_vec()
    }

    /// Reads a proof. Its points are on their curves; whether it proves anything is another matter.
    ///
    /// # Errors
    /// If the bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let message = v1::ChunkProof::decode(limited(bytes, PROOF_BYTES_MAX)?)?;
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
        let apply = apply.iter().map(|chunk| {
            let message = v1::ApplyStatement {
                circuit: chunk.turn.circuit as u32,
                root_out: bytes(chunk.turn.root_out),
                counts_out: bytes(chunk.turn.counts_out),
                fee_out: bytes(chunk.turn.fee_out),
                data_digest: bytes(chunk.turn.data_digest),
                value_digest: bytes(chunk.turn.value_digest),
                evaluations_out: all_bytes(&chunk.evaluations_out),
                product: bytes(chunk.product),
            };
            message.encode_to_vec()
        });
        let authorise = authorise.iter().map(|chunk| {
            let message = v1::AuthoriseStatement {
                circuit: chunk.turn.circuit as u32,
                value_digest: bytes(chunk.turn.value_digest),
                product: bytes(chunk.product),
            };
            message.encode_to_vec()
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
            proofs: self.proofs().map(ChunkProof::encode).collect(),
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
        let statements = message.apply.len() + message.authorise.len();
        at_most("statements", statements, ASSEMBLY_STATEMENTS_MAX)?;
        at_most("proofs", message.proofs.len(), statements)?;
        let apply = message.apply.iter().map(|bytes| read_apply_statement(bytes)).collect::<Result<_>>()?;
        let authorise = message.authorise.iter().map(|bytes| read_authorise_statement(bytes)).collect::<Result<_>>()?;
        let mut assembly = Self::new(Statement { header, segments, apply, authorise });
        for proof in &message.proofs {
            assembly.insert(&ChunkProof::decode(proof)?, keys)?;
        }
        Ok(assembly)
    }
}

fn read_apply_statement(bytes: &[u8]) -> Result<ApplyStatement> {
    let message = v1::ApplyStatement::decode(bytes)?;
    let turn = ApplyTurn {
        circuit: circuit_of(message.circuit, Family::Apply)?,
        root_out: element("root_out", &message.root_out)?,
        counts_out: element("counts_out", &message.counts_out)?,
        fee_out: element("fee_out", &message.fee_out)?,
        data_digest: element("data_digest", &message.data_digest)?,
        value_digest: element("value_digest", &message.value_digest)?,
    };
    let evaluations_out = elements("evaluations_out", &message.evaluations_out)?;
    Ok(ApplyStatement { turn, evaluations_out, product: element("product", &message.product)? })
}

fn read_authorise_statement(bytes: &[u8]) -> Result<AuthoriseStatement> {
    let message = v1::AuthoriseStatement::decode(bytes)?;
    let circuit = circuit_of(message.circuit, Family::Session)?;
    let turn = AuthoriseTurn { circuit, value_digest: element("value_digest", &message.value_digest)? };
    Ok(AuthoriseStatement { turn, product: element("product", &message.product)? })
}
