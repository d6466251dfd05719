//! Addresses with which money must not be left (L1-MSG-7): on L2 those that nobody acts for, and those that anybody does; on L1 the chain's own
//! contracts, which take no ether and give no tokens away. On a payments chain an account acts as on L1, and calls are addressed where nobody is (PAY-PREDEPLOY).

use alloy::primitives::Address;
use tandem_chain::{ChainKind, message::alias};
use tandem_evm::predeploys;
use tandem_l1::Deployment;
use tandem_payments::ethereum::{ACCOUNTS, BRIDGE};

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

/// Why an address on L1, or an account of a payments chain, is not paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPayee {
    /// The zero address, which nobody can act for.
    #[error("nobody has the zero address")]
    Zero,
    /// A contract of this chain. None takes ether, so a message that pays it some never executes; tokens would stay there.
    #[error("{address} is the chain's {contract} on L1: what is paid to it is lost")]
    Own {
        /// The address that was named.
        address: Address,
        /// The contract's name.
        contract: &'static str,
    },
    /// Where calls are addressed on a payments chain.
    #[error("{0} is where calls go on a payments chain, and nobody has it: what is paid to it is lost")]
    Nobodys(Address),
}

/// Contracts that call whatever anybody tells them, at the same address on most chains.
const FORWARDERS: [Address; 1] = [predeploys::MULTICALL3];

/// The chain's contracts on L1 by name. None sends a message for anybody, or pays out what it was not meant to have.
fn own_contracts(deployment: &Deployment) -> impl Iterator<Item = (&'static str, Address)> {
    let chain = &deployment.chain;
    let settlement = match chain.kind {
        ChainKind::Evm => "FraudSettlement",
        ChainKind::Payments => "ValiditySettlement",
    };
    let all = [
        ("Bridge", chain.bridge),
        ("MessageExecutor", deployment.executor),
        ("Inbox", chain.inbox),
        (settlement, chain.settlement),
        ("Schedule", deployment.schedule),
        ("UpgradeGate", deployment.gate),
        // A devnet may have none, and a payments chain has neither this nor an executor.
        ("Dispute", deployment.dispute),
    ];
    all.into_iter().filter(|(_, contract)| !contract.is_zero())
}

/// Refuses an address on L1 that is known to lose what is withdrawn to it.
pub fn check_payee(deployment: &Deployment, address: Address) -> Result<(), BadPayee> {
    if address.is_zero() {
        return Err(BadPayee::Zero);
    }
    match own_contracts(deployment).find(|(_, contract)| *contract == address) {
        Some((contract, _)) => Err(BadPayee::Own { address, contract }),
        None => Ok(()),
    }
}

/// Refuses an address for which nobody signs on a payments chain, whatever its deployment.
pub fn check_account(address: Address) -> Result<(), BadPayee> {
    match address {
        Address::ZERO => Err(BadPayee::Zero),
        BRIDGE | ACCOUNTS => Err(BadPayee::Nobodys(address)),
        _ => Ok(()),
    }
}

/// Refuses an address on L2 that is known to lose ether that is left there.
pub fn check_recipient(deployment: &Deployment, address: Address) -> Result<(), BadRecipient> {
    if address.is_zero() {
        return Err(BadRecipient::Zero);
    }
    if predeploys::is_reserved(address) {
        return Err(BadRecipient::Reserved(address));
    }
    for (_, contract) in own_contracts(deployment) {
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

    /// With or without a dispute contract.
    fn deployment(dispute: Address) -> Deployment {
        Deployment {
            chain: tandem_support::config(),
            schedule: Address::repeat_byte(0xa5),
            executor: Address::repeat_byte(0xa6),
            gate: Address::repeat_byte(0xa7),
            dispute,
            start_block: 0,
            abis: Default::default(),
        }
    }

    /// All that a deployment names on L1.
    fn contracts(deployment: &Deployment) -> [Address; 7] {
        let Deployment { chain, schedule, executor, gate, dispute, .. } = deployment;
        [chain.bridge, chain.inbox, chain.settlement, *schedule, *executor, *gate, *dispute]
    }

    /// Tests L1-MSG-7.
    #[test]
    fn what_is_nobodys_or_everybodys_is_refused() {
        let deployment = deployment(Address::repeat_byte(0xa8));
        let check = |address| check_recipient(&deployment, address);
        assert_eq!(check(Address::ZERO), Err(BadRecipient::Zero));
        assert_eq!(check(predeploys::FEE_VAULT), Err(BadRecipient::Reserved(predeploys::FEE_VAULT)));
        assert_eq!(check(predeploys::SYSTEM), Err(BadRecipient::Reserved(predeploys::SYSTEM)));
        for contract in contracts(&deployment) {
            let address = alias(contract);
            assert_eq!(check(address), Err(BadRecipient::Nobodys { address, contract }));
        }
        for address in [predeploys::MULTICALL3, alias(predeploys::MULTICALL3)] {
            assert_eq!(check(address), Err(BadRecipient::Everybodys { address }));
        }
        assert_eq!(check(Address::repeat_byte(1)), Ok(()));
        assert_eq!(check(deployment.executor), Ok(()), "an address on L2 like any other");
        let without = self::deployment(Address::ZERO);
        assert_eq!(check_recipient(&without, alias(Address::ZERO)), Ok(()), "no contract has the zero address");
    }

    /// Tests L1-MSG-7.
    #[test]
    fn the_chains_own_contracts_are_not_paid() {
        let with = deployment(Address::repeat_byte(0xa8));
        for address in contracts(&with) {
            assert!(
                matches!(check_payee(&with, address), Err(BadPayee::Own { address: found, .. }) if found == address)
            );
        }
        let named = BadPayee::Own { address: with.dispute, contract: "Dispute" };
        assert_eq!(check_payee(&with, with.dispute), Err(named));
        for deployment in [&with, &deployment(Address::ZERO)] {
            assert_eq!(check_payee(deployment, Address::ZERO), Err(BadPayee::Zero));
            assert_eq!(check_payee(deployment, Address::repeat_byte(1)), Ok(()));
            assert_eq!(check_payee(deployment, alias(deployment.executor)), Ok(()), "an address on L1 like any other");
        }
    }
    /// Tests PAY-PREDEPLOY.
    #[test]
    fn where_calls_go_nobody_is_paid() {
        for address in [BRIDGE, ACCOUNTS] {
            assert_eq!(check_account(address), Err(BadPayee::Nobodys(address)));
        }
        assert_eq!(check_account(Address::ZERO), Err(BadPayee::Zero));
        assert_eq!(check_account(Address::repeat_byte(1)), Ok(()));
    }
}
