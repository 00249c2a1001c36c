//! What is refused, in which order, and what clients are told of it.

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode, Version};
use kleidia_tower::account::AccountUpdate;
use kleidia_tower::session::CredentialPolicy;
use kleidia_tower::{ClientInfo, Rejection, clock_fn};
use secrecy::ExposeSecret as _;

use crate::stage::http::{challenges, outcome, request, send};
use crate::stage::{World, bearer};

const MISSING: &str = r#"Bearer realm="kleidia""#;
const INVALID: &str = r#"Bearer realm="kleidia", error="invalid_token""#;
const MALFORMED: &str = r#"Bearer realm="kleidia", error="invalid_request""#;

/// A token that says what another one says, signed by nobody.
fn forged(bearer: &str) -> String {
    let (message, _) = bearer.rsplit_once('.').unwrap();
    format!("{message}.{}", "A".repeat(43))
}

#[tokio::test]
async fn each_step_has_its_own_code_in_order() {
    let world = World::with_daily_passwords().await;
    let alice = world.log_in("alice").await;
    let layer = world.layer();
    let answer = async |value: &str| {
        let response = send(layer.clone(), request(&[value])).await;
        let challenge = challenges(&response).join(", ");
        (response.status().as_u16(), outcome(&response), challenge)
    };
    let refused =
        |status: u16, code: &str, challenge: &str| (status, code.to_owned(), challenge.to_owned());
    let (good, forged) = (bearer(&alice), forged(&bearer(&alice)));
    assert_eq!(answer(&good).await, (200, "alice".to_owned(), String::new()));

    // All that can be wrong becomes so, from the last step to the first.
    world.pass(1000);
    let young = world.log_in("alice").await;
    world.pass(24 * 3600 - 1000 - 1);
    let fresh = world.accounts.refresh(&young.refresh_token, ClientInfo::default()).await.unwrap();
    let fresh_bearer = bearer(&fresh);
    assert_eq!(answer(&fresh_bearer).await.0, 200);
    world.pass(1);
    assert_eq!(answer(&fresh_bearer).await, refused(403, "password_expired", ""));
    world.disable(alice.session.account.id).await;
    assert_eq!(answer(&fresh_bearer).await, refused(401, "account_disabled", INVALID));
    let enabled = AccountUpdate { is_disabled: Some(false), roles: None };
    world.update(alice.session.account.id, enabled).await;
    assert_eq!(answer(&fresh_bearer).await, refused(401, "session_expired", INVALID));
    world.pass(1800);
    assert_eq!(answer(&fresh_bearer).await, refused(401, "token_expired", INVALID));
    assert_eq!(answer(&forged).await, refused(401, "token_invalid", INVALID));
}

#[tokio::test]
async fn what_is_no_access_token_is_refused_without_asking_the_store() {
    let world = World::new().await;
    let alice = world.log_in("alice").await;
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
        (vec![&forged(&good)], INVALID),
    ] {
        let response = send(world.layer(), request(&values)).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{values:?}");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        assert_eq!(challenges(&response), [challenge], "{values:?}");
        assert_eq!(outcome(&response), "token_invalid");
    }
    assert_eq!(world.store.lookups(), 0);
    let lower_case = good.replacen("Bearer", "bEARER  ", 1);
    assert_eq!(outcome(&send(world.layer(), request(&[&lower_case])).await), "alice");
    assert_eq!(world.store.lookups(), 1);
}

#[tokio::test]
async fn who_must_change_a_password_may_get_there() {
    let world = World::with_daily_passwords().await;
    world.pass(24 * 3600);
    let alice = world.bearer("alice").await;
    let refused = send(world.layer(), request(&[&alice])).await;
    assert_eq!(
        (refused.status(), outcome(&refused)),
        (StatusCode::FORBIDDEN, "password_expired".into())
    );
    let layer = world.layer().allowing_expired_passwords();
    assert_eq!(outcome(&send(layer, request(&[&alice])).await), "alice");
}

#[tokio::test]
async fn policies_let_pass_what_they_say() {
    let world = World::new().await;
    let good = world.bearer("alice").await;
    let forged = forged(&good);
    let outcomes = async |policy| {
        let mut outcomes = Vec::new();
        for values in [vec![], vec![good.as_str()], vec![&forged], vec!["Basic x"], vec!["Bearer"]]
        {
            let response = send(world.layer().with_policy(policy), request(&values)).await;
            outcomes.push(outcome(&response));
        }
        outcomes
    };
    let missing = "nobody: token_invalid";
    let refused = "token_invalid";
    assert_eq!(
        outcomes(CredentialPolicy::Required).await,
        [refused, "alice", refused, refused, refused]
    );
    assert_eq!(
        outcomes(CredentialPolicy::AllowMissing).await,
        [missing, "alice", refused, refused, refused]
    );
    assert_eq!(
        outcomes(CredentialPolicy::AllowMissingOrInvalid).await,
        [missing, "alice", missing, missing, missing]
    );
}

#[tokio::test]
async fn what_is_our_fault_is_503_under_each_policy() {
    let world = World::new().await;
    let good = world.bearer("alice").await;
    world.store.set_broken(true);
    let no_time = world.accounts.authenticator().with_clock(clock_fn(|| None));
    for policy in [
        CredentialPolicy::Required,
        CredentialPolicy::AllowMissing,
        CredentialPolicy::AllowMissingOrInvalid,
    ] {
        let timeless = kleidia_tower::session::JwtSessionLayer::new(no_time.clone());
        for layer in [world.layer(), timeless] {
            let response = send(layer.with_policy(policy), request(&[&good])).await;
            assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{policy:?}");
            assert_eq!(response.headers()[RETRY_AFTER], "5");
            assert_eq!(outcome(&response), "unavailable");
        }
        // Who has no credentials reaches no store.
        let response = send(world.layer().with_policy(policy), request(&[])).await;
        assert_ne!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    world.store.set_broken(false);
    assert_eq!(outcome(&send(world.layer(), request(&[&good])).await), "alice");
}

#[tokio::test]
async fn grpc_call_gets_grpc_status() {
    let world = World::with_daily_passwords().await;
    world.pass(24 * 3600);
    let good = world.bearer("alice").await;
    for (value, is_broken, status) in
        [("Bearer x", false, "16"), (&good, false, "7"), (&good, true, "14")]
    {
        world.store.set_broken(is_broken);
        let mut request = request(&[value]);
        (*request.method_mut(), *request.version_mut()) = (Method::POST, Version::HTTP_2);
        let content_type = HeaderValue::from_static("application/grpc+proto");
        request.headers_mut().insert(CONTENT_TYPE, content_type.clone());
        let response = send(world.layer(), request).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["grpc-status"], status);
        assert_eq!(response.headers()[CONTENT_TYPE], content_type);
        let is_told_when = response.headers().contains_key("grpc-retry-pushback-ms");
        assert_eq!(is_told_when, status == "14");
        assert!(response.extensions().get::<Rejection>().is_some() && response.body().is_empty());
    }
}

#[tokio::test]
async fn a_responder_makes_the_body_alone() {
    let world = World::new().await;
    let respond = |rejection: &Rejection, request: &Parts| {
        assert!(request.headers[AUTHORIZATION].is_sensitive());
        Response::new(Bytes::from(format!("{} at {}", rejection.code(), request.uri)))
    };
    let layer = world.layer().with_realm("here").with_responder(respond);
    let response = send(layer, request(&["Bearer x"])).await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(challenges(&response), [r#"Bearer realm="here", error="invalid_token""#]);
    assert_eq!(response.body(), "token_invalid at /");
}
