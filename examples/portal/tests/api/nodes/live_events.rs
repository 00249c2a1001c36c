//! What one portal has changed is in the open event streams of the other.

use std::thread;

use serde_json::json;
use test_servers::PostgresServer;

use super::two_portals;
use crate::api::event_stream::EventStream;
use crate::portal::PASSWORD;
use crate::tokens::wait_for;

#[tokio::test]
async fn streams_learn_what_the_other_portal_changes() {
    let (_cluster, [here, there]) = two_portals(PostgresServer::shared(), &[]);
    let admin = here.log_in_admin().await;
    let alice = here.create_user(&admin, "alice").await;
    let mut stream = EventStream::open(&there, &alice).await;
    stream.expect("roles").await;
    let path = format!("/api/admin/users/{}", alice.user);
    let roles = json!({"roles": ["admin", "user"]});
    here.patch(&path).auth(&admin).json(&roles).send().await.expect_json();
    let changed = stream.expect("roles-changed").await;
    assert_eq!(changed["roles"], json!(["admin", "user"]));
    stream.expect_position().await;
    here.create_user(&admin, "bob").await;
    stream.records_until("session.created", "bob").await;
    let sessions = format!("{path}/sessions");
    here.delete(&sessions).auth(&admin).send().await.expect_no_content();
    while let Some(event) = stream.next().await {
        if event.name == "session-ended" {
            assert_eq!(event.data, "session_ended");
        }
    }
    there.get("/api/whoami").auth(&alice).send().await.expect_problem(401, "session_expired");
}

#[tokio::test]
async fn portals_send_all_records_in_the_same_order() {
    let (_cluster, portals) = two_portals(PostgresServer::shared(), &[]);
    let admin = portals[0].log_in_admin().await;
    let names: Vec<_> = (0..8).map(|number| format!("user{number}")).collect();
    for name in &names {
        portals[0].create_user(&admin, name).await;
    }
    let mut streams = Vec::new();
    for portal in &portals {
        let request = portal.get("/api/session/events?after=0").auth(&admin);
        let mut stream = EventStream::send(request).await;
        stream.expect("roles").await;
        streams.push(stream);
    }
    let logins = (0..80).map(|number| {
        let (portal, name) = (&portals[number % 2], &names[number % names.len()]);
        tokio::spawn(portal.login_request(name, PASSWORD).send())
    });
    for login in logins.collect::<Vec<_>>() {
        login.await.unwrap().expect_json();
    }
    let mut listed = portals[0].audit(&admin, "limit=1000").await;
    listed.sort_by_key(|record| record["id"].as_u64());
    let mut sent = Vec::new();
    for stream in &mut streams {
        sent.push(stream.records(listed.len()).await);
    }
    assert_eq!(sent[0], sent[1]);
    // One portal continues where the other stopped.
    let half = u64::try_from(listed.len() / 2).unwrap();
    let mut stream = EventStream::reopen(&portals[1], &admin, half).await;
    stream.expect("roles").await;
    let rest = stream.records(listed.len() - listed.len() / 2).await;
    assert_eq!(rest, sent[0][listed.len() / 2..]);
    sent[0].sort_by_key(|record| record["id"].as_u64());
    assert_eq!(sent[0], listed);
}

/// A transaction has taken a number, and waits. Later ones are sealed and sent before it.
#[tokio::test]
async fn record_that_is_committed_late_is_sent() {
    let (cluster, [here, there]) = two_portals(PostgresServer::shared(), &[]);
    let admin = here.log_in_admin().await;
    let alice = here.create_user(&admin, "alice").await;
    let mut stream = EventStream::open(&there, &admin).await;
    stream.expect("roles").await;
    stream.expect_position().await;
    let hold = format!(
        "DO $$ BEGIN PERFORM 1 FROM sessions WHERE id = {} FOR UPDATE; \
         WHILE NOT EXISTS (SELECT FROM accounts WHERE name = 'release') LOOP \
         PERFORM pg_sleep(0.02); END LOOP; END $$",
        alice.session
    );
    let database = cluster.url.rsplit('/').next().unwrap().to_owned();
    let holder = thread::spawn(move || PostgresServer::shared().execute(&database, &hold));
    let waits_for = async |event: &str| {
        let sql = format!(
            "SELECT count(*) FROM pg_stat_activity \
             WHERE datname = current_database() AND {event}"
        );
        wait_for(async || (cluster.execute(&sql).trim() != "0").then_some(())).await;
    };
    waits_for("wait_event = 'PgSleep'").await;
    let end = here.delete(&format!("/api/session/{}", alice.session)).auth(&alice);
    let ended = tokio::spawn(end.send());
    waits_for("wait_event_type = 'Lock'").await;
    here.create_user(&admin, "bob").await;
    stream.records_until("session.created", "bob").await;
    here.create_user(&admin, "release").await;
    ended.await.unwrap().expect_no_content();
    holder.join().unwrap();
    let late = stream.records_until("logout", "alice").await;
    let late = late.last().unwrap()["id"].as_u64();
    let bob = here.audit(&admin, "user=bob&event=user.created").await;
    assert!(late < bob[0]["id"].as_u64(), "{late:?} {bob:?}");
}
