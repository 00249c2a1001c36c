//! An expired password must be changed first.

use sqlx::{Connection as _, SqliteConnection};

use crate::browser::Browser;
use crate::portal::{PASSWORD, Portal};

const NEW_PASSWORD: &str = "another staple for the battery";
const DAY: i64 = 24 * 3600;

#[tokio::test]
async fn expired_password_must_be_changed_first() {
    let mut portal = Portal::start(&["--password-max-age", "90days"]);
    portal.create_user("alice").await;
    portal.stop();
    age_passwords(&portal, 100 * DAY).await;
    portal.restart();

    let browser = Browser::open(&portal).await;
    browser.fill("User name", "alice").await;
    browser.fill("Password", PASSWORD).await;
    browser.press("Sign in").await;
    browser.assert_view("Your password has expired").await;
    assert_eq!(browser.run("return document.querySelectorAll('nav').length", []).await, 0);
    browser.reload().await;
    browser.assert_view("Your password has expired").await;

    browser.fill("Current password", PASSWORD).await;
    browser.fill("New password", NEW_PASSWORD).await;
    browser.fill("New password again", NEW_PASSWORD).await;
    browser.press("Change password").await;
    browser.assert_view("Sessions").await;
    browser.assert_text("Your password is changed.").await;
    browser.assert_text("This session").await;
    portal.log_in("alice", NEW_PASSWORD).await;
    browser.close().await;
}

/// Moves the time of each password change into the past.
async fn age_passwords(portal: &Portal, seconds: i64) {
    let url = format!("sqlite://{}", portal.database().display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let update = "UPDATE accounts SET password_changed_at = password_changed_at - ?";
    let done = sqlx::query(update).bind(seconds).execute(&mut database).await.unwrap();
    assert_eq!(done.rows_affected(), 2);
    database.close().await.unwrap();
}
