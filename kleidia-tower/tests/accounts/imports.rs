//! Accounts of other systems: hostile lines, logins with each form of hash, and equal work.

use kleidia_tower::account::{
    AccountImport, AccountLookup, ImportOptions, ImportOutcome, ImportedAccount,
};
use kleidia_tower::audit::EventKind;
use kleidia_tower::rbac::RoleName;

use super::{PASSWORD, Service, code};

/// Made as those of the unit tests of hashes, which say how.
const TYPED: &str = "caf\u{e9} \u{fb01}n \u{20ac} pass";
const HASHES: [(&str, &str); 6] = [
    ("ann", "$2a$04$1DkGkG0GrBR8ox2w2r8vj.uPU6SUD4ycl6UcSe/p/FLy7YUZbb0KS"),
    ("ben", "$2b$05$ERZAQzhQaC2PrNLrv5ezw.lju3tz7vbutQWRlv8mGaFE1m.Zvrrn2"),
    ("cat", "$2y$04$XCtOCBaK87.YSljv0f8dl.bVcqqqdsw4Kt3BHhUC1TIWncFqCNmkC"),
    (
        "dan",
        "pbkdf2_sha256$1000$ac8O9s5dZvvgT1heKg4Rrh$C/QCFdnwO4Q4Za5PrFHDDCBxX3Whgprc1ca5e59X1+o=",
    ),
    (
        "eve",
        "$pbkdf2-sha512$1000$8X7vHWOMEeI$xFvJyrgvbHpkXXRuxiLhL9xVUCvculFoJ/.8QlvYB.ZVYBgM7SNLSMSc5ad4zqM9hkmd64xwEbMuK85G4qLnUA",
    ),
    (
        "fay",
        "$scrypt$ln=10,r=8,p=2$zdkb4zwn5BzjfC9lbA0B4A$QzrnhZJfCWmgOmYWSDBvBv9MSasoUTvle3569IaosaE",
    ),
];

fn line(name: &str, hash: &str) -> String {
    format!(r#"{{"username": "{name}", "password_hash": "{hash}"}}"#)
}

/// Returns what became of each line: `created`, `unchanged`, `changed` or the code of the rejection.
async fn import<L: AsRef<[u8]>>(
    service: &Service,
    options: ImportOptions,
    lines: &[L],
) -> Vec<&'static str> {
    let mut import = service.accounts.start_import(options).await.unwrap();
    let lines = lines.iter().map(|line| ImportedAccount::from_json(line.as_ref()));
    let outcomes = import.add(lines.collect()).await.unwrap();
    let codes = outcomes.iter().map(|outcome| match outcome {
        ImportOutcome::Created => "created",
        ImportOutcome::Unchanged => "unchanged",
        ImportOutcome::Changed => "changed",
        ImportOutcome::Rejected(error) => error.code(),
    });
    codes.collect()
}

async fn stored(service: &Service, name: &str) -> String {
    let name = name.parse().unwrap();
    let found = service.accounts.store().account_with_password(AccountLookup::Name(&name)).await;
    found.unwrap().unwrap().1.current.as_str().to_owned()
}

#[tokio::test]
async fn first_login_replaces_each_form_of_hash() {
    let service = Service::new().await;
    let lines = HASHES.map(|(name, hash)| line(name, hash));
    let created = import(&service, ImportOptions::default(), &lines).await;
    assert_eq!(created, ["created"; HASHES.len()]);
    for (name, _) in HASHES {
        let imported = stored(&service, name).await;
        assert!(!imported.starts_with("$argon2id$"));
        for wrong in ["wrong", "caf\u{e9} fin \u{20ac} pass"] {
            let rejected = service.log_in(name, wrong, "192.0.2.1").await;
            assert_eq!(code(rejected), "invalid_credentials", "{name}: {wrong}");
        }
        assert_eq!(stored(&service, name).await, imported, "a failure replaces nothing");
        assert_eq!(code(service.log_in(name, TYPED, "192.0.2.1").await), "ok", "{name}");
        let replaced = stored(&service, name).await;
        assert!(replaced.starts_with("$argon2id$"), "{name}");
        // The new hash is one of the normal form.
        for password in [TYPED, "caf\u{e9} fin \u{20ac} pass"] {
            assert_eq!(code(service.log_in(name, password, "192.0.2.1").await), "ok", "{name}");
        }
        assert_eq!(stored(&service, name).await, replaced);
    }
    let again = import(&service, ImportOptions::default(), &lines).await;
    assert_eq!(again, ["changed"; HASHES.len()], "an import leaves what a login has replaced");
    assert_eq!(service.accounts.store().password_parameters().await.unwrap().len(), 1);
}

/// Whichever hash an account has, and without an account, a login does the same evaluations.
#[tokio::test]
async fn work_does_not_tell_which_names_exist() {
    let service = Service::new().await;
    let lines = HASHES.map(|(name, hash)| line(name, hash));
    import(&service, ImportOptions::default(), &lines).await;
    let names = HASHES.map(|(name, _)| name);
    let names = names.into_iter().chain(["alice", "nobody", "no name\u{200b}"]);
    for (number, name) in names.enumerate() {
        // The sixth attempt of each name is locked.
        for _ in 0..6 {
            let before = service.hasher.evaluations();
            let rejected = service.log_in(name, "wrong", &format!("198.51.100.{number}")).await;
            assert_eq!(code(rejected), "invalid_credentials");
            // Argon2id, bcrypt 4 and 5, scrypt, and twice two of PBKDF2.
            assert_eq!(service.hasher.evaluations() - before, 1 + 2 + 1 + 4, "{name:?}");
        }
    }
    let locked = service.count(EventKind::LoginLocked).await;
    assert!(locked > HASHES.len(), "failures with imported hashes count: {locked}");
    let locked = service.log_in("ann", TYPED, "198.51.100.0").await;
    assert_eq!(code(locked), "invalid_credentials");
}

#[tokio::test]
async fn changes_password_that_was_imported() {
    let service = Service::new().await;
    import(&service, ImportOptions::default(), &[line("ann", HASHES[0].1)]).await;
    let ann = service.log_in("ann", TYPED, "192.0.2.1").await.unwrap();
    let changed = service.accounts.change_password(
        &ann.session,
        TYPED.into(),
        "another passphrase".into(),
        super::at("192.0.2.1"),
    );
    changed.await.unwrap();
    assert_eq!(code(service.log_in("ann", TYPED, "192.0.2.1").await), "invalid_credentials");
    assert_eq!(code(service.log_in("ann", "another passphrase", "192.0.2.1").await), "ok");
}

#[tokio::test]
async fn rejects_hostile_lines_and_imports_the_others() {
    let service = Service::new().await;
    let hash = HASHES[0].1;
    let member = |member: &str| {
        format!(r#"{{"username": "mallory", "password_hash": "{hash}", {member}}}"#).into_bytes()
    };
    let lines: Vec<(Vec<u8>, &str)> = vec![
        (line("zoe", hash).into(), "created"),
        (line("ZOE", hash).into(), "name_repeated"),
        (line("\u{ff3a}oe", hash).into(), "name_repeated"),
        (line("alice", hash).into(), "name_taken"),
        (line("al\u{200b}ice", hash).into(), "user_name"),
        (line("", hash).into(), "user_name"),
        (line("mallory", &hash.replace("$04$", "$31$")).into(), "hash_cost"),
        (line("mallory", "$1$salt$hash").into(), "hash_unsupported"),
        (line("mallory", "").into(), "hash_unsupported"),
        (line("mallory", "$2a$04$ \\u0000").into(), "hash_malformed"),
        (member(r#""password_hash": "x""#), "invalid_member"),
        (member(r#""roles": ["user"], "roles": ["admin"]"#), "invalid_member"),
        (member(r#""role": "user""#), "invalid_member"),
        (member(r#""disabled": "no""#), "invalid_member"),
        (member(r#""roles": "admin""#), "invalid_member"),
        (member(r#""roles": ["admin"]"#), "role_administrator"),
        (member(r#""roles": ["user", "admin"], "disabled": true"#), "role_administrator"),
        (member(r#""roles": ["root"]"#), "role_unknown"),
        (member(r#""roles": ["Admin"]"#), "role_name"),
        (member(r#""roles": [""]"#), "role_name"),
        (member(r#""display_name": "a\u202eb""#), "display_name"),
        (member(r#""email": "alice""#), "email"),
        (member(r#""email_verified": true"#), "email"),
        (member(r#""attributes": []"#), "invalid_member"),
        (br#"{"username": "mallory"}"#.to_vec(), "invalid_member"),
        (b"[]".to_vec(), "invalid_member"),
        (b"null".to_vec(), "invalid_member"),
        (b"{".to_vec(), "invalid_json"),
        (b"\xef\xbb\xbf{}".to_vec(), "invalid_json"),
        ([line("mallory", hash), line("mallory", hash)].concat().into(), "invalid_json"),
        (b"{\"username\": \"mall\xff\"}".to_vec(), "invalid_utf8"),
        (b"[".repeat(AccountImport::MAX_LINE_OCTETS), "invalid_member"),
        (vec![b' '; AccountImport::MAX_LINE_OCTETS + 1], "line_too_long"),
        (member(r#""roles": [], "email": "m@example.com", "email_verified": true"#), "created"),
        (member(r#""roles": []"#), "name_repeated"),
    ];
    let texts: Vec<_> = lines.iter().map(|(line, _)| line).collect();
    let dry = import(&service, ImportOptions::default().with_dry_run(), &texts).await;
    assert_eq!(service.accounts.users(None, 10).await.unwrap().len(), 1, "a dry run");
    let found = import(&service, ImportOptions::default(), &texts).await;
    assert_eq!(dry, found);
    for ((line, expected), found) in lines.iter().zip(&found) {
        assert_eq!(expected, found, "{}", String::from_utf8_lossy(&line[..line.len().min(200)]));
    }
    assert_eq!(service.accounts.users(None, 10).await.unwrap().len(), 3);
    assert_eq!(code(service.log_in("alice", PASSWORD, "192.0.2.1").await), "ok");
    assert_eq!(code(service.log_in("mallory", TYPED, "192.0.2.1").await), "ok");
    for record in service.records(Some(EventKind::UserCreated)).await.iter().rev().skip(1) {
        assert!(record.actor.is_none());
        assert!(record.reason.as_ref().unwrap().starts_with("imported: "), "{record:?}");
    }
}

#[tokio::test]
async fn creates_administrators_only_if_allowed() {
    let service = Service::new().await;
    let hash = HASHES[0].1;
    let root = format!(r#"{{"username": "root", "password_hash": "{hash}", "roles": ["admin"]}}"#);
    let options = ImportOptions::default();
    assert_eq!(import(&service, options, &[&root]).await, ["role_administrator"]);
    let allowed = import(&service, options.with_administrators(), &[&root]).await;
    assert_eq!(allowed, ["created"]);
    let root = service.log_in("root", TYPED, "192.0.2.1").await.unwrap();
    assert!(root.session.account.roles.contains(&RoleName::admin()));
}

/// The cost of a login stays bounded, also over several imports.
#[tokio::test]
async fn bounds_the_parameters_of_a_store() {
    let service = Service::new().await;
    let pbkdf2 = |number: usize| {
        let hash = format!("$pbkdf2-sha256${}$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA", 1000 + number);
        line(&format!("user{number}"), &hash)
    };
    let lines: Vec<_> = (0..40).map(pbkdf2).collect();
    for lines in lines.chunks(20) {
        import(&service, ImportOptions::default(), lines).await;
    }
    let parameters = service.accounts.store().password_parameters().await.unwrap();
    assert_eq!(parameters.len(), 32);
    let more = import(&service, ImportOptions::default(), &[pbkdf2(41), pbkdf2(0)]).await;
    assert_eq!(more, ["hash_parameter_sets", "unchanged"]);
    let before = service.hasher.evaluations();
    drop(service.log_in("nobody", "wrong", "192.0.2.1").await);
    assert_eq!(service.hasher.evaluations() - before, 1 + 2, "one of Argon2id, two of PBKDF2");
}

#[tokio::test]
async fn disabled_account_does_not_log_in() {
    let service = Service::new().await;
    let text = line("ann", HASHES[0].1).replace('}', r#", "disabled": true}"#);
    assert_eq!(import(&service, ImportOptions::default(), &[text]).await, ["created"]);
    assert_eq!(code(service.log_in("ann", TYPED, "192.0.2.1").await), "account_disabled");
    assert_eq!(service.count(EventKind::UserDisabled).await, 1);
}

#[test]
fn errors_have_no_values_of_the_line() {
    let secret = "S3cretValue";
    for text in [
        format!(r#"{{"{secret}": 1}}"#),
        format!(r#"{{"username": {{"{secret}": 1}}}}"#),
        format!(r#"{{"username": "a", "password_hash": "{secret}"}}"#),
        format!(r#"{{"username": "a", "password_hash": "x", "disabled": "{secret}"}}"#),
        format!(r#"{{"username": "a", "password_hash": "x", "roles": ["{secret}"]}}"#),
        format!(r#"{{"username": "\u200b{secret}", "password_hash": "{}"}}"#, HASHES[0].1),
        format!(r#"{{"username": "a", "password_hash": "x", "email": "{secret}"}}"#),
    ] {
        let error = ImportedAccount::from_json(text.as_bytes()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
    }
}
