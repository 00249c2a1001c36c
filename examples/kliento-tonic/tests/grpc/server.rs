//! Servers for the tests: the command, or one in this process for settings without a flag.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kliento::TrustAnchor;
use kliento_tonic::{IdentityService, serve};
use kliento_tower::{Clock, KlientoAuthLayer};
use tokio::net::TcpListener;
use tonic::transport::{Channel, Endpoint};

use crate::reference::{self, AUDIENCE, INSTANT};

/// The running command, which is killed when dropped.
pub(crate) struct ServerCommand {
    child: Child,
    pub(crate) url: String,
}

impl ServerCommand {
    /// Starts a server that accepts the reference's bundles.
    pub(crate) fn start() -> Self {
        Self::with(AUDIENCE, &reference::trust_anchors())
    }

    pub(crate) fn with(audience: &str, trust_anchors: &[TrustAnchor]) -> Self {
        Self::with_flags(audience, trust_anchors, &[])
    }

    pub(crate) fn with_flags(
        audience: &str,
        trust_anchors: &[TrustAnchor],
        flags: &[&str],
    ) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_server"));
        command.args(["--listen", "127.0.0.1:0", "--audience", audience, "--clock", INSTANT]);
        command.args(flags);
        for anchor in trust_anchors {
            command.args(["--trust-anchor", &anchor.to_string()]);
        }
        // Expected rejections would clutter the output.
        command.env("RUST_LOG", "error");
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim_end().strip_prefix("listening on ").expect("an address").to_owned();
        Self { child, url }
    }

    /// Connects with tonic's default settings.
    pub(crate) async fn connect(&self) -> Channel {
        connect(&self.url).await
    }
}

impl Drop for ServerCommand {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Returns a layer that accepts the reference's bundles.
pub(crate) fn layer(clock: Arc<dyn Clock>) -> KlientoAuthLayer {
    KlientoAuthLayer::new(AUDIENCE)
        .with_trust_anchors(kliento_tower::TrustAnchors::new(reference::trust_anchors()))
        .with_clock(clock)
}

/// Connects to a server in this process, which stops with the test's runtime.
pub(crate) async fn connect_to(layer: KlientoAuthLayer) -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = IdentityService::default().with_interval(Duration::from_millis(1));
    tokio::spawn(serve(listener, layer, service, std::future::pending()));
    connect(&url).await
}

async fn connect(url: &str) -> Channel {
    url.parse::<Endpoint>().unwrap().connect().await.unwrap()
}
