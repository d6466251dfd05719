//! Gadgets: hashes, integers, curves and signatures as constraints, each beside the test that it equals its
//! native twin in `tandem-payments`.

pub mod babyjubjub;
pub mod digest;
pub mod eddsa;
pub mod poseidon;
pub mod uint;
