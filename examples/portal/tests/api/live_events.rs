//! `GET /api/session/events`: the end of the session, roles, and the audit log.

use serde_json::{Value, json};

use crate::api::audit_archive::old_database;
use crate::api::event_stream::EventStream;
use crate::portal::{ADMIN, PASSWORD, Portal, command};
use crate::tokens::Tokens;

#[tokio::test]
async fn ends_with_the_session() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    let mut first = EventStream::open(&portal, &alice).await;
    let roles = json!({"roles": ["user"], "permissions": []});
    assert_eq!(first.expect("roles").await, roles);
    let mut second = EventStream::open(&portal, &alice).await;
    assert_eq!(second.expect("roles").await, roles);
    // A refresh does not end them.
    let alice = Tokens::from_response(&portal.refresh(&alice.refresh).await);
    let path = format!("/api/admin/users/{}/sessions", alice.user);
    portal.delete(&path).auth(&admin).send().await.expect_no_content();
    first.expect_end("session_ended").await;
    second.expect_end("session_ended").await;
    let again = portal.get("/api/session/events").auth(&alice).send().await;
    again.expect_problem(401, "session_expired");
}

#[tokio::test]
async fn tells_why_it_ends() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    let mut stream = EventStream::open(&portal, &alice).await;
    stream.expect("roles").await;
    let path = format!("/api/admin/users/{}", alice.user);
    let disabled = json!({"disabled": true});
    portal.patch(&path).auth(&admin).json(&disabled).send().await.expect_json();
    stream.expect_end("account_disabled").await;

    let portal = Portal::start(&["--session-ttl", "4s", "--access-ttl", "4s"]);
    let mut stream = EventStream::open(&portal, &portal.log_in_admin().await).await;
    stream.expect("roles").await;
    let last = loop {
        // Records may come before.
        let event = stream.next().await.unwrap();
        if event.name != "audit" {
            break event;
        }
    };
    assert_eq!((last.name.as_str(), last.data.as_str()), ("session-ended", "session_expired"));
}

#[tokio::test]
async fn route_and_the_one_of_session_ids_do_not_shadow_each_other() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let response = portal.delete("/api/session/events").auth(&admin).send().await;
    response.expect_problem(405, "method_not_allowed");
    assert_eq!(response.header("allow"), Some("GET,HEAD"));
    let path = format!("/api/session/{}", admin.session);
    let response = portal.get(&path).auth(&admin).send().await;
    response.expect_problem(405, "method_not_allowed");
    portal.get("/api/session/events").send().await.expect_problem(401, "token_invalid");
    let mut stream = EventStream::open(&portal, &admin).await;
    stream.expect("roles").await;
    portal.delete(&path).auth(&admin).send().await.expect_no_content();
    stream.expect_end("session_ended").await;
}

/// Logs in as the admin, so that the log has further records.
async fn add_records(portal: &Portal) {
    portal.login_request(ADMIN, PASSWORD).send().await.expect_json();
}

#[tokio::test]
async fn roles_begin_and_end_the_audit_log() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let alice = portal.create_user(&admin, "alice").await;
    let mut stream = EventStream::open(&portal, &alice).await;
    stream.expect("roles").await;
    let set_roles = async |roles: Value| {
        let path = format!("/api/admin/users/{}", alice.user);
        let change = json!({ "roles": roles });
        portal.patch(&path).auth(&admin).json(&change).send().await.expect_json();
    };
    set_roles(json!(["admin"])).await;
    let changed = stream.expect("roles-changed").await;
    let whoami = portal.get("/api/whoami").auth(&alice).send().await.expect_json();
    assert_eq!(changed["roles"], json!(["admin"]));
    assert_eq!(changed["permissions"], whoami["permissions"]);
    assert!(changed["permissions"].as_array().unwrap().contains(&json!("audit:read")));
    stream.expect_position().await;
    portal.create_user(&admin, "bob").await;
    stream.records_until("user.created", "bob").await;
    set_roles(json!(["user"])).await;
    // The records up to the change may come before it.
    while stream.next().await.unwrap().name != "roles-changed" {}
    portal.create_user(&admin, "carol").await;
    // These are sealed before the stream ends.
    let mut other = EventStream::open(&portal, &admin).await;
    other.expect("roles").await;
    other.expect_position().await;
    add_records(&portal).await;
    other.records_until("session.created", ADMIN).await;
    portal.post("/api/auth/logout-all").auth(&alice).send().await.expect_no_content();
    stream.expect_end("session_ended").await;
}

#[tokio::test]
async fn has_all_records_once_and_in_order_over_reconnections() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let mut stream =
        EventStream::send(portal.get("/api/session/events?after=0").auth(&admin)).await;
    let roles = stream.expect("roles").await;
    assert_eq!(roles["roles"], json!(["admin"]));
    let mut records = stream.records(3).await;
    let last_id = stream.last_id.unwrap();
    assert_eq!(last_id, 3);
    drop(stream);
    for _ in 0..50 {
        portal.refresh("unknown").await;
        add_records(&portal).await;
    }
    // In several connections, each of which ends in the middle.
    let mut last_id = last_id;
    while records.len() < 103 {
        let mut stream = EventStream::reopen(&portal, &admin, last_id).await;
        stream.expect("roles").await;
        records.extend(stream.records(10).await);
        last_id = stream.last_id.unwrap();
    }
    assert_eq!(usize::try_from(last_id).unwrap(), records.len());
    let mut listed = portal.audit(&admin, "limit=1000").await;
    listed.reverse();
    assert_eq!(records, listed);
}

#[tokio::test]
async fn begins_with_new_records_and_says_where() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let mut stream = EventStream::open(&portal, &admin).await;
    stream.expect("roles").await;
    let position = stream.expect_position().await;
    drop(stream);
    add_records(&portal).await;
    let mut again = EventStream::reopen(&portal, &admin, position).await;
    again.expect("roles").await;
    let mut listed = portal.audit(&admin, "").await;
    listed.reverse();
    let new = listed.split_off(usize::try_from(position).unwrap());
    assert!(new.len() >= 2, "{new:?}");
    assert_eq!(again.records(new.len()).await, new);
}

#[tokio::test]
async fn tells_that_records_are_missed() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    // As after the restore of a backup.
    let mut stream = EventStream::reopen(&portal, &admin, 1_000_000).await;
    stream.expect("roles").await;
    assert_eq!(stream.expect("audit-missed").await, json!({}));
    assert!(stream.last_id.is_some_and(|id| id < 1000));
    add_records(&portal).await;
    stream.records_until("session.created", ADMIN).await;
}

#[tokio::test]
async fn skips_records_that_are_detached() {
    let (database, _) = old_database().await;
    let audit = |arguments: &[&str]| {
        let output = command(&database.path(), arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let file = database.file("old.jsonl");
    let file = file.to_str().unwrap();
    audit(&["audit", "export", "-o", file]);
    audit(&["audit", "detach", "--export", file, "--to", "3"]);
    let portal = database.start(&[]);
    let admin = portal.log_in_admin().await;
    for after in 0..4 {
        let mut stream = EventStream::reopen(&portal, &admin, after).await;
        stream.expect("roles").await;
        if after < 3 {
            assert_eq!(stream.expect("audit-missed").await, json!({}));
            assert_eq!(stream.last_id, Some(3));
        }
        stream.expect("audit").await;
        assert_eq!(stream.last_id, Some(after.max(3) + 1));
    }
}

#[tokio::test]
async fn rejects_other_ids() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    for id in ["x", "-1", "1.5", "18446744073709551616"] {
        let request = portal.get(&format!("/api/session/events?after={id}")).auth(&admin);
        let problem = request.send().await.expect_problem(400, "malformed_request");
        assert_eq!(problem["errors"][0]["field"], "after");
        let request = portal.get("/api/session/events").auth(&admin).header("last-event-id", id);
        let problem = request.send().await.expect_problem(400, "malformed_request");
        assert_eq!(problem["errors"][0]["field"], "Last-Event-ID");
    }
}

#[tokio::test]
async fn shutdown_ends_streams_and_drops_no_request() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = EventStream::open(&portal, &admin).await;
        stream.expect("roles").await;
        streams.push(stream);
    }
    portal.signal("-TERM");
    for stream in streams {
        stream.expect_end("server_shutdown").await;
    }
    let (status, _, database) = portal.wait();
    assert!(status.success(), "{status}");
    let log = std::fs::read_to_string(database.file("log")).unwrap();
    assert!(log.contains("stopped dropped_requests=0"), "{log}");
    // The next one, or another node, continues.
    let portal = database.start(&[]);
    let mut stream = EventStream::reopen(&portal, &admin, 0).await;
    stream.expect("roles").await;
    stream.records_until("session.created", ADMIN).await;
}
