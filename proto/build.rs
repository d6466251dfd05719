//! Compiles the schemas without an installed protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=tandem");
    let descriptors =
        protox::compile(["tandem/v1/feed.proto", "tandem/v1/prover.proto", "tandem/v1/proving.proto"], ["."])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
