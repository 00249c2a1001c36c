//! The arguments, and the layer that they configure.

use std::net::SocketAddr;

use kliento::{Timestamp, TrustAnchor};
use kliento_tower::{FixedClock, KlientoAuthLayer, TrustAnchors};

/// A service that reports the identity of the calling workload
///
/// `GET /whoami` requires a Kliento token bundle, `/optional` accepts requests with and without one,
/// `/public` ignores it. SIGTERM and SIGINT stop it gracefully. `RUST_LOG` sets what is logged.
#[derive(clap::Parser)]
pub(crate) struct Arguments {
    /// The address to listen on; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,

    /// An audience to accept tokens for; may be given several times
    #[arg(long = "audience", value_name = "AUD", required = true)]
    audiences: Vec<String>,

    /// A key of the DNS root to trust, as a DS record [default: the keys that IANA publishes]
    #[arg(long = "trust-anchor", value_name = "DS")]
    trust_anchors: Vec<TrustAnchor>,

    /// A fixed time for the clock, for recorded bundles [default: the system's clock]
    #[arg(long, value_name = "RFC3339")]
    clock: Option<Timestamp>,
}

impl Arguments {
    /// Returns the layer; `None` without an audience.
    pub(crate) fn layer(&self) -> Option<KlientoAuthLayer> {
        let (audience, others) = self.audiences.split_first()?;
        let mut layer = KlientoAuthLayer::new(audience);
        for other in others {
            layer = layer.with_audience(other);
        }
        if !self.trust_anchors.is_empty() {
            layer = layer.with_trust_anchors(TrustAnchors::new(self.trust_anchors.clone()));
        }
        if let Some(instant) = self.clock {
            tracing::warn!("fixed clock: bundles never expire, for tests only");
            layer = layer.with_clock(FixedClock(instant));
        }
        Some(layer)
    }
}
