//! Workloads and users call the same routes, with the schemes Kliento and Bearer.

use std::time::{Duration, UNIX_EPOCH};

use kliento::{Period, SERVICE, Timestamp, Token, TokenBundle};
use serde_json::json;
use veraid::testing::{MockEnvironment, MockMember};

use crate::portal::{Portal, TempDatabase};
use crate::response::ApiResponse;

const AUDIENCE: &str = "https://portal.example";

/// A workload of an organisation under a mock DNS root.
struct Workload {
    member: MockMember,
    period: Period,
    anchor: String,
}

impl Workload {
    fn new() -> Self {
        let now = UNIX_EPOCH.elapsed().unwrap().as_secs().cast_signed();
        let (now, half) = (Timestamp::from_second(now).unwrap(), Duration::from_mins(30));
        let period = Period::new(now - half, now + half).unwrap();
        let environment = MockEnvironment::new(period).unwrap();
        let member = environment.organisation("example.org").unwrap().member("backup").unwrap();
        let anchor = environment.trust_anchors().unwrap()[0].to_string();
        Self { member, period, anchor }
    }

    /// Returns the header value.
    fn authorization(&self, audience: &str) -> String {
        let token = Token::new(audience).with_claim("job", "nightly");
        let service = SERVICE.parse().unwrap();
        let signed = self.member.sign(token.to_json().as_bytes(), &service, self.period).unwrap();
        TokenBundle::from_bytes(signed).unwrap().to_authorization()
    }

    /// Starts a portal that accepts the workload.
    fn portal(&self) -> Portal {
        Portal::start(&["--kliento-audience", AUDIENCE, "--kliento-trust-anchor", &self.anchor])
    }
}

async fn get(portal: &Portal, path: &str, authorization: &str) -> ApiResponse {
    portal.get(path).header("authorization", authorization).send().await
}

/// Returns the schemes of all challenges.
fn challenged_schemes(response: &ApiResponse) -> Vec<&str> {
    let values = response.headers.get_all("www-authenticate").iter();
    let mut schemes: Vec<_> =
        values.map(|value| value.to_str().unwrap().split(' ').next().unwrap()).collect();
    schemes.sort_unstable();
    schemes
}

#[tokio::test]
async fn whoami_reports_the_workload() {
    let workload = Workload::new();
    let portal = workload.portal();
    let caller = get(&portal, "/api/whoami", &workload.authorization(AUDIENCE)).await.expect_json();
    assert_eq!(
        (&caller["kind"], &caller["subject"]),
        (&json!("workload"), &json!("backup@example.org"))
    );
    assert_eq!((&caller["username"], &caller["roles"]), (&json!(null), &json!([])));
    assert_eq!(caller["claims"]["job"], "nightly");
    let admin = portal.log_in_admin().await;
    let caller = portal.get("/api/whoami").auth(&admin).send().await.expect_json();
    assert_eq!((&caller["kind"], &caller["username"]), (&json!("user"), &json!("root")));
}

#[tokio::test]
async fn denies_workloads_without_rules() {
    let workload = Workload::new();
    let portal = workload.portal();
    let authorization = workload.authorization(AUDIENCE);
    for path in ["/api/admin/users", "/api/admin/audit", "/api/users/1"] {
        get(&portal, path, &authorization).await.expect_problem(403, "permission_denied");
    }
    let admin = portal.log_in_admin().await;
    let denials = portal.audit_with(&admin, "event=permission.denied", 3).await;
    assert_eq!(denials.len(), 3);
    assert!(denials.iter().all(|denial| denial["user"] == "backup@example.org"), "{denials:?}");
    // Workloads have no sessions.
    let response = get(&portal, "/api/session", &authorization).await;
    response.expect_problem(401, "token_invalid");
}

#[tokio::test]
async fn allows_listed_organisations_and_subjects() {
    let workload = Workload::new();
    for (option, value, status) in [
        ("--kliento-allow-organisation", "example.org", 200),
        ("--kliento-allow-organisation", "example.com", 403),
        ("--kliento-allow-subject", "backup@example.org", 200),
        ("--kliento-allow-subject", "example.org", 403),
    ] {
        let anchor = ["--kliento-audience", AUDIENCE, "--kliento-trust-anchor", &workload.anchor];
        let portal = Portal::start(&[&anchor[..], &[option, value]].concat());
        let response = get(&portal, "/api/whoami", &workload.authorization(AUDIENCE)).await;
        assert_eq!(response.status, status, "{option} {value}: {response:?}");
    }
}

#[tokio::test]
async fn rejection_names_both_schemes() {
    let workload = Workload::new();
    let portal = workload.portal();
    let wrong = workload.authorization("https://other.example");
    let untrusted = Workload::new().authorization(AUDIENCE);
    for authorization in [&wrong, &untrusted, "Kliento AAAA", "Bearer x", "Basic eDp5"] {
        let response = get(&portal, "/api/whoami", authorization).await;
        assert_eq!(response.status, 401, "{response:?}");
        assert_eq!(challenged_schemes(&response), ["Bearer", "Kliento"], "{response:?}");
    }
    let response = portal.get("/api/whoami").send().await;
    response.expect_problem(401, "token_invalid");
    assert_eq!(challenged_schemes(&response), ["Bearer", "Kliento"]);
}

#[tokio::test]
async fn rejects_workloads_without_audience() {
    let workload = Workload::new();
    let portal = TempDatabase::new().start(&[]);
    let response = get(&portal, "/api/whoami", &workload.authorization(AUDIENCE)).await;
    response.expect_problem(401, "token_invalid");
    assert_eq!(challenged_schemes(&response), ["Bearer"]);
}
