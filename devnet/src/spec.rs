//! The devnet's chains: everything quick, nothing secure.

use alloy::signers::local::PrivateKeySigner;
use tandem_cli::{
    payments::spec::{self as payments, Kind, PaymentsSpecFile},
    spec::{Limits, Roles, Settlement, SpecFile},
};
use tandem_l1::deploy::DisputeTerms;

use crate::DevnetFlags;

/// After so long an epoch may close.
const EPOCH_SECONDS: u32 = 10;
/// What it may take to hash every step of a stride: seconds, and more on a machine that builds something else as well.
const INNER_COMPUTE_SECONDS: u32 = 20;
/// What a turn of a dispute may take before it costs the clock.
const TURN_SECONDS: u32 = 10;

/// An EVM chain.
pub fn claimed(flags: &DevnetFlags, owner: &PrivateKeySigner, sequencer: &PrivateKeySigner) -> SpecFile {
    SpecFile {
        l2_chain_id: 5_454,
        l1_chain_id: None,
        genesis_timestamp: None,
        roles: Roles {
            owner: owner.address(),
            sequencer: sequencer.address(),
            guardian: owner.address(),
            fee_recipient: None,
        },
        limits: Limits::default(),
        settlement: Settlement {
            // Every batch is an epoch, so that withdrawals need not wait for the next batch.
            epoch_weight_gas: 1,
            epoch_seconds: EPOCH_SECONDS,
            claim_window_seconds: flags.claim_window_s,
            checkpoint_age_seconds: 86_400,
            forced_inclusion_window_seconds: flags.forced_window_s,
            delay_seconds: flags.delay_s.unwrap_or(flags.forced_window_s),
            grace_seconds: flags.grace_s.unwrap_or(EPOCH_SECONDS.into()),
            pause_seconds: 3_600,
            ..Settlement::default()
        },
        dispute: Some(dispute_terms(flags.claim_window_s)),
    }
}

/// A payments chain. Its notice is the shortest in which everybody can leave (PAY-NOTICE).
pub fn proven(flags: &DevnetFlags, owner: &PrivateKeySigner, sequencer: &PrivateKeySigner) -> PaymentsSpecFile {
    PaymentsSpecFile {
        kind: Kind::Payments,
        l2_chain_id: 5_455,
        l1_chain_id: None,
        genesis_timestamp: None,
        keys: None,
        devnet_circuits: None,
        roles: payments::Roles { owner: owner.address(), sequencer: sequencer.address(), guardian: owner.address() },
        limits: payments::Limits::default(),
        settlement: payments::Settlement {
            escape_delay_seconds: flags.escape_delay_s,
            checkpoint_age_seconds: 3_600,
            forced_inclusion_window_seconds: flags.forced_window_s,
            delay_seconds: flags.delay_s.unwrap_or(flags.forced_window_s.saturating_add(flags.escape_delay_s)),
            grace_seconds: flags.grace_s.unwrap_or(EPOCH_SECONDS.into()),
            pause_seconds: 3_600,
        },
    }
}

/// Clocks with which a dispute takes minutes. A claim's window leaves time to compute a commitment and some to lose (DISP-TERMS-3); turns are
/// free for as long as somebody who looks twice a second takes at the worst.
fn dispute_terms(claim_window_s: u32) -> DisputeTerms {
    let compute_seconds = claim_window_s / 2;
    DisputeTerms {
        allowance_seconds: claim_window_s.saturating_sub(compute_seconds),
        compute_seconds,
        inner_compute_seconds: INNER_COMPUTE_SECONDS,
        turn_seconds: TURN_SECONDS,
        sealed_turn_seconds: 2 * TURN_SECONDS,
        ..DisputeTerms::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;
    use tandem_support::payments::keys;

    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        flags: DevnetFlags,
    }

    /// Whatever windows are chosen, the longest that L1 takes among them (L1-NOTICE-1): L1 takes the specification, and its epochs fit the machine.
    #[test]
    fn the_devnets_chain_is_one_that_works() {
        let (owner, sequencer) = (PrivateKeySigner::random(), PrivateKeySigner::random());
        for (claim_window_s, forced_window_s) in
            [(None, None), (Some(2), Some(1)), (Some(30 * 86_400), Some(3_650 * 86_400))]
        {
            let mut flags = Command::parse_from(["devnet"]).flags;
            flags.claim_window_s = claim_window_s.unwrap_or(flags.claim_window_s);
            flags.forced_window_s = forced_window_s.unwrap_or(flags.forced_window_s);
            // Whose notice includes the escape delay (PAY-NOTICE), and may last ten years as the other's may.
            let delay_s = flags.forced_window_s.min(3_650 * 86_400 - flags.escape_delay_s);
            let shorter = DevnetFlags { forced_window_s: delay_s, ..flags.clone() };
            proven(&shorter, &owner, &sequencer).chain_spec(keys()).unwrap();
            let spec = claimed(&flags, &owner, &sequencer).chain_spec().unwrap();
            assert!(tandem_chain::epoch::limits::fits_machine(&spec.chain, spec.rules.epoch_weight_gas));
        }
    }
}
