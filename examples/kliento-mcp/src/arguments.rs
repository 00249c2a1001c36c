//! The arguments, and the layer that they configure.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;

use http_guard::parse_socket_address;
use kliento::{Timestamp, TrustAnchor};
use kliento_tower::{AdmissionFile, FixedClock, KlientoAuthLayer, TrustAnchors};

/// An MCP server that takes orders from agents of the organisations that a file admits
///
/// The MCP endpoint is `/mcp`. Agents send a Kliento token bundle with each request. SIGTERM and
/// SIGINT stop the server gracefully. `RUST_LOG` sets what is logged.
#[derive(clap::Parser)]
pub(crate) struct Arguments {
    /// The address to listen on, such as `[::1]:8080` or `[fe80::1%eth0]:8080`; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    #[arg(value_parser = parse_socket_address)]
    pub(crate) listen: SocketAddr,

    /// A host that requests may name, besides localhost; may be given several times
    #[arg(long = "host", value_name = "HOST")]
    pub(crate) hosts: Vec<String>,

    /// The audience to accept tokens for: the URL of the MCP endpoint
    #[arg(long, value_name = "AUD")]
    audience: String,

    /// The rules of which agents are admitted, in TOML; read again on change
    #[arg(long, value_name = "FILE")]
    admission: PathBuf,

    /// A key of the DNS root to trust, as a DS record [default: the keys that IANA publishes]
    #[arg(long = "trust-anchor", value_name = "DS")]
    trust_anchors: Vec<TrustAnchor>,

    /// A fixed time for the clock, for recorded bundles [default: the system's clock]
    #[arg(long, value_name = "RFC3339")]
    clock: Option<Timestamp>,
}

impl Arguments {
    /// Returns the layer.
    pub(crate) fn layer(&self) -> Result<KlientoAuthLayer, Box<dyn Error>> {
        let rules = AdmissionFile::open(&self.admission)
            .map_err(|error| format!("{}: {error}", self.admission.display()))?;
        let mut layer = KlientoAuthLayer::new(&self.audience).with_admission(rules);
        if !self.trust_anchors.is_empty() {
            layer = layer.with_trust_anchors(TrustAnchors::new(self.trust_anchors.clone()));
        }
        if let Some(instant) = self.clock {
            tracing::warn!("fixed clock: bundles never expire, for tests only");
            layer = layer.with_clock(FixedClock(instant));
        }
        Ok(layer)
    }
}
