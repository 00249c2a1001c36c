//! Extractors in axum handlers.

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::BodyExt as _;
use kleidia_tower::Principal;
use kleidia_tower::rbac::{Permit, Policy, RbacLayer, Requirement, WorkloadRules};
use kleidia_tower::session::{CredentialPolicy, SessionView};
use tower::ServiceExt as _;

use crate::support::Fixture;
use crate::workloads::Workloads;

async fn private(caller: Principal) -> String {
    caller.name().to_owned()
}

async fn public(caller: Option<Principal>) -> String {
    caller.map_or("anonymous".to_owned(), |caller| caller.name().to_owned())
}

async fn session(view: SessionView) -> String {
    view.account.name.to_string()
}

async fn optional_session(view: Option<SessionView>) -> String {
    view.map_or("none".to_owned(), |view| view.account.name.to_string())
}

async fn permit(permit: Permit) -> String {
    permit.principal().name().to_owned()
}

fn routes() -> Router {
    Router::new()
        .route("/private", get(private))
        .route("/public", get(public))
        .route("/session", get(session))
        .route("/optional-session", get(optional_session))
        .route("/permit", get(permit))
}

async fn call(
    router: &Router,
    path: &str,
    value: Option<&str>,
) -> (StatusCode, String, Vec<String>) {
    let mut request = Request::builder().uri(path);
    if let Some(value) = value {
        request = request.header(AUTHORIZATION, value);
    }
    let response = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
    let challenges = challenges.map(|value| value.to_str().unwrap().to_owned()).collect();
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap(), challenges)
}

#[tokio::test]
async fn extracts_principal_and_session() {
    let fixture = Fixture::new().await;
    let layer = fixture.layer().with_policy(CredentialPolicy::AllowMissing).with_realm("people");
    let (router, alice) = (routes().layer(layer), fixture.bearer("alice").await);
    for path in ["/private", "/public", "/session", "/optional-session"] {
        let (status, body, _) = call(&router, path, Some(&alice)).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, "alice"), "{path}");
    }
    assert_eq!(call(&router, "/public", None).await.1, "anonymous");
    assert_eq!(call(&router, "/optional-session", None).await.1, "none");
    for path in ["/private", "/session"] {
        let (status, body, challenges) = call(&router, path, None).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(body.contains("token_invalid"), "{body}");
        // The challenge is that of the layer.
        assert_eq!(challenges, [r#"Bearer realm="people""#]);
    }
    assert_eq!(call(&router, "/permit", Some(&alice)).await.0, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn missing_layer_is_500() {
    for path in ["/private", "/public", "/session", "/optional-session", "/permit"] {
        let (status, body, _) = call(&routes(), path, Some("Bearer x")).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}: {body}");
    }
}

#[tokio::test]
async fn extracts_permit_inside_rbac_layer() {
    let fixture = Fixture::new().await;
    let trail = fixture.accounts.audit_trail();
    let rbac = RbacLayer::new(Policy::default(), Requirement::authenticated(), trail);
    let router = routes().layer(rbac).layer(fixture.layer());
    let (status, body, _) = call(&router, "/permit", Some(&fixture.bearer("alice").await)).await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "alice"));
}

#[tokio::test]
async fn workload_has_no_session() {
    let (fixture, workloads) = (Fixture::new().await, Workloads::new());
    let kliento = HeaderValue::from_static("Kliento");
    let router = routes()
        .layer(WorkloadRules::default())
        .layer(workloads.layer())
        .layer(fixture.layer().with_passthrough_scheme(kliento));
    let bot = workloads.bot("example.com");
    assert_eq!(call(&router, "/private", Some(&bot)).await.1, "example.com");
    assert_eq!(call(&router, "/optional-session", Some(&bot)).await.1, "none");
    assert_eq!(call(&router, "/session", Some(&bot)).await.0, StatusCode::UNAUTHORIZED);
}
