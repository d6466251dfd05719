//! Amounts as people write them.

use alloy::{
    primitives::{Address, U256, utils::parse_units},
    providers::Provider,
};
use anyhow::Context;
use tandem_l1::{L1Client, bindings::Erc20};

/// The smallest units of an amount written by a person; more digits than the token has are refused.
pub fn units(amount: &str, decimals: u8) -> anyhow::Result<U256> {
    let digits_after = amount.split_once('.').map_or(0, |(_, after)| after.len());
    anyhow::ensure!(
        digits_after <= decimals.into(),
        "`{amount}` has more digits than the {decimals} decimals that there are"
    );
    anyhow::ensure!(amount.starts_with(|first: char| first.is_ascii_digit()), "`{amount}` is no amount");
    let parsed = parse_units(amount, decimals).with_context(|| format!("`{amount}` is no amount"))?;
    let units = parsed.get_absolute();
    anyhow::ensure!(!units.is_zero(), "the amount is zero");
    Ok(units)
}

/// Decimals of a token, which must be one.
pub async fn decimals(client: &L1Client, token: Address) -> anyhow::Result<u8> {
    let code = client.request(client.provider().get_code_at(token)).await?;
    anyhow::ensure!(!code.is_empty(), "there is no contract at {token}");
    Ok(Erc20::new(token, client.provider()).decimals().call().await.unwrap_or(18))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_or_refused() {
        assert_eq!(units("1.5", 18).unwrap(), U256::from(1_500_000_000_000_000_000u64));
        assert_eq!(units("0.000001", 6).unwrap(), U256::ONE);
        for bad in ["0", "0.0", "-1", "", "1,5", "0.0000001", "1e3", "0x10", ".", "1.5 ether"] {
            assert!(units(bad, 6).is_err(), "{bad}");
        }
    }
}
