//! A batch proven as a service proves it: prepared here, its chunks as bytes to provers that know nothing else, the proofs back in any
//! order, with a restart in between.

use alloy_primitives::{Address, B256, U256, keccak256};
use ark_bn254::{Fr, G1Affine};
use ark_ec::CurveGroup;
use prost::Message as _;
use std::{collections::BTreeMap, path::PathBuf, sync::LazyLock};
use tandem_circuits::{
    apply::Apply,
    authorise::session::{Authorisation, SessionChunk},
    circuit::CircuitId,
    groth16::{
        ASSEMBLY_BYTES_MAX, ASSEMBLY_STATEMENTS_MAX, Assembly, AssemblyError, BatchProveError, ChunkJob, ChunkProof,
        DevnetKeys, Header, JOB_BYTES_MAX, Key, PROOF_BYTES_MAX, PreparedBatch, Progress, Proof, ProveError, Prover,
        ProverConfig, Segment, Stage, Transcript, VerifyingKeys, WireError, key_set_hash, prove_chunks, verify_batch,
    },
};
use tandem_payments::{
    batch::{ApplyCircuit, AuthoriseCircuit, Batch, BatchBuilder, BatchLimits, Circuits},
    data::Message,
    eddsa::SecretKey,
    field::integer,
    leaf::Key as LeafKey,
    ledger::Env,
    operation::{Call, Operation},
    state::State,
};
use tandem_proto::v1;

const ENV: Env = Env { operator: Address::repeat_byte(0x0f), timestamp: 1_800_000_000 };
const ALICE: Address = Address::repeat_byte(1);
const BOB: Address = Address::repeat_byte(2);

fn dom() -> Fr {
    Fr::from(0xd0d0u64)
}

fn keys() -> BTreeMap<CircuitId, Key> {
    let cache = DevnetKeys::new(31337, PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("keys")).unwrap();
    let apply = cache.key(&Apply::blank(ApplyCircuit::SMALL)).unwrap();
    let session = cache.key(&SessionChunk::small(vec![], Fr::from(0u64)).unwrap()).unwrap();
    [apply, session].into_iter().map(|key| (key.circuit(), key)).collect()
}

/// Transfers and the fee. Seven of them, cut for the standard circuits, make two small chunks, and one of seven signatures.
fn prepared(keys: &VerifyingKeys, transfers: u64, circuits: Circuits) -> (Header, Batch, Vec<Authorisation>) {
    let key = SecretKey::from_seed(B256::repeat_byte(1));
    let mut builder = BatchBuilder::new(State::default(), ENV, dom(), 0);
    builder.message(&Message::Deposit { key: LeafKey::eth(ALICE), amount: 1 << 90 }).unwrap();
    builder.message(&Message::Deposit { key: LeafKey::eth(BOB), amount: 0 }).unwrap();
    builder.message(&Message::Deposit { key: LeafKey::eth(ENV.operator), amount: 0 }).unwrap();
    builder.message(&Message::L1Key { account: ALICE, key: integer(key.public().hash()) }).unwrap();
    let (_, state) = builder.finish();
    let header = Header {
        config_hash: keccak256("configuration"),
        key_set_hash: key_set_hash(keys),
        index: 4,
        root_in: state.root(),
        leaf_count_in: state.leaf_count(),
        queue_start: 4,
        queue_hash_start: keccak256("queue"),
        queue_end: 4,
        queue_hash_end: keccak256("queue"),
        env: ENV.pack(),
        dom: dom(),
    };
    let mut builder = BatchBuilder::with(state, ENV, dom(), 4, circuits, BatchLimits::default());
    let authorisations = (0..transfers)
        .map(|nonce| {
            let operation = Operation {
                sender: ALICE,
                nonce,
                call: Call::Transfer { recipient: BOB, amount: 5 },
                gas_limit: 21_000,
                max_fee_per_gas: 1000,
                expiry: u64::MAX,
            };
            let operation_hash = operation.hash(dom());
            let signed = Authorisation { operation_hash, key: key.public(), signature: key.sign(operation_hash) };
            builder.user(&operation, signed.authority().signer(), 1000).unwrap();
            signed
        })
        .collect();
    (header, builder.finish().0, authorisations)
}

struct Service {
    prover: Prover,
    keys: BTreeMap<CircuitId, Key>,
    verifying: VerifyingKeys,
    header: Header,
    batch: Batch,
    authorisations: Vec<Authorisation>,
}

static SERVICE: LazyLock<Service> = LazyLock::new(|| {
    let keys = keys();
    let verifying = keys.iter().map(|(circuit, key)| (*circuit, key.verifying().clone())).collect();
    let (header, batch, authorisations) = prepared(&verifying, 7, Circuits::STANDARD);
    let prover = Prover::new(ProverConfig::default()).unwrap();
    Service { prover, keys, verifying, header, batch, authorisations }
});

impl Service {
    fn prepare(&self) -> PreparedBatch {
        PreparedBatch::new(self.header, &self.batch, &self.authorisations, &Circuits::STANDARD).unwrap()
    }

    /// What another process does: bytes in, bytes out.
    fn work(&self, job: &[u8]) -> Result<Vec<u8>, ProveError> {
        let job = ChunkJob::decode(job).unwrap();
        let key = &self.keys[&job.circuit()];
        Ok(job.prove(&self.prover, key, &mut |_| ())?.encode())
    }
}

#[test]
fn chunks_are_proven_from_bytes_and_assembled() {
    let service = &*SERVICE;
    let (assembly, jobs) = service.prepare().split();
    let sent: Vec<Vec<u8>> = jobs.iter().map(ChunkJob::encode).collect();
    assert_eq!(
        jobs.iter().map(ChunkJob::circuit).collect::<Vec<_>>(),
        [CircuitId::ApplySmall, CircuitId::ApplySmall, CircuitId::SessionSmall]
    );
    for (job, bytes) in jobs.iter().zip(&sent) {
        let decoded = ChunkJob::decode(bytes).unwrap();
        assert_eq!((decoded.number, decoded.circuit()), (job.number, job.circuit()));
        assert_eq!(decoded.public_inputs(), job.public_inputs());
        assert_eq!(&decoded.encode(), bytes);
    }
    // the last first, and a restart after it
    let mut assembly = assembly;
    let session = ChunkProof::decode(&service.work(&sent[2]).unwrap()).unwrap();
    assert_eq!(assembly.missing().collect::<Vec<_>>(), [0, 1, 2]);
    assembly.insert(&session, &service.verifying).unwrap();
    assembly.insert(&session, &service.verifying).unwrap();
    let stored = assembly.encode();
    let mut assembly = Assembly::decode(&stored, &service.verifying).unwrap();
    assert_eq!(assembly.missing().collect::<Vec<_>>(), [0, 1]);
    assert_eq!(assembly.clone().finish().unwrap_err(), AssemblyError::Incomplete { missing: 2, chunks: 3 });

    let proofs = [1, 0].map(|number: usize| ChunkProof::decode(&service.work(&sent[number]).unwrap()).unwrap());
    refuses(&mut assembly, &proofs, &session);
    proofs.iter().for_each(|proof| assembly.insert(proof, &service.verifying).unwrap());
    assert_eq!(assembly.missing().count(), 0);
    let proven = Assembly::decode(&assembly.encode(), &service.verifying).unwrap().finish().unwrap();

    let challenges = assembly.statement().challenges();
    assert_eq!(proven.proofs.iter().map(|proof| proof.inputs.clone()).collect::<Vec<_>>(), {
        let apply = service.batch.inputs(challenges).into_iter();
        apply.chain([assembly.claims()[2].1.clone()]).collect::<Vec<_>>()
    });
    let segments = proven.segments.each_ref().map(|bytes| Segment::of(bytes));
    let t0 = Transcript::new(&proven.header, &segments, 2, 1);
    let t2 = t0.chunks(&proven.apply, &proven.authorise).proofs(&proven.proofs);
    verify_batch(&service.verifying, &proven.proofs, &t2).unwrap();
    let calldata = proven.calldata();
    assert_eq!((calldata.applied.len(), calldata.authorised.len()), (2, 1));
    assert_eq!(calldata.authorised[0].product, integer(assembly.claims()[2].1[2]));
    assert_eq!(calldata.applied[1].rootOut, integer(service.batch.inputs(challenges)[1][1]));
    damaged(&stored);
}

/// Proofs of other chunks, of other circuits, changed ones, and ones that are not asked for.
fn refuses(assembly: &mut Assembly, proofs: &[ChunkProof; 2], session: &ChunkProof) {
    let service = &*SERVICE;
    let before = assembly.clone();
    let mut refused = |proof: ChunkProof| assembly.insert(&proof, &service.verifying).unwrap_err();
    let [second, first] = proofs;
    let swapped = ChunkProof { number: 0, ..*second };
    assert_eq!(refused(swapped), AssemblyError::Invalid { number: 0 });
    assert_eq!(refused(ChunkProof { number: 1, ..*first }), AssemblyError::Invalid { number: 1 });
    for changed in [
        ChunkProof { a: (first.a + first.c).into_affine(), ..*first },
        ChunkProof { b: (first.b + first.b).into_affine(), ..*first },
        ChunkProof { c: -first.c, ..*first },
        ChunkProof { a: G1Affine::identity(), ..*first },
    ] {
        assert_eq!(refused(changed), AssemblyError::Invalid { number: 0 });
    }
    let (expected, found) = (CircuitId::ApplySmall, CircuitId::SessionSmall);
    assert_eq!(refused(ChunkProof { number: 0, ..*session }), AssemblyError::Circuit { number: 0, expected, found });
    assert_eq!(refused(ChunkProof { number: 3, ..*first }), AssemblyError::NoChunk { number: 3, chunks: 3 });
    let none = assembly.insert(first, &BTreeMap::new());
    assert_eq!(none.unwrap_err(), AssemblyError::NoKey(CircuitId::ApplySmall));
    assert_eq!(*assembly, before);
}

/// Changes a message that another holds as bytes.
fn change<M: prost::Message + Default>(bytes: &mut Vec<u8>, change: impl FnOnce(&mut M)) {
    let mut message = M::decode(bytes.as_slice()).unwrap();
    change(&mut message);
    *bytes = message.encode_to_vec();
}

fn apply(message: &mut v1::BatchAssembly, with: fn(&mut v1::ApplyStatement)) {
    change(&mut message.apply[0], with);
}

fn authorise(message: &mut v1::BatchAssembly, with: fn(&mut v1::AuthoriseStatement)) {
    change(&mut message.authorise[0], with);
}

fn proof(message: &mut v1::BatchAssembly, with: fn(&mut v1::ChunkProof)) {
    change(&mut message.proofs[0], with);
}

fn slot(work: &mut v1::ApplyWork, number: usize, with: fn(&mut v1::Slot)) {
    change(&mut work.slots[number], with);
}

/// A stored assembly in which anything has changed is refused, and so is a proof in it that is not the batch's.
fn damaged(stored: &[u8]) {
    let service = &*SERVICE;
    let decode = |bytes: &[u8]| Assembly::decode(bytes, &service.verifying);
    for at in (0..stored.len()).step_by(7) {
        let mut bytes = stored.to_vec();
        bytes[at] ^= 1;
        assert!(matches!(decode(&bytes), Err(WireError::Damaged)), "byte {at}");
    }
    assert!(matches!(decode(&stored[..stored.len() - 1]), Err(WireError::Damaged)));
    assert!(matches!(decode(&[]), Err(WireError::Damaged)));
    // whoever computes the hash anew
    let rewritten = |change: fn(&mut v1::BatchAssembly)| {
        let mut message = v1::BatchAssembly::decode(&stored[..stored.len() - 32]).unwrap();
        change(&mut message);
        let mut bytes = message.encode_to_vec();
        bytes.extend_from_slice(keccak256(&bytes).as_slice());
        decode(&bytes)
    };
    assert!(rewritten(|_| ()).is_ok());
    let invalid = |result| matches!(result, Err(WireError::Assembly(AssemblyError::Invalid { number: 2 })));
    assert!(invalid(rewritten(|message| message.segments[0][0] ^= 1)));
    assert!(invalid(rewritten(|message| authorise(message, |chunk| chunk.product[31] ^= 1))));
    assert!(invalid(rewritten(|message| apply(message, |chunk| chunk.root_out[31] ^= 1))));
    assert!(invalid(rewritten(|message| message.header.as_mut().unwrap().index += 1)));
    assert!(matches!(rewritten(|message| message.version = 2), Err(WireError::Version(2))));
    assert!(matches!(rewritten(|message| apply(message, |chunk| chunk.circuit = 3)), Err(WireError::Circuit(3))));
    assert!(matches!(rewritten(|message| authorise(message, |chunk| chunk.circuit = 1)), Err(WireError::Circuit(1))));
    assert!(matches!(
        rewritten(|message| drop(message.segments.pop())),
        Err(WireError::Length { field: "segments", .. })
    ));
    assert!(matches!(rewritten(|message| proof(message, |proof| proof.proof[31] ^= 1)), Err(WireError::Point("A"))));
    assert!(matches!(rewritten(|message| proof(message, |proof| proof.version = 0)), Err(WireError::Version(0))));
    // a proof twice changes nothing; more proofs than chunks, or statements without end, are not looked at
    let twice = rewritten(|message| message.proofs.push(message.proofs[0].clone()));
    assert_eq!(twice.unwrap().proofs().count(), 1);
    let often = rewritten(|message| message.proofs.resize(4, message.proofs[0].clone()));
    assert!(matches!(often, Err(WireError::TooMany { field: "proofs", found: 4, max: 3 })));
    let endless = rewritten(|message| message.apply.resize(ASSEMBLY_STATEMENTS_MAX, Vec::new()));
    assert!(matches!(endless, Err(WireError::TooMany { field: "statements", max: ASSEMBLY_STATEMENTS_MAX, .. })));
}

/// An Apply chunk with another witness.
fn changed(job: &ChunkJob, change: fn(&mut v1::ApplyWork)) -> Result<ChunkJob, WireError> {
    let mut job = v1::ChunkJob::decode(job.encode().as_slice()).unwrap();
    let Some(v1::chunk_job::Work::Apply(work)) = &mut job.work else { panic!("an Apply chunk") };
    change(work);
    ChunkJob::decode(&job.encode_to_vec())
}

#[test]
fn what_is_no_job_is_refused() {
    let service = &*SERVICE;
    let (assembly, jobs) = service.prepare().split();
    let bytes = jobs[0].encode();
    assert!(bytes.len() < JOB_BYTES_MAX / 4);
    let too_long = ChunkJob::decode(&vec![0; JOB_BYTES_MAX + 1]).unwrap_err();
    assert!(matches!(too_long, WireError::TooLong { bytes, max } if bytes == max + 1));
    assert!(matches!(ChunkProof::decode(&vec![0; PROOF_BYTES_MAX + 1]), Err(WireError::TooLong { .. })));
    let assembly_bytes = vec![0; ASSEMBLY_BYTES_MAX + 1];
    assert!(matches!(Assembly::decode(&assembly_bytes, &service.verifying), Err(WireError::TooLong { .. })));
    assert!(matches!(ChunkJob::decode(&[]), Err(WireError::Version(0))));
    assert!(matches!(ChunkJob::decode(&bytes[..bytes.len() - 1]), Err(WireError::Decode(_))));
    let with = |change: fn(&mut v1::ApplyWork)| changed(&jobs[0], change);
    assert!(with(|_| ()).is_ok());
    assert!(matches!(with(|work| work.circuit = 3), Err(WireError::Circuit(3))));
    assert!(matches!(with(|work| work.circuit = 2), Err(WireError::Length { field: "slots", found: 6, expected: 27 })));
    assert!(matches!(with(|work| drop(work.slots.pop())), Err(WireError::Length { field: "slots", .. })));
    assert!(matches!(with(|work| work.dom = vec![0xff; 32]), Err(WireError::Range("dom"))));
    assert!(matches!(with(|work| work.cap_in.truncate(500)), Err(WireError::Length { field: "cap_in", .. })));
    assert!(matches!(with(|work| slot(work, 1, |slot| slot.variant = 20)), Err(WireError::Range("variant"))));
    assert!(matches!(with(|work| slot(work, 1, |slot| slot.account[11] = 1)), Err(WireError::Range("account"))));
    assert!(matches!(
        with(|work| slot(work, 0, |slot| drop(slot.items.pop()))),
        Err(WireError::Length { field: "items", .. })
    ));
    assert!(matches!(with(|work| slot(work, 0, |slot| slot.a = None)), Err(WireError::Missing("a"))));
    assert!(matches!(with(|work| work.fee_in = vec![0; 17]), Err(WireError::Length { field: "fee_in", .. })));
    // many of nothing: counted, and not decoded
    let many = with(|work| work.slots = vec![Vec::new(); JOB_BYTES_MAX / 4]);
    assert!(matches!(many, Err(WireError::Length { field: "slots", .. })));
    // in form, and false: it is not proven
    for change in [
        |work: &mut v1::ApplyWork| slot(work, 0, |slot| slot.amount[15] ^= 1),
        |work: &mut v1::ApplyWork| slot(work, 0, |slot| slot.variant = 5),
        |work: &mut v1::ApplyWork| work.timestamp = u64::MAX,
    ] {
        let proven = with(change).unwrap().prove(&service.prover, &service.keys[&CircuitId::ApplySmall], &mut |_| ());
        assert!(matches!(proven, Err(ProveError::Unsatisfied(_))));
    }
    // a job whose challenge is another one is proven, and the proof refused
    let other = with(|work| work.value_challenge[31] ^= 1).unwrap();
    let proof = other.prove(&service.prover, &service.keys[&CircuitId::ApplySmall], &mut |_| ()).unwrap();
    let mut assembly = assembly;
    assert_eq!(assembly.insert(&proof, &service.verifying), Err(AssemblyError::Invalid { number: 0 }));

    let session = jobs[2].encode();
    let mut forged = session.clone();
    let at = forged.len() - 1;
    forged[at] ^= 1;
    assert!(matches!(ChunkJob::decode(&forged), Err(WireError::Session(_))));
    let mut job = v1::ChunkJob::decode(session.as_slice()).unwrap();
    let Some(v1::chunk_job::Work::Session(work)) = &mut job.work else { panic!("a chunk of signatures") };
    work.signatures.resize(JOB_BYTES_MAX / 4, Vec::new());
    let many = ChunkJob::decode(&job.encode_to_vec());
    assert!(matches!(many, Err(WireError::TooMany { field: "signatures", max: 8, .. })));
}

/// Tests PAY-CUT, PAY-CIRCUIT: a chain of which L1 has the key of one session circuit alone has its signatures cut for that one, however many they are.
#[test]
fn signatures_are_cut_for_the_circuits_that_there_are() {
    let (small, large) = (AuthoriseCircuit::SESSION_SMALL, AuthoriseCircuit::SESSION_LARGE);
    let cut = |session, transfers| {
        let circuits = Circuits { apply: [ApplyCircuit::SMALL; 2], session, ..Circuits::STANDARD };
        let built_for = Circuits { session: session.or(Circuits::STANDARD.session), ..circuits };
        let (header, batch, authorisations) = prepared(&SERVICE.verifying, transfers, built_for);
        let prepared = PreparedBatch::new(header, &batch, &authorisations, &circuits)?;
        let session = |circuit: &CircuitId| matches!(circuit, CircuitId::SessionSmall | CircuitId::SessionLarge);
        Ok::<Vec<_>, BatchProveError>(prepared.circuits().filter(session).collect())
    };
    // Seventeen are more than two small chunks hold, for which the standard circuits take a large one.
    assert_eq!(cut(Some([small, large]), 17).unwrap(), [CircuitId::SessionLarge]);
    assert_eq!(cut(Some([small; 2]), 17).unwrap(), [CircuitId::SessionSmall; 3]);
    assert_eq!(cut(Some([small; 2]), 9).unwrap(), [CircuitId::SessionSmall; 2]);
    assert_eq!(cut(Some([large; 2]), 9).unwrap(), [CircuitId::SessionLarge]);
    assert!(matches!(cut(None, 1), Err(BatchProveError::NoSession)));
    assert!(cut(None, 0).unwrap().is_empty(), "nobody signs anything");
}

#[test]
fn a_header_of_another_batch_is_refused() {
    let service = &*SERVICE;
    let refused = |change: fn(&mut Header)| {
        let mut header = service.header;
        change(&mut header);
        let prepared = PreparedBatch::new(header, &service.batch, &service.authorisations, &Circuits::STANDARD);
        matches!(prepared, Err(BatchProveError::Header))
    };
    assert!(!refused(|_| ()));
    assert!(refused(|header| header.root_in += Fr::from(1u64)));
    assert!(refused(|header| header.leaf_count_in += 1));
    assert!(refused(|header| header.queue_start += 1));
    assert!(refused(|header| header.queue_end += 1));
    assert!(refused(|header| header.env += U256::from(1)));
    assert!(refused(|header| header.dom += Fr::from(1u64)));
    // what only L1 knows changes the challenges and nothing else
    assert!(!refused(|header| header.config_hash = B256::ZERO));
}

const STAGES: [Stage; 6] = [Stage::Witness, Stage::Quotient, Stage::A, Stage::B, Stage::C, Stage::Verify];

/// Proves the batch on so many threads with so much memory; gives its proofs, and the stages as they were heard.
fn prove_batch(threads: usize, memory_bytes_max: u64) -> (Vec<Proof>, Vec<(usize, Stage)>) {
    let service = &*SERVICE;
    let prover = Prover::new(ProverConfig { threads: Some(threads), memory_bytes_max }).unwrap();
    let mut heard = Vec::new();
    let prepared = service.prepare();
    let proven = prepared.prove(&prover, &service.keys, &mut |number, stage| heard.push((number, stage))).unwrap();
    (proven.proofs, heard)
}

#[test]
fn chunks_at_once_give_the_proofs_of_one_after_the_other() {
    let service = &*SERVICE;
    let each: Vec<_> = (0..3).map(|number| STAGES.map(|stage| (number, stage))).collect();
    let (proofs, heard) = prove_batch(1, 4 << 30);
    assert_eq!(heard, each.concat());

    let (at_once, heard) = prove_batch(3, 4 << 30);
    assert_eq!(at_once, proofs);
    for (number, stages) in each.iter().enumerate() {
        assert!(heard.iter().filter(|(of, _)| *of == number).eq(stages), "chunk {number}: {heard:?}");
    }

    // Memory for one chunk: three threads, and still no stage of one between those of another.
    let needed = service.keys.values().map(|key| key.memory_bytes() + key.proof_memory_bytes()).max().unwrap();
    let (at_once, heard) = prove_batch(3, needed);
    assert_eq!(at_once, proofs);
    for stages in heard.chunks(STAGES.len()) {
        assert_eq!(stages, STAGES.map(|stage| (stages[0].0, stage)), "{heard:?}");
    }
    assert_eq!(heard.len(), 3 * STAGES.len());
}

#[test]
fn an_error_of_a_chunk_or_of_who_listens_ends_it() {
    let service = &*SERVICE;
    let key = &service.keys[&CircuitId::ApplySmall];
    let (_, jobs) = service.prepare().split();
    let wrong = changed(&jobs[0], |work| slot(work, 0, |slot| slot.amount[15] ^= 1)).unwrap();
    for threads in [1, 2] {
        let prover = Prover::new(ProverConfig { threads: Some(threads), ..ProverConfig::default() }).unwrap();
        // Every thread has a wrong one first, so those that wait do not begin.
        let chunks = [wrong.clone(), wrong.clone(), jobs[1].clone(), jobs[1].clone()].map(|chunk| (chunk, key));
        let mut begun = Vec::new();
        let result = prove_chunks::<ProveError>(&prover, chunks.into(), &mut |heard| {
            begun.push(heard);
            Ok(())
        });
        assert!(matches!(result, Err(ProveError::Unsatisfied(_))), "{result:?}");
        let of_others = |heard: &&Progress| !matches!(heard, Progress::Begun(0, Stage::Witness | Stage::Quotient));
        assert_eq!(begun.iter().find(of_others), None);

        // Whoever listens has had enough.
        let mut count = 0;
        let chunks = vec![(jobs[1].clone(), key); 3];
        let result = prove_chunks(&prover, chunks, &mut |_| {
            count += 1;
            Err(ProveError::Invalid)
        });
        assert!(matches!(result, Err(ProveError::Invalid)) && count == 1);
    }
    prove_chunks::<ProveError>(&service.prover, vec![], &mut |_| panic!("there is nothing")).unwrap();

    let mut keys = service.keys.clone();
    keys.remove(&CircuitId::SessionSmall);
    let result = service.prepare().prove(&service.prover, &keys, &mut |_, _| panic!("nothing begins"));
    assert!(matches!(result, Err(BatchProveError::NoKey(CircuitId::SessionSmall))));
}
