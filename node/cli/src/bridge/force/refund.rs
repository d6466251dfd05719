//! Addresses with which ether must not be left (L1-MSG-7): those that nobody acts for, and those that anybody does.

use alloy::primitives::Address;
use tandem_chain::message::alias;
use tandem_evm::predeploys;
use tandem_l1::Deployment;

/// Why an address is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRecipient {
    /// The zero address, which nobody can act for.
    #[error("nobody has the zero address")]
    Zero,
    /// A predeploy or the system.
    #[error("{0} is a contract of the chain itself: ether sent there is lost")]
    Reserved(Address),
    /// An alias of a contract that never sends a message for anybody.
    #[error(
        "{address} is the alias of {contract}, a contract of the chain's that acts for nobody: ether there is lost"
    )]
    Nobodys {
        /// The alias that was named.
        address: Address,
        /// The contract on L1 whose alias it is.
        contract: Address,
    },
    /// A contract that calls whatever it is told, or its alias.
    #[error(
        "{address} is, or is the alias of, a contract that makes any call for anybody: whoever is first has what is left there"
    )]
    Everybodys {
        /// The address that was named.
        address: Address,
    },
}

/// Contracts that call whatever anybody tells them, at the same address on most chains.
const FORWARDERS: [Address; 1] = [predeploys::MULTICALL3];

/// Refuses what is known to lose ether that is left there.
pub fn check_recipient(deployment: &Deployment, address: Address) -> Result<(), BadRecipient> {
    if address.is_zero() {
        return Err(BadRecipient::Zero);
    }
    if predeploys::is_reserved(address) {
        return Err(BadRecipient::Reserved(address));
    }
    let chain = &deployment.chain;
    for contract in [chain.bridge, deployment.executor, chain.inbox, chain.settlement, deployment.schedule] {
        if address == alias(contract) {
            return Err(BadRecipient::Nobodys { address, contract });
        }
    }
    if FORWARDERS.iter().any(|forwarder| address == *forwarder || address == alias(*forwarder)) {
        return Err(BadRecipient::Everybodys { address });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment() -> Deployment {
        Deployment {
            chain: tandem_support::config(),
            schedule: Address::repeat_byte(0xa5),
            executor: Address::repeat_byte(0xa6),
            gate: Address::repeat_byte(0xa7),
            dispute: Address::ZERO,
            start_block: 0,
            abis: Default::default(),
        }
    }

    /// Tests L1-MSG-7.
    #[test]
    fn what_is_nobodys_or_everybodys_is_refused() {
        let deployment = deployment();
        let check = |address| check_recipient(&deployment, address);
        assert_eq!(check(Address::ZERO), Err(BadRecipient::Zero));
        assert_eq!(check(predeploys::FEE_VAULT), Err(BadRecipient::Reserved(predeploys::FEE_VAULT)));
        assert_eq!(check(predeploys::SYSTEM), Err(BadRecipient::Reserved(predeploys::SYSTEM)));
        for contract in [deployment.executor, deployment.chain.bridge] {
            let address = alias(contract);
            assert_eq!(check(address), Err(BadRecipient::Nobodys { address, contract }));
        }
        for address in [predeploys::MULTICALL3, alias(predeploys::MULTICALL3)] {
            assert_eq!(check(address), Err(BadRecipient::Everybodys { address }));
        }
        assert_eq!(check(Address::repeat_byte(1)), Ok(()));
        assert_eq!(check(deployment.executor), Ok(()), "an address on L2 like any other");
    }
}
