//! The MCP endpoint, inside the layer that authenticates agents.

use std::sync::Arc;

use axum::Router;
use kliento_tower::KlientoAuthLayer;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};

use crate::orders::Orders;

pub(crate) fn router(layer: KlientoAuthLayer, hosts: &[String]) -> Router {
    let config = StreamableHttpServerConfig::default();
    let hosts = config.allowed_hosts.iter().chain(hosts).cloned().collect::<Vec<_>>();
    let config = config
        .with_allowed_hosts(hosts)
        // Agents are no web pages: a request with `Origin` is one of a browser.
        .enforce_origin_validation()
        // Each request carries its own bundle. A session would outlive it, and its ID could be used
        // by another caller.
        .with_legacy_session_mode(false)
        .with_json_response(true);
    let orders = Orders::default();
    let sessions = Arc::new(NeverSessionManager::default());
    let service = StreamableHttpService::new(move || Ok(orders.clone()), sessions, config);
    Router::new().route_service("/mcp", service).route_layer(layer)
}
