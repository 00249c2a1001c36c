//! The arguments, and the layer that they configure.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use http_guard::parse_socket_address;
use humantime::parse_duration;
use kliento::{Timestamp, TrustAnchor};
use kliento_tower::{FixedClock, KlientoAuthLayer, TrustAnchors};

/// A service that reports the identity of the calling workload
///
/// `GET /whoami`, `/ticks` and `/echo` require a Kliento token bundle, `/optional` accepts requests
/// with and without one, `/public` ignores it. SIGTERM and SIGINT stop it gracefully. `RUST_LOG` sets what
/// is logged.
#[derive(clap::Parser)]
pub(crate) struct Arguments {
    /// The address to listen on, such as `[::1]:8080` or `[fe80::1%eth0]:8080`; port 0 is any free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    #[arg(value_parser = parse_socket_address)]
    pub(crate) listen: SocketAddr,

    /// An audience to accept tokens for; may be given several times
    #[arg(long = "audience", value_name = "AUD", required = true)]
    audiences: Vec<String>,

    /// A key of the DNS root to trust, as a DS record [default: the keys that IANA publishes]
    #[arg(long = "trust-anchor", value_name = "DS")]
    trust_anchors: Vec<TrustAnchor>,

    /// An organisation whose workloads are allowed: example.com, or *.example.com for those below
    /// it; may be given several times [default: every organisation with DNSSEC]
    #[arg(long = "allow-organisation", value_name = "ORG")]
    allowed_organisations: Vec<String>,

    /// A subject that is allowed: user@example.com, or example.com for its bot; may be given
    /// several times
    #[arg(long = "allow-subject", value_name = "SUBJECT")]
    allowed_subjects: Vec<String>,

    /// How far in the future a token may start, at most 5m, for clients with faster clocks
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    clock_skew: Duration,

    /// A fixed time for the clock, for recorded bundles [default: the system's clock]
    #[arg(long, value_name = "RFC3339")]
    clock: Option<Timestamp>,
}

impl Arguments {
    /// Returns the layer.
    pub(crate) fn layer(&self) -> Result<KlientoAuthLayer, Box<dyn Error>> {
        let (audience, others) = self.audiences.split_first().ok_or("no audience")?;
        let mut layer = KlientoAuthLayer::new(audience).with_clock_skew(self.clock_skew)?;
        for other in others {
            layer = layer.with_audience(other);
        }
        let (organisations, subjects) = (&self.allowed_organisations, &self.allowed_subjects);
        if organisations.is_empty() && subjects.is_empty() {
            tracing::warn!("every organisation with DNSSEC is allowed: see --allow-organisation");
        } else {
            layer = layer.with_allowed_organisations(organisations)?;
            layer = layer.with_allowed_subjects(subjects)?;
        }
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
