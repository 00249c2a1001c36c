//! The options of Envoy's external authorization.

use std::net::SocketAddr;

use http_guard::serve::{ShutdownSummary, shutdown_signal};
use http_guard::{TrustedProxies, parse_socket_address};

use super::super::authorizer::Authorizer;
use super::super::bind;
use super::ExtAuthz;
use crate::failure::Failure;

#[derive(clap::Args)]
pub(in super::super) struct ExtAuthzOptions {
    /// Also answer Envoy's external authorization at this address: gRPC without TLS
    ///
    /// Envoy gets the answers of `/authorize`: it sets the `Kliento-*` headers of an authorized
    /// request, and removes all others of the client. The context extension `audience` of a route
    /// restricts it to one of the audiences. gRPC's health service is there, too.
    #[arg(long, value_name = "ADDR", requires = "audiences", value_parser = parse_socket_address)]
    ext_authz: Option<SocketAddr>,

    /// Have Envoy remove the Authorization header of authorized requests
    #[arg(long, requires = "ext_authz")]
    remove_authorization: bool,
}

impl ExtAuthzOptions {
    /// Listens, if the option says so. Returns the address, and the service, which ends with the
    /// process.
    pub(in super::super) async fn listen(
        &self,
        authorizer: Option<&Authorizer>,
        audiences: &[String],
        proxies: &TrustedProxies,
    ) -> Result<Option<(SocketAddr, impl Future<Output = ShutdownSummary> + use<>)>, Failure> {
        let Some((address, authorizer)) = self.ext_authz.zip(authorizer) else { return Ok(None) };
        let shutdown = shutdown_signal().map_err(Failure::Runtime)?;
        let (listener, address) = bind(address).await?;
        let service = ExtAuthz::new(authorizer.clone(), audiences, self.remove_authorization);
        Ok(Some((address, service.serve(listener, proxies.clone(), shutdown))))
    }
}
