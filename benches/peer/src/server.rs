//! The server: a route that needs a user, and one that logs in.

use std::error::Error;
use std::io::Read as _;

use axum::Router;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum_login::{AuthManagerLayerBuilder, AuthSession, AuthnBackend as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower_sessions::{SessionManagerLayer, SessionStore};

use crate::database::{USERS, Users};

pub(crate) async fn run(
    users: Users,
    store: impl SessionStore + Clone,
) -> Result<(), Box<dyn Error>> {
    let layer = AuthManagerLayerBuilder::new(users, SessionManagerLayer::new(store)).build();
    let routes = Router::new().route("/", get(hello)).route("/login/{id}", post(log_in));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, routes.layer(layer)).await });
    let mut cookie = String::new();
    for id in 1..=USERS {
        cookie = request_cookie(&address.to_string(), id).await?;
    }
    println!("{address} {cookie}");
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}

async fn hello(session: AuthSession<Users>) -> Result<&'static str, StatusCode> {
    let user = session.user.ok_or(StatusCode::UNAUTHORIZED)?;
    let is_allowed = !user.is_disabled && user.name.starts_with("user-");
    is_allowed.then_some("hello").ok_or(StatusCode::FORBIDDEN)
}

async fn log_in(mut session: AuthSession<Users>, Path(id): Path<i64>) -> Result<(), StatusCode> {
    let user = session.backend.get_user(&id).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    let user = user.ok_or(StatusCode::UNAUTHORIZED)?;
    session.login(&user).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
}

async fn request_cookie(address: &str, id: i64) -> Result<String, Box<dyn Error>> {
    let mut stream = TcpStream::connect(address).await?;
    let request =
        format!("POST /login/{id} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    let cookie = response.lines().find_map(|line| line.strip_prefix("set-cookie: "));
    let cookie = cookie.and_then(|cookie| cookie.split(';').next()).ok_or("no cookie")?;
    Ok(cookie.to_owned())
}
