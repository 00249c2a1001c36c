//! Faults of HAProxy's action, and of its buffers.

use axum::http::StatusCode;

use crate::fixture::{Fixture, VERSIONS};
use crate::proxy::{HAPROXY, HAPROXY_LUA, Proxy};

async fn start(replacements: &[(&str, &str)]) -> Fixture {
    for (from, _) in replacements {
        assert!(HAPROXY.contains(from) || HAPROXY_LUA.contains(from), "{from}");
    }
    Fixture::start_with(Proxy::Haproxy, &[], replacements).await
}

#[tokio::test]
async fn rejects_if_the_action_fails() {
    const ANSWER: &str = "    local answer = ";
    let limited = ("lua-load ", "tune.lua.session-timeout 100\n    lua-load ");
    for failing in ["error('broken')\n", "while true do end\n", "if true then return end\n"] {
        let failing = format!("{failing}{ANSWER}");
        let fixture = start(&[limited, (ANSWER, &failing)]).await;
        let headers = [("authorization", fixture.bundles.valid.as_str())];
        for version in VERSIONS {
            let response = fixture.get(version, &headers).await;
            assert_eq!(response.status, StatusCode::SERVICE_UNAVAILABLE, "{failing}");
            assert_eq!(response.header("retry-after"), "1", "{failing}");
        }
        assert_eq!(fixture.service.requests(), 0, "{failing}");
    }
}

/// HAProxy loses headers without an error if there is no room for them.
#[tokio::test]
async fn rejects_if_the_identity_does_not_fit() {
    // With the documented setting there is room for all that HAProxy accepts.
    for (setting, lacks_room) in [("tune.maxrewrite 1024", true), ("tune.maxrewrite 32768", false)]
    {
        let fixture = start(&[("tune.maxrewrite 32768", setting)]).await;
        let authorization = ("authorization", fixture.bundles.largest.as_str());
        for version in VERSIONS {
            let mut statuses = Vec::new();
            for size in (0..44_000).step_by(2_000) {
                let padding = "x".repeat(size);
                let headers = [authorization, ("x-padding", &padding)];
                let mut connection = fixture.connect(version).await;
                // Above its limit, HAProxy resets an HTTP/2 stream.
                let Ok(response) = connection.try_get("/", &headers).await else { break };
                statuses.push(response.status);
                if response.status == StatusCode::OK {
                    let received = response.received();
                    assert_eq!(received.get("kliento-user"), "carol", "{version:?} {size}");
                    assert_eq!(received.get("kliento-claim-role"), "deploy", "{version:?} {size}");
                    assert_ne!(received.get("kliento-claims"), "", "{version:?} {size}");
                }
            }
            assert!(statuses.contains(&StatusCode::OK), "{statuses:?}");
            let rejected = statuses.contains(&StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
            assert_eq!(rejected, lacks_room, "{version:?}: {statuses:?}");
        }
    }
}
