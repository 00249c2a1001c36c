//! Logins and refreshes in cookies.

use axum::Router;
use axum::body::{Body, to_bytes};
use http::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use http::{HeaderMap, Request, StatusCode};
use kleidia_tower::api::Api;
use kleidia_tower::rate_limit::PeerAddress;
use kleidia_tower::session::SessionCookies;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{Fixture, PASSWORD};

const SAME_ORIGIN: (&str, &str) = ("sec-fetch-site", "same-origin");

/// A browser, which keeps the cookies of each path.
struct Browser {
    router: Router,
    /// Path, name and value.
    cookies: Vec<(String, String, String)>,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
}

fn api(fixture: &Fixture) -> Api {
    let cookies = SessionCookies::new("/api/auth/refresh").unwrap();
    fixture.api().with_cookies(cookies)
}

impl Browser {
    fn new(api: Api) -> Self {
        let router = Router::new().nest("/api", api.into_router());
        let router = router.layer(axum::Extension(address()));
        Self { router, cookies: Vec::new() }
    }

    async fn signed_in(fixture: &Fixture) -> Self {
        let mut browser = Self::new(api(fixture));
        let answer = browser.log_in().await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        browser
    }

    async fn log_in(&mut self) -> Answer {
        let body = json!({"username": "root", "password": PASSWORD, "cookies": true});
        self.send("POST", "/api/auth/login", Some(body), &[SAME_ORIGIN]).await
    }

    async fn refresh(&mut self) -> Answer {
        let body = json!({"cookies": true});
        self.send("POST", "/api/auth/refresh", Some(body), &[SAME_ORIGIN]).await
    }

    async fn whoami(&mut self) -> u16 {
        self.send("GET", "/api/whoami", None, &[]).await.status
    }

    /// Sends a request with the cookies of its path, and keeps those of the response.
    async fn send(
        &mut self,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        let sent = self.cookies.iter().filter(|(prefix, ..)| path.starts_with(prefix.as_str()));
        let pairs: Vec<_> = sent.map(|(_, name, value)| format!("{name}={value}")).collect();
        request = request.header(COOKIE, pairs.join("; "));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request = request.header(CONTENT_TYPE, "application/json");
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        for value in parts.headers.get_all(SET_COOKIE) {
            self.keep(value.to_str().unwrap());
        }
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    fn keep(&mut self, text: &str) {
        let (pair, attributes) = text.split_once("; ").unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        let path = attributes.split("; ").find_map(|it| it.strip_prefix("Path=")).unwrap();
        self.cookies.retain(|(its_path, its_name, _)| (&**its_path, &**its_name) != (path, name));
        if !attributes.starts_with("Max-Age=0;") {
            self.cookies.push((path.to_owned(), name.to_owned(), value.to_owned()));
        }
    }

    /// The cookies of sessions, without those of devices.
    fn session_cookies(&self) -> Vec<&str> {
        let names = self.cookies.iter().map(|(_, name, _)| &**name);
        names.filter(|name| !name.contains("device")).collect()
    }

    fn value(&self, name: &str) -> String {
        self.cookies.iter().find(|(_, its_name, _)| its_name == name).unwrap().2.clone()
    }
}

fn address() -> PeerAddress {
    PeerAddress("192.0.2.1:1234".parse().unwrap())
}

fn assert_rejected(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{}", answer.body);
}

#[tokio::test]
async fn login_in_cookies_responds_without_tokens() {
    let fixture = Fixture::new().await;
    let mut browser = Browser::new(api(&fixture));
    assert_eq!(browser.whoami().await, 401);
    let answer = browser.log_in().await;
    assert_eq!(answer.status, 200);
    let members: Vec<_> = answer.body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["expires_in", "refresh_expires_in", "session_id", "user"]);
    assert!(!answer.headers.contains_key("x-device-token"));
    for (_, _, value) in &browser.cookies {
        assert!(!answer.body.to_string().contains(value.as_str()));
    }
    // With that of the device.
    assert_eq!((browser.session_cookies().len(), browser.cookies.len()), (3, 4));
    assert_eq!(browser.whoami().await, 200);

    let (access, login) =
        (browser.value("__Host-kleidia-access"), browser.value("__Host-kleidia-login"));
    let refresh = browser.value("__Secure-kleidia-refresh");
    let answer = browser.refresh().await;
    assert_eq!(answer.status, 200);
    let members: Vec<_> = answer.body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["expires_in", "refresh_expires_in", "session_id", "user"]);
    assert_ne!(browser.value("__Secure-kleidia-refresh"), refresh);
    assert_eq!(browser.value("__Host-kleidia-login"), login);
    assert_eq!(browser.whoami().await, 200);

    // No cookie of before a login is one after it.
    browser.log_in().await;
    assert_ne!(browser.value("__Host-kleidia-login"), login);
    assert_ne!(browser.value("__Host-kleidia-access"), access);
}

#[tokio::test]
async fn cookies_are_removed_when_their_session_ends() {
    let fixture = Fixture::new().await;
    let password = json!({"current_password": PASSWORD, "new_password": PASSWORD.to_owned() + "!"});
    for path in ["/api/auth/logout", "/api/auth/logout-all", "/api/session/", "/api/auth/password"]
    {
        let mut browser = Browser::signed_in(&fixture).await;
        let (_, other) = fixture.user(path, &["user"]).await;
        let list = browser.send("GET", "/api/session", None, &[]).await.body;
        let current = list.as_array().unwrap().iter().find(|it| it["current"] == true).unwrap();
        let before = browser.value("__Host-kleidia-access");
        let body = path.ends_with("password").then(|| password.clone());
        let answer = match path {
            "/api/session/" => {
                let path = format!("{path}{}", current["id"]);
                browser.send("DELETE", &path, body, &[SAME_ORIGIN]).await
            }
            _ => browser.send("POST", path, body, &[SAME_ORIGIN]).await,
        };
        assert_eq!(answer.status, 204, "{path}: {}", answer.body);
        assert_eq!(browser.session_cookies(), [""; 0], "{path}");
        // The session has ended, not only its cookies.
        browser.keep(&format!("__Host-kleidia-access={before}; Path=/"));
        assert_eq!(browser.whoami().await, 401, "{path}");
        // Callers with a token get none.
        let logout = http::Method::POST;
        let sent = fixture.send_as(&other, api(&fixture), logout, "/api/auth/logout", "").await;
        assert_eq!(sent.status(), StatusCode::NO_CONTENT);
        assert!(!sent.headers().contains_key(SET_COOKIE));
    }
}

#[tokio::test]
async fn ending_another_session_keeps_the_cookies() {
    let fixture = Fixture::new().await;
    let mut browser = Browser::signed_in(&fixture).await;
    let list = browser.send("GET", "/api/session", None, &[]).await.body;
    let other = list.as_array().unwrap().iter().find(|it| it["current"] == false).unwrap();
    let path = format!("/api/session/{}", other["id"]);
    assert_eq!(browser.send("DELETE", &path, None, &[SAME_ORIGIN]).await.status, 204);
    assert_eq!((browser.session_cookies().len(), browser.whoami().await), (3, 200));
}

#[tokio::test]
async fn rejected_refresh_removes_the_cookies() {
    let fixture = Fixture::new().await;
    let mut browser = Browser::signed_in(&fixture).await;
    fixture.store.set_unavailable(true);
    let answer = browser.refresh().await;
    fixture.store.set_unavailable(false);
    assert_eq!((answer.status, browser.session_cookies().len()), (503, 3));
    let session = browser.value("__Host-kleidia-access");
    browser.send("POST", "/api/auth/logout-all", None, &[("authorization", "Bearer x")]).await;
    assert_eq!(browser.session_cookies().len(), 3);
    let bearer = format!("Bearer {session}");
    let post = http::Method::POST;
    fixture.send_as(&bearer, fixture.api(), post, "/api/auth/logout", "").await;
    assert_rejected(&browser.refresh().await, 401, "refresh_invalid");
    assert_eq!(browser.session_cookies(), [""; 0]);
    assert_rejected(&browser.refresh().await, 401, "refresh_invalid");
}

/// Login CSRF: a page of another origin signs its visitor in as its own user.
#[tokio::test]
async fn login_and_refresh_of_other_origins_are_rejected() {
    let fixture = Fixture::new().await;
    let mut browser = Browser::signed_in(&fixture).await;
    let login = json!({"username": "root", "password": PASSWORD, "cookies": true});
    for (path, body) in
        [("/api/auth/login", login), ("/api/auth/refresh", json!({"cookies": true}))]
    {
        for headers in [
            &[][..],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
            &[("sec-fetch-site", "same-site"), ("origin", "https://b.a.example")],
            &[("origin", "null")],
            &[("host", "a.example"), ("origin", "https://evil.example")],
            &[("host", "a.example"), ("origin", "http://a.example")],
        ] {
            let answer = browser.send("POST", path, Some(body.clone()), headers).await;
            assert_rejected(&answer, 403, "cross_origin");
            assert!(!answer.headers.contains_key(SET_COOKIE));
        }
        let own = [("host", "a.example"), ("origin", "https://a.example")];
        assert_eq!(browser.send("POST", path, Some(body), &own).await.status, 200);
    }
    // Without cookies, there is nothing that a browser adds by itself.
    let bearer = json!({"username": "root", "password": PASSWORD});
    let cross = [("sec-fetch-site", "cross-site")];
    let answer = browser.send("POST", "/api/auth/login", Some(bearer), &cross).await;
    assert!(answer.body["access_token"].is_string());
    assert!(answer.headers.contains_key("x-device-token"));
}

#[tokio::test]
async fn tossed_and_fixed_cookies_are_rejected() {
    let fixture = Fixture::new().await;
    let mut attacker = Browser::signed_in(&fixture).await;
    let refresh = attacker.value("__Secure-kleidia-refresh");
    let set = |path: &str| format!("__Secure-kleidia-refresh={refresh}; Path={path}");
    // A browser that is not signed in, and one that is.
    let (mut victim, mut user) = (Browser::new(api(&fixture)), Browser::signed_in(&fixture).await);
    victim.keep(&set("/api/auth"));
    assert_rejected(&victim.refresh().await, 401, "refresh_invalid");
    assert_eq!(victim.whoami().await, 401);
    user.keep(&set("/api/auth"));
    assert_rejected(&user.refresh().await, 400, "ambiguous_credentials");
    assert_eq!(user.whoami().await, 200);
    // In place of the user's own cookie.
    let mut user = Browser::signed_in(&fixture).await;
    user.keep(&set("/api/auth/refresh"));
    assert_rejected(&user.refresh().await, 401, "refresh_invalid");
    assert_eq!(user.session_cookies().len(), 3);
    // None of these has used the attacker's token.
    assert_eq!(attacker.refresh().await.status, 200);
}

#[tokio::test]
async fn tokens_in_body_and_cookie_are_ambiguous() {
    let fixture = Fixture::new().await;
    let mut browser = Browser::signed_in(&fixture).await;
    let refresh = browser.value("__Secure-kleidia-refresh");
    let token = refresh.split('.').next().unwrap();
    for body in [
        json!({"refresh_token": token}),
        json!({"refresh_token": token, "cookies": true}),
        json!({"refresh_token": "x"}),
    ] {
        let answer = browser.send("POST", "/api/auth/refresh", Some(body), &[SAME_ORIGIN]).await;
        assert_rejected(&answer, 400, "ambiguous_credentials");
    }
    let bearer = [SAME_ORIGIN, ("authorization", "Bearer x")];
    let body = Some(json!({"cookies": true}));
    let answer = browser.send("POST", "/api/auth/refresh", body, &bearer).await;
    assert_rejected(&answer, 400, "ambiguous_credentials");
    for path in ["/api/whoami", "/api/session"] {
        let answer = browser.send("GET", path, None, &[("authorization", &fixture.admin)]).await;
        assert_rejected(&answer, 400, "ambiguous_credentials");
    }
}

#[tokio::test]
async fn without_the_setting_there_are_no_cookies() {
    let fixture = Fixture::new().await;
    let mut browser = Browser::new(fixture.api());
    for answer in [browser.log_in().await, browser.refresh().await] {
        assert_rejected(&answer, 400, "malformed_request");
        assert_eq!(answer.body["errors"][0]["field"], "cookies");
    }
    let answer = browser.send("POST", "/api/auth/refresh", Some(json!({})), &[]).await;
    assert_eq!(answer.body["errors"][0]["field"], "refresh_token");
    assert_eq!(answer.body["errors"][0]["code"], "missing");
    assert_eq!(browser.session_cookies(), [""; 0]);
}
