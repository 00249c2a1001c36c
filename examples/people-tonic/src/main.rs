//! Serves the example on the address in `LISTEN`, 127.0.0.1:50051 by default.
//!
//! `ADMIN_PASSWORD` is the password of the account `admin`, whose access token is printed.
//! `AUDIENCE` is the audience of the token bundles of workloads, and `ORGANISATION` the domain
//! whose workloads may read reports.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

use std::env;
use std::sync::Arc;

use http_guard::log::{self, LogFormat};
use http_guard::parse_socket_address;
use http_guard::serve::{Server, shutdown_signal};
use kleidia_tower::ClientInfo;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::{Accounts, LoginRequest};
use kleidia_tower::password::PasswordHasher;
use kleidia_tower::rbac::{Policy, RoleName, WorkloadRules};
use kleidia_tower::store::MemoryStore;
use kliento_tower::KlientoAuthLayer;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _log = log::init(LogFormat::Text)?;
    let variable = |name: &str| env::var(name).map_err(|_| format!("set {name}"));
    let reader: RoleName = "reader".parse()?;
    let policy = Policy::default().with_role(reader.clone(), ["reports:read".parse()?]);
    let keys = Arc::new(KeyRing::new([SigningKey::generate()?])?);
    let accounts = Accounts::new(Arc::new(MemoryStore::default()), keys, PasswordHasher::new()?)
        .with_policy(policy);

    let password = SecretString::from(variable("ADMIN_PASSWORD")?);
    let (roles, client) = ([RoleName::admin()].into(), ClientInfo::new([127, 0, 0, 1].into()));
    accounts.create_user(None, "admin", password.clone(), roles, client.clone()).await?;
    let request =
        LoginRequest { user_name: "admin".to_owned(), password, client, device_token: None };
    let tokens = accounts.log_in(request).await?;
    // Also if nothing reads the standard output.
    log::announce(&format!("access token: {}", tokens.access_token.expose_secret()));

    let organisation = variable("ORGANISATION")?;
    let workloads =
        KlientoAuthLayer::new(variable("AUDIENCE")?).with_allowed_organisations([&organisation])?;
    let workload_streams = workloads.clone();
    let workload_rules = WorkloadRules::default().with_organisation(organisation, [reader]);
    let service = people_tonic::service(&accounts, workloads, workload_rules, "600/60".parse()?)?;
    let signal = shutdown_signal()?;
    let shutdown = async move {
        signal.await;
        // Otherwise the shutdown would wait for them.
        accounts.shut_down_streams();
        workload_streams.shut_down_streams();
    };
    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:50051".to_owned());
    let listener = TcpListener::bind(parse_socket_address(&address)?).await?;
    log::announce(&format!("listening on http://{}", listener.local_addr()?));
    let _summary = Server::new().serve(listener, service, shutdown).await;
    Ok(())
}
