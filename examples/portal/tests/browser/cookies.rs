//! The tokens of the page, which no script can read.

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::portal::{ADMIN, PASSWORD, Portal};

/// Returns all text that a script of the page can read: storage, cookies, databases, caches, and the
/// responses of the API with their headers. `arguments` are the bodies of a login and of a refresh.
const READ_ALL: &str = "
    const [login, refresh] = arguments;
    const found = [document.cookie, document.documentElement.outerHTML];
    const add = (value) => found.push(JSON.stringify(value) ?? '');
    for (const storage of [localStorage, sessionStorage]) add({ ...storage });
    const read = async (method, path, body) => {
        const headers = body && { 'Content-Type': 'application/json' };
        const response = await fetch(path, { method, headers, body: body && JSON.stringify(body) });
        if (!response.ok) throw new Error(`${path}: ${response.status}`);
        add([...response.headers]);
        const reader = response.body?.getReader();
        const part = await reader?.read();
        found.push(new TextDecoder().decode(part?.value));
        await reader?.cancel();
    };
    return (async () => {
        for (const path of ['whoami', 'session', 'users/1', 'admin/users', 'admin/audit', 'session/events', 'health']) {
            await read('GET', `/api/${path}`);
        }
        await read('POST', '/api/auth/login', login);
        await read('POST', '/api/auth/refresh', refresh);
        add(await indexedDB.databases());
        add(await caches.keys());
        add(await cookieStore.getAll());
        add((await import('/page/login.js')).current());
        add(performance.getEntries());
        // What other scripts of the page have left in the global object.
        for (const name of Object.getOwnPropertyNames(window)) {
            try { if (typeof window[name] === 'string') add(window[name]) } catch { /* not readable */ }
        }
        return found.join('\\n');
    })()";

/// Replaces `fetch` by one that keeps what the page sends and receives.
const SPY: &str = "
    window.seen = [];
    const original = window.fetch;
    window.fetch = async (...given) => {
        const response = await original(...given);
        const copy = response.clone();
        seen.push(JSON.stringify(given), JSON.stringify([...copy.headers]));
        if (!given[0].endsWith('/events')) seen.push(await copy.text());
        return response;
    }";

fn bodies(with_cookies: bool) -> [Value; 2] {
    let mut login = json!({"username": ADMIN, "password": PASSWORD});
    login["cookies"] = with_cookies.into();
    [login, json!({"cookies": true})]
}

/// Asserts that a text has none of the tokens.
async fn assert_has_no_token(browser: &Browser, text: &Value, before: &[String]) {
    let text = text.as_str().unwrap();
    assert!(text.len() > 1000, "{text}");
    let now: Vec<_> = browser.token_cookies().await.into_values().collect();
    assert_eq!(now.len(), 3);
    let tokens = now.iter().chain(before);
    // The cookie of refreshes has two parts.
    for token in tokens.flat_map(|value| [value.as_str(), value.split('.').next().unwrap()]) {
        // Each JWT begins with the same header.
        assert!(token.starts_with("eyJ") || !text.contains(token), "{text}");
    }
    // No JWT, and no name of a token.
    for sign in ["eyJ", "access_token", "refresh_token", "device-token", "kleidia-access"] {
        assert!(!text.contains(sign), "{sign}: {text}");
    }
}

#[tokio::test]
async fn script_finds_no_token() {
    let portal = Portal::start(&[]);
    let browser = Browser::open(&portal).await;
    browser.run(SPY, []).await;
    browser.sign_in(ADMIN).await;
    browser.assert_text("This session").await;
    let before: Vec<_> = browser.token_cookies().await.into_values().collect();
    assert!(before.iter().any(|value| value.starts_with("eyJ")));
    let refresh = "return import('/page/login.js').then((login) =>
        login.refreshSession(login.current().id)).then(() => window.seen.join('\\n'))";
    let seen = browser.run(refresh, []).await;
    // The script has seen the login and the refresh.
    assert!(seen.as_str().unwrap().contains("refresh_expires_in"));
    assert_has_no_token(&browser, &seen, &before).await;
    let all = browser.run(READ_ALL, bodies(true)).await;
    assert_has_no_token(&browser, &all, &before).await;

    // It would find them: a login without cookies responds with tokens.
    let all = browser.run(READ_ALL, bodies(false)).await;
    assert!(all.as_str().unwrap().contains("access_token"));
    browser.close().await;
}

#[tokio::test]
async fn page_over_http_of_another_machine_says_what_it_needs() {
    let portal = Portal::start(&[]);
    // A name of this machine that browsers do not know to be one.
    let (name, rule) = ("portal.test", "MAP portal.test 127.0.0.1");
    let browser = Browser::open_url_resolving(&portal.url_with_host(name), rule).await;
    let text = "This browser does not keep the cookies that signing in needs.";
    browser.assert_text(text).await;
    browser.fill("User name", ADMIN).await;
    browser.fill("Password", PASSWORD).await;
    browser.press("Sign in").await;
    browser.assert_error(text).await;
    assert_eq!(portal.log_in_admin().await.count("session.created", ADMIN).await, 1);
    browser.close().await;
}
