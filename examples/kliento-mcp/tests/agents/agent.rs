//! MCP's own client, which sends a bundle as a fixed header with each request.

use std::collections::HashMap;

use http::HeaderValue;
use http::header::AUTHORIZATION;
use rmcp::model::{CallToolRequestParams, JsonObject, ProtocolVersion};
use rmcp::service::{ClientInitializeError, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientLifecycleMode, ClientServiceExt as _, RoleClient, ServiceError};
use serde_json::Value;

use crate::server::Server;

pub(crate) struct Agent(RunningService<RoleClient, ()>);

impl Agent {
    /// Connects with the current revision of MCP, in which each request stands for itself.
    pub(crate) async fn connect(
        server: &Server,
        authorization: Option<&str>,
    ) -> Result<Self, ClientInitializeError> {
        let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
        let discover = ClientLifecycleMode::Discover { preferred_versions };
        Self::connect_with(server, authorization, discover).await
    }

    pub(crate) async fn connect_with(
        server: &Server,
        authorization: Option<&str>,
        lifecycle: ClientLifecycleMode,
    ) -> Result<Self, ClientInitializeError> {
        let headers = authorization.map(|value| (AUTHORIZATION, value.parse().unwrap()));
        let headers: HashMap<_, HeaderValue> = headers.into_iter().collect();
        let config = StreamableHttpClientTransportConfig::with_uri(server.url.clone());
        let config = config.custom_headers(headers);
        let transport = StreamableHttpClientTransport::from_config(config);
        ().serve_with_lifecycle(transport, lifecycle).await.map(Self)
    }

    pub(crate) async fn tools(&self) -> Vec<String> {
        let tools = self.0.list_all_tools().await.unwrap();
        tools.into_iter().map(|tool| tool.name.into_owned()).collect()
    }

    /// Calls a tool, and returns its structured result.
    pub(crate) async fn call(&self, tool: &str, arguments: Value) -> Result<Value, ServiceError> {
        let arguments: JsonObject = serde_json::from_value(arguments).unwrap();
        let call = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        let result = self.0.call_tool(call).await?;
        Ok(result.structured_content.expect("a structured result"))
    }
}
