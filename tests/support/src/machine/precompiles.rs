//! Inputs that make precompiles work as hard as they can: generators of the curves (SEC 2, EIP-197, EIP-2537), full-size exponents.

use alloy_primitives::{B256, hex};

/// The precompiles: name, address, and an input for each.
pub fn precompiles() -> Vec<(&'static str, u16, Vec<u8>)> {
    let bytes = |count: usize| vec![0xb7; count];
    // In windows of three bits no digit is zero.
    let digits = || [&[0x49, 0x24, 0x92][..]; 11].concat()[..32].to_vec();
    vec![
        ("ecrecover", 1, ecrecover()),
        ("sha256_64", 2, bytes(64)),
        ("sha256_4096", 2, bytes(4096)),
        ("ripemd160_4096", 3, bytes(4096)),
        ("identity_4096", 4, bytes(4096)),
        ("modexp_32_odd", 5, modexp(32, 32, 0xff)),
        ("modexp_32_even", 5, modexp(32, 32, 0xfe)),
        ("modexp_256_odd", 5, modexp(256, 32, 0xff)),
        ("modexp_256_even", 5, modexp(256, 32, 0xfe)),
        ("modexp_1024_odd", 5, modexp(1024, 3, 0xff)),
        ("modexp_1024_even", 5, modexp(1024, 3, 0xfe)),
        ("modexp_512_power_of_two", 5, modexp_of_power_of_two()),
        ("bn_add", 6, [BN_G1, BN_2G1].concat()),
        ("bn_mul", 7, [&BN_G1[..], &[0xfa; 32]].concat()),
        ("bn_pairing_1", 8, bn_pairs(1)),
        ("bn_pairing_4", 8, bn_pairs(4)),
        ("blake2f", 9, blake2f()),
        ("kzg_point_evaluation", 10, point_evaluation()),
        ("bls_g1_add", 11, [bls_g1(), bls_g1()].concat()),
        ("bls_g1_msm_1", 12, [bls_g1(), digits()].concat()),
        ("bls_g1_msm_16", 12, [bls_g1(), digits()].concat().repeat(16)),
        ("bls_g2_add", 13, [bls_g2(), bls_g2()].concat()),
        ("bls_g2_msm_1", 14, [bls_g2(), digits()].concat()),
        ("bls_g2_msm_16", 14, [bls_g2(), digits()].concat().repeat(16)),
        ("bls_pairing_1", 15, [bls_g1(), bls_g2()].concat()),
        ("bls_pairing_4", 15, [bls_g1(), bls_g2()].concat().repeat(4)),
        ("bls_map_fp", 16, fp(&[0x11; 48])),
        ("bls_map_fp2", 17, [fp(&[0x11; 48]), fp(&[0x12; 48])].concat()),
        ("p256verify", 0x100, p256()),
    ]
}

/// Any point's x is a valid r; the base point's, with v 27.
fn ecrecover() -> Vec<u8> {
    let r = hex!("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
    [[0x5a; 32], B256::with_last_byte(27).0, r, [0x35; 32]].concat()
}

fn modexp(size: usize, exponent_size: usize, last: u8) -> Vec<u8> {
    let length = |size: usize| B256::left_padding_from(&(size as u64).to_be_bytes()).0;
    let lengths = [length(size), length(exponent_size), length(size)].concat();
    let mut modulus = vec![0xfd; size];
    modulus[size - 1] = last;
    [lengths, vec![0xfc; size], vec![0xff; exponent_size], modulus].concat()
}

/// A modulus of which all but a byte is a power of two, and the least exponent that takes more than a copy: the odd part and the power are worked
/// on apart, and what prepares for that weighs most.
fn modexp_of_power_of_two() -> Vec<u8> {
    let mut input = modexp(512, 1, 0);
    let modulus = input.len() - 512;
    input[modulus - 1] = 3;
    input[modulus] = 0xff;
    input[modulus + 1..].fill(0);
    input
}

const BN_G1: [u8; 64] = hex!(
    "0000000000000000000000000000000000000000000000000000000000000001
     0000000000000000000000000000000000000000000000000000000000000002"
);
const BN_2G1: [u8; 64] = hex!(
    "030644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd3
     15ed738c0e0a7c92e7845f96b2ae9c0a68a6a449e3538fc7ff3ebf7a5a18a2c4"
);
const BN_G2: [u8; 128] = hex!(
    "198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2
     1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed
     090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b
     12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa"
);

fn bn_pairs(count: usize) -> Vec<u8> {
    [&BN_G1[..], &BN_G2].concat().repeat(count)
}

/// Rounds, h, m, t, final.
fn blake2f() -> Vec<u8> {
    [&20_000_u32.to_be_bytes()[..], &[0x3c; 64 + 128 + 16], &[1]].concat()
}

fn point_evaluation() -> Vec<u8> {
    let z = super::point(5);
    let proof = super::blob_proof(5, z);
    [proof.versioned_hash.as_slice(), z.as_slice(), proof.value.as_slice(), &proof.commitment, &proof.proof].concat()
}

/// A base field element as EIP-2537 pads it.
fn fp(element: &[u8; 48]) -> Vec<u8> {
    [&[0; 16][..], element].concat()
}

fn bls_g1() -> Vec<u8> {
    let x = hex!("17f1d3a73197d7942695638c4fa9ac0fc3688c4f9774b905a14e3a3f171bac586c55e83ff97a1aeffb3af00adb22c6bb");
    let y = hex!("08b3f481e3aaa0f1a09e30ed741d8ae4fcf5e095d5d00af600db18cb2c04b3edd03cc744a2888ae40caa232946c5e7e1");
    [fp(&x), fp(&y)].concat()
}

fn bls_g2() -> Vec<u8> {
    let elements = [
        hex!("024aa2b2f08f0a91260805272dc51051c6e47ad4fa403b02b4510b647ae3d1770bac0326a805bbefd48056c8c121bdb8"),
        hex!("13e02b6052719f607dacd3a088274f65596bd0d09920b61ab5da61bbdc7f5049334cf11213945d57e5ac7d055d042b7e"),
        hex!("0ce5d527727d6e118cc9cdc6da2e351aadfd9baa8cbdd3a76d429a695160d12c923ac9cc3baca289e193548608b82801"),
        hex!("0606c4a02ea734cc32acd2b02bc28b99cb3e287e85a763af267492ab572e99ab3f370d275cec1da1aaa9075ff05f79be"),
    ];
    elements.iter().flat_map(fp).collect()
}

/// The base point as key; the signature is wrong, which is found out last.
fn p256() -> Vec<u8> {
    let x = hex!("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
    let y = hex!("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
    [[0x5a; 32], [0x35; 32], [0x36; 32], x, y].concat()
}
