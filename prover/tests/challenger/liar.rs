//! Plays for a run that never was, by the same strategy as the honest party.

use alloy::primitives::{Address, B256};
use tandem_dispute::{
    Ending, Run, Terms, Tree,
    strategy::{self, Knowledge, Shown},
};
use tandem_l1::{MemoryJournal, Outcome, ReaderConfig, SubmitError, Submitter};
use tandem_prover::challenger::{Attached, Judge, Watch, call_of};
use tandem_support::l1::Harness;
use tandem_vm::{OracleKey, State};

/// Says that the machine is in its last state after the first stride already.
struct Lie {
    last: State,
    output: B256,
}

impl Knowledge for Lie {
    type Tree = Run;

    fn outer(&self) -> Option<(Shown<Run>, Ending)> {
        let tree = Run::uniform(self.last.hash());
        Some((Shown { root: tree.root(), tree }, Ending::Output(self.output)))
    }

    fn inner(&self, _: u64) -> Option<Shown<Run>> {
        let tree = Run::uniform(B256::repeat_byte(0x77)).then((1 << 20) - 1, self.last.hash());
        Some(Shown { root: tree.root(), tree })
    }

    fn successor(&self, _: u64, _: u64) -> Option<B256> {
        None
    }
}

pub struct Liar {
    lie: Lie,
    account: Address,
    submitter: Submitter<MemoryJournal>,
    watch: Watch,
    slot: B256,
    dispute: Address,
    terms: Terms,
    /// Joins, and nothing more.
    pub is_silent: bool,
}

impl Liar {
    pub async fn new(harness: &Harness, key: usize, slot: B256, output: B256) -> Self {
        let mut last = State::initial(B256::repeat_byte(9), OracleKey(B256::ZERO));
        (last.exited, last.output) = (true, output);
        let dispute = harness.deployment.dispute;
        let config = ReaderConfig { disputes: vec![dispute], ..harness.reader_config() };
        let at = harness.client.latest().await.unwrap().id.hash;
        let terms = Judge::new(harness.client.clone(), dispute, at).terms().await.unwrap();
        Self {
            lie: Lie { last, output },
            account: harness.anvil.keys()[key].address(),
            submitter: harness.submitter(harness.anvil.keys()[key].clone()).await,
            watch: Watch::new(harness.client.clone(), config),
            slot,
            dispute,
            terms,
            is_silent: false,
        }
    }

    /// Makes the first call that is due, if one is. The tournaments as they were before.
    pub async fn turn(&mut self, harness: &Harness) -> Option<tandem_prover::challenger::Standing> {
        let head = self.watch.catch_up().await.unwrap()?;
        let judge = Judge::new(harness.client.clone(), self.dispute, head.id.hash);
        let standing = judge.standing(self.slot, self.watch.seen()).await.unwrap();
        let plan = strategy::plan(&standing.position(&self.terms, true), &self.lie, self.account);
        let is_ours = |act: &tandem_dispute::Act| {
            use tandem_dispute::Act::{Advance, Join, JoinInner, Seal};
            matches!(act, Join { .. })
                || (!self.is_silent && matches!(act, JoinInner { .. } | Advance { .. } | Seal { .. }))
        };
        let last_state = self.lie.last.pack().to_vec().into();
        if let Some(duty) = plan.duties.into_iter().find(|duty| is_ours(&duty.act)) {
            let attached = Attached { slot: self.slot, last_state, ..Attached::default() };
            let call = call_of(&duty.act, self.dispute, &self.terms, attached);
            match self.submitter.submit(call).await {
                Ok(Outcome::Included(_) | Outcome::Reverted { .. }) | Err(SubmitError::Refused { .. }) => {}
                other => panic!("{other:?}"),
            }
        }
        Some(standing)
    }
}
