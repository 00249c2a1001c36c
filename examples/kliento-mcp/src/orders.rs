//! The tools: they see the identity of the agent that calls them.

use std::sync::{Arc, Mutex, PoisonError};

use http::request::Parts;
use kliento_tower::WorkloadIdentity;
use rmcp::handler::server::tool::{Extension, ToolRouter};
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{ServerCapabilities, ServerConfig};
use rmcp::{ErrorData, Json, ServerHandler, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The orders of all organisations.
#[derive(Clone)]
pub(crate) struct Orders {
    placed: Arc<Mutex<Vec<Order>>>,
    tool_router: ToolRouter<Self>,
}

#[derive(Clone)]
struct Order {
    organisation: String,
    /// The agent that placed it.
    subject: String,
    amount: u32,
}

/// The agent that calls.
#[derive(Serialize, JsonSchema)]
struct Agent {
    /// `user@organisation`, or `organisation` for its bot.
    subject: String,
    organisation: String,
    /// The last instant at which the bundle is valid, in RFC 3339.
    valid_until: String,
}

/// What to order.
#[derive(Deserialize, JsonSchema)]
struct NewOrder {
    /// In euros.
    amount: u32,
}

/// The orders of the agent's organisation.
#[derive(Serialize, JsonSchema)]
struct OwnOrders {
    orders: Vec<OwnOrder>,
}

#[derive(Serialize, JsonSchema)]
struct OwnOrder {
    placed_by: String,
    amount: u32,
}

/// What the organisation lets the agent do: the claims of its token.
#[derive(Deserialize)]
struct Mandate {
    max_amount: u32,
}

#[tool_router]
impl Orders {
    /// Returns the identity that the agent's bundle proves.
    #[tool(name = "whoami", description = "Tells which agent calls")]
    async fn whoami(&self, Extension(parts): Extension<Parts>) -> Result<Json<Agent>, ErrorData> {
        let caller = caller(&parts)?;
        Ok(Json(Agent {
            subject: caller.subject().to_owned(),
            organisation: caller.organisation().to_string(),
            valid_until: caller.valid_until().to_string(),
        }))
    }

    /// Places an order, up to the amount that the organisation's token allows.
    #[tool(name = "place_order", description = "Places an order for the agent's organisation")]
    async fn place_order(
        &self,
        Extension(parts): Extension<Parts>,
        Parameters(NewOrder { amount }): Parameters<NewOrder>,
    ) -> Result<Json<OwnOrders>, ErrorData> {
        let caller = caller(&parts)?;
        let mandate: Mandate = caller.claims_as().map_err(|error| denied(error.to_string()))?;
        if amount > mandate.max_amount {
            return Err(denied(format!("the token allows {} at most", mandate.max_amount)));
        }
        let (organisation, subject) =
            (caller.organisation().to_string(), caller.subject().to_owned());
        self.placed.lock().unwrap_or_else(PoisonError::into_inner).push(Order {
            organisation,
            subject,
            amount,
        });
        Ok(Json(self.orders_of(caller)))
    }

    /// Lists the orders of the agent's organisation, and of no other.
    #[tool(name = "list_orders", description = "Lists the orders of the agent's organisation")]
    async fn list_orders(
        &self,
        Extension(parts): Extension<Parts>,
    ) -> Result<Json<OwnOrders>, ErrorData> {
        Ok(Json(self.orders_of(caller(&parts)?)))
    }
}

impl Orders {
    fn orders_of(&self, caller: &WorkloadIdentity) -> OwnOrders {
        let placed = self.placed.lock().unwrap_or_else(PoisonError::into_inner);
        let own =
            placed.iter().filter(|order| order.organisation == caller.organisation().as_str());
        let own =
            own.map(|order| OwnOrder { placed_by: order.subject.clone(), amount: order.amount });
        OwnOrders { orders: own.collect() }
    }
}

impl Default for Orders {
    fn default() -> Self {
        Self { placed: Arc::default(), tool_router: Self::tool_router() }
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Orders {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
    }
}

/// Returns the caller, whom the layer has put into the extensions of the request.
fn caller(parts: &Parts) -> Result<&WorkloadIdentity, ErrorData> {
    let caller = parts.extensions.get::<WorkloadIdentity>();
    caller.ok_or_else(|| ErrorData::internal_error("the layer is missing", None))
}

fn denied(reason: String) -> ErrorData {
    ErrorData::invalid_request(reason, None)
}
