//! The chess clock of one side: DISP-CLOCK-1 to DISP-CLOCK-4.
//!
//! Twin: `contracts/src/dispute/Clock.sol`. Invariant: what an act leaves is positive and at most what there was.

use crate::DisputeError;

/// When a clock is out, seconds.
pub const fn deadline(allowance: u32, since: u64, grace: u32) -> u64 {
    since + grace as u64 + allowance as u64
}

/// Whether it is too late for an act.
pub const fn is_out(now: u64, allowance: u32, since: u64, grace: u32) -> bool {
    now >= deadline(allowance, since, grace)
}

/// What an act leaves of the allowance; refused if the clock is out.
pub fn charge(now: u64, allowance: u32, since: u64, grace: u32) -> Result<u32, DisputeError> {
    let end = deadline(allowance, since, grace);
    let left = end.checked_sub(now).filter(|left| *left > 0).ok_or(DisputeError::ClockOut { deadline: end })?;
    Ok(u32::try_from(left).map_or(allowance, |left| left.min(allowance)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grace_is_free_and_every_second_after_it_counts_once() {
        assert_eq!(charge(0, 10, 100, 5), Ok(10));
        assert_eq!(charge(105, 10, 100, 5), Ok(10));
        assert_eq!(charge(106, 10, 100, 5), Ok(9));
        assert_eq!(charge(114, 10, 100, 5), Ok(1));
        assert_eq!(charge(115, 10, 100, 5), Err(DisputeError::ClockOut { deadline: 115 }));
        assert!(!is_out(114, 10, 100, 5) && is_out(115, 10, 100, 5));
    }
}
