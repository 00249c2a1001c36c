//! Pages of other origins, which act for their visitors: another site, and another port of the same one.

use std::sync::Arc;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use kleidia_tower::store::MemoryStore;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::browser::Browser;
use crate::cookie_service::{CookieService, accounts, log_in_alice};
use crate::portal::{ADMIN, PASSWORD, Portal};

/// Sends a request without a preflight: what a page of another origin may send.
const POST: &str = "return fetch(arguments[0], {
        method: 'POST', mode: 'no-cors', credentials: 'include', body: arguments[1],
    }).then(() => true, () => false)";

/// Sends a form, whose response replaces the page.
const SUBMIT: &str = "
    const form = document.createElement('form');
    Object.assign(form, { method: 'post', action: arguments[0], enctype: 'text/plain' });
    document.body.append(form);
    setTimeout(() => form.submit())";

/// Opens a WebSocket, and returns whether it was opened.
const CONNECT: &str = "return new Promise((done) => {
        const socket = new WebSocket(arguments[0]);
        socket.onopen = () => done(true);
        socket.onclose = () => done(false);
    })";

/// Serves a page of an attacker; returns its port.
async fn attacker() -> u16 {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let page = "<!doctype html><title>Attacker</title><link rel=icon href='data:,'><body>";
    let router = Router::new().route("/", get(async move || Html(page)));
    tokio::spawn(async { axum::serve(listener, router).await });
    port
}

/// Returns whether the browser is still signed in.
async fn is_signed_in(browser: &Browser, portal: &Portal) -> bool {
    browser.go_to_health(portal).await;
    let whoami = "return fetch('/api/whoami').then(({ status }) => status)";
    browser.run(whoami, []).await == 200
}

#[tokio::test]
async fn requests_of_other_origins_do_not_act_for_the_user() {
    let (portal, port) = (Portal::start(&[]), attacker().await);
    let browser = Browser::open(&portal).await;
    browser.sign_in(ADMIN).await;
    let logout = format!("{}api/auth/logout", portal.url());
    let login = json!({"username": ADMIN, "password": PASSWORD, "cookies": true}).to_string();
    let cookies = browser.token_cookies().await;
    // Cross-site, for which browsers do not send the cookies, and same-site, for which they do.
    for host in ["localhost", "127.0.0.1"] {
        browser.go_to_url(&format!("http://{host}:{port}/")).await;
        for path in ["auth/logout", "auth/logout-all", "auth/refresh", "auth/login"] {
            let url = format!("{}api/{path}", portal.url());
            let sent = browser.run(POST, [json!(url), json!(login)]).await;
            assert_eq!(sent, true, "{path}");
        }
        browser.run(SUBMIT, [json!(logout)]).await;
        let shown = if host == "localhost" { "token_invalid" } else { "cross_origin" };
        browser.assert_text(shown).await;
        assert!(is_signed_in(&browser, &portal).await, "{host}");
        assert_eq!(browser.token_cookies().await, cookies, "{host}");
    }
    // The same request works from a page of the portal.
    assert_eq!(browser.run(POST, [json!(logout), Value::Null]).await, true);
    assert!(!is_signed_in(&browser, &portal).await);
    assert_eq!(browser.token_cookies().await.len(), 0);
    browser.close().await;
}

#[tokio::test]
async fn web_sockets_of_other_origins_are_rejected() {
    let store = Arc::new(MemoryStore::default());
    let service = CookieService::start(accounts(&store), "127.0.0.1:0".parse().unwrap()).await;
    let port = attacker().await;
    let alice = log_in_alice(&service.accounts).await;
    let browser = Browser::open_url(&service.log_in_url(alice)).await;
    let url = format!("ws://{}/echo", service.address);
    assert_eq!(browser.run(CONNECT, [json!(url)]).await, true);
    for host in ["localhost", "127.0.0.1"] {
        browser.go_to_url(&format!("http://{host}:{port}/")).await;
        assert_eq!(browser.run(CONNECT, [json!(url)]).await, false, "{host}");
    }
    assert_eq!(service.requests(), 3);
    browser.close().await;
}

/// Another service of the host sets a cookie for a longer path, or before the user signs in.
#[tokio::test]
async fn tossed_refresh_cookies_are_rejected() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    let toss = "document.cookie =
        '__Secure-kleidia-refresh=' + arguments[0] + '; Path=/api/auth; Secure; Max-Age=600'";
    let token = format!("{0}.{0}", "A".repeat(43));
    let refresh = "return fetch('/api/auth/refresh', {
            method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{\"cookies\":true}',
        }).then((response) => response.json()).then(({ code }) => code ?? 'refreshed')";
    browser.run(toss, [json!(token)]).await;
    assert_eq!(browser.run(refresh, []).await, "refresh_invalid");
    browser.sign_in(ADMIN).await;
    assert_eq!(browser.run(refresh, []).await, "ambiguous_credentials");
    browser.run(&toss.replace("600", "0"), [json!("")]).await;
    assert_eq!(browser.run(refresh, []).await, "refreshed");
    assert_eq!(portal.log_in_admin().await.count("token.reuse", ADMIN).await, 0);
    browser.close().await;
}
