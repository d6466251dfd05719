// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.30;

/// @dev Points of G2 in the precompiles' encoding, imaginary parts first, for which there is no precompile to compute them.
library G2 {
    /// @dev Twice the generator.
    function twice() internal pure returns (bytes memory) {
        return abi.encode(
            0x203e205db4f19b37b60121b83a7333706db86431c6d835849957ed8c3928ad79,
            0x27dc7234fd11d3e8c36c59277c3e6f149d5cd3cfa9a62aee49f8130962b4b3b9,
            0x195e8aa5b7827463722b8c153931579d3505566b4edf48d498e185f0509de152,
            0x04bb53b8977e5f92a0bc372742c4830944a59b4fe6b1c0466e2a6dad122b5d2e
        );
    }

    /// @dev Three times the generator.
    function thrice() internal pure returns (bytes memory) {
        return abi.encode(
            0x1014772f57bb9742735191cd5dcfe4ebbc04156b6878a0a7c9824f32ffb66e85,
            0x06064e784db10e9051e52826e192715e8d7e478cb09a5e0012defa0694fbc7f5,
            0x021e2335f3354bb7922ffcc2f38d3323dd9453ac49b55441452aeaca147711b2,
            0x058e1d5681b5b9e0074b0f9c8d2c68a069b920d74521e79765036d57666c5597
        );
    }
}
