//! Gadgets: hashes, integers, curves and signatures as constraints, each beside the test that it equals its
//! native twin in `tandem-payments`.

pub mod poseidon;
pub mod uint;
pub mod babyjubjub;
pub mod eddsa;
pub mod digest;
