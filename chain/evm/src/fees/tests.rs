//! The base fee and its two parts, and what of it a transaction pays (EVM-FEE-1, EVM-FEE-2, EVM-FEE-3, EVM-FEE-5, FEE-L1-3).

use alloy_consensus::Header;
use alloy_primitives::U256;
use proptest::prelude::*;
use tandem_chain::Checkpoint;

use super::*;
use crate::fee_estimate::ESTIMATE_BYTES_MIN;

const GAS_LIMIT: u64 = 30_000_000;
const GWEI: u64 = 1_000_000_000;
/// Blocks of 12 seconds.
const ETHEREUM_BLOCK: usize = 48;

fn header(base_fee: BaseFee, gas_used: u64) -> Header {
    Header {
        number: 7,
        gas_limit: GAS_LIMIT,
        gas_used,
        base_fee_per_gas: Some(base_fee.total()),
        extra_data: base_fee.extra_data(),
        timestamp: 100,
        ..Default::default()
    }
}

fn parent(execution: u64, gas_used: u64) -> Header {
    header(BaseFee { execution, data: 0 }, gas_used)
}

fn checkpoint(base_fee: impl TryInto<U256>, blob_base_fee: impl TryInto<U256>) -> Checkpoint {
    let [base_fee, blob_base_fee] = [base_fee.try_into().ok(), blob_base_fee.try_into().ok()].map(Option::unwrap);
    Checkpoint { base_fee, blob_base_fee, ..Default::default() }
}

/// The part for execution, where L1 costs nothing.
fn execution(parent: &Header, timestamp: u64, min_base_fee: u64) -> u64 {
    let next = BaseFee::after(parent, timestamp, min_base_fee, &Checkpoint::default());
    assert_eq!(next.data, 0);
    next.execution
}

#[test]
fn the_execution_part_follows_use() {
    let fee = GWEI;
    assert_eq!(execution(&parent(fee, 15_000_000), 100, 1), fee);
    assert_eq!(execution(&parent(fee, 30_000_000), 100, 1), fee + fee / BASE_FEE_CHANGE_DENOMINATOR);
    assert_eq!(execution(&parent(fee, 0), 100, 1), fee - fee / BASE_FEE_CHANGE_DENOMINATOR);
    assert_eq!(execution(&parent(1, 15_000_001), 100, 1), 2, "rises by at least one wei");
}

#[test]
fn quiet_time_lowers_the_execution_part_to_the_floor_and_no_further() {
    let fee = GWEI;
    let soon = execution(&parent(fee, 15_000_000), 101, 1);
    let later = execution(&parent(fee, 15_000_000), 130, 1);
    assert_eq!(soon, fee);
    assert!(later < fee * 8 / 10, "{later}");
    assert_eq!(execution(&parent(fee, 15_000_000), u64::MAX, 7_000_000), 7_000_000);
}

#[test]
fn the_data_part_is_what_a_byte_costs_at_200_gas_rounded_up() {
    // 1.6 gas and 1.1 blob gas a byte.
    assert_eq!(data_price(&checkpoint(GWEI, 1)), 8_000_001);
    assert_eq!(data_price(&checkpoint(500 * GWEI, 50 * GWEI)), 4_275_000_000);
    assert_eq!(data_price(&checkpoint(0, 0)), 0);
    assert_eq!(data_price(&checkpoint(0, 1)), 1);
    assert_eq!(data_price(&checkpoint(125, 0)), 1);
    assert_eq!(data_price(&checkpoint(126, 0)), 2);
}

#[test]
fn the_parts_of_a_header_are_those_that_were_written() {
    for parts in [BaseFee { execution: 3, data: 4 }, BaseFee { execution: u64::MAX, data: 0 }, BaseFee::default()] {
        assert_eq!(BaseFee::of(&header(parts, 0)), parts);
    }
    let strange = |extra_data: &'static [u8]| Header {
        base_fee_per_gas: Some(9),
        extra_data: Bytes::from_static(extra_data),
        ..Default::default()
    };
    for extra_data in [&[][..], &[1], &[0xff; 8], &[0; 32]] {
        let parts = BaseFee::of(&strange(extra_data));
        assert_eq!(parts, BaseFee { execution: 9, data: 0 }, "{extra_data:?}");
    }
    assert_eq!(BaseFee::of(&strange(&[0, 0, 0, 0, 0, 0, 0, 4])), BaseFee { execution: 4, data: 5 });
}

#[test]
fn the_first_block_takes_l1s_price_at_once_and_later_ones_climb() {
    let dear = checkpoint(500 * GWEI, 50 * GWEI);
    let genesis = Header { number: 0, ..header(BaseFee { execution: 1_000_000, data: 0 }, 0) };
    assert_eq!(
        BaseFee::after(&genesis, 100, 1_000_000, &dear),
        BaseFee { execution: 1_000_000, data: data_price(&dear) }
    );
    let base_fee = BaseFee { execution: 1_000_000, data: 407_000_000 };
    let next = BaseFee::after(&header(base_fee, 0), 100, 1_000_000, &dear);
    assert_eq!(next, BaseFee { execution: 1_000_000, data: 408_000_000 }, "one part in 408 of the sum");
    let busy = BaseFee { execution: 408_000, data: 407_592_000 };
    let next = BaseFee::after(&header(busy, GAS_LIMIT), 100, 1, &dear);
    assert_eq!((next.execution, next.total()), (409_000, 409_000_000), "congestion takes its share of the rise");
    let quiet = BaseFee::after(&header(base_fee, 0), 112, 1_000_000, &dear);
    assert!((455_000_000..456_000_000).contains(&quiet.total()), "twelve seconds count as 45 blocks: {quiet:?}");
}

#[test]
fn the_data_part_falls_at_once() {
    let base_fee = BaseFee { execution: 1_000_000, data: 4 * GWEI };
    let next = BaseFee::after(&header(base_fee, 0), 100, 1_000_000, &checkpoint(GWEI, 1));
    assert_eq!(next, BaseFee { execution: 1_000_000, data: 8_000_001 });
}

#[test]
fn a_quote_covers_the_steepest_rise_for_its_time() {
    let dear = checkpoint(500 * GWEI, 50 * GWEI);
    let start = header(BaseFee { execution: 10_000_000, data: 100_000_000 }, 0);
    let quote = BaseFee::within(24, &start, 105, 10_000_000, &dear).total();
    // Blocks without a break, and blocks as rare as can be: none before second 129 asks for more.
    let mut dense = start.clone();
    for block in 0..(5 + 24) * BLOCKS_PER_SECOND {
        let next = BaseFee::after(&dense, 100 + block / BLOCKS_PER_SECOND, 10_000_000, &dear);
        assert!(next.total() <= quote, "block {block}");
        dense = Header { timestamp: 100 + block / BLOCKS_PER_SECOND, ..header(next, 0) };
    }
    for second in 100..=129 {
        assert!(BaseFee::after(&start, second, 10_000_000, &dear).total() <= quote);
    }
    assert!(quote < 150_000_000, "and it is no more than that: {quote}");
    let cheap = checkpoint(GWEI, 1);
    let settled = header(BaseFee { execution: 10_000_000, data: 8_000_001 }, 0);
    assert_eq!(BaseFee::within(24, &settled, 105, 10_000_000, &cheap).total(), 18_000_001, "nothing to climb");
}

#[test]
fn extremes_saturate() {
    assert_eq!(execution(&parent(u64::MAX, GAS_LIMIT), 100, 1), u64::MAX);
    let absurd = checkpoint(U256::MAX, U256::MAX);
    assert!(l1_data_fee(&[0; 100], &absurd) > U256::ZERO);
    assert_eq!(data_price(&absurd), u64::MAX);
    let full = BaseFee { execution: u64::MAX - 5, data: 5 };
    let next = BaseFee::after(&header(full, GAS_LIMIT), 100, 1, &absurd);
    assert_eq!(next, BaseFee { execution: u64::MAX, data: 0 });
    let genesis = Header { number: 0, ..parent(1, 0) };
    let first = BaseFee::after(&genesis, u64::MAX, 1, &absurd);
    assert_eq!((first.total(), first.execution), (u64::MAX, 1));
    assert_eq!(BaseFee::of(&header(first, 0)), first);
    let charge = DataCharge::new(&[0xab; 200], &absurd, first);
    assert_eq!(charge.price(u64::MAX), u64::MAX - 1);
    assert_eq!(charge.effective_price(u128::from(u64::MAX), 21_000), u128::from(u64::MAX));
    assert_eq!(DataCharge::default().effective_price(0, 0), 0, "a deposit's gas costs nothing");
}

fn prices() -> impl Strategy<Value = Checkpoint> {
    let price = prop_oneof![
        Just(U256::ZERO),
        (0..60u32, 1..10u64).prop_map(|(exponent, digit)| U256::from(digit) << exponent),
        Just(U256::MAX),
    ];
    (price.clone(), price).prop_map(|(base_fee, blob_base_fee)| checkpoint(base_fee, blob_base_fee))
}

proptest! {
    /// Whatever happens on either chain: the header's base fee rises by no more in 12 seconds than Ethereum's in a block.
    #[test]
    fn the_base_fee_rises_no_faster_than_ethereums(
        execution in 1_000_000..u64::MAX / 4,
        data in 0..u64::MAX / 4,
        use_percent in prop::collection::vec(0..=100u64, ETHEREUM_BLOCK),
        changes in prop::collection::vec((prices(), 0..ETHEREUM_BLOCK), 1..4),
    ) {
        let mut checkpoint = Checkpoint::default();
        let start = BaseFee { execution, data };
        let mut last = start;
        for (number, percent) in use_percent.iter().enumerate() {
            if let Some((change, _)) = changes.iter().find(|(_, at)| *at == number) {
                checkpoint = *change;
            }
            let next = BaseFee::after(&header(last, GAS_LIMIT / 100 * percent), 100, 1_000_000, &checkpoint);
            prop_assert!(next.total() <= last.total() + last.total() / BASE_FEE_CHANGE_DENOMINATOR);
            prop_assert!(next.data <= data_price(&checkpoint));
            prop_assert!(next.execution >= 1_000_000);
            last = next;
        }
        prop_assert!(u128::from(last.total()) * 1_000 <= u128::from(start.total()) * 1_125, "{start:?} {last:?}");
    }

    /// Once the base fee has caught up, every transaction pays its data fee, and for rounding less than a wei per gas.
    #[test]
    fn a_transaction_pays_its_data_fee_and_no_more(
        checkpoint in prices(),
        length in 0..3_000usize,
        seed: u8,
        more_gas in 0..20_000_000u64,
        tip in 0..u64::MAX,
        lag in 0..u64::MAX,
    ) {
        let bytes: Vec<u8> = (0..length).map(|at| (at * at) as u8 ^ seed).collect();
        let price = data_price(&checkpoint);
        let base_fee = BaseFee { execution: 1_000_000, data: price.min(u64::MAX - 1_000_000) };
        let charge = DataCharge::new(&bytes, &checkpoint, base_fee);
        prop_assert!(charge.gas >= ESTIMATE_BYTES_MIN * GAS_PER_POSTED_BYTE);
        prop_assert_eq!(charge.gas, data_gas(&bytes));
        prop_assert_eq!(charge.fee, l1_data_fee(&bytes, &checkpoint));
        let gas_used = charge.gas.saturating_add(more_gas);
        let paid = charge.paid(gas_used);
        if price < u64::MAX - 1_000_000 {
            prop_assert!(paid >= charge.fee);
        }
        prop_assert!(paid < charge.fee.saturating_add(U256::from(gas_used)));
        // Of the bid, all but the data part is paid in any case; the data part as far as it is needed.
        let bid = u128::from(base_fee.total()) + u128::from(tip);
        let effective = charge.effective_price(bid, gas_used);
        prop_assert!(effective <= bid && effective >= bid - u128::from(base_fee.data));
        prop_assert_eq!(effective, u128::from(base_fee.execution) + u128::from(tip) + u128::from(charge.price(gas_used)));
        // While it has not, it pays what there is.
        let behind = DataCharge { price_max: lag.min(base_fee.data), ..charge };
        prop_assert!(behind.paid(gas_used) <= paid);
        prop_assert!(behind.price(gas_used) == charge.price(gas_used).min(behind.price_max));
    }
}
