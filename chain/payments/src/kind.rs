//! Kinds of operation (PAY-KIND), and the variants of a slot, one per result.

/// Gas of a leaf created directly before an operation.
pub const CREATE_GAS: u64 = 21_000;

/// The byte that names an operation in signatures, effect records and messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// An empty slot that fills up a chunk.
    Padding = 0x00,
    /// A new leaf, for the operation that follows.
    Create = 0x01,
    /// A transfer of ETH between accounts.
    Transfer = 0x02,
    /// A token between accounts: the debit.
    TokenTransfer = 0x03,
    /// A token between accounts: the credit.
    TokenCredit = 0x04,
    /// A withdrawal of ETH to L1.
    WithdrawEth = 0x05,
    /// A token to L1.
    WithdrawToken = 0x06,
    /// A session key set by signature.
    SetSession = 0x07,
    /// An Ethereum public key.
    Register = 0x08,
    /// A deposit from the queue.
    Deposit = 0x09,
    /// Everything in a leaf to L1, from the queue.
    Forced = 0x0a,
    /// A session key set from the queue.
    L1Key = 0x0b,
    /// The batch's fees to the operator.
    FeeCredit = 0x0c,
}

impl Kind {
    /// The kind of a byte.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }

    /// All kinds in the order of their bytes.
    pub const ALL: [Self; 13] = [
        Self::Padding,
        Self::Create,
        Self::Transfer,
        Self::TokenTransfer,
        Self::TokenCredit,
        Self::WithdrawEth,
        Self::WithdrawToken,
        Self::SetSession,
        Self::Register,
        Self::Deposit,
        Self::Forced,
        Self::L1Key,
        Self::FeeCredit,
    ];

    /// Gas without leaf creation (PAY-GAS).
    pub const fn gas(self) -> u64 {
        match self {
            Self::Transfer => 21_000,
            Self::TokenTransfer => 42_000,
            Self::WithdrawEth => 30_000,
            Self::WithdrawToken => 32_000,
            Self::SetSession => 25_000,
            _ => 0,
        }
    }

    /// Gas of an operation that may directly follow a leaf creation.
    pub const fn gas_after(self, created: bool) -> u64 {
        match self {
            Self::Transfer | Self::TokenTransfer if created => self.gas().saturating_add(CREATE_GAS),
            _ => self.gas(),
        }
    }

    /// Elements of its effect record.
    pub const fn effect_elements(self) -> usize {
        match self {
            Self::Padding => 0,
            Self::Create | Self::SetSession | Self::Register => 2,
            _ => 1,
        }
    }
}

/// What a slot holds: a kind of operation with its result. The circuit chooses exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "each is a name of docs/spec/payments.md, section 3")]
pub enum Variant {
    Padding,
    Create,
    Transfer,
    TokenTransfer,
    TokenCredit,
    WithdrawEth,
    WithdrawToken,
    SetSession,
    Register,
    DepositCredited,
    DepositFull,
    DepositOverflow,
    DepositSentinel,
    ForcedPaid,
    ForcedEmpty,
    ForcedMissing,
    L1KeySet,
    L1KeyMissing,
    L1KeyMalformed,
    FeeCredit,
}

impl Variant {
    /// Every variant, in the order of the circuit's flags.
    pub const ALL: [Self; 20] = [
        Self::Padding,
        Self::Create,
        Self::Transfer,
        Self::TokenTransfer,
        Self::TokenCredit,
        Self::WithdrawEth,
        Self::WithdrawToken,
        Self::SetSession,
        Self::Register,
        Self::DepositCredited,
        Self::DepositFull,
        Self::DepositOverflow,
        Self::DepositSentinel,
        Self::ForcedPaid,
        Self::ForcedEmpty,
        Self::ForcedMissing,
        Self::L1KeySet,
        Self::L1KeyMissing,
        Self::L1KeyMalformed,
        Self::FeeCredit,
    ];

    /// The kind of which it is a result.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Padding => Kind::Padding,
            Self::Create => Kind::Create,
            Self::Transfer => Kind::Transfer,
            Self::TokenTransfer => Kind::TokenTransfer,
            Self::TokenCredit => Kind::TokenCredit,
            Self::WithdrawEth => Kind::WithdrawEth,
            Self::WithdrawToken => Kind::WithdrawToken,
            Self::SetSession => Kind::SetSession,
            Self::Register => Kind::Register,
            Self::DepositCredited | Self::DepositFull | Self::DepositOverflow | Self::DepositSentinel => Kind::Deposit,
            Self::ForcedPaid | Self::ForcedEmpty | Self::ForcedMissing => Kind::Forced,
            Self::L1KeySet | Self::L1KeyMissing | Self::L1KeyMalformed => Kind::L1Key,
            Self::FeeCredit => Kind::FeeCredit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_stand_in_the_order_of_their_flags() {
        for (i, variant) in Variant::ALL.into_iter().enumerate() {
            assert_eq!(variant as usize, i);
        }
        for byte in 0..=255 {
            assert_eq!(Kind::from_byte(byte).map(|kind| kind as u8), (byte <= 0x0c).then_some(byte));
        }
    }
}
