//! One wrong claim on a devnet whose prover is honest: from the first transaction to the last payout.
//!
//! What must hold in the end: the right output is final, every bond of the honest party came back, and of what the dishonest locked nothing did.

use std::{path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use alloy::{
    primitives::{Address, B256, U256, keccak256},
    providers::ext::AnvilApi,
    rpc::types::anvil::{ReorgOptions, TransactionData},
    sol_types::SolCall,
};
use anyhow::{Context, bail, ensure};
use tandem_chain::{OutputFields, output::claim_id};
use tandem_cli::wallet::{Call, Wallet};
use tandem_devnet::Service;
use tandem_l1::bindings::{
    Dispute,
    Dispute::Verdict,
    FraudSettlement::{self, ClaimStatus},
    Inbox, Rules, Schedule,
};
use tandem_trace::Trace;
use tokio::{
    process::{Child, Command},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{
    behaviour::{Behaviour, Meanwhile},
    board::Board,
    epoch::{self, Epoch},
    lie::LyingTrace,
    narrator::Narrator,
    player::Player,
};
use crate::{
    World,
    wait::{DEADLINE, wait_until},
    world::{built, wait_until_posted},
};

/// A dispute takes minutes by its clocks; many at once on two cores take more.
pub const PATIENCE: Duration = Duration::from_secs(900);
const POLL: Duration = Duration::from_millis(300);
/// Six times what the bonds reckon with, in wei per gas.
const SPIKE_WEI: u128 = 300_000_000_000;

/// Which users do what in a case, by their numbers on the devnet.
#[derive(Clone, Copy, Debug)]
pub struct Cast {
    /// Sends what makes the epoch.
    pub user: usize,
    /// Claims what is wrong, and plays for it.
    pub liars: [usize; 2],
    /// A second honest party, if there is one.
    pub helper: usize,
}

impl Default for Cast {
    fn default() -> Self {
        Self { user: 0, liars: [6, 7], helper: 4 }
    }
}

/// What came out.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The contested slot.
    pub slot: B256,
    /// The right claim, which is final.
    pub right: B256,
    /// Seconds of L1 from the wrong claim to the right one's finality.
    pub seconds: u64,
    /// What the dishonest lost, in wei: stakes and bonds.
    pub lost: U256,
    /// The index of the withdrawal's message, if there was one.
    pub message: Option<String>,
}

/// The output that a liar wants: right where L1 would look, and another state.
pub fn wrong_output(right: OutputFields, number: u64) -> OutputFields {
    let junk = |what: &str| keccak256([what.as_bytes(), right.hash().as_slice(), &number.to_be_bytes()].concat());
    OutputFields { state_root: junk("state"), message_root: junk("messages"), ..right }
}

/// A case under way.
pub struct Case<'a> {
    world: &'a mut World,
    cast: Cast,
    behaviour: Behaviour,
    meanwhile: Meanwhile,
    board: Board,
    /// The honest account.
    honest: Address,
    narrator: Option<Narrator>,
    directory: PathBuf,
    /// What the dishonest have staked, in wei.
    staked: U256,
    /// What the liars may withdraw from earlier cases, in wei: a champion is paid whoever he is.
    credits: [U256; 2],
    /// The wrong claims, by id.
    wrong: Vec<B256>,
    withdraws_to: Option<Address>,
    message: Option<String>,
}

impl<'a> Case<'a> {
    /// A case on a devnet.
    pub fn new(world: &'a mut World, cast: Cast, behaviour: Behaviour, meanwhile: Meanwhile) -> Self {
        let board = Board::new(world.devnet.l1.clone(), &world.devnet.deployment);
        let honest = world.devnet.proposer_key().address();
        let directory = world.dir().join("traces");
        Self {
            world,
            cast,
            behaviour,
            meanwhile,
            board,
            honest,
            narrator: None,
            directory,
            staked: U256::ZERO,
            credits: [U256::ZERO; 2],
            wrong: Vec::new(),
            withdraws_to: None,
            message: None,
        }
    }

    /// Has the dispute told move by move on standard output.
    #[must_use]
    pub fn narrated(self, narrator: Narrator) -> Self {
        Self { narrator: Some(narrator), ..self }
    }

    /// The contested epoch withdraws half an ether to this account on L1.
    #[must_use]
    pub fn withdrawing(self, to: Address) -> Self {
        Self { withdraws_to: Some(to), ..self }
    }

    /// Closes an epoch and claims what is wrong about it; the epoch, its slot, and the wrong claim.
    pub async fn begin(&mut self) -> anyhow::Result<(Epoch, B256, B256)> {
        let behaviour = self.behaviour;
        let [first, second] = self.cast.liars;
        self.credits = [self.credit_of(first).await?, self.credit_of(second).await?];
        let epoch = self.close_epoch().await.context("an epoch to lie about")?;
        let parent = self.right_claim(epoch.number - 1, epoch.previous).await?;
        if behaviour == Behaviour::LastSecond {
            self.wait_for_last_seconds(&epoch).await?;
        } else {
            self.right_claim(epoch.number, epoch.output).await?;
        }
        for (liar, number) in self.cast.liars.into_iter().zip(0..behaviour.claims()) {
            let output = wrong_output(epoch.output, number);
            let claim = self.claim(liar, parent, output).await.context("the wrong claim")?;
            self.wrong.push(claim);
        }
        let first = *self.wrong.first().context("nobody claims")?;
        self.watch("the wrong claim is on L1", |board| board.claims.contains_key(&first)).await?;
        let slot = self.board.claims.get(&first).context("the wrong claim is gone")?.slot;
        if behaviour == Behaviour::WrongParent {
            let child = self.claim_child(first, epoch.number).await?;
            self.wrong.push(child);
        }
        Ok((epoch, slot, first))
    }

    /// Plays it to the end.
    pub async fn play(&mut self) -> anyhow::Result<Outcome> {
        let behaviour = self.behaviour;
        let (epoch, slot, _) = self.begin().await?;
        let (began, right) = (self.board.now, claim_id(slot, epoch.output.hash()));

        let stop = CancellationToken::new();
        let mut players = JoinSet::new();
        for (liar, runs) in self.liars(&epoch).await? {
            let wallet = self.world.l1_wallet(liar).await?;
            let player = Player::new(wallet, &self.world.devnet.deployment, slot, runs, behaviour.habits());
            players.spawn(player.play(stop.clone()));
        }
        let _helper = match self.meanwhile {
            Meanwhile::TwoHonest => Some(self.second_prover()?),
            _ => None,
        };
        self.interfere(slot).await?;
        self.watch(&format!("{behaviour:?}, {:?}: the right claim is final", self.meanwhile), |board| {
            board.claims.get(&right).is_some_and(|claim| claim.status == ClaimStatus::Final)
        })
        .await?;
        let seconds = self.board.now - began;
        let wrong_claims = self.wrong.clone();
        self.watch("every wrong claim is discarded", |board| {
            wrong_claims
                .iter()
                .all(|wrong| board.claims.get(wrong).is_some_and(|claim| claim.status != ClaimStatus::Pending))
        })
        .await?;
        stop.cancel();
        while let Some(ended) = players.join_next().await {
            let is_silent = ended?.context("a dishonest player")?;
            ensure!(is_silent == behaviour.habits().silent_at.is_some(), "whether he fell silent: {is_silent}");
        }
        let lost = self.check_accounts(slot, epoch.output, &wrong_claims).await?;
        Ok(Outcome { slot, right, seconds, lost, message: self.message.take() })
    }

    /// What calls of the dispute contract took, by the narrator's names; nothing if nobody narrates.
    pub fn gas(&self) -> Vec<(String, u64)> {
        let Some(narrator) = &self.narrator else { return Vec::new() };
        narrator.gas.iter().map(|(account, gas)| (narrator.name(*account), *gas)).collect()
    }

    /// Something happens on L2, is posted, and its epoch closes.
    pub async fn close_epoch(&mut self) -> anyhow::Result<Epoch> {
        if let Some(to) = self.withdraws_to.take() {
            let withdraw = ["bridge", "withdraw", "0.5", "--to", &to.to_string()];
            self.message = Some(self.world.tandem(self.cast.user, &withdraw).await?["message"].to_string());
        } else {
            let wallet = self.world.l2_wallet(self.cast.user).await?;
            wallet.send(Call::new(Address::repeat_byte(0xb0), Vec::new()).value(U256::from(3))).await?;
        }
        wait_until_posted(&self.world.devnet.l2).await?;
        let (l1, chain) = (&self.world.devnet.l1, &self.world.devnet.deployment.chain);
        let inbox = Inbox::new(chain.inbox, l1.provider());
        let batch = inbox.batchCount().call().await?;
        let closed = || async {
            let count = inbox.epochCount().call().await?;
            Ok((inbox.epochEnd(count).call().await? >= batch).then_some(count))
        };
        let mut number = wait_until("the epoch has closed", closed).await?;
        while number > 1 && inbox.epochEnd(number - 1).call().await? >= batch {
            number -= 1;
        }
        epoch::read(self.world.chain(), number, &self.directory).await
    }

    /// The id of the honest claim of an epoch, as soon as somebody has posted it.
    async fn right_claim(&mut self, epoch: u64, output: OutputFields) -> anyhow::Result<B256> {
        if epoch == 0 {
            let settlement = self.settlement();
            return Ok(settlement.genesisClaim().call().await?);
        }
        let hash = output.hash();
        let find = |board: &Board| {
            let found = board.claims.iter().find(|(_, claim)| claim.epoch == epoch && claim.output_hash == hash);
            found.map(|(id, _)| *id)
        };
        self.watch(&format!("the right claim of epoch {epoch}"), |board| find(board).is_some()).await?;
        find(&self.board).context("it is gone again")
    }

    async fn credit_of(&self, user: usize) -> anyhow::Result<U256> {
        Ok(self.settlement().creditOf(self.world.user(user).address()).call().await?)
    }

    fn settlement(&self) -> FraudSettlement::FraudSettlementInstance<alloy::providers::DynProvider> {
        FraudSettlement::new(self.world.devnet.deployment.chain.settlement, self.world.devnet.l1.provider().clone())
    }

    /// Posts a claim; its id.
    async fn claim(&mut self, liar: usize, parent: B256, output: OutputFields) -> anyhow::Result<B256> {
        let (deployment, wallet) = (&self.world.devnet.deployment, self.world.l1_wallet(liar).await?);
        let schedule = Schedule::new(deployment.schedule, self.world.devnet.l1.provider());
        let bond = U256::from(schedule.activeEntry().call().await?.rules.claimBond);
        let staked = self.settlement().stakeOf(wallet.address()).call().await?.amount;
        let value = bond.saturating_sub(U256::from(staked));
        self.staked += value;
        if self.behaviour == Behaviour::ByHand {
            self.claim_by_hand(liar, parent, output, value).await?;
        } else {
            let call = FraudSettlement::claimCall { parent, fields: output.into(), path: Vec::new() };
            wallet.send(Call::new(deployment.chain.settlement, call.abi_encode()).value(value)).await?;
        }
        let slot = self.slot_of(parent, output).await?;
        Ok(claim_id(slot, output.hash()))
    }

    /// The slot of a claim on `parent` that ends with the output's batch.
    async fn slot_of(&self, parent: B256, output: OutputFields) -> anyhow::Result<B256> {
        let deployment = &self.world.devnet.deployment;
        let schedule = Schedule::new(deployment.schedule, self.world.devnet.l1.provider());
        let inbox = Inbox::new(deployment.chain.inbox, self.world.devnet.l1.provider());
        let mut batch = inbox.batchCount().call().await?;
        while inbox.batchHashOf(batch).call().await? != output.batch_hash {
            ensure!(batch > 1, "the output's batch is not on L1");
            batch -= 1;
        }
        let entry_hash = schedule.entryOf(batch).call().await?.entryHash;
        Ok(self.settlement().slotIdOf(parent, entry_hash, output.batch_hash).call().await?)
    }

    /// With Foundry's `cast`, as somebody would who tries whether anybody is watching.
    async fn claim_by_hand(&self, liar: usize, parent: B256, output: OutputFields, value: U256) -> anyhow::Result<()> {
        let OutputFields { config_hash, batch_hash, last_block_hash, state_root, message_root, queue_index } = output;
        let fields =
            format!("({config_hash},{batch_hash},{last_block_hash},{state_root},{message_root},{queue_index})");
        let devnet = &self.world.devnet;
        let key = B256::from(self.world.user(liar).to_bytes()).to_string();
        let (to, value, parent) =
            (devnet.deployment.chain.settlement.to_string(), value.to_string(), parent.to_string());
        let signature = "claim(bytes32,(bytes32,bytes32,bytes32,bytes32,bytes32,uint64),bytes32[])";
        let arguments = ["send", &to, signature, &parent, &fields, "[]", "--value", &value];
        let endpoint = ["--private-key", &key, "--rpc-url", devnet.info.l1_rpc.as_str()];
        self.world.cast(&[arguments.as_slice(), &endpoint].concat()).await.map(drop)
    }

    /// A claim of the next epoch that builds on a wrong one, with the same stake.
    async fn claim_child(&mut self, parent: B256, epoch: u64) -> anyhow::Result<B256> {
        let next = self.close_epoch().await?;
        ensure!(next.number > epoch, "the next epoch is {}", next.number);
        let first = match next.number == epoch + 1 {
            true => next,
            false => epoch::read(self.world.chain(), epoch + 1, &self.directory).await?,
        };
        self.claim(self.cast.liars[0], parent, wrong_output(first.output, 5)).await
    }

    /// Waits until the right claim can be rivalled for about two more seconds.
    async fn wait_for_last_seconds(&mut self, epoch: &Epoch) -> anyhow::Result<()> {
        let right = self.right_claim(epoch.number, epoch.output).await?;
        let slot = self.board.claims.get(&right).context("the right claim is gone")?.slot;
        let closes_at: u64 = self.settlement().slotOf(slot).call().await?.closesAt.to();
        self.watch("the window is about to close", |board| board.now + 3 >= closes_at).await?;
        ensure!(self.board.now < closes_at, "the window has closed already");
        Ok(())
    }

    /// Who plays for which runs.
    async fn liars(&self, epoch: &Epoch) -> anyhow::Result<Vec<(usize, Vec<Arc<dyn Trace>>)>> {
        let (program, honest, right) = (epoch.program.clone(), epoch.honest.clone(), epoch.output);
        let runs = self.behaviour.runs();
        let lies = move || -> anyhow::Result<Vec<Arc<dyn Trace>>> {
            let mut lies: Vec<Arc<dyn Trace>> = Vec::new();
            for (divergence, number) in runs {
                let from = divergence.step(&program, honest.as_ref()).with_context(|| format!("{divergence:?}"))?;
                let output = wrong_output(right, number).hash();
                lies.push(Arc::new(LyingTrace::new(honest.clone(), from, output, number)?));
            }
            Ok(lies)
        };
        let lies = tokio::task::spawn_blocking(lies).await??;
        let mut players = self.cast.liars.map(|liar| (liar, Vec::new()));
        for (index, lie) in lies.into_iter().enumerate() {
            players[index % 2].1.push(lie);
        }
        Ok(players.into_iter().filter(|(_, runs)| !runs.is_empty()).collect())
    }

    /// Does what happens meanwhile, once a match is under way.
    async fn interfere(&mut self, slot: B256) -> anyhow::Result<()> {
        if matches!(self.meanwhile, Meanwhile::Nothing | Meanwhile::TwoHonest) {
            return Ok(());
        }
        self.watch("a match is under way", |board| {
            board.tournaments_of(slot).any(|(_, found)| !found.matches.is_empty())
        })
        .await?;
        match self.meanwhile {
            Meanwhile::Kill => {
                self.world.devnet.services.kill(Service::Prover).await?;
                self.world.devnet.services.restart(Service::Prover)?;
            }
            Meanwhile::Reorg(depth) => {
                let tx_block_pairs: Vec<(TransactionData, u64)> = Vec::new();
                self.world.devnet.l1.provider().anvil_reorg(ReorgOptions { depth, tx_block_pairs }).await?;
            }
            Meanwhile::FeeSpike => {
                self.world.devnet.l1.provider().anvil_set_next_block_base_fee_per_gas(SPIKE_WEI).await?;
            }
            Meanwhile::RulesChange => self.change_rules().await?,
            Meanwhile::Nothing | Meanwhile::TwoHonest => {}
        }
        Ok(())
    }

    /// Other rules for the batches to come, by the owner.
    async fn change_rules(&self) -> anyhow::Result<()> {
        let devnet = &self.world.devnet;
        let owner = Wallet::connect(devnet.l1.clone(), devnet.owner_key(), DEADLINE).await?;
        let schedule = Schedule::new(devnet.deployment.schedule, devnet.l1.provider());
        let rules: Rules = schedule.activeEntry().call().await?.rules;
        let rules = Rules { claimWindowSeconds: rules.claimWindowSeconds + 1, ..rules };
        let call = Schedule::scheduleCall { config: (&devnet.deployment.chain).into(), rules };
        owner.send(Call::new(devnet.deployment.schedule, call.abi_encode())).await?;
        Ok(())
    }

    /// A prover of a user's.
    fn second_prover(&self) -> anyhow::Result<Child> {
        let devnet = &self.world.devnet;
        let mut command = Command::new(built("tandem-prover")?);
        command.arg("--deployment").arg(self.world.dir().join("deployment.json"));
        command.arg("--data-dir").arg(self.world.dir().join("second-prover"));
        command.args(["--l1-rpc", devnet.info.l1_rpc.as_str(), "--l1-beacon", devnet.info.faucet.as_str()]);
        command.args(["--l1-poll-ms", "200", "--l1-depth", "1"]);
        command.env("TANDEM_PROPOSER_KEY", B256::from(self.world.user(self.cast.helper).to_bytes()).to_string());
        let log = std::fs::File::create(self.world.dir().join("second-prover.log"))?;
        Ok(command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true).spawn()?)
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        let happenings = self.board.refresh().await?;
        if let Some(narrator) = &mut self.narrator {
            narrator.tell(&self.board, &happenings).await?;
        }
        Ok(())
    }

    /// Follows L1 until it is so.
    async fn watch(&mut self, what: &str, is_so: impl Fn(&Board) -> bool) -> anyhow::Result<()> {
        let started = Instant::now();
        loop {
            self.read().await?;
            if is_so(&self.board) {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                bail!("not within {PATIENCE:?}: {what}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Everybody's accounts in the end; what the dishonest lost.
    async fn check_accounts(&mut self, slot: B256, right: OutputFields, wrong: &[B256]) -> anyhow::Result<U256> {
        let (verdict, output, champion) = *self.board.judged.get(&slot).context("the slot was not judged")?;
        ensure!(verdict == Verdict::Output && output == right.hash(), "the verdict is {verdict:?}, {output}");
        let settlement = self.settlement();
        let dispute = Dispute::new(self.world.devnet.deployment.dispute, self.world.devnet.l1.provider());
        let honest = [self.honest, self.world.user(self.cast.helper).address()];
        let (mut lost, mut burned) = (self.staked, U256::ZERO);
        for (user, before) in self.cast.liars.into_iter().zip(self.credits) {
            let liar = self.world.user(user).address();
            let stake = settlement.stakeOf(liar).call().await?.amount;
            ensure!(stake == 0, "{liar} still has a stake of {stake}");
            let got = self.credit_of(user).await? - before;
            ensure!(got.is_zero() || champion == liar, "{liar} got {got} of a stake back");
        }
        ensure!(self.behaviour == Behaviour::HonestTrace || honest.contains(&champion), "the champion is {champion}");
        for claim in wrong {
            let status = settlement.claimOf(*claim).call().await?.status;
            ensure!(matches!(status, ClaimStatus::Defeated | ClaimStatus::Void), "claim {claim} is {status:?}");
            burned += self.board.claims.get(claim).map_or(U256::ZERO, |claim| claim.burned);
        }
        // A quarter of each stake is the champion's.
        let share = self.staked / settlement.CHAMPION_SHARE_DIVISOR().call().await?;
        ensure!(burned + share == self.staked, "{burned} of {} wei staked have burned", self.staked);
        let mut joined = 0;
        for (id, tournament) in self.board.tournaments_of(slot) {
            let bond = dispute.bondOf(tournament.level).call().await?;
            for (root, who) in &tournament.joined {
                let status = dispute.commitmentOf(id, *root).call().await?.status;
                let came_back = status == Dispute::CommitmentStatus::Returned;
                if honest.contains(&who.joiner) {
                    joined += 1;
                    ensure!(came_back, "the honest bond for {root} did not come back: {status:?}");
                } else if !came_back {
                    lost += bond;
                } else {
                    // Among themselves, inside a match that nobody honest plays, one of them may win.
                    let is_theirs = !tournament.joined.values().any(|who| honest.contains(&who.joiner));
                    let may_be = self.behaviour == Behaviour::HonestTrace || (tournament.level == 1 && is_theirs);
                    ensure!(may_be, "a dishonest bond, for {root}, came back");
                }
            }
        }
        ensure!(joined > 0 || self.behaviour == Behaviour::HonestTrace, "nobody honest joined");
        Ok(lost)
    }
}
