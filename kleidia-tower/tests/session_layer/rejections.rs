//! Rejections: the order of the checks, their codes and the responses.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, Version};
use kleidia_tower::account::AccountUpdate;
use kleidia_tower::session::CredentialPolicy;
use kleidia_tower::{ClientInfo, Rejection, clock_fn};
use secrecy::ExposeSecret as _;

use crate::support::http::{challenges, outcome, request, send};
use crate::support::{Fixture, bearer};

const MISSING: &str = r#"Bearer realm="kleidia""#;
const INVALID: &str = r#"Bearer realm="kleidia", error="invalid_token""#;
const MALFORMED: &str = r#"Bearer realm="kleidia", error="invalid_request""#;

/// Replaces the signature of a token with an invalid one.
fn forge(bearer: &str) -> String {
    let (message, _) = bearer.rsplit_once('.').unwrap();
    format!("{message}.{}", "A".repeat(43))
}

#[tokio::test]
async fn each_check_has_its_own_code_in_order() {
    let fixture = Fixture::with_daily_password_expiry().await;
    let alice = fixture.log_in("alice").await;
    let layer = fixture.layer();
    let response_to = async |value: &str| {
        let response = send(layer.clone(), request(&[value])).await;
        let challenge = challenges(&response).join(", ");
        (response.status().as_u16(), outcome(&response), challenge)
    };
    let rejection =
        |status: u16, code: &str, challenge: &str| (status, code.to_owned(), challenge.to_owned());
    let (good, forged) = (bearer(&alice), forge(&bearer(&alice)));
    assert_eq!(response_to(&good).await, (200, "alice".to_owned(), String::new()));

    // The checks start to fail one after the other, from the last to the first.
    fixture.advance_clock(1000);
    let recent = fixture.log_in("alice").await;
    fixture.advance_clock(24 * 3600 - 1000 - 1);
    let fresh =
        fixture.accounts.refresh(&recent.refresh_token, ClientInfo::default()).await.unwrap();
    let fresh_bearer = bearer(&fresh);
    assert_eq!(response_to(&fresh_bearer).await.0, 200);
    fixture.advance_clock(1);
    assert_eq!(response_to(&fresh_bearer).await, rejection(403, "password_expired", ""));
    fixture.disable(alice.session.account.id).await;
    assert_eq!(response_to(&fresh_bearer).await, rejection(401, "account_disabled", INVALID));
    let enabled = AccountUpdate { is_disabled: Some(false), roles: None };
    fixture.update(alice.session.account.id, enabled).await;
    assert_eq!(response_to(&fresh_bearer).await, rejection(401, "session_expired", INVALID));
    fixture.advance_clock(1800);
    assert_eq!(response_to(&fresh_bearer).await, rejection(401, "token_expired", INVALID));
    assert_eq!(response_to(&forged).await, rejection(401, "token_invalid", INVALID));
}

#[tokio::test]
async fn rejects_invalid_credentials_without_a_store_lookup() {
    let fixture = Fixture::new().await;
    let alice = fixture.log_in("alice").await;
    let good = bearer(&alice);
    let refresh_token = format!("Bearer {}", alice.refresh_token.expose_secret());
    let session_token = alice.session_token.as_ref().unwrap().expose_secret();
    let session_token = format!("Bearer {session_token}");
    let (long, list) = (format!("Bearer {}", "A".repeat(4097)), format!("{good}, {good}"));
    for (values, challenge) in [
        (vec![], MISSING),
        (vec!["Basic YWxpY2U6cGFzc3dvcmQ="], MISSING),
        (vec!["Kliento QQ=="], MISSING),
        (vec!["Bearer"], MALFORMED),
        (vec!["Bearer \u{e9}"], MALFORMED),
        (vec![&long], MALFORMED),
        (vec![&list], MALFORMED),
        (vec![&good, &good], MALFORMED),
        (vec![&good, "Basic x"], MALFORMED),
        (vec![&refresh_token], INVALID),
        (vec![&session_token], INVALID),
        (vec!["Bearer a.b.c"], INVALID),
        (vec![&forge(&good)], INVALID),
    ] {
        let response = send(fixture.layer(), request(&values)).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{values:?}");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(challenges(&response), [challenge], "{values:?}");
        assert_eq!(outcome(&response), "token_invalid");
    }
    assert_eq!(fixture.store.lookups(), 0);
    let lower_case = good.replacen("Bearer", "bEARER  ", 1);
    assert_eq!(outcome(&send(fixture.layer(), request(&[&lower_case])).await), "alice");
    assert_eq!(fixture.store.lookups(), 1);
}

#[tokio::test]
async fn expired_password_is_403_unless_allowed() {
    let fixture = Fixture::with_daily_password_expiry().await;
    fixture.advance_clock(24 * 3600);
    let alice = fixture.bearer("alice").await;
    let rejected = send(fixture.layer(), request(&[&alice])).await;
    assert_eq!(
        (rejected.status(), outcome(&rejected)),
        (StatusCode::FORBIDDEN, "password_expired".into())
    );
    let layer = fixture.layer().with_expired_passwords_allowed();
    assert_eq!(outcome(&send(layer, request(&[&alice])).await), "alice");
}

#[tokio::test]
async fn credential_policy_decides_which_requests_pass() {
    let fixture = Fixture::new().await;
    let good = fixture.bearer("alice").await;
    let forged = forge(&good);
    let outcomes = async |policy| {
        let mut outcomes = Vec::new();
        for values in [vec![], vec![good.as_str()], vec![&forged], vec!["Basic x"], vec!["Bearer"]]
        {
            let response = send(fixture.layer().with_policy(policy), request(&values)).await;
            outcomes.push(outcome(&response));
        }
        outcomes
    };
    let missing = "anonymous: token_invalid";
    let rejected = "token_invalid";
    assert_eq!(
        outcomes(CredentialPolicy::Required).await,
        [rejected, "alice", rejected, rejected, rejected]
    );
    assert_eq!(
        outcomes(CredentialPolicy::AllowMissing).await,
        [missing, "alice", rejected, rejected, rejected]
    );
    assert_eq!(
        outcomes(CredentialPolicy::AllowMissingOrInvalid).await,
        [missing, "alice", missing, missing, missing]
    );
}

#[tokio::test]
async fn server_errors_are_503_under_every_policy() {
    let fixture = Fixture::new().await;
    let good = fixture.bearer("alice").await;
    fixture.store.set_unavailable(true);
    let without_clock = fixture.accounts.authenticator().with_clock(clock_fn(|| None));
    for policy in [
        CredentialPolicy::Required,
        CredentialPolicy::AllowMissing,
        CredentialPolicy::AllowMissingOrInvalid,
    ] {
        let clockless = kleidia_tower::session::JwtSessionLayer::new(without_clock.clone());
        for layer in [fixture.layer(), clockless] {
            let response = send(layer.with_policy(policy), request(&[&good])).await;
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{policy:?}");
            assert_eq!(response.headers()[RETRY_AFTER], "5");
            assert_eq!(outcome(&response), "unavailable");
        }
        // A request without credentials does not reach the store.
        let response = send(fixture.layer().with_policy(policy), request(&[])).await;
        assert_ne!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    fixture.store.set_unavailable(false);
    assert_eq!(outcome(&send(fixture.layer(), request(&[&good])).await), "alice");
}

#[tokio::test]
async fn grpc_call_gets_grpc_status() {
    let fixture = Fixture::with_daily_password_expiry().await;
    fixture.advance_clock(24 * 3600);
    let good = fixture.bearer("alice").await;
    for (value, is_unavailable, status) in
        [("Bearer x", false, "16"), (&good, false, "7"), (&good, true, "14")]
    {
        fixture.store.set_unavailable(is_unavailable);
        let mut request = request(&[value]);
        (*request.method_mut(), *request.version_mut()) = (Method::POST, Version::HTTP_2);
        let content_type = HeaderValue::from_static("application/grpc+proto");
        request.headers_mut().insert(CONTENT_TYPE, content_type.clone());
        let response = send(fixture.layer(), request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["grpc-status"], status);
        assert_eq!(response.headers()[CONTENT_TYPE], content_type);
        let has_retry_delay = response.headers().contains_key("grpc-retry-pushback-ms");
        assert_eq!(has_retry_delay, status == "14");
        assert!(response.extensions().get::<Rejection>().is_some() && response.body().is_empty());
    }
}

#[tokio::test]
async fn responder_sets_only_the_body() {
    let fixture = Fixture::new().await;
    let respond = |rejection: &Rejection, request: &Parts| {
        assert!(request.headers[AUTHORIZATION].is_sensitive());
        Response::new(Bytes::from(format!("{} at {}", rejection.code(), request.uri)))
    };
    let layer = fixture.layer().with_realm("here").with_responder(respond);
    let response = send(layer, request(&["Bearer x"])).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(challenges(&response), [r#"Bearer realm="here", error="invalid_token""#]);
    assert_eq!(response.body(), "token_invalid at /");
}
