//! Workloads beside people: one route for both, by Bearer and by Kliento.

use std::time::{Duration, UNIX_EPOCH};

use kliento::{Period, SERVICE, Timestamp, Token, TokenBundle};
use serde_json::json;
use veraid::testing::{MockEnvironment, MockMember};

use crate::answer::Answer;
use crate::portal::{Place, Portal};

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
        let (now, around) = (Timestamp::from_second(now).unwrap(), Duration::from_mins(30));
        let period = Period::new(now - around, now + around).unwrap();
        let world = MockEnvironment::new(period).unwrap();
        let member = world.organisation("example.org").unwrap().member("backup").unwrap();
        let anchor = world.trust_anchors().unwrap()[0].to_string();
        Self { member, period, anchor }
    }

    /// The value of the header.
    fn authorization(&self, audience: &str) -> String {
        let token = Token::new(audience).with_claim("job", "nightly");
        let service = SERVICE.parse().unwrap();
        let signed = self.member.sign(token.to_json().as_bytes(), &service, self.period).unwrap();
        TokenBundle::from_bytes(signed).unwrap().to_authorization()
    }

    /// A portal that lets it in.
    fn portal(&self) -> Portal {
        Portal::start(&["--kliento-audience", AUDIENCE, "--kliento-trust-anchor", &self.anchor])
    }
}

async fn ask(portal: &Portal, path: &str, authorization: &str) -> Answer {
    portal.get(path).header("authorization", authorization).send().await
}

/// Who is refused learns of both schemes.
fn challenges(answer: &Answer) -> Vec<&str> {
    let values = answer.headers.get_all("www-authenticate").iter();
    let mut schemes: Vec<_> =
        values.map(|value| value.to_str().unwrap().split(' ').next().unwrap()).collect();
    schemes.sort_unstable();
    schemes
}

#[tokio::test]
async fn a_workload_is_told_who_it_is() {
    let workload = Workload::new();
    let portal = workload.portal();
    let caller = ask(&portal, "/api/whoami", &workload.authorization(AUDIENCE)).await.gives();
    assert_eq!(
        (&caller["kind"], &caller["subject"]),
        (&json!("workload"), &json!("backup@example.org"))
    );
    assert_eq!((&caller["username"], &caller["roles"]), (&json!(null), &json!([])));
    assert_eq!(caller["claims"]["job"], "nightly");
    let admin = portal.admin().await;
    let caller = portal.get("/api/whoami").by(&admin).send().await.gives();
    assert_eq!((&caller["kind"], &caller["username"]), (&json!("user"), &json!("root")));
}

#[tokio::test]
async fn a_workload_may_nothing_that_no_rule_gives_it() {
    let workload = Workload::new();
    let portal = workload.portal();
    let authorization = workload.authorization(AUDIENCE);
    for path in ["/api/admin/users", "/api/admin/audit", "/api/users/1"] {
        ask(&portal, path, &authorization).await.refuses(403, "permission_denied");
    }
    let denials = portal.audit(&portal.admin().await, "event=permission.denied").await;
    assert_eq!(denials.len(), 3);
    assert!(denials.iter().all(|denial| denial["user"] == "backup@example.org"), "{denials:?}");
    // It has no session, and can't have one.
    let answer = ask(&portal, "/api/session", &authorization).await;
    answer.refuses(401, "token_invalid");
}

#[tokio::test]
async fn rejection_names_both_schemes() {
    let workload = Workload::new();
    let portal = workload.portal();
    let wrong = workload.authorization("https://other.example");
    let stranger = Workload::new().authorization(AUDIENCE);
    for authorization in [&wrong, &stranger, "Kliento AAAA", "Bearer x", "Basic eDp5"] {
        let answer = ask(&portal, "/api/whoami", authorization).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert_eq!(challenges(&answer), ["Bearer", "Kliento"], "{answer:?}");
    }
    let answer = portal.get("/api/whoami").send().await;
    answer.refuses(401, "token_invalid");
    assert_eq!(challenges(&answer), ["Bearer", "Kliento"]);
}

#[tokio::test]
async fn without_an_audience_no_workload_is_let_in() {
    let workload = Workload::new();
    let portal = Place::new().start(&[]);
    let answer = ask(&portal, "/api/whoami", &workload.authorization(AUDIENCE)).await;
    answer.refuses(401, "token_invalid");
    assert_eq!(challenges(&answer), ["Bearer"]);
}
