//! Authorise for session keys: every active slot's operation hash is signed by the key whose hash enters its value.
//!
//! Statement (PAY-AUTHORISE-SESSION in `docs/spec/circuits-authorise.md`). Public: valueDigest | z', product.
//! Private, per slot: active, operation hash M, key A, signature (R, S). Holds if for every slot
//! 1. A lies on the curve, in the prime subgroup, and is not the identity;
//! 2. (R, S) is an EdDSA-Poseidon signature of M under A, S canonical;
//! 3. v = P(value/session, M, P(key/session, A.x, A.y));
//!
//! and valueDigest is the digest of `active * v`, product that of `active ? z' + v : 1`.
//! An inactive slot carries a genuine signature too (the prover's own filler): nothing in a slot is conditional but its
//! entry into digest and product. M is opaque here; Apply computes it from the operation.

use super::{Join, product};
use crate::{
    circuit::{Chunk, CircuitId, Family},
    gadgets::{
        eddsa::{PublicKeyVar, SignatureVar},
        poseidon,
    },
};
use alloy_primitives::B256;
use ark_bn254::Fr;
use ark_ff::Zero;
use ark_r1cs_std::{alloc::AllocVar, boolean::Boolean, eq::EqGadget, fields::fp::FpVar};
use ark_relations::gr1cs::{ConstraintSynthesizer, ConstraintSystemRef, SynthesisError};
use tandem_payments::{
    batch::AuthoriseCircuit,
    digest,
    eddsa::{EddsaError, PublicKey, SecretKey, Signature},
    operation::{Authority, SignatureKind},
    tags,
};

/// An operation hash with its signature.
#[derive(Clone, Copy, Debug)]
pub struct Authorisation {
    /// The operation hash that was signed (PAY-OPHASH).
    pub operation_hash: Fr,
    /// The session key that signed it.
    pub key: PublicKey,
    /// Its signature of the operation hash.
    pub signature: Signature,
}

impl Authorisation {
    /// The value that joins it to Apply (PAY-VALUE).
    pub fn value(&self) -> Fr {
        self.authority().value()
    }

    /// What Apply needs of it.
    pub fn authority(&self) -> Authority {
        Authority { kind: SignatureKind::Session, operation_hash: self.operation_hash, key_hash: self.key.hash() }
    }

    /// What fills slots that authorise nothing.
    fn filler() -> Self {
        let key = SecretKey::from_seed(B256::ZERO);
        let operation_hash = Fr::from(0u64);
        Self { operation_hash, key: key.public(), signature: key.sign(operation_hash) }
    }
}

/// Why signatures make no chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionChunkError {
    /// The circuit verifies other signatures.
    #[error("circuit {id} verifies no session signatures")]
    OtherCircuit {
        /// The circuit's number (PAY-CIRCUIT).
        id: u64,
    },
    /// More signatures than slots.
    #[error("{count} signatures do not fit {slots} slots")]
    TooMany {
        /// How many signatures were given.
        count: usize,
        /// Slots of the circuit.
        slots: usize,
    },
    /// A signature does not verify.
    #[error("signature {index}: {error}")]
    Signature {
        /// Place of the signature among those given, from 0.
        index: usize,
        /// What is wrong with it.
        error: EddsaError,
    },
}

/// A chunk of signatures, all of which verify, under a challenge.
#[derive(Clone, Debug)]
pub struct SessionChunk {
    circuit: CircuitId,
    slots: usize,
    /// Empty in a chunk for key generation.
    authorisations: Vec<Authorisation>,
    challenge: Fr,
}

impl SessionChunk {
    /// A chunk of the small circuit, for at most eight signatures.
    pub fn small(authorisations: Vec<Authorisation>, challenge: Fr) -> Result<Self, SessionChunkError> {
        Self::of(AuthoriseCircuit::SESSION_SMALL, authorisations, challenge)
    }

    /// A chunk of a circuit, for at most as many signatures as it has slots.
    pub fn of(
        circuit: AuthoriseCircuit,
        authorisations: Vec<Authorisation>,
        challenge: Fr,
    ) -> Result<Self, SessionChunkError> {
        let AuthoriseCircuit { id, slots, .. } = circuit;
        let is_session = |circuit: &CircuitId| circuit.family() == Family::Session;
        let circuit = CircuitId::numbered(id).filter(is_session).ok_or(SessionChunkError::OtherCircuit { id })?;
        if authorisations.len() > slots {
            return Err(SessionChunkError::TooMany { count: authorisations.len(), slots });
        }
        for (index, given) in authorisations.iter().enumerate() {
            let verified = given.key.verify(given.operation_hash, &given.signature);
            verified.map_err(|error| SessionChunkError::Signature { index, error })?;
        }
        Ok(Self { circuit, slots, authorisations, challenge })
    }

    /// A chunk without signatures, for key generation.
    ///
    /// # Panics
    /// If the circuit verifies other signatures than these.
    pub fn blank(circuit: AuthoriseCircuit) -> Self {
        Self::of(circuit, Vec::new(), Fr::zero()).expect("a circuit of session signatures")
    }

    /// Digest of the values: what the transcript absorbs before the challenge is known.
    pub fn value_digest(&self) -> Fr {
        let mut items: Vec<Fr> = self.authorisations.iter().map(Authorisation::value).collect();
        items.resize(self.slots, Fr::from(0u64));
        digest::digest(tags::DIGEST_VALUES, self.circuit.number(), &items)
    }

    /// The challenge at which its values are joined.
    pub(crate) fn challenge(&self) -> Fr {
        self.challenge
    }

    /// The signatures that it verifies, in order.
    pub(crate) fn authorisations(&self) -> &[Authorisation] {
        &self.authorisations
    }

    /// The same chunk under another challenge.
    pub fn with_challenge(self, challenge: Fr) -> Self {
        Self { challenge, ..self }
    }
}

impl Chunk for SessionChunk {
    fn circuit_id(&self) -> CircuitId {
        self.circuit
    }

    fn public_inputs(&self) -> Vec<Fr> {
        let values = self.authorisations.iter().map(Authorisation::value);
        vec![self.value_digest(), self.challenge, product(values, self.challenge)]
    }
}

impl ConstraintSynthesizer<Fr> for SessionChunk {
    fn generate_constraints(self, cs: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let public = self.public_inputs();
        let slots: Vec<_> = self.authorisations.iter().map(|given| (true, *given)).collect();
        synthesise(cs, self.circuit.number(), self.slots, &slots, &public)
    }
}

/// The constraints. `given` are the slots' witnesses, those missing become fillers; tests give false ones here.
fn synthesise(
    cs: ConstraintSystemRef<Fr>,
    circuit_id: u64,
    slots: usize,
    given: &[(bool, Authorisation)],
    public: &[Fr],
) -> Result<(), SynthesisError> {
    let input =
        |i: usize| FpVar::new_input(cs.clone(), || public.get(i).copied().ok_or(SynthesisError::AssignmentMissing));
    let (value_digest, challenge, product) = (input(0)?, input(1)?, input(2)?);
    let filler = (false, Authorisation::filler());
    let mut join = Join::new(challenge);
    for i in 0..slots {
        let (active, given) = given.get(i).unwrap_or(&filler);
        let active = Boolean::new_witness(cs.clone(), || Ok(*active))?;
        let operation_hash = FpVar::new_witness(cs.clone(), || Ok(given.operation_hash))?;
        let key = PublicKeyVar::new_witness(cs.clone(), Some(&given.key))?;
        let signature = SignatureVar::new_witness(cs.clone(), Some(&given.signature))?;
        key.enforce_verifies(&operation_hash, &signature)?;
        let value = poseidon::hash_tagged(tags::VALUE_SESSION, &[operation_hash, key.hash()?])?;
        join.push(&active, &value);
    }
    let (digest, joined) = join.finish(circuit_id)?;
    value_digest.enforce_equal(&digest)?;
    product.enforce_equal(&joined)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{System, accepts, proving};
    use ark_ff::{Field, One};
    use tandem_payments::poseidon as native;

    fn authorisation(seed: u8, message: u64) -> Authorisation {
        let key = SecretKey::from_seed(B256::repeat_byte(seed));
        let operation_hash = Fr::from(message).pow([5]);
        Authorisation { operation_hash, key: key.public(), signature: key.sign(operation_hash) }
    }

    fn challenge() -> Fr {
        Fr::from(0xabcdefu64).pow([13])
    }

    const SLOTS: usize = 2;

    /// Public inputs of a circuit with two slots, for these active values.
    fn public(values: &[Fr]) -> Vec<Fr> {
        let mut items = values.to_vec();
        items.resize(SLOTS, Fr::from(0u64));
        let digest = digest::digest(tags::DIGEST_VALUES, 3, &items);
        vec![digest, challenge(), product(values.iter().copied(), challenge())]
    }

    fn passes(slots: &[(bool, Authorisation)], public: &[Fr]) -> bool {
        accepts(|cs| synthesise(cs, 3, SLOTS, slots, public))
    }

    /// Tests PAY-AUTHORISE-SESSION.
    #[test]
    fn full_partial_and_empty_chunks_pass_with_pinned_counts() {
        for (count, constraints) in [(0, 30_122), (3, 30_122), (8, 30_122)] {
            let given: Vec<_> = (0..count).map(|i| authorisation(i as u8, i as u64 * 7)).collect();
            let chunk = SessionChunk::small(given, challenge()).unwrap();
            let cs = proving();
            chunk.clone().generate_constraints(cs.clone()).unwrap();
            assert_eq!(cs.num_constraints(), constraints);
            assert_eq!(cs.instance_assignment().unwrap()[1..], chunk.public_inputs());
            assert!(System::of(&cs).is_satisfied());
        }
    }

    #[test]
    fn the_large_circuit_fits_its_domain() {
        let cs = proving();
        SessionChunk::blank(AuthoriseCircuit::SESSION_LARGE).generate_constraints(cs.clone()).unwrap();
        assert_eq!(cs.num_constraints(), 131_015);
        assert!(cs.num_constraints() + cs.num_instance_variables() <= 1 << 17);
    }

    #[test]
    fn what_does_not_verify_makes_no_chunk() {
        let mut wrong = authorisation(1, 1);
        wrong.operation_hash += Fr::one();
        let error = SessionChunk::small(vec![authorisation(2, 2), wrong], challenge()).unwrap_err();
        assert_eq!(error, SessionChunkError::Signature { index: 1, error: EddsaError::Mismatch });
        let many = vec![authorisation(1, 1); 9];
        let error = SessionChunk::small(many, challenge()).unwrap_err();
        assert_eq!(error, SessionChunkError::TooMany { count: 9, slots: 8 });
        let other = AuthoriseCircuit { id: 5, ..AuthoriseCircuit::SESSION_SMALL };
        let error = SessionChunk::of(other, vec![], challenge()).unwrap_err();
        assert_eq!(error, SessionChunkError::OtherCircuit { id: 5 });
    }

    #[test]
    fn an_unsigned_operation_is_refused_active_or_not() {
        let good = authorisation(1, 10);
        let mut forged = good;
        forged.operation_hash += Fr::one();
        assert!(passes(&[(true, good)], &public(&[good.value()])));
        assert!(!passes(&[(true, forged)], &public(&[forged.value()])));
        assert!(!passes(&[(false, forged)], &public(&[])));
    }

    #[test]
    fn a_signature_of_another_key_is_refused() {
        let (mut stolen, other) = (authorisation(1, 10), authorisation(2, 10));
        stolen.key = other.key;
        assert!(!passes(&[(true, stolen)], &public(&[stolen.value()])));
    }

    #[test]
    fn activity_is_committed_in_the_digest() {
        let (a, b) = (authorisation(1, 10), authorisation(2, 11));
        let both = public(&[a.value(), b.value()]);
        assert!(passes(&[(true, a), (true, b)], &both));
        // A flag flipped after the challenge: the product of one value under the digest of two.
        let sub_product = vec![both[0], both[1], product([a.value()], challenge())];
        assert!(!passes(&[(true, a), (false, b)], &sub_product));
        assert!(!passes(&[(true, a), (true, b)], &sub_product));
        // And the reverse: a value in the product that the digest does not hold.
        let one = public(&[a.value()]);
        let more = vec![one[0], one[1], both[2]];
        assert!(!passes(&[(true, a), (true, b)], &more));
    }

    #[test]
    fn padding_carries_nothing() {
        let empty = public(&[]);
        assert_eq!(empty[2], Fr::one());
        assert!(passes(&[], &empty));
        assert!(!passes(&[], &[empty[0], empty[1], Fr::from(2u64)]));
        // The filler as an active slot is an authorisation like any other: its value shows.
        let filler = Authorisation::filler();
        assert!(!passes(&[(true, filler)], &empty));
        assert!(passes(&[(true, filler)], &public(&[filler.value()])));
    }

    #[test]
    fn the_value_is_tagged_with_the_kind_of_signature() {
        let a = authorisation(1, 10);
        let ethereum = native::hash_tagged(tags::VALUE_ETHEREUM, &[a.operation_hash, a.key.hash()]);
        assert!(!passes(&[(true, a)], &public(&[ethereum])));
        let register = native::hash_tagged(tags::VALUE_REGISTER, &[a.operation_hash, a.key.hash()]);
        assert!(!passes(&[(true, a)], &public(&[register])));
    }

    #[test]
    fn the_digest_belongs_to_the_circuit() {
        let a = authorisation(1, 10);
        let mut inputs = public(&[a.value()]);
        inputs[0] = digest::digest(tags::DIGEST_VALUES, 4, &[a.value(), Fr::from(0u64)]);
        assert!(!passes(&[(true, a)], &inputs));
    }

    #[test]
    fn each_public_input_is_bound() {
        let a = authorisation(1, 10);
        let inputs = public(&[a.value()]);
        for i in 0..inputs.len() {
            let mut other = inputs.clone();
            other[i] += Fr::one();
            assert!(!passes(&[(true, a)], &other), "input {i}");
        }
    }

    #[test]
    fn no_witness_value_is_free_but_hints_of_empty_runs() {
        let a = authorisation(1, 10);
        let inputs = public(&[a.value()]);
        let mut system = System::new(|cs| synthesise(cs, 3, SLOTS, &[(true, a)], &inputs));
        let free = system.unbound();
        assert!(free.iter().all(|&index| *system.witness(index) == Fr::from(0u64)), "{free:?}");
        assert!(free.len() <= 4, "{free:?}");
        assert_eq!(system.unbound_instances(), Vec::<usize>::new());
    }
}
