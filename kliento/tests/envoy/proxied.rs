//! Envoy, with the configuration of the documentation, before a service.

use axum::http::{HeaderMap, Version};
use reqwest::header::AUTHORIZATION;
use reqwest::{Client, RequestBuilder};
use test_servers::EnvoyServer;

use crate::authorizer::Authorizer;
use crate::backend::Backend;
use crate::issuer::Issuer;

pub(crate) const CONFIGURATION: &str = include_str!("../proxies/config/envoy.yaml");

/// The port of the listener, of `kliento serve` and of the service in the configuration.
pub(crate) const LISTENER: u16 = 8000;
pub(crate) const AUTHORIZER: u16 = 9000;
pub(crate) const SERVICE: u16 = 3000;

/// A service behind Envoy.
pub(crate) struct Proxied {
    pub(crate) issuer: Issuer,
    pub(crate) authorizer: Authorizer,
    pub(crate) backend: Backend,
    pub(crate) envoy: EnvoyServer,
}

impl Proxied {
    /// Starts all, or returns `None` if Envoy is not installed.
    pub(crate) async fn start() -> Option<Self> {
        Self::with(CONFIGURATION, &["--claim-header", "role"]).await
    }

    pub(crate) async fn with(configuration: &str, options: &[&str]) -> Option<Self> {
        let (issuer, backend) = (Issuer::new(), Backend::start().await);
        let authorizer = Authorizer::start(&issuer, options);
        let ports = [(AUTHORIZER, authorizer.port()), (SERVICE, backend.port)];
        let envoy = EnvoyServer::start(configuration, LISTENER, &ports)?;
        Some(Self { issuer, authorizer, backend, envoy })
    }

    pub(crate) fn get(&self, client: &Client, credentials: &[String]) -> RequestBuilder {
        let request = client.get(self.envoy.url());
        credentials.iter().fold(request, |request, value| request.header(AUTHORIZATION, value))
    }

    /// Returns the one request that has reached the service.
    pub(crate) fn received(&self) -> (Version, HeaderMap) {
        let mut received = self.backend.take();
        assert_eq!(received.len(), 1);
        received.remove(0)
    }
}

/// Returns a client of each version of HTTP.
pub(crate) fn clients() -> [(Version, Client); 2] {
    [
        (Version::HTTP_11, Client::builder().http1_only().build().unwrap()),
        (Version::HTTP_2, Client::builder().http2_prior_knowledge().build().unwrap()),
    ]
}
