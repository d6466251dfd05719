//! What a contract reverted with, in words: `Error(string)` and `Panic(uint256)` are the compiler's own, everything else is for the caller to decode.

use alloy::{
    primitives::{Bytes, U256},
    sol_types::{Panic, Revert, SolError},
};

/// The end of the message `execution reverted`, as geth has it.
pub fn reason(data: &Bytes) -> String {
    if let Ok(Revert { reason }) = Revert::abi_decode(data) {
        return format!(": {reason}");
    }
    match Panic::abi_decode(data) {
        Ok(Panic { code }) => format!(": {}", panic(code)),
        Err(_) => String::new(),
    }
}

fn panic(code: U256) -> String {
    let known = match u64::try_from(code) {
        Ok(0x00) => "generic panic",
        Ok(0x01) => "assert(false)",
        Ok(0x11) => "arithmetic underflow or overflow",
        Ok(0x12) => "division or modulo by zero",
        Ok(0x21) => "enum overflow",
        Ok(0x22) => "invalid encoded storage byte array accessed",
        Ok(0x31) => "out-of-bounds array access; popping on an empty array",
        Ok(0x32) => "out-of-bounds access of an array or bytesN",
        Ok(0x41) => "out of memory",
        Ok(0x51) => "uninitialized function",
        _ => return format!("unknown panic code: {code:#x}"),
    };
    known.into()
}

#[cfg(test)]
mod tests {
    use alloy::primitives::hex;

    use super::*;

    #[test]
    fn words_are_the_compilers_own_and_nothing_is_guessed() {
        let panic = |code: u64| Bytes::from(Panic { code: U256::from(code) }.abi_encode());
        let revert = Bytes::from(Revert { reason: "no".into() }.abi_encode());
        for (data, words) in [
            (revert, ": no"),
            (panic(0x12), ": division or modulo by zero"),
            (panic(0x01), ": assert(false)"),
            (panic(0x77), ": unknown panic code: 0x77"),
            (Bytes::new(), ""),
            (Bytes::from_static(b"plain text"), ""),
            (hex!("f00dbabe").into(), ""),
            (hex!("08c379a0").into(), ""),
        ] {
            assert_eq!(reason(&data), words, "{data}");
        }
    }
}
