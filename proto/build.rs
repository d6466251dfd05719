//! Compiles the schemas without an installed protoc.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=tandem");
    let schemas = ["feed", "prover", "proving", "farm"].map(|name| format!("tandem/v1/{name}.proto"));
    let descriptors = protox::compile(schemas, ["."])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
