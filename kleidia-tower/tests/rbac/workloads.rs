//! The roles of verified workloads.

use std::time::Duration;

use http::{HeaderValue, StatusCode};
use kleidia_tower::audit::EventKind;
use kleidia_tower::rbac::{Requirement, RoleName, WorkloadRules};
use tower::ServiceBuilder;

use crate::support::Fixture;
use crate::support::http::{outcome, request_to, send};
use crate::support_workloads::Workloads;
use crate::{may, require};

fn role(name: &str) -> RoleName {
    name.parse().unwrap()
}

/// Sends a request to a route for users and workloads.
async fn outcome_for(
    fixture: &Fixture,
    workloads: &Workloads,
    rules: &WorkloadRules,
    requirement: Requirement,
    value: &str,
) -> String {
    let layers = ServiceBuilder::new()
        .layer(fixture.layer().with_passthrough_scheme(HeaderValue::from_static("Kliento")))
        .layer(workloads.layer())
        .layer(rules.clone())
        .layer(require(fixture, requirement))
        .into_inner();
    let response = send(layers, request_to("/", &[("authorization", value)])).await;
    let is_expected = [StatusCode::OK, StatusCode::FORBIDDEN].contains(&response.status());
    assert!(is_expected, "{response:?}");
    outcome(&response)
}

#[tokio::test]
async fn rules_assign_roles() {
    let (fixture, workloads) = (Fixture::new().await, Workloads::new());
    let rules = WorkloadRules::default()
        .with_subject("backup@example.com", [role("admin")])
        .with_organisation("example.org", [role("reporter")])
        .with_rule(|workload| {
            let is_bot = workload.user().is_none();
            let may_read = workload.claim("permission") == Some("read-only");
            (is_bot && may_read).then(|| role("reader")).into_iter().collect()
        });
    let denied = "permission_denied";
    for (value, name, admin, reporter, reader) in [
        (workloads.member("backup", "example.com"), "backup@example.com", true, false, false),
        (workloads.member("other", "example.com"), "other@example.com", false, false, false),
        (workloads.member("backup", "example.net"), "backup@example.net", false, false, false),
        (workloads.member("any", "example.org"), "any@example.org", false, true, false),
        (workloads.bot("example.org"), "example.org", false, true, true),
        (workloads.bot("example.com"), "example.com", false, false, true),
    ] {
        for (requirement, may) in [
            (may("users:read"), admin),
            (Requirement::role(role("reporter")), reporter),
            (Requirement::role(role("reader")), reader),
            (Requirement::authenticated(), true),
            // A workload has no password and no user id.
            (Requirement::fresh(Duration::MAX), false),
            (may("users:delete"), false),
        ] {
            let expected = if may { name } else { denied };
            let context = format!("{name}: {requirement:?}");
            let response = outcome_for(&fixture, &workloads, &rules, requirement, &value).await;
            assert_eq!(response, expected, "{context}");
        }
    }
}

#[tokio::test]
async fn denies_and_records_workloads_without_roles() {
    let (fixture, workloads) = (Fixture::new().await, Workloads::new());
    let (rules, value) = (WorkloadRules::default(), workloads.member("backup", "example.com"));
    let response = outcome_for(&fixture, &workloads, &rules, may("reports:read"), &value).await;
    assert_eq!(response, "permission_denied");
    let records = fixture.audit_records(EventKind::PermissionDenied).await;
    let [record] = records.as_slice() else { panic!("{records:?}") };
    let user = record.user.as_ref().unwrap();
    assert_eq!((user.id, user.name.as_str(), record.session), (None, "backup@example.com", None));
}

/// The subject of the workload contains the user's id.
#[tokio::test]
async fn workload_does_not_own_resources_of_users() {
    let (fixture, workloads) = (Fixture::new().await, Workloads::new());
    let user_id = fixture.principal("alice").await.user_id().unwrap();
    let layers = ServiceBuilder::new()
        .layer(workloads.layer())
        .layer(WorkloadRules::default())
        .layer(require(&fixture, Requirement::owner()).with_owner_parameter("/{id}").unwrap())
        .into_inner();
    let value = workloads.member(&user_id.to_string(), "example.com");
    let request = request_to(&format!("/{user_id}"), &[("authorization", &value)]);
    assert_eq!(outcome(&send(layers, request).await), "permission_denied");
}

#[tokio::test]
async fn principal_has_the_claims_of_the_token() {
    let (fixture, workloads) = (Fixture::new().await, Workloads::new());
    let rules = WorkloadRules::default().with_rule(|workload| {
        assert_eq!(workload.claim("permission"), Some("read-only"));
        vec![role("reader")]
    });
    let value = workloads.bot("example.com");
    let layers = ServiceBuilder::new()
        .layer(workloads.layer())
        .layer(rules)
        .layer(require(&fixture, Requirement::role(role("reader"))).with_owner(|principal, _| {
            let claims = principal.claims().unwrap();
            assert_eq!(claims.get("permission").map(String::as_str), Some("read-only"));
            assert!(principal.session().is_none() && principal.user_id().is_none());
            assert_eq!(principal.subject(), "example.com");
            false
        }))
        .into_inner();
    assert_eq!(
        outcome(&send(layers, request_to("/", &[("authorization", &value)])).await),
        "example.com"
    );
}
