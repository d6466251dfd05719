//! Keys, proofs and batches, honest and not (PAY-KEY, PAY-TRANSCRIPT, PAY-JOIN). Most use a circuit of a few constraints; one test proves a real chunk.

use super::*;
use crate::{
    authorise::session::{Authorisation, SessionChunk},
    circuit::{Chunk, CircuitId},
};
use alloy_primitives::{B256, U256};
use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{Field, One, UniformRand, Zero};
use ark_groth16::{Groth16, ProvingKey, VerifyingKey};
use ark_r1cs_std::{alloc::AllocVar, eq::EqGadget, fields::fp::FpVar};
use ark_relations::gr1cs::{ConstraintSynthesizer, ConstraintSystemRef, SynthesisError};
use ark_serialize::CanonicalSerialize;
use std::collections::BTreeMap;
use tandem_payments::eddsa::SecretKey;

/// digest = x^4, product = x^3 + challenge, for a private x: three inputs, like a session chunk.
#[derive(Clone, Debug)]
struct Toy {
    x: Fr,
    inputs: [Fr; 3],
    circuit: CircuitId,
}

impl Toy {
    fn new(x: u64) -> Self {
        let (x, challenge) = (Fr::from(x), Fr::from(77u64));
        Self { x, inputs: [x.pow([4]), challenge, x.pow([3]) + challenge], circuit: CircuitId::SessionSmall }
    }
}

impl Chunk for Toy {
    fn circuit_id(&self) -> CircuitId {
        self.circuit
    }

    fn public_inputs(&self) -> Vec<Fr> {
        self.inputs.to_vec()
    }
}

impl ConstraintSynthesizer<Fr> for Toy {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let [digest, challenge, product] = self.inputs.map(|value| FpVar::new_input(cs.clone(), || Ok(value)));
        let x = FpVar::new_witness(cs, || Ok(self.x))?;
        let square = &x * &x;
        digest?.enforce_equal(&(&square * &square))?;
        (product? - challenge?).enforce_equal(&(&square * &x))
    }
}

/// A key whose secrets come from a generator that is not the devnet's.
fn foreign_key() -> ProvingKey<Bn254> {
    let mut rng = ark_std::test_rng();
    key_with(std::array::from_fn(|_| Fr::rand(&mut rng)))
}

/// A key with these secrets alpha, beta, gamma, delta.
fn key_with([alpha, beta, gamma, delta]: [Fr; 4]) -> ProvingKey<Bn254> {
    let mut rng = ark_std::test_rng();
    Groth16::<Bn254>::generate_parameters_with_qap(
        Toy::new(3),
        alpha,
        beta,
        gamma,
        delta,
        G1Affine::generator().into(),
        G2Affine::generator().into(),
        &mut rng,
    )
    .unwrap()
}

fn key_of(key: ProvingKey<Bn254>) -> Key {
    Key::new(CircuitId::SessionSmall, Shape::of(Toy::new(3)).unwrap(), key)
}

fn prover() -> Prover {
    Prover::new(ProverConfig { threads: Some(2), memory_bytes_max: 1 << 30 }).unwrap()
}

fn proof(key: &Key, x: u64) -> Proof {
    prover().prove(key, Toy::new(x), &mut |_| ()).unwrap()
}

#[test]
fn a_proof_is_what_ark_groth16_verifies_and_does_not_depend_on_chance() {
    let key = key_of(foreign_key());
    let mut stages = Vec::new();
    let proof = prover().prove(&key, Toy::new(5), &mut |stage| stages.push(stage)).unwrap();
    assert_eq!(stages, [Stage::Witness, Stage::Quotient, Stage::A, Stage::B, Stage::C, Stage::Verify]);
    assert_eq!(proof, self::proof(&key, 5));
    assert_eq!(proof.inputs, Toy::new(5).public_inputs());

    let prepared = ark_groth16::prepare_verifying_key(key.verifying());
    let theirs = ark_groth16::Proof { a: proof.a, b: proof.b, c: proof.c };
    assert!(Groth16::<Bn254>::verify_proof(&prepared, &theirs, &proof.inputs).unwrap());
    assert!(verify(key.verifying(), &proof));
    for i in 0..3 {
        let mut other = proof.clone();
        other.inputs[i] += Fr::one();
        assert!(!verify(key.verifying(), &other));
    }
    for other in [
        Proof { a: -proof.a, ..proof.clone() },
        Proof { b: -proof.b, ..proof.clone() },
        Proof { c: -proof.c, ..proof.clone() },
        Proof { a: G1Affine::zero(), ..proof.clone() },
        Proof { b: G2Affine::zero(), ..proof.clone() },
        Proof { c: G1Affine::zero(), ..proof.clone() },
        Proof { inputs: proof.inputs[..2].to_vec(), ..proof.clone() },
    ] {
        assert!(!verify(key.verifying(), &other));
    }
    // Groth16 proofs are malleable: nothing may be keyed on their bytes.
    let sibling = Proof { a: -proof.a, b: -proof.b, ..proof };
    assert!(verify(key.verifying(), &sibling));
}

#[test]
fn a_false_witness_gives_no_proof() {
    let key = key_of(foreign_key());
    let mut false_inputs = Toy::new(5);
    false_inputs.inputs[0] += Fr::one();
    let error = prover().prove(&key, false_inputs, &mut |_| ()).unwrap_err();
    assert!(matches!(error, ProveError::Unsatisfied(Unsatisfied { constraint: 2 })), "{error}");
}

#[test]
fn the_wrong_key_and_too_little_memory_are_refused_first() {
    let key = key_of(foreign_key());
    let other = Toy { circuit: CircuitId::SessionLarge, ..Toy::new(5) };
    let error = prover().prove(&key, other, &mut |_| panic!("nothing begins")).unwrap_err();
    assert!(matches!(error, ProveError::WrongKey { .. }));
    let small = Prover::new(ProverConfig { threads: Some(1), memory_bytes_max: 1 << 20 }).unwrap();
    let error = small.prove(&key, Toy::new(5), &mut |_| panic!("nothing begins")).unwrap_err();
    assert!(matches!(error, ProveError::Memory { limit: 1_048_576, .. }));
    // A damaged key does not let a false proof out.
    let mut damaged = key.clone();
    damaged.l.reverse();
    assert!(matches!(prover().prove(&damaged, Toy::new(5), &mut |_| ()), Err(ProveError::Invalid)));
}

#[test]
fn devnet_keys_are_made_once_and_made_again_when_damaged() {
    let directory = tempfile::tempdir().unwrap();
    let keys = DevnetKeys::new(31337, directory.path()).unwrap();
    let toy = Toy::new(3);
    let first = keys.key(&toy).unwrap();
    let path = keys.path(CircuitId::SessionSmall, first.shape());
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(keys.key(&toy).unwrap().verifying(), first.verifying());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "no partial file stays");

    for at in [0, 20, 60, 200, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        assert_eq!(keys.key(&toy).unwrap().verifying(), first.verifying());
        assert!(std::fs::read(&path).unwrap() == bytes, "a deterministic key, written again");
    }
    std::fs::write(&path, &bytes[..50]).unwrap();
    assert!(keys.key(&toy).is_ok());
    assert!(verify(first.verifying(), &proof(&first, 9)));
}

#[test]
fn devnet_keys_are_refused_elsewhere() {
    for chain in [1, 10, 8453, 11155111, 0, u64::MAX] {
        assert!(matches!(DevnetKeys::new(chain, "."), Err(DevnetKeyError::ChainRefused(id)) if id == chain));
    }
}

fn import(key: &ProvingKey<Bn254>) -> Result<Key, ImportError> {
    let mut bytes = Vec::new();
    key.serialize_uncompressed(&mut bytes).unwrap();
    import_bytes(&bytes)
}

fn import_bytes(bytes: &[u8]) -> Result<Key, ImportError> {
    let digest = Shape::of(Toy::new(3)).unwrap().digest();
    import_key(&prover(), bytes, false, digest, Toy::new(8))
}

#[test]
fn a_good_foreign_key_is_imported_in_both_encodings() {
    let key = foreign_key();
    assert_eq!(import(&key).unwrap().verifying(), &key.vk);
    let mut bytes = Vec::new();
    key.serialize_compressed(&mut bytes).unwrap();
    let digest = Shape::of(Toy::new(3)).unwrap().digest();
    assert!(import_key(&prover(), &bytes, true, digest, Toy::new(8)).is_ok());
}

#[test]
fn an_imported_key_is_found_again_and_a_refused_one_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let keys = ImportedKeys::new(directory.path().join("keys"));
    let (toy, shape) = (Toy::new(3), Shape::of(Toy::new(3)).unwrap());
    let path = keys.path(CircuitId::SessionSmall, &shape);
    assert_eq!(keys.key(&toy).unwrap_err().missing(), Some(path.as_path()));
    let (foreign, devnet) = (foreign_key(), devnet::generate(Toy::new(3), &shape).unwrap());
    let import = |key: &ProvingKey<Bn254>, compressed| {
        let mut bytes = Vec::new();
        if compressed { key.serialize_compressed(&mut bytes) } else { key.serialize_uncompressed(&mut bytes) }.unwrap();
        keys.import(&prover(), &bytes, compressed, shape.digest(), Toy::new(8))
    };
    assert!(matches!(import(&devnet, false), Err(ImportedKeyError::Import(ImportError::Devnet))));
    assert!(!path.exists());
    for compressed in [false, true] {
        assert_eq!(import(&foreign, compressed).unwrap(), path);
        assert_eq!(keys.key(&toy).unwrap().verifying(), &foreign.vk);
        let mut damaged = std::fs::read(&path).unwrap();
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        std::fs::write(&path, damaged).unwrap();
        let refused = keys.key(&toy).unwrap_err();
        assert!(refused.missing().is_none(), "{refused}");
        assert!(matches!(refused, ImportedKeyError::File { source: KeyFileError::Hash { .. }, .. }));
    }
}

#[test]
fn every_defect_of_a_foreign_key_is_found() {
    let key = foreign_key();
    let changed = |change: fn(&mut ProvingKey<Bn254>)| {
        let mut key = key.clone();
        change(&mut key);
        import(&key).unwrap_err()
    };
    for generator in [G2Affine::generator(), -G2Affine::generator()] {
        let mut key = key.clone();
        key.vk.delta_g2 = generator;
        assert!(matches!(import(&key), Err(ImportError::Defect(KeyDefect::IsGenerator("delta")))));
        key.vk = foreign_key().vk;
        key.vk.beta_g2 = generator;
        assert!(matches!(import(&key), Err(ImportError::Defect(KeyDefect::IsGenerator("beta")))));
    }
    for input in 0..4 {
        let mut key = key.clone();
        key.vk.gamma_abc_g1[input] = G1Affine::zero();
        assert!(matches!(import(&key), Err(ImportError::Defect(KeyDefect::Identity("a point of an input")))));
    }
    assert!(matches!(changed(|k| k.vk.alpha_g1 = G1Affine::zero()), ImportError::Defect(KeyDefect::Identity("alpha"))));
    assert!(matches!(changed(|k| k.vk.beta_g2 = G2Affine::zero()), ImportError::Defect(KeyDefect::Identity("beta"))));
    assert!(matches!(changed(|k| k.vk.gamma_g2 = G2Affine::zero()), ImportError::Defect(KeyDefect::Identity("gamma"))));
    assert!(matches!(changed(|k| k.vk.delta_g2 = G2Affine::zero()), ImportError::Defect(KeyDefect::Identity("delta"))));
    assert!(matches!(changed(|k| k.beta_g1 = k.delta_g1), ImportError::Disagree("the halves of beta")));
    assert!(matches!(changed(|k| k.delta_g1 = k.beta_g1), ImportError::Disagree("the halves of delta")));
    assert!(matches!(changed(|k| k.b_g1_query.reverse()), ImportError::Disagree("the two B queries")));
    assert!(matches!(changed(|k| k.b_g2_query.swap(4, 5)), ImportError::Disagree("the two B queries")));
    for change in [
        (|k| k.a_query.reverse()) as fn(&mut ProvingKey<Bn254>),
        |k| k.h_query.reverse(),
        |k| k.l_query.reverse(),
        |k| k.vk.gamma_abc_g1.reverse(),
        |k| k.vk.alpha_g1 = -k.vk.alpha_g1,
    ] {
        assert!(matches!(changed(change), ImportError::Trial(ProveError::Invalid)));
    }
    assert!(matches!(changed(|k| k.l_query.push(G1Affine::zero())), ImportError::Count { part: "l_query", .. }));
    assert!(matches!(changed(|k| k.h_query.truncate(3)), ImportError::Count { part: "h_query", .. }));
    assert!(matches!(changed(|k| k.vk.gamma_abc_g1.truncate(3)), ImportError::Count { part: "gamma_abc_g1", .. }));
    assert!(matches!(changed(|k| k.a_query[0].y += ark_bn254::Fq::one()), ImportError::Encoding(_)), "off the curve");
    assert!(matches!(changed(|k| k.vk.gamma_g2 = outside_subgroup()), ImportError::Encoding(_)));
}

/// Sound in every other way: such keys prove what is true, and under each a proof of anything is made of the key's own points.
#[test]
fn keys_with_equal_or_opposite_secrets_are_refused_since_anybody_forges_under_them() {
    let mut rng = ark_std::test_rng();
    let [alpha, beta, gamma, delta]: [Fr; 4] = std::array::from_fn(|_| Fr::rand(&mut rng));
    for sign in [Fr::one(), -Fr::one()] {
        let keys = [
            ("beta", "gamma", [alpha, beta, beta * sign, delta]),
            ("beta", "delta", [alpha, beta, gamma, beta * sign]),
            ("gamma", "delta", [alpha, beta, gamma, gamma * sign]),
            ("alpha", "gamma", [gamma * sign, beta, gamma, delta]),
            ("alpha", "delta", [delta * sign, beta, gamma, delta]),
        ];
        for (first, second, secrets) in keys {
            let key = key_with(secrets);
            assert!(verify(&key.vk, &proof(&key_of(key.clone()), 5)), "it proves what is true");
            let inputs: Vec<Fr> = (1000..1003).map(Fr::from).collect();
            let vk = &key.vk;
            let sum = inputs
                .iter()
                .zip(&vk.gamma_abc_g1[1..])
                .fold(G1Projective::from(vk.gamma_abc_g1[0]), |sum, (x, point)| sum + *point * x);
            // e(A, B) = e(alpha, beta) e(L, gamma) e(C, delta)
            let (a, b, c) = match (first, second) {
                ("beta", "gamma") => (sum * sign + vk.alpha_g1, vk.beta_g2, G1Projective::zero()),
                ("beta", _) => (sum, vk.gamma_g2, -(vk.alpha_g1 * sign)),
                ("alpha", "gamma") => (sum + key.beta_g1 * sign, vk.gamma_g2, G1Projective::zero()),
                ("alpha", _) => (sum, vk.gamma_g2, -(key.beta_g1 * sign)),
                _ => (vk.alpha_g1.into(), vk.beta_g2, -(sum * sign)),
            };
            let forged = Proof { circuit: CircuitId::SessionSmall, inputs, a: a.into(), b, c: c.into() };
            assert!(verify(vk, &forged), "{first}, {second}: the forgery holds");
            let refused = import(&key).unwrap_err();
            assert!(
                matches!(refused, ImportError::Defect(KeyDefect::NotDistinct(a, b)) if (a, b) == (first, second)),
                "{refused}"
            );
        }
    }
    // Whoever knows that alpha is beta sees no more than the sum of two columns bound: bits need be none.
    for sign in [Fr::one(), -Fr::one()] {
        let refused = import(&key_with([beta * sign, beta, gamma, delta])).unwrap_err();
        assert!(matches!(refused, ImportError::Defect(KeyDefect::NotDistinct("alpha", "beta"))), "{refused}");
    }
    for (name, [alpha, beta, delta]) in [
        ("alpha", [-Fr::one(), beta, delta]),
        ("beta", [alpha, Fr::one(), delta]),
        ("delta", [alpha, beta, -Fr::one()]),
    ] {
        let refused = import(&key_with([alpha, beta, gamma, delta])).unwrap_err();
        assert!(matches!(refused, ImportError::Defect(KeyDefect::IsGenerator(found)) if found == name), "{refused}");
    }
}

/// A point of the twist that is not in the subgroup.
fn outside_subgroup() -> G2Affine {
    (1u64..)
        .filter_map(|x| G2Affine::get_point_from_x_unchecked(ark_bn254::Fq2::from(x), false))
        .find(|point| !point.is_in_correct_subgroup_assuming_on_curve())
        .unwrap()
}

#[test]
fn foreign_bytes_and_devnet_keys_are_refused() {
    let mut bytes = Vec::new();
    foreign_key().serialize_uncompressed(&mut bytes).unwrap();
    let digest = Shape::of(Toy::new(3)).unwrap().digest();
    let other = B256::repeat_byte(1);
    let refused = import_key(&prover(), &bytes, false, other, Toy::new(8));
    assert!(
        matches!(refused, Err(ImportError::Circuit { claimed, expected }) if (claimed, expected) == (other, digest))
    );
    assert!(matches!(import_bytes(&bytes[..bytes.len() - 1]), Err(ImportError::Encoding(_))));
    assert!(matches!(import_bytes(&[]), Err(ImportError::Encoding(_))));
    bytes.push(0);
    assert!(matches!(import_bytes(&bytes), Err(ImportError::TrailingBytes(1))));
    let devnet = devnet::generate(Toy::new(3), &Shape::of(Toy::new(3)).unwrap()).unwrap();
    assert!(matches!(import(&devnet), Err(ImportError::Devnet)));
    // the devnet's phase 1 with a contribution of somebody's: delta, and what is divided by it
    let secret = Fr::from(0xc0de_u64);
    let inverse = secret.inverse().unwrap();
    let mut contributed = devnet;
    contributed.delta_g1 = (contributed.delta_g1 * secret).into();
    contributed.vk.delta_g2 = (contributed.vk.delta_g2 * secret).into();
    contributed.h_query.iter_mut().chain(&mut contributed.l_query).for_each(|point| *point = (*point * inverse).into());
    assert!(matches!(import(&contributed), Err(ImportError::Devnet)));
}

fn header() -> Header {
    Header {
        config_hash: B256::repeat_byte(1),
        key_set_hash: B256::repeat_byte(2),
        index: 3,
        root_in: Fr::from(4u64),
        leaf_count_in: 5,
        queue_start: 6,
        queue_hash_start: B256::repeat_byte(7),
        queue_end: 8,
        queue_hash_end: B256::repeat_byte(9),
        env: U256::from(10),
        dom: Fr::from(11u64),
    }
}

fn segments() -> [Segment; 3] {
    [Segment::of(b"effects"), Segment::of(b"withdrawals"), Segment::of(b"messages")]
}

fn turns(proofs: &[Proof]) -> Vec<AuthoriseTurn> {
    proofs.iter().map(|p| AuthoriseTurn { circuit: p.circuit, value_digest: p.inputs[0] }).collect()
}

fn t2(proofs: &[Proof]) -> T2 {
    Transcript::new(&header(), &segments(), 0, proofs.len()).chunks(&[], &turns(proofs)).proofs(proofs)
}

fn check(keys: &BTreeMap<CircuitId, VerifyingKey<Bn254>>, proofs: &[Proof]) -> Result<(), BatchError> {
    verify_batch(keys, proofs, &t2(proofs))
}

#[test]
fn a_batch_holds_and_every_tampered_batch_does_not() {
    let key = key_of(foreign_key());
    let keys = BTreeMap::from([(CircuitId::SessionSmall, key.verifying().clone())]);
    let proofs: Vec<Proof> = (2..5).map(|x| proof(&key, x)).collect();
    assert_eq!(check(&keys, &proofs), Ok(()));
    assert_eq!(check(&keys, &proofs[..1]), Ok(()));
    assert_eq!(check(&keys, &[]), Err(BatchError::Empty));
    let shift = (G1Affine::generator() * Fr::from(99u64)).into_affine();
    let tampered = |change: &dyn Fn(&mut Vec<Proof>)| {
        let mut proofs = proofs.clone();
        change(&mut proofs);
        check(&keys, &proofs)
    };
    // An error shifted between two proofs: each coefficient depends on all proofs.
    assert_eq!(
        tampered(&|p| {
            p[0].c = (p[0].c + shift).into_affine();
            p[1].c = (p[1].c - shift).into_affine();
        }),
        Err(BatchError::Invalid)
    );
    for i in 0..3 {
        assert_eq!(tampered(&|p| p[i].a = -p[i].a), Err(BatchError::Invalid));
        assert_eq!(tampered(&|p| p[i].inputs[2] += Fr::one()), Err(BatchError::Invalid));
        assert_eq!(tampered(&|p| p[i].c = G1Affine::zero()), Err(BatchError::Invalid));
    }
    assert_eq!(
        tampered(&|p| {
            let inputs = p[0].inputs.clone();
            p[0].inputs = std::mem::replace(&mut p[1].inputs, inputs);
        }),
        Err(BatchError::Invalid)
    );
    assert_eq!(tampered(&|p| p[1].inputs.truncate(2)), Err(BatchError::Inputs { index: 1, found: 2, expected: 3 }));
    assert_eq!(tampered(&|p| p[2].circuit = CircuitId::SessionLarge), Err(BatchError::NoKey(CircuitId::SessionLarge)));
}

#[test]
fn every_field_enters_the_transcript() {
    let key = key_of(foreign_key());
    let proofs = [proof(&key, 2), proof(&key, 3)];
    let apply = ApplyTurn {
        circuit: CircuitId::ApplySmall,
        root_out: Fr::from(1u64),
        counts_out: Fr::from(2u64),
        fee_out: Fr::from(3u64),
        data_digest: Fr::from(4u64),
        value_digest: Fr::from(5u64),
    };
    let one = Fr::one();
    let t1 = |header: Header, segments: [Segment; 3], apply: ApplyTurn, counts: (usize, usize), proofs: &[Proof]| {
        Transcript::new(&header, &segments, counts.0, counts.1).chunks(&[apply], &turns(proofs))
    };
    let mut seen = vec![t1(header(), segments(), apply, (1, 2), &proofs)];
    assert_ne!(seen[0].z(), seen[0].z_join());
    let headers: [fn(&mut Header); 11] = [
        |h| h.config_hash = B256::ZERO,
        |h| h.key_set_hash = B256::ZERO,
        |h| h.index += 1,
        |h| h.root_in += Fr::one(),
        |h| h.leaf_count_in += 1,
        |h| h.queue_start += 1,
        |h| h.queue_hash_start = B256::ZERO,
        |h| h.queue_end += 1,
        |h| h.queue_hash_end = B256::ZERO,
        |h| h.env += U256::from(1),
        |h| h.dom += Fr::one(),
    ];
    for change in headers {
        let mut header = header();
        change(&mut header);
        seen.push(t1(header, segments(), apply, (1, 2), &proofs));
    }
    for i in 0..3 {
        let mut changed = segments();
        changed[i].length += 1;
        seen.push(t1(header(), changed, apply, (1, 2), &proofs));
        changed = segments();
        changed[i].hash = B256::ZERO;
        seen.push(t1(header(), changed, apply, (1, 2), &proofs));
    }
    for apply in [
        ApplyTurn { circuit: CircuitId::ApplyLarge, ..apply },
        ApplyTurn { root_out: apply.root_out + one, ..apply },
        ApplyTurn { counts_out: apply.counts_out + one, ..apply },
        ApplyTurn { fee_out: apply.fee_out + one, ..apply },
        ApplyTurn { data_digest: apply.data_digest + one, ..apply },
        ApplyTurn { value_digest: apply.value_digest + one, ..apply },
    ] {
        seen.push(t1(header(), segments(), apply, (1, 2), &proofs));
    }
    seen.push(t1(header(), segments(), apply, (2, 2), &proofs));
    seen.push(t1(header(), segments(), apply, (1, 3), &proofs));
    let [first, second] = proofs.clone();
    seen.push(t1(header(), segments(), apply, (1, 2), &[second.clone(), first.clone()]));
    seen.push(t1(header(), segments(), apply, (1, 2), std::slice::from_ref(&first)));
    let challenges: std::collections::BTreeSet<_> = seen.iter().flat_map(|t1| [t1.z(), t1.z_join()]).collect();
    assert_eq!(challenges.len(), 2 * seen.len());

    let base = seen[0];
    let mut coefficients = vec![base.proofs(&proofs)];
    let mut changed = [first.clone(), second.clone()];
    changed[1].inputs[2] += one;
    coefficients.push(base.proofs(&changed));
    coefficients.push(base.proofs(&[Proof { a: -first.a, ..first.clone() }, second.clone()]));
    coefficients.push(base.proofs(&[Proof { b: -first.b, ..first.clone() }, second.clone()]));
    coefficients.push(base.proofs(&[Proof { c: -first.c, ..first.clone() }, second.clone()]));
    coefficients.push(base.proofs(&[second, first]));
    let all: std::collections::BTreeSet<_> =
        coefficients.iter().flat_map(|t2| [t2.coefficient(0), t2.coefficient(1)]).collect();
    assert_eq!(all.len(), 2 * coefficients.len());
    assert!(all.iter().all(|c| c.is_some_and(|c| c < Fr::from(2u64).pow([128]))));
}

#[test]
fn the_shape_does_not_depend_on_values_and_tells_circuits_apart() {
    assert_eq!(Shape::of(Toy::new(3)).unwrap().digest(), Shape::of(Toy::new(4)).unwrap().digest());
    let key = SecretKey::from_seed(B256::repeat_byte(4));
    let hash = Fr::from(12u64);
    let given = vec![Authorisation { operation_hash: hash, key: key.public(), signature: key.sign(hash) }; 3];
    let empty = Shape::of(SessionChunk::small(vec![], Fr::one()).unwrap()).unwrap();
    let full = Shape::of(SessionChunk::small(given, Fr::from(7u64)).unwrap()).unwrap();
    assert_eq!(empty.digest(), full.digest());
    assert_ne!(empty.digest(), Shape::of(Toy::new(3)).unwrap().digest());
    assert_eq!(empty.constraints(), 30_122);
}
