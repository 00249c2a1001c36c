//! A service, a proxy before it, and the proxy's authorizer.

use axum::http::Version;

use crate::authorizer::Authorizer;
use crate::bundles::Bundles;
use crate::client::{Connection, HttpResponse};
use crate::proxy::{Proxy, RunningProxy};
use crate::service::Service;

pub(crate) struct Fixture {
    pub(crate) bundles: &'static Bundles,
    pub(crate) authorizer: Authorizer,
    pub(crate) service: Service,
    proxy: RunningProxy,
}

pub(crate) const VERSIONS: [Version; 2] = [Version::HTTP_11, Version::HTTP_2];

impl Fixture {
    pub(crate) async fn start(proxy: Proxy) -> Self {
        Self::start_with(proxy, &[], &[]).await
    }

    /// Starts all of them, with further options of the authorizer, and replacements in the
    /// configuration of the proxy.
    pub(crate) async fn start_with(
        proxy: Proxy,
        options: &[&str],
        replacements: &[(&str, &str)],
    ) -> Self {
        Self::start_all(proxy, Service::start().await, options, replacements)
    }

    /// Starts a proxy and its authorizer before this service.
    pub(crate) fn start_before(proxy: Proxy, service: Service) -> Self {
        Self::start_all(proxy, service, &[], &[])
    }

    fn start_all(
        proxy: Proxy,
        service: Service,
        options: &[&str],
        replacements: &[(&str, &str)],
    ) -> Self {
        let bundles = Bundles::get();
        let authorizer = Authorizer::start(bundles, options);
        let proxy = proxy.start(&authorizer.address, &service.address, replacements);
        Self { bundles, authorizer, service, proxy }
    }

    pub(crate) fn address(&self, version: Version) -> &str {
        let [http1, http2] = &self.proxy.addresses;
        if version == Version::HTTP_2 { http2 } else { http1 }
    }

    pub(crate) async fn connect(&self, version: Version) -> Connection {
        Connection::open(self.address(version), version).await
    }

    /// Requests a path over a connection of its own, with these headers.
    pub(crate) async fn get(&self, version: Version, headers: &[(&str, &str)]) -> HttpResponse {
        self.connect(version).await.get("/orders?audience=x", headers).await
    }
}
