//! Serves the example on the address in `LISTEN`, 127.0.0.1:8080 by default, with an account
//! `admin` whose password is in `ADMIN_PASSWORD`.

#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

use std::env;
use std::sync::Arc;

use http_guard::log::{self, LogFormat};
use http_guard::parse_socket_address;
use http_guard::serve::{Server, shutdown_signal};
use kleidia_tower::ClientInfo;
use kleidia_tower::access_token::{KeyRing, SigningKey};
use kleidia_tower::account::Accounts;
use kleidia_tower::password::PasswordHasher;
use kleidia_tower::rbac::RoleName;
use kleidia_tower::store::MemoryStore;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let _log = log::init(LogFormat::Text)?;
    let password = env::var("ADMIN_PASSWORD").map_err(|_| "set ADMIN_PASSWORD")?;
    let keys = Arc::new(KeyRing::new([SigningKey::generate()?])?);
    let accounts = Accounts::new(Arc::new(MemoryStore::default()), keys, PasswordHasher::new()?);
    let roles = [RoleName::admin()].into();
    accounts.create_user(None, "admin", password.into(), roles, ClientInfo::default()).await?;

    let service = people_hyper::service(&accounts, "60/60".parse()?)?;
    let shutdown = shutdown_signal()?;
    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(parse_socket_address(&address)?).await?;
    log::announce(&format!("listening on http://{}", listener.local_addr()?));
    let _summary = Server::new().serve(listener, service, shutdown).await;
    Ok(())
}
