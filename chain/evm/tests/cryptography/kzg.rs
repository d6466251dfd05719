//! The point evaluation precompile (EIP-4844): c-kzg beside arkworks.

use c_kzg::{Blob, ethereum_kzg_settings};

/// A proof that a blob has the value `y` at `z`.
#[derive(Clone, Copy)]
struct Opening {
    z: [u8; 32],
    y: [u8; 32],
    commitment: [u8; 48],
    proof: [u8; 48],
}

impl Opening {
    fn new(seed: u8) -> Self {
        let mut blob = vec![0; 131_072];
        for (index, element) in blob.chunks_exact_mut(32).enumerate() {
            element[31] = seed.wrapping_mul(index as u8);
            element[1] = index as u8;
        }
        let settings = ethereum_kzg_settings(0);
        let blob = Blob::from_bytes(&blob).unwrap();
        let z = [seed; 32];
        let (proof, y) = settings.compute_kzg_proof(&blob, &z.into()).unwrap();
        let commitment = settings.blob_to_kzg_commitment(&blob).unwrap();
        Self { z, y: *y, commitment: *commitment.to_bytes(), proof: *proof.to_bytes() }
    }

    fn holds(&self) -> bool {
        super::agree(|cryptography| cryptography.verify_kzg_proof(&self.z, &self.y, &self.commitment, &self.proof))
            .is_some()
    }
}

#[test]
fn openings_and_what_becomes_of_them() {
    let mut modulus: [u8; 32] =
        alloy_primitives::hex!("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001");
    let infinity: [u8; 48] = std::array::from_fn(|index| if index == 0 { 0xc0 } else { 0 });
    for seed in [0, 1, 0x53] {
        let good = Opening::new(seed);
        assert!(good.holds());
        for other in [
            Opening { z: [0x52; 32], ..good },
            Opening { z: modulus, ..good },
            Opening { y: modulus, ..good },
            Opening { y: [0xff; 32], ..good },
            Opening { proof: good.commitment, ..good },
            Opening { commitment: good.proof, ..good },
            Opening { proof: infinity, ..good },
            Opening { commitment: infinity, ..good },
            Opening { proof: [0; 48], ..good },
            Opening { commitment: [0xff; 48], ..good },
        ] {
            assert!(!other.holds() || seed == 0, "what is not the opening does not hold");
        }
        for bit in (0..384).step_by(31) {
            let mut flipped = good;
            flipped.proof[bit / 8] ^= 1 << (bit % 8);
            assert!(!flipped.holds());
            let mut flipped = good;
            flipped.commitment[bit / 8] ^= 1 << (bit % 8);
            assert!(!flipped.holds());
            let mut flipped = good;
            flipped.y[(bit / 8) % 32] ^= 1 << (bit % 8);
            assert!(!flipped.holds());
        }
    }
    // A constant: any point opens it, with the proof at infinity.
    let nothing = Opening { z: [9; 32], y: [0; 32], commitment: infinity, proof: infinity };
    assert!(nothing.holds());
    modulus[31] = 0;
    assert!(Opening { z: modulus, ..nothing }.holds(), "the greatest canonical element");
    assert!(!Opening { y: modulus, ..nothing }.holds());
}
