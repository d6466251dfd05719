//! `make drill-fraud`: on a devnet of its own a dishonest proposer claims a wrong output, and loses in front of everybody's eyes.

use std::{collections::BTreeMap, time::Duration};

use alloy::primitives::{Address, U256, utils::format_ether};
use anyhow::{Context, ensure};
use clap::Parser;
use tandem_l1::bindings::{Dispute, FraudSettlement};
use tandem_tests::{
    World, WorldOptions,
    fraud::{
        behaviour::{Behaviour, Meanwhile},
        case::{Case, Cast},
        lie::Divergence,
        narrator::Narrator,
        player::Move,
    },
};

/// A dispute on a devnet, told move by move
#[derive(Debug, clap::Parser)]
struct Flags {
    /// Where the wrong run leaves the right one
    #[arg(long, value_enum, default_value_t = Diverge::Middle)]
    diverge: Diverge,
    /// The dishonest proposer falls silent at this move
    #[arg(long, value_enum)]
    silent: Option<Silent>,
    /// How many wrong runs are played for
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=16))]
    opponents: u8,
    /// Time in which a claim can be rivalled, and a commitment joins, in seconds
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(10..=3_600))]
    claim_window_s: u32,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Diverge {
    First,
    Middle,
    Keccak,
    Blob,
    Write,
    Last,
    Padding,
    Output,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Silent {
    Join,
    FirstMove,
    Middle,
    Seal,
    JoinInner,
    InnerFirstMove,
    InnerMiddle,
    InnerSeal,
}

impl Flags {
    fn behaviour(&self) -> anyhow::Result<Behaviour> {
        let divergence = match self.diverge {
            Diverge::First => Divergence::FirstStep,
            Diverge::Middle => Divergence::Middle,
            Diverge::Keccak => Divergence::KeccakRead,
            Diverge::Blob => Divergence::BlobRead,
            Diverge::Write => Divergence::MemoryWrite,
            Diverge::Last => Divergence::LastStep,
            Diverge::Padding => Divergence::Padding,
            Diverge::Output => Divergence::OutputAlone,
        };
        let Some(silent) = self.silent else {
            return Ok(match self.opponents {
                1 => Behaviour::Lies(divergence),
                opponents => Behaviour::Sybils(opponents),
            });
        };
        ensure!(self.opponents == 1, "--silent and --opponents are different stories: give one of them");
        Ok(Behaviour::SilentAt(match silent {
            Silent::Join => Move::Join,
            Silent::FirstMove => Move::Advance(0, 20),
            Silent::Middle => Move::Advance(0, 11),
            Silent::Seal => Move::Seal(0),
            Silent::JoinInner => Move::JoinInner,
            Silent::InnerFirstMove => Move::Advance(1, 20),
            Silent::InnerMiddle => Move::Advance(1, 11),
            Silent::InnerSeal => Move::Seal(1),
        }))
    }
}

/// What the honest proposer has on L1, in wei: on the account, staked, and to be withdrawn.
async fn worth(world: &World) -> anyhow::Result<U256> {
    let account = world.devnet.proposer_key().address();
    let (deployment, l1) = (&world.devnet.deployment, world.devnet.l1.provider());
    let settlement = FraudSettlement::new(deployment.chain.settlement, l1);
    let stake = U256::from(settlement.stakeOf(account).call().await?.amount);
    let credits = settlement.creditOf(account).call().await?
        + Dispute::new(deployment.dispute, l1).creditOf(account).call().await?;
    Ok(world.l1_balance(account).await? + stake + credits)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let flags = Flags::parse();
    let behaviour = flags.behaviour()?;
    let cast = Cast::default();
    println!("starting a devnet ...");
    let options = WorldOptions { claim_window_s: flags.claim_window_s, ..WorldOptions::disputed() };
    let mut world = World::start(options).await?;
    let safe = Address::repeat_byte(0xa7);
    let mut names: BTreeMap<Address, String> = BTreeMap::new();
    names.insert(world.devnet.proposer_key().address(), "honest".into());
    names.insert(world.user(cast.liars[0]).address(), "mallory".into());
    names.insert(world.user(cast.liars[1]).address(), "mallet".into());
    let honest_before = worth(&world).await?;
    let narrator = Narrator::new(world.devnet.l1.clone(), &world.devnet.deployment, names);
    println!(
        "a user burns half an ether on L2, to have it on L1; about that epoch mallory claims what is not so: {behaviour:?}\n"
    );
    let mut case = Case::new(&mut world, cast, behaviour, Meanwhile::Nothing).withdrawing(safe).narrated(narrator);
    let outcome = case.play().await?;
    let gas = case.gas();
    let message = outcome.message.context("nothing was withdrawn")?;
    world.tandem(cast.user, &["bridge", "claim", &message]).await.context("the withdrawal")?;
    let paid = world.l1_balance(safe).await?;
    ensure!(paid == U256::from(500_000_000_000_000_000_u64), "{paid} wei were paid out");
    let honest_after = worth(&world).await?;
    println!("\nthe withdrawal is paid: {} ether", format_ether(paid));
    println!("the right claim is final {:?} after the wrong one", Duration::from_secs(outcome.seconds));
    for (name, gas) in gas {
        println!("{name} took {gas} gas for the dispute");
    }
    println!("the dishonest lost {} ether of stake and bonds", format_ether(outcome.lost));
    match honest_after.checked_sub(honest_before) {
        Some(gained) => println!("the honest proposer has {} ether more than before", format_ether(gained)),
        None => {
            println!("the honest proposer has {} ether less than before", format_ether(honest_before - honest_after))
        }
    }
    world.stop().await;
    Ok(())
}
