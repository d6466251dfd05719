//! What the chunks of a batch claim, and the public inputs that follow from it (PAY-CHAIN, PAY-PUBLIC, PAY-TRANSCRIPT).
//!
//! Twin: `PaymentsProof.sol`, which derives the same inputs: what goes into a chunk is the header's or what came out of the chunk
//! before it, and the challenges are drawn from all that was published before them.

use super::transcript::{ApplyTurn, AuthoriseTurn, Header, Segment, Transcript};
use crate::circuit::CircuitId;
use ark_bn254::Fr;
use ark_ff::Zero;
use tandem_payments::{
    batch::{Challenges, Counts},
    field::fr,
};

/// What an Apply chunk publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApplyStatement {
    /// What it publishes before the challenges.
    pub turn: ApplyTurn,
    /// Evaluations of effects, withdrawals and messages after it.
    pub evaluations_out: [Fr; 3],
    /// Product over its values (PAY-JOIN).
    pub product: Fr,
}

/// What an Authorise chunk publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthoriseStatement {
    /// What it publishes before the challenges.
    pub turn: AuthoriseTurn,
    /// Product over its values (PAY-JOIN).
    pub product: Fr,
}

/// What a batch claims: the header, the posted bytes, and what its chunks publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What L1 knows by itself.
    pub header: Header,
    /// The posted bytes: effects, withdrawals, messages.
    pub segments: [Vec<u8>; 3],
    /// Apply chunks in order.
    pub apply: Vec<ApplyStatement>,
    /// What its Authorise chunks claim, in order.
    pub authorise: Vec<AuthoriseStatement>,
}

/// A circuit with the public inputs for which a proof must hold.
pub type Claim = (CircuitId, Vec<Fr>);

impl Statement {
    /// The challenges that the transcript draws from it.
    pub fn challenges(&self) -> Challenges {
        let apply: Vec<_> = self.apply.iter().map(|chunk| chunk.turn).collect();
        let authorise: Vec<_> = self.authorise.iter().map(|chunk| chunk.turn).collect();
        let posted = self.segments.each_ref().map(|bytes| Segment::of(bytes));
        let start = Transcript::new(&self.header, &posted, apply.len(), authorise.len());
        let t1 = start.chunks(&apply, &authorise);
        Challenges { data: t1.z(), values: t1.z_join() }
    }

    /// What each proof must prove, those of Apply first.
    pub fn claims(&self) -> Vec<Claim> {
        let Challenges { data: z, values } = self.challenges();
        let Header { root_in, leaf_count_in: leaf_count, queue_start: message_index, env, dom, .. } = self.header;
        let (mut root, mut fee, mut sums) = (root_in, Fr::zero(), [Fr::zero(); 3]);
        let mut counts = fr(Counts { message_index, leaf_count, ..Counts::default() }.pack());
        let mut claims = Vec::with_capacity(self.apply.len() + self.authorise.len());
        for ApplyStatement { turn, evaluations_out: [effects, withdrawals, messages], product } in &self.apply {
            let before = [
                root,
                turn.root_out,
                counts,
                turn.counts_out,
                fee,
                turn.fee_out,
                turn.data_digest,
                turn.value_digest,
                dom,
                fr(env),
            ];
            let after = [z, values, sums[0], *effects, sums[1], *withdrawals, sums[2], *messages, *product];
            claims.push((turn.circuit, before.into_iter().chain(after).collect()));
            (root, counts, fee) = (turn.root_out, turn.counts_out, turn.fee_out);
            sums = [*effects, *withdrawals, *messages];
        }
        for AuthoriseStatement { turn, product } in &self.authorise {
            claims.push((turn.circuit, vec![turn.value_digest, values, *product]));
        }
        claims
    }
}
