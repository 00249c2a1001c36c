//! A backup that is restored.

use std::fs;

use crate::api::audit_command::{audit, stdout, wait_for_health};
use crate::portal::{Portal, command};

#[tokio::test]
async fn sessions_that_a_backup_revives_are_ended_by_a_command() {
    let portal = Portal::start(&[]);
    let admin = portal.log_in_admin().await;
    let (_, _, database) = portal.stop_with("-TERM");
    let backup = database.file("backup.db");
    fs::copy(database.path(), &backup).unwrap();
    let checkpoint = stdout(audit(&database, &["checkpoint"]));
    let size = checkpoint.lines().nth(1).unwrap();

    let portal = database.start(&[]);
    portal.post("/api/auth/logout").auth(&admin).send().await.expect_no_content();
    let (_, _, database) = portal.stop_with("-TERM");
    fs::copy(&backup, database.path()).unwrap();
    let portal = database.start(&[]);
    portal.get("/api/whoami").auth(&admin).send().await.expect_json();
    wait_for_health(&portal, "degraded: audit-log\n").await;
    let (_, _, database) = portal.stop_with("-TERM");
    let accepted = stdout(audit(&database, &["accept", "--size", size]));
    assert_eq!(accepted, format!("accepted: {size} records\n"));

    let ended = command(&database.path(), &["end-sessions", "--all"]).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert!(stdout(audit(&database, &["verify"])).starts_with("intact: "));
    let portal = database.start(&[]);
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(portal.get("/api/health").send().await.body, "ok\n");
    let rejected = portal.get("/api/whoami").auth(&admin).send().await;
    rejected.expect_problem(401, "session_expired");
    portal.refresh(&admin.refresh).await.expect_problem(401, "refresh_invalid");
}
