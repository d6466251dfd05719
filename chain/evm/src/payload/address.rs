//! Addresses: written out once per payload, then named by their place among those written out, or by the
//! index that the state assigned to them (EVM-PL-5).

use core::convert::Infallible;

use alloy_primitives::Address;

/// The address table of the state from which the batch starts: append-only, index to address.
pub trait AddressBook {
    /// The state could not be read.
    type Error;

    /// The address registered at `index`, or None if there is none.
    fn address(&self, index: u64) -> Result<Option<Address>, Self::Error>;
}

/// A chain without an address table.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAddressBook;

impl AddressBook for NoAddressBook {
    type Error = Infallible;

    fn address(&self, _index: u64) -> Result<Option<Address>, Infallible> {
        Ok(None)
    }
}

impl<B: AddressBook + ?Sized> AddressBook for &B {
    type Error = B::Error;

    fn address(&self, index: u64) -> Result<Option<Address>, B::Error> {
        (**self).address(index)
    }
}

/// Where an address is found: a byte of the columns `RecipientSources` and `ArgumentSources`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// Next in the part outside the compressor; joins the payload's dictionary.
    Verbatim = 0,
    /// An entry of the payload's dictionary of addresses.
    Dictionary = 1,
    /// An entry of the address book, which lies in the state.
    Book = 2,
}

impl Source {
    pub(super) fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Verbatim),
            1 => Some(Self::Dictionary),
            2 => Some(Self::Book),
            _ => None,
        }
    }
}
