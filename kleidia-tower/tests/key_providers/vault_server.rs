//! A mock of the API of Vault and OpenBao for reading and writing secrets (KV secrets engine,
//! version 2), which also counts reads and can be stuck. `openbao.rs` has tests with a real server.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use vaultrs::client::{VaultClient, VaultClientSettingsBuilder};

pub(crate) const TOKEN: &str = "hvs.CAESIJlWh5ZE5uuFQd2tTBSgIeGDzG9tYrpO";

/// The secret of an application, which logs in as any role.
pub(crate) const SECRET_ID: &str = "841771dc-11c9-bbc7-bcac-6a3945a69cd9";

/// A server with one engine, at `secret`.
pub(crate) struct VaultServer {
    pub(crate) address: String,
    pub(crate) health: Arc<Mutex<Health>>,
    reads: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

/// The state of the server.
#[derive(Clone, Copy, Default, PartialEq)]
pub(crate) enum Health {
    #[default]
    Healthy,
    Sealed,
    /// The server accepts requests and never responds.
    Stuck,
}

#[derive(Clone, Default)]
struct Engine {
    /// The versions of each secret; a deleted version is `None`.
    secrets: Arc<Mutex<HashMap<String, Vec<Option<Value>>>>>,
    health: Arc<Mutex<Health>>,
    reads: Arc<AtomicUsize>,
}

type HttpResponse = (StatusCode, Json<Value>);

impl VaultServer {
    pub(crate) async fn start() -> Self {
        let engine = Engine::default();
        let (health, reads) = (engine.health.clone(), engine.reads.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let methods = get(read).post(write).delete(delete);
        let routes = Router::new().route("/v1/secret/data/{*path}", methods);
        let routes = routes.route("/v1/auth/approle/login", post(log_in)).with_state(engine);
        let serving = tokio::spawn(async { axum::serve(listener, routes).await.unwrap() });
        Self { address, health, reads, serving }
    }

    pub(crate) fn client(&self, token: &str) -> Arc<VaultClient> {
        let mut settings = VaultClientSettingsBuilder::default();
        let settings = settings.address(&self.address).token(token).build().unwrap();
        Arc::new(VaultClient::new(settings).unwrap())
    }

    /// Returns how many times secrets were read.
    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    pub(crate) fn set_health(&self, health: Health) {
        *self.health.lock().unwrap() = health;
    }

    /// Stops the server and its connections.
    pub(crate) async fn stop(self) {
        self.serving.abort();
        assert!(self.serving.await.unwrap_err().is_cancelled());
    }
}

async fn read(
    State(engine): State<Engine>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> HttpResponse {
    engine.reads.fetch_add(1, Ordering::SeqCst);
    if let Some(error) = engine.error(&headers).await {
        return error;
    }
    let secrets = engine.secrets.lock().unwrap();
    let Some(versions) = secrets.get(&path) else {
        return error_response(StatusCode::NOT_FOUND, &[]);
    };
    let fields = versions.last().unwrap();
    let status = if fields.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND };
    let metadata = metadata(versions.len(), fields.is_none());
    (status, response(&json!({ "data": fields, "metadata": metadata })))
}

async fn write(
    State(engine): State<Engine>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: String,
) -> HttpResponse {
    if let Some(error) = engine.error(&headers).await {
        return error;
    }
    // Neither server requires a content type, and the client sends none.
    let body: Value = serde_json::from_str(&body).unwrap();
    let mut secrets = engine.secrets.lock().unwrap();
    let versions = secrets.entry(path).or_default();
    versions.push(Some(body["data"].clone()));
    (StatusCode::OK, response(&metadata(versions.len(), false)))
}

async fn delete(
    State(engine): State<Engine>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, HttpResponse> {
    if let Some(error) = engine.error(&headers).await {
        return Err(error);
    }
    if let Some(newest) = engine.secrets.lock().unwrap().get_mut(&path).and_then(|v| v.last_mut()) {
        *newest = None;
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn log_in(body: String) -> HttpResponse {
    let body: Value = serde_json::from_str(&body).unwrap();
    if body["secret_id"] != SECRET_ID {
        return error_response(StatusCode::BAD_REQUEST, &["invalid role or secret ID"]);
    }
    let auth = json!({ "client_token": TOKEN, "lease_duration": 3600, "renewable": true });
    (StatusCode::OK, Json(json!({ "auth": auth })))
}

impl Engine {
    async fn error(&self, headers: &HeaderMap) -> Option<HttpResponse> {
        let health = *self.health.lock().unwrap();
        match health {
            Health::Healthy if headers.get("x-vault-token").is_some_and(|token| token == TOKEN) => {
                None
            }
            Health::Healthy => Some(error_response(StatusCode::FORBIDDEN, &["permission denied"])),
            Health::Sealed => {
                Some(error_response(StatusCode::SERVICE_UNAVAILABLE, &["Vault is sealed"]))
            }
            Health::Stuck => std::future::pending().await,
        }
    }
}

fn error_response(status: StatusCode, errors: &[&str]) -> HttpResponse {
    (status, Json(json!({ "errors": errors })))
}

fn response(data: &Value) -> Json<Value> {
    Json(json!({
        "request_id": "93a8ba1e-3b8c-4b2c-9a0e-6a8e6b3d7f10",
        "lease_id": "",
        "renewable": false,
        "lease_duration": 0,
        "data": data,
        "wrap_info": null,
        "warnings": null,
        "auth": null,
    }))
}

fn metadata(version: usize, is_deleted: bool) -> Value {
    json!({
        "created_time": "2026-11-01T09:30:00.945319214Z",
        "custom_metadata": null,
        "deletion_time": if is_deleted { "2026-11-02T09:30:00.141421356Z" } else { "" },
        "destroyed": false,
        "version": version,
    })
}
