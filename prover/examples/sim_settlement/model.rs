//! `FraudSettlement` and the Schedule's entries as plain Rust, rule by rule: L1-CLAIM-2 to L1-CLAIM-5, L1-STAKE-1 to L1-STAKE-6, L1-NOTICE-3,
//! L1-SCHED-2, L1-SCHED-3. Times in seconds, ether in thousandths. What an output is does not matter here: a claim has a number for it, and 0
//! is right.

use std::collections::HashMap;

/// An account by its number; 0 is nobody.
pub type Account = u32;
/// A claim by its place in the list; 0 is genesis.
pub type ClaimId = usize;

/// Where a slot stands (L1-CLAIM-2), but for Empty and Failed, which do not occur here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotStatus {
    Single,
    Contested,
    Decided(ClaimId),
}

/// Where a claim stands (L1-CLAIM-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Pending,
    Final,
    Defeated,
    Void,
}

#[derive(Clone, Debug)]
pub struct Slot {
    pub parent: ClaimId,
    pub status: SlotStatus,
    pub closes_at: u64,
    pub contested_at: u64,
    pub starts_entry: bool,
    pub claims: Vec<ClaimId>,
    pub champion: Account,
}

#[derive(Clone, Debug)]
pub struct Claim {
    pub slot: ClaimId,
    pub epoch: usize,
    pub output: u32,
    /// Whether this and everything above it is right.
    pub is_right: bool,
    pub status: Status,
    pub final_at: u64,
    pub claimant: Account,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Stake {
    pub amount: u64,
    pub tip: ClaimId,
}

/// An epoch that has closed, and the entry that it is under.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    pub closed_at: u64,
    pub entry: usize,
}

/// What claims obey of a schedule entry.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub matures_at: u64,
    pub window: u64,
    pub bond: u64,
}

/// Why a call reverts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revert {
    DeadParent,
    ParentCannotWin,
    EpochOpen,
    StakeTooSmall,
    StakeElsewhere,
    WindowClosed,
    SlotClosed,
    NotPending,
    NotFinal,
    WindowOpen,
    GraceRuns,
    NotWinner,
    ClaimAlive,
    NoStake,
    EntryWaiting,
}

/// All that the contracts would hold on L1.
#[derive(Clone, Debug)]
pub struct Settlement {
    pub epochs: Vec<Epoch>,
    pub entries: Vec<Entry>,
    pub active: usize,
    pub claims: Vec<Claim>,
    /// By the parent: one epoch follows each claim.
    pub slots: HashMap<ClaimId, Slot>,
    /// The parent claims of the contested slots.
    pub contested: Vec<ClaimId>,
    pub stakes: HashMap<Account, Stake>,
    pub credits: HashMap<Account, u64>,
    pub last_final: ClaimId,
    pub balance: u64,
    pub burned: u64,
    pub grace: u64,
    pub delay: u64,
}

impl Settlement {
    pub fn new(first: Entry, delay: u64, grace: u64) -> Self {
        let genesis =
            Claim { slot: 0, epoch: 0, output: 0, is_right: true, status: Status::Final, final_at: 0, claimant: 0 };
        Self {
            epochs: vec![Epoch { closed_at: 0, entry: 0 }],
            entries: vec![first],
            active: 0,
            claims: vec![genesis],
            slots: HashMap::new(),
            contested: Vec::new(),
            stakes: HashMap::new(),
            credits: HashMap::new(),
            last_final: 0,
            balance: 0,
            burned: 0,
            grace,
            delay,
        }
    }

    /// The owner schedules an entry, if no other waits (L1-SCHED-2).
    pub fn schedule(&mut self, now: u64, window: u64, bond: u64) -> Result<(), Revert> {
        if self.entries.len() - 1 > self.active {
            return Err(Revert::EntryWaiting);
        }
        self.entries.push(Entry { matures_at: now + self.delay, window, bond });
        Ok(())
    }

    /// A batch comes and closes an epoch (L1-SCHED-3).
    pub fn close_epoch(&mut self, now: u64) {
        if self.entries.get(self.active + 1).is_some_and(|next| now >= next.matures_at) {
            self.active += 1;
        }
        self.epochs.push(Epoch { closed_at: now, entry: self.active });
    }

    pub fn last_epoch(&self) -> usize {
        self.epochs.len() - 1
    }

    /// The claim of an output below a parent.
    pub fn find(&self, parent: ClaimId, output: u32) -> Option<ClaimId> {
        self.slots.get(&parent)?.claims.iter().copied().find(|&claim| self.claims[claim].output == output)
    }

    /// The stake after it has moved along a path, if it may (L1-STAKE-2).
    fn moved(&self, stake: Stake, through: ClaimId, to: ClaimId, path: &[ClaimId]) -> Result<Stake, Revert> {
        let mut reached = stake.tip;
        if reached != to && self.claims[reached].status == Status::Pending {
            for &next in path {
                if self.claims[next].status != Status::Pending || self.claims[next].slot != reached {
                    return Err(Revert::StakeElsewhere);
                }
                reached = next;
            }
            if reached != through {
                return Err(Revert::StakeElsewhere);
            }
        }
        Ok(Stake { tip: to, ..stake })
    }

    /// With what is lacking sent along, if `pays`.
    pub fn claim(
        &mut self,
        now: u64,
        account: Account,
        parent: ClaimId,
        output: u32,
        path: &[ClaimId],
        pays: bool,
    ) -> Result<ClaimId, Revert> {
        let above = &self.claims[parent];
        match above.status {
            Status::Final => {}
            Status::Pending => {
                if let SlotStatus::Decided(winner) = self.slots[&above.slot].status
                    && winner != parent
                {
                    return Err(Revert::ParentCannotWin);
                }
            }
            _ => return Err(Revert::DeadParent),
        }
        let (epoch, is_right) = (above.epoch + 1, above.is_right && output == 0);
        let Some(&Epoch { entry: entry_id, .. }) = self.epochs.get(epoch) else { return Err(Revert::EpochOpen) };
        let mut stake = self.stakes.get(&account).copied().unwrap_or_default();
        if let Some(made) = self.find(parent, output) {
            match self.claims[made].status {
                Status::Final => return Ok(made),
                Status::Pending => {}
                _ => return Err(Revert::NotPending),
            }
            let moved = self.moved(stake, parent, made, path)?;
            self.stakes.insert(account, moved);
            return Ok(made);
        }
        let Entry { window, bond, .. } = self.entries[entry_id];
        let lacking = bond.saturating_sub(stake.amount);
        if lacking > 0 && !pays {
            return Err(Revert::StakeTooSmall);
        }
        stake.amount += lacking;
        let id = self.claims.len();
        let moved = self.moved(stake, parent, id, path)?;
        let starts_entry = entry_id != self.epochs[epoch - 1].entry;
        let slot = self.slots.entry(parent).or_insert(Slot {
            parent,
            status: SlotStatus::Single,
            closes_at: now + window,
            contested_at: 0,
            starts_entry,
            claims: Vec::new(),
            champion: 0,
        });
        match slot.status {
            SlotStatus::Single if slot.claims.is_empty() => {}
            SlotStatus::Single if now >= slot.closes_at => return Err(Revert::WindowClosed),
            SlotStatus::Single => {
                (slot.status, slot.contested_at) = (SlotStatus::Contested, now);
                self.contested.push(parent);
            }
            SlotStatus::Contested => {}
            SlotStatus::Decided(_) => return Err(Revert::SlotClosed),
        }
        slot.claims.push(id);
        self.balance += lacking;
        self.stakes.insert(account, moved);
        self.claims.push(Claim {
            slot: parent,
            epoch,
            output,
            is_right,
            status: Status::Pending,
            final_at: 0,
            claimant: account,
        });
        Ok(id)
    }

    /// Makes a claim final, if it may be (L1-CLAIM-3, L1-NOTICE-3).
    pub fn finalize(&mut self, now: u64, id: ClaimId) -> Result<(), Revert> {
        match self.claims[id].status {
            Status::Final => return Ok(()),
            Status::Pending => {}
            _ => return Err(Revert::NotPending),
        }
        let slot = &self.slots[&self.claims[id].slot];
        let parent = &self.claims[slot.parent];
        if parent.status != Status::Final {
            return Err(Revert::NotFinal);
        }
        match slot.status {
            SlotStatus::Single if now < slot.closes_at => return Err(Revert::WindowOpen),
            SlotStatus::Single => {}
            SlotStatus::Decided(winner) if winner == id => {}
            _ => return Err(Revert::NotWinner),
        }
        if slot.starts_entry && now < parent.final_at + self.grace {
            return Err(Revert::GraceRuns);
        }
        (self.claims[id].status, self.claims[id].final_at) = (Status::Final, now);
        self.last_final = id;
        Ok(())
    }

    /// L1-CLAIM-4: the verdict of a dispute contract, whatever it is.
    pub fn decide(&mut self, parent: ClaimId, winner: ClaimId, champion: Account) {
        let slot = self.slots.get_mut(&parent).expect("only contested slots are decided");
        assert_eq!(slot.status, SlotStatus::Contested, "a slot is decided once");
        (slot.status, slot.champion) = (SlotStatus::Decided(winner), champion);
        self.contested.retain(|contested| *contested != parent);
    }

    /// Ends a claim that cannot become final (L1-CLAIM-5).
    pub fn discard(&mut self, id: ClaimId) -> Result<(), Revert> {
        if self.claims[id].status != Status::Pending {
            return Err(Revert::NotPending);
        }
        let slot = &self.slots[&self.claims[id].slot];
        let (champion, status) = match (self.claims[slot.parent].status, slot.status) {
            (Status::Defeated | Status::Void, _) => (0, Status::Void),
            (Status::Final, SlotStatus::Decided(winner)) if winner != id => (slot.champion, Status::Defeated),
            _ => return Err(Revert::ClaimAlive),
        };
        let amount =
            self.stakes.get_mut(&self.claims[id].claimant).map_or(0, |stake| std::mem::take(&mut stake.amount));
        let share = if champion == 0 { 0 } else { amount / 4 };
        *self.credits.entry(champion).or_default() += share;
        self.burned += amount - share;
        self.balance -= amount - share;
        self.claims[id].status = status;
        Ok(())
    }

    /// Pays out a free stake (L1-STAKE-6).
    pub fn unstake(&mut self, account: Account) -> Result<u64, Revert> {
        let stake = self.stakes.get_mut(&account).ok_or(Revert::NoStake)?;
        if self.claims[stake.tip].status == Status::Pending {
            return Err(Revert::StakeElsewhere);
        }
        let amount = std::mem::take(&mut stake.amount);
        self.balance -= amount;
        Ok(amount)
    }

    /// Balance = stakes + credits; final claims are one line.
    pub fn check(&self) {
        let stakes: u64 = self.stakes.values().map(|stake| stake.amount).sum();
        assert_eq!(self.balance, stakes + self.credits.values().sum::<u64>(), "ether appeared or vanished");
    }
}

impl Settlement {
    /// Why a wrong claim for which nothing is paid reverts; none if it does not.
    pub fn lie_for_nothing(&mut self, now: u64, account: Account, parent: ClaimId, path: &[ClaimId]) -> Option<Revert> {
        self.claim(now, account, parent, u32::MAX, path, false).err()
    }
}
