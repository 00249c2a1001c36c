//! Sessions in cookies: `JwtSessionLayer::with_cookies`, and `SessionCookies` outside of an API.

use http::header::{AUTHORIZATION, COOKIE, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use kleidia_tower::Rejection;
use kleidia_tower::account::TokenSet;
use kleidia_tower::session::{CookieError, CredentialPolicy, JwtSessionLayer, SessionCookies};
use secrecy::ExposeSecret as _;

use crate::support::http::{outcome, request_to, send};
use crate::support::{Fixture, bearer};

pub(crate) fn cookies() -> SessionCookies {
    SessionCookies::new("/refresh").unwrap()
}

fn layer(fixture: &Fixture) -> JwtSessionLayer {
    fixture.layer().with_cookies(cookies())
}

pub(crate) fn access_cookie(tokens: &TokenSet) -> String {
    format!("__Host-kleidia-access={}", tokens.access_token.expose_secret())
}

/// Sends a request with these headers; returns the outcome.
async fn ask(layer: JwtSessionLayer, method: Method, headers: &[(&'static str, &str)]) -> String {
    let mut request = request_to("/", headers);
    *request.method_mut() = method;
    outcome(&send(layer, request).await)
}

/// Returns the pairs that a browser sends back, and the attributes of each cookie.
fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let values = headers.get_all(SET_COOKIE).iter().map(|value| {
        assert!(value.is_sensitive());
        value.to_str().unwrap().split_once("; ").unwrap()
    });
    values.map(|(pair, attributes)| (pair.to_owned(), attributes.to_owned())).collect()
}

/// A refresh request of a browser with these cookies.
fn refresh_request(pairs: &[&str]) -> Request<()> {
    let mut request = Request::post("/refresh").header("sec-fetch-site", "same-origin");
    for pair in pairs {
        request = request.header(COOKIE, *pair);
    }
    request.body(()).unwrap()
}

#[tokio::test]
async fn accepts_a_cookie_beside_bearer_until_logout() {
    let fixture = Fixture::new().await;
    let (alice, root) = (fixture.log_in("alice").await, fixture.bearer("root").await);
    let cookie = format!("other=1; {}", access_cookie(&alice));
    let (by_cookie, by_bearer) = ([("cookie", &*cookie)], [("authorization", &*root)]);
    assert_eq!(ask(layer(&fixture), Method::GET, &by_cookie).await, "alice");
    assert_eq!(ask(layer(&fixture), Method::POST, &by_bearer).await, "root");
    // Without the setting, a cookie is nothing.
    assert_eq!(ask(fixture.layer(), Method::GET, &by_cookie).await, "token_invalid");
    fixture.accounts.log_out(&alice.session, <_>::default()).await.unwrap();
    assert_eq!(ask(layer(&fixture), Method::GET, &by_cookie).await, "session_expired");
}

#[tokio::test]
async fn other_credentials_beside_a_cookie_are_ambiguous() {
    let fixture = Fixture::new().await;
    let alice = fixture.log_in("alice").await;
    let (cookie, bearer) = (access_cookie(&alice), bearer(&alice));
    let kliento = r#"Kliento realm="workloads""#.parse().unwrap();
    let layer = layer(&fixture).with_passthrough_scheme(kliento);
    for authorization in [&bearer, "Bearer x", "Basic x", "Kliento x", ""] {
        let headers = [("cookie", &*cookie), ("authorization", authorization)];
        let sent = ask(layer.clone(), Method::GET, &headers).await;
        assert_eq!(sent, "ambiguous_credentials", "{authorization}");
    }
    for other in [&cookie, "__Host-kleidia-access=x", "__Host-kleidia-access="] {
        let (one, two) = (format!("{cookie}; {other}"), [("cookie", &*cookie), ("cookie", other)]);
        let in_one_line = ask(layer.clone(), Method::GET, &[("cookie", &one)]).await;
        assert_eq!(in_one_line, "ambiguous_credentials");
        assert_eq!(ask(layer.clone(), Method::GET, &two).await, "ambiguous_credentials");
    }
    let response = send(layer, request_to("/", &[("cookie", &cookie), ("authorization", "x")]));
    assert_eq!(response.await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn rejects_malformed_and_forged_cookies() {
    let fixture = Fixture::new().await;
    let alice = fixture.log_in("alice").await;
    let token = alice.access_token.expose_secret();
    let forged = format!("{}x", &token[..token.len() - 1]);
    for value in ["", "\"x\"", "a b", &forged, &format!("\"{token}\"")] {
        let cookie = format!("__Host-kleidia-access={value}");
        let sent = ask(layer(&fixture), Method::GET, &[("cookie", &cookie)]).await;
        assert_eq!(sent, "token_invalid", "{value}");
    }
    // A host above this one can set other prefixes.
    for name in ["kleidia-access", "__Secure-kleidia-access", "__host-kleidia-access"] {
        let cookie = format!("{name}={token}");
        let sent = ask(layer(&fixture), Method::GET, &[("cookie", &cookie)]).await;
        assert_eq!(sent, "token_invalid", "{name}");
    }
}

#[tokio::test]
async fn requests_of_other_origins_are_rejected_only_with_a_cookie() {
    let fixture = Fixture::new().await;
    let alice = fixture.log_in("alice").await;
    let (cookie, bearer) = (access_cookie(&alice), bearer(&alice));
    let own = ("origin", "https://a.example");
    let handshake = ("upgrade", "websocket");
    for (method, headers, expected) in [
        (Method::POST, &[("sec-fetch-site", "same-origin")][..], "alice"),
        (Method::POST, &[own], "alice"),
        (Method::POST, &[], "cross_origin"),
        (Method::POST, &[("sec-fetch-site", "cross-site")], "cross_origin"),
        (Method::DELETE, &[("sec-fetch-site", "same-site")], "cross_origin"),
        (Method::POST, &[("origin", "null")], "cross_origin"),
        (Method::POST, &[("origin", "https://b.a.example")], "cross_origin"),
        (Method::GET, &[("sec-fetch-site", "cross-site")], "alice"),
        (Method::GET, &[handshake], "cross_origin"),
        (Method::GET, &[handshake, ("origin", "https://b.example")], "cross_origin"),
        (Method::GET, &[handshake, own], "alice"),
        (Method::CONNECT, &[("origin", "https://b.example")], "cross_origin"),
    ] {
        let headers = [&[("host", "a.example")], headers].concat();
        let by_cookie = [&headers[..], &[("cookie", &cookie)]].concat();
        assert_eq!(ask(layer(&fixture), method.clone(), &by_cookie).await, expected, "{headers:?}");
        let by_bearer = [&headers[..], &[("authorization", &bearer)]].concat();
        assert_eq!(ask(layer(&fixture), method, &by_bearer).await, "alice", "{headers:?}");
    }
}

#[tokio::test]
async fn pages_of_trusted_origins_are_allowed() {
    let fixture = Fixture::new().await;
    let cookie = access_cookie(&fixture.log_in("alice").await);
    let trusting = cookies().with_trusted_origin("https://app.example".parse().unwrap());
    let layer = fixture.layer().with_cookies(trusting);
    for (origin, expected) in
        [("https://app.example", "alice"), ("https://b.example", "cross_origin")]
    {
        let site = ("sec-fetch-site", "same-site");
        let headers = [("cookie", &*cookie), ("origin", origin), site];
        assert_eq!(ask(layer.clone(), Method::POST, &headers).await, expected);
    }
}

#[tokio::test]
async fn policies_treat_cookies_as_other_credentials() {
    let fixture = Fixture::new().await;
    let cookie = access_cookie(&fixture.log_in("alice").await);
    for (policy, without_origin, invalid) in [
        (CredentialPolicy::AllowMissing, "cross_origin", "token_invalid"),
        (
            CredentialPolicy::AllowMissingOrInvalid,
            "anonymous: cross_origin",
            "anonymous: token_invalid",
        ),
    ] {
        let layer = layer(&fixture).with_policy(policy);
        let sent = ask(layer.clone(), Method::POST, &[("cookie", "other=1")]).await;
        assert_eq!(sent, "anonymous: token_invalid");
        assert_eq!(ask(layer.clone(), Method::GET, &[("cookie", &cookie)]).await, "alice");
        let sent = ask(layer.clone(), Method::POST, &[("cookie", &cookie)]).await;
        assert_eq!(sent, without_origin);
        let sent = ask(layer, Method::GET, &[("cookie", "__Host-kleidia-access=x")]).await;
        assert_eq!(sent, invalid);
    }
}

#[tokio::test]
async fn cookies_of_a_login_are_bound_to_it() {
    let fixture = Fixture::new().await;
    let (cookies, alice) = (cookies(), fixture.log_in("alice").await);
    let set = pairs(&cookies.issue(&alice).unwrap());
    let [access, refresh, login] = &set[..] else { panic!("{set:?}") };
    assert_eq!(access.0, access_cookie(&alice));
    let strict = "Secure; HttpOnly; SameSite=Strict";
    assert_eq!(access.1, format!("Max-Age=1800; Path=/; {strict}"));
    assert_eq!(refresh.1, format!("Max-Age=604800; Path=/refresh; {strict}"));
    assert_eq!(login.1, format!("Max-Age=604800; Path=/; {strict}"));

    let cookie = cookies.refresh_cookie(&refresh_request(&[&access.0, &refresh.0, &login.0]));
    let cookie = cookie.unwrap();
    assert_eq!(cookie.token().expose_secret(), alice.refresh_token.expose_secret());
    let renewed = fixture.accounts.refresh(cookie.token(), <_>::default()).await.unwrap();
    let renewed = pairs(&cookies.renew(&renewed, &cookie));
    assert_ne!(renewed[1].0, refresh.0);
    assert_eq!(renewed[2].0, login.0);

    // What another host of the domain can set: the refresh token of its own login.
    let mallory = pairs(&cookies.issue(&fixture.log_in("root").await).unwrap());
    assert_ne!(mallory[2].0, login.0);
    for tossed in [&[&*mallory[1].0][..], &[&mallory[1].0, &login.0], &[&refresh.0]] {
        let read = cookies.refresh_cookie(&refresh_request(tossed));
        assert!(matches!(read, Err(Rejection::RefreshTokenInvalid)), "{tossed:?}");
    }
    let tossed = [&*mallory[1].0, &refresh.0, &login.0];
    let read = cookies.refresh_cookie(&refresh_request(&tossed));
    assert!(matches!(read, Err(Rejection::AmbiguousCredentials)));
    let mut both = refresh_request(&[&refresh.0, &login.0]);
    both.headers_mut().insert(AUTHORIZATION, "Bearer x".parse().unwrap());
    let read = cookies.refresh_cookie(&both);
    assert!(matches!(read, Err(Rejection::AmbiguousCredentials)));
    let mut cross = refresh_request(&[&refresh.0, &login.0]);
    cross.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
    assert!(matches!(cookies.refresh_cookie(&cross), Err(Rejection::CrossOrigin(_))));
    assert!(matches!(cookies.check_origin(&cross), Err(Rejection::CrossOrigin(_))));
}

#[test]
fn clearing_has_the_same_names_and_paths() {
    let cleared = pairs(&cookies().with_name("shop").unwrap().clear());
    let expected = [
        ("__Host-shop-access=", "/"),
        ("__Secure-shop-refresh=", "/refresh"),
        ("__Host-shop-login=", "/"),
    ];
    for ((pair, attributes), (name, path)) in cleared.iter().zip(expected) {
        assert_eq!(pair, name);
        let strict = "Secure; HttpOnly; SameSite=Strict";
        assert_eq!(*attributes, format!("Max-Age=0; Path={path}; {strict}"));
    }
    assert_eq!(cleared.len(), 3);
}

#[test]
fn settings_are_checked() {
    for path in ["", "refresh", "/a b", "/a;Domain=example", "/\u{e4}", "/\r\n"] {
        let created = SessionCookies::new(path).map(drop);
        assert_eq!(created, Err(CookieError::InvalidPath(path.to_owned())));
    }
    for name in ["", "a b", "a=b", "a;b", "\u{e4}", &"a".repeat(33)] {
        let created = cookies().with_name(name).map(drop);
        assert_eq!(created, Err(CookieError::InvalidName(name.to_owned())));
    }
}
