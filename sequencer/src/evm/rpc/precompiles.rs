//! The precompiles of the pinned fork (EVM-ENV-1).

use alloy::primitives::Address;
use revm::precompile::{PrecompileSpecId, Precompiles};
use tandem_evm::block::FORK;

/// All of them, with name and address.
pub fn precompiles() -> &'static Precompiles {
    Precompiles::new(PrecompileSpecId::from_spec_id(FORK))
}

/// Whether one lives there.
pub fn is_precompile(address: Address) -> bool {
    precompiles().contains(&address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_1_to_17_and_256() {
        let address = |number: u16| Address::left_padding_from(&number.to_be_bytes());
        let found: Vec<u16> = (0..=u16::MAX).filter(|number| is_precompile(address(*number))).collect();
        assert_eq!(found, (1..=17).chain([256]).collect::<Vec<u16>>());
        assert_eq!(precompiles().inner().len(), found.len());
    }
}
