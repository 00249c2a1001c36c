//! Generates the client, the server and the messages of the service's definition.

use std::error::Error;

const DEFINITION: &str = "people/example/v1/reports.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let definition = protox::compile([DEFINITION], ["proto"])?;
    tonic_prost_build::configure().compile_fds(definition)?;
    Ok(())
}
