//! `kliento serve`: verification over HTTP, for software in any language.

mod api;
mod authorize;
mod authorizer;
mod body;
#[cfg(feature = "ext-authz")]
mod ext_authz;
mod identity_headers;
mod metrics;
mod open_bodies;
mod traces;

use std::future::pending;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::middleware::from_fn;
use clap::builder::NonEmptyStringValueParser;
use http_guard::log::{self, LogFormat};
use http_guard::serve::{Server, ShutdownSummary, shutdown_signal};
use http_guard::{Nat64Prefix, TrustedProxies, parse_socket_address};
use kliento_tower::{
    AdmissionFile, FixedClock, KlientoAuthLayer, TrustAnchorFile, TrustAnchorStore, TrustAnchors,
};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use self::api::Verifier;
use self::authorizer::Authorizer;
pub(crate) use self::identity_headers::DuplicateClaimHeader;
use self::identity_headers::{ClaimHeader, IdentityHeaders};
use self::metrics::Metrics;
use self::traces::Traces;
use crate::arguments::{TrustOptions, parse_clock_skew};
use crate::failure::Failure;
use crate::report::Status;

/// The maximum number of open requests of an HTTP/2 connection. Each may buffer a body of 64 KiB.
const MAX_CONCURRENT_STREAMS: u32 = 16;

/// Serve verification over HTTP, with the API of the Kliento Verifier
///
/// `POST /?audience=AUD` with a bundle returns 200 and JSON, whose `status` is `valid`, `invalid`
/// or `malformed`. The content type is application/vnd.kliento.token-bundle, which is the default,
/// or application/vnd.kliento.auth-header for the value of an Authorization header. `GET /health`
/// returns 200. SIGTERM and SIGINT stop it gracefully. `RUST_LOG` filters the log.
///
/// With `--audience`, a proxy before any service asks `GET /authorize` whether to let a request
/// through, by the request's own Authorization header. For a valid bundle the answer is 200, with `Kliento-Subject`, `Kliento-Organisation`,
/// `Kliento-User`, `Kliento-Signer`, `Kliento-Audience`, `Kliento-Valid-Until` and `Kliento-Claims`
/// (JSON in Base64url). All others are 401, 403 or 503, and have these headers without values.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The address to listen on, such as `[::1]:8080` or `[fe80::1%eth0]:8080`; port 0 selects any free port
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    #[arg(value_parser = parse_socket_address)]
    listen: SocketAddr,

    /// How far this clock may be behind the issuer's: 0s to 5m
    ///
    /// The signature and the certificates are valid that much before they start. Their ends and the
    /// signatures of the DNSSEC chain are not affected.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_clock_skew)]
    clock_skew: Duration,

    /// A prefix with which your network translates IPv4 addresses (NAT64); may be given several
    /// times. `64:ff9b::/96` and `64:ff9b:1::/48` are known
    ///
    /// Clients behind it are limited by their IPv4 addresses.
    #[arg(long, value_name = "PREFIX")]
    nat64_prefix: Vec<Nat64Prefix>,

    /// An audience of the services behind the proxy, for `/authorize`; may be given several times
    ///
    /// A token for any of them is accepted, and `Kliento-Audience` is the one. A request cannot
    /// choose another.
    #[arg(long = "audience", value_name = "AUD", value_parser = NonEmptyStringValueParser::new())]
    audiences: Vec<String>,

    /// A TOML file of who is admitted [default: every organisation whose domain has DNSSEC]
    ///
    /// It has rules per organisation, subject, signer, claim and audience, a deny list, and quotas:
    /// see docs/proxies.md. It is read again when it changes; a bad file leaves the last good rules
    /// in force, and the log says so.
    #[arg(long, value_name = "FILE", requires = "audiences")]
    admission: Option<PathBuf>,

    /// A claim that `/authorize` also returns as `Kliento-Claim-NAME`; may be given several times
    ///
    /// The name has ASCII letters, digits, `-` and `_`, which the header has as `-`. The value is
    /// percent-encoded where it is not visible ASCII or a space within; `%` is `%25`.
    #[arg(long = "claim-header", value_name = "NAME", requires = "audiences")]
    claim_headers: Vec<ClaimHeader>,

    /// The address of `GET /metrics`, in Prometheus' text format; port 0 selects any free port
    ///
    /// Anyone who can connect can read the metrics, so use an address that is not public.
    #[arg(long, value_name = "ADDR", value_parser = parse_socket_address)]
    metrics: Option<SocketAddr>,

    /// The form of the log on standard error
    #[arg(long, value_name = "FORM", value_enum, default_value_t = LogForm::Text)]
    log_format: LogForm,

    /// Log each answer to a proxy, in a span with the trace of its `traceparent` header
    ///
    /// All events that belong to the answer have the fields `trace_id` and `parent_id` then, so that
    /// they can be found from the traces of the proxy.
    #[arg(long, requires = "audiences")]
    traces: bool,

    /// A file of trust anchors in place of the built-in ones: DS records, or IANA's root-anchors.xml
    ///
    /// It is read again when it changes. A bad file leaves the last good anchors in force, and the
    /// log says so.
    #[arg(long, value_name = "FILE", conflicts_with = "trust_anchors")]
    trust_anchor_file: Option<PathBuf>,

    #[cfg(feature = "ext-authz")]
    #[command(flatten)]
    ext_authz: ext_authz::ExtAuthzOptions,

    #[command(flatten)]
    trust: TrustOptions,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum LogForm {
    /// Readable lines
    Text,
    /// One JSON object per line
    Json,
}

impl Arguments {
    pub(crate) fn run(&self) -> Result<Status, Failure> {
        let format = match self.log_format {
            LogForm::Text => LogFormat::Text,
            LogForm::Json => LogFormat::Json,
        };
        let _log = log::init(format).map_err(Failure::Runtime)?;
        Runtime::new().map_err(Failure::Runtime)?.block_on(self.serve())?;
        Ok(Status::Valid)
    }

    async fn serve(&self) -> Result<(), Failure> {
        let anchors = self.trust_anchors()?;
        let authorizer = self.authorizer(&anchors)?;
        let prefixes = self.nat64_prefix.iter().copied();
        // Without networks of proxies, none can contain a prefix.
        let proxies = TrustedProxies::none().with_nat64_prefixes(prefixes).unwrap_or_default();
        let shutdown = shutdown_signal().map_err(Failure::Runtime)?;
        let (listener, address) = bind(self.listen).await?;
        let metrics = match self.metrics {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        #[cfg(feature = "ext-authz")]
        let ext_authz =
            self.ext_authz.listen(authorizer.as_ref(), &self.audiences, &proxies).await?;
        log::announce(&format!("listening on http://{address}"));
        #[cfg(feature = "ext-authz")]
        if let Some((address, _)) = &ext_authz {
            log::announce(&format!("listening for Envoy on {address}"));
        }
        let metrics = match metrics {
            Some((listener, address)) => {
                log::announce(&format!("metrics on http://{address}/metrics"));
                Some(Metrics::install(listener)?)
            }
            None => None,
        };
        if self.trust.fixed_time().is_some() {
            tracing::warn!("fixed clock (--at): bundles never expire, for tests only");
        }
        let verifier = Verifier::new(self.trust.clone(), anchors, self.clock_skew);
        let mut router = api::router(verifier.with_proxies(proxies.clone()), authorizer);
        if metrics.is_some() {
            router = router.layer(from_fn(metrics::count));
        }
        let server = Server::new().with_max_concurrent_streams(MAX_CONCURRENT_STREAMS);
        let server = server.unwrap_or_default().with_exempt_proxies(proxies);
        let running = async {
            tokio::select! {
                summary = server.serve(listener, router, shutdown) => summary,
                () = serve_metrics(metrics) => ShutdownSummary::default(),
            }
        };
        #[cfg(feature = "ext-authz")]
        let dropped_requests = {
            let ext_authz = async {
                match ext_authz {
                    Some((_, service)) => service.await,
                    None => ShutdownSummary::default(),
                }
            };
            let (api, ext_authz) = tokio::join!(running, ext_authz);
            api.dropped_requests() + ext_authz.dropped_requests()
        };
        #[cfg(not(feature = "ext-authz"))]
        let dropped_requests = running.await.dropped_requests();
        tracing::info!(dropped_requests, "stopped");
        Ok(())
    }

    fn trust_anchors(&self) -> Result<Arc<dyn TrustAnchorStore>, Failure> {
        let Some(path) = &self.trust_anchor_file else {
            return Ok(Arc::new(TrustAnchors::new(self.trust.anchors())));
        };
        let mut options = TrustAnchorFile::options();
        if let Some(at) = self.trust.fixed_time() {
            options = options.with_clock(FixedClock(at));
        }
        let file = options.open(path).map_err(|source| Failure::TrustAnchors {
            path: path.clone(),
            source: source.into(),
        })?;
        Ok(Arc::new(file))
    }

    /// Returns what answers proxies, if there is an audience.
    fn authorizer(
        &self,
        anchors: &Arc<dyn TrustAnchorStore>,
    ) -> Result<Option<Authorizer>, Failure> {
        let Some((realm, others)) = self.audiences.split_first() else { return Ok(None) };
        let headers = IdentityHeaders::new(self.claim_headers.clone())?;
        let mut layer = KlientoAuthLayer::new(realm)
            .with_trust_anchors(Arc::clone(anchors))
            .with_clock_skew(self.clock_skew)?;
        if let Some(at) = self.trust.fixed_time() {
            layer = layer.with_clock(FixedClock(at));
        }
        if let Some(path) = &self.admission {
            let options = AdmissionFile::options().with_audiences(self.audiences.clone());
            let rules = options.open(path).map_err(|source| Failure::Admission {
                path: path.clone(),
                source: source.into(),
            })?;
            layer = layer.with_admission(rules);
        }
        let layer = others.iter().fold(layer, KlientoAuthLayer::with_audience);
        Ok(Some(Authorizer::new(layer, realm, headers).with_traces(Traces(self.traces))))
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), Failure> {
    let failed = |source| Failure::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

/// Serves the metrics, if there are any, until this is dropped.
async fn serve_metrics(metrics: Option<Metrics>) {
    match metrics {
        Some(metrics) => metrics.serve().await,
        None => pending().await,
    }
}
