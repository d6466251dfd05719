//! The columns of a payload, in the order in which they are laid out (EVM-PL-3).

/// Columns of unsigned integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the specification's table, name by name")]
pub enum NumberColumn {
    BlockTransactions,
    BlockTimeDeltas,
    BlockMessages,
    Nonces,
    GasLimitRefs,
    GasLimits,
    FeeRefs,
    FeeCaps,
    FeeTips,
    ValueMantissas,
    ValueExponents,
    RecipientRefs,
    RecipientIndices,
    ArgumentRefs,
    ArgumentIndices,
    TemplateRefs,
    TemplateLengths,
    AmountMantissas,
    AmountExponents,
    SmallWords,
    InputLengths,
    AccessListLengths,
    StorageKeyCounts,
    StorageKeys,
    AuthorizationCounts,
    AuthorizationChainIds,
    AuthorizationNonces,
    AuthorizationParities,
}

impl NumberColumn {
    /// Every column, in order.
    pub const ALL: [Self; 28] = [
        Self::BlockTransactions,
        Self::BlockTimeDeltas,
        Self::BlockMessages,
        Self::Nonces,
        Self::GasLimitRefs,
        Self::GasLimits,
        Self::FeeRefs,
        Self::FeeCaps,
        Self::FeeTips,
        Self::ValueMantissas,
        Self::ValueExponents,
        Self::RecipientRefs,
        Self::RecipientIndices,
        Self::ArgumentRefs,
        Self::ArgumentIndices,
        Self::TemplateRefs,
        Self::TemplateLengths,
        Self::AmountMantissas,
        Self::AmountExponents,
        Self::SmallWords,
        Self::InputLengths,
        Self::AccessListLengths,
        Self::StorageKeyCounts,
        Self::StorageKeys,
        Self::AuthorizationCounts,
        Self::AuthorizationChainIds,
        Self::AuthorizationNonces,
        Self::AuthorizationParities,
    ];
}

/// The columns that are strings of bytes (EVM-PL-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the specification's table, name by name")]
pub enum StreamColumn {
    Shapes,
    RecipientSources,
    ArgumentSources,
    Selectors,
    WordKinds,
    Words,
    Inputs,
    // Outside the compressor, of fixed record sizes:
    Addresses,
    Signatures,
    AuthorizationSignatures,
}

impl StreamColumn {
    /// Those inside the compressor, in order, each with its length before it.
    pub const COMPRESSED: [Self; 7] = [
        Self::Shapes,
        Self::RecipientSources,
        Self::ArgumentSources,
        Self::Selectors,
        Self::WordKinds,
        Self::Words,
        Self::Inputs,
    ];

    /// All of them; the last three follow the compressed part, in this order.
    pub const COUNT: usize = 10;
}

/// Bytes of an address.
pub(super) const ADDRESS_BYTES: usize = 20;
/// Bytes of a signature: `r`, then `s` with the parity of `y` in its highest bit (EIP-2098).
pub(super) const SIGNATURE_BYTES: usize = 64;
/// Bytes of a calldata word, and of a selector before the words.
pub(super) const WORD_BYTES: usize = 32;
/// Bytes of a function selector.
pub(super) const SELECTOR_BYTES: usize = 4;

/// The envelope of a transaction: the low three bits of its shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Signed without a chain id.
    LegacyUnprotected = 0,
    /// Signed with a chain id (EIP-155).
    Legacy = 1,
    Eip2930 = 2,
    Eip1559 = 3,
    Eip7702 = 4,
}

/// How calldata is laid out: two bits of the shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InputLayout {
    Empty = 0,
    /// Selector and words, of a template.
    Call = 1,
    Verbatim = 2,
}

/// One byte per transaction that says which columns it reads (EVM-PL-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub kind: Kind,
    pub creation: bool,
    pub input: InputLayout,
}

impl Shape {
    const CREATION_BIT: u8 = 1 << 3;

    pub(super) fn to_byte(self) -> u8 {
        let creation = if self.creation { Self::CREATION_BIT } else { 0 };
        self.kind as u8 | creation | (self.input as u8) << 4
    }

    /// None if the byte stands for no shape.
    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        let kind = match byte & 0b111 {
            0 => Kind::LegacyUnprotected,
            1 => Kind::Legacy,
            2 => Kind::Eip2930,
            3 => Kind::Eip1559,
            4 => Kind::Eip7702,
            _ => return None,
        };
        let input = match byte >> 4 {
            0 => InputLayout::Empty,
            1 => InputLayout::Call,
            2 => InputLayout::Verbatim,
            _ => return None,
        };
        let creation = byte & Self::CREATION_BIT != 0;
        // An EIP-7702 transaction always has a recipient.
        (!(creation && kind == Kind::Eip7702)).then_some(Self { kind, creation, input })
    }
}
