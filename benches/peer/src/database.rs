//! The users, in either database.

use axum_login::{AuthUser, AuthnBackend, UserId};
use sqlx::{PgPool, SqlitePool};

/// The number of users.
pub(crate) const USERS: i64 = 1000;

#[derive(Clone)]
pub(crate) enum Users {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) name: String,
    password: String,
    pub(crate) is_disabled: bool,
}

const CREATE: &str = "CREATE TABLE peer_users (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, \
    password TEXT NOT NULL, is_disabled BOOLEAN NOT NULL)";
const INSERT: &str = "INSERT INTO peer_users VALUES ($1, $2, $3, FALSE)";
const SELECT: &str = "SELECT id, name, password, is_disabled FROM peer_users WHERE id = $1";
const PASSWORD: &str = "$argon2id$v=19$m=65536,t=1,p=4$c2FsdHNhbHQ$aGFzaGhhc2g";

impl Users {
    pub(crate) async fn in_postgres(pool: PgPool) -> sqlx::Result<Self> {
        sqlx::query(CREATE).execute(&pool).await?;
        for id in 1..=USERS {
            let insert = sqlx::query(INSERT).bind(id).bind(format!("user-{id}")).bind(PASSWORD);
            insert.execute(&pool).await?;
        }
        Ok(Self::Postgres(pool))
    }

    pub(crate) async fn in_sqlite(pool: SqlitePool) -> sqlx::Result<Self> {
        sqlx::query(CREATE).execute(&pool).await?;
        let mut transaction = pool.begin().await?;
        for id in 1..=USERS {
            let insert = sqlx::query(INSERT).bind(id).bind(format!("user-{id}")).bind(PASSWORD);
            insert.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(Self::Sqlite(pool))
    }
}

impl AuthUser for User {
    type Id = i64;

    fn id(&self) -> i64 {
        self.id
    }

    fn session_auth_hash(&self) -> &[u8] {
        self.password.as_bytes()
    }
}

impl AuthnBackend for Users {
    type User = User;
    type Credentials = ();
    type Error = sqlx::Error;

    async fn authenticate(&self, (): ()) -> sqlx::Result<Option<User>> {
        Ok(None)
    }

    async fn get_user(&self, id: &UserId<Self>) -> sqlx::Result<Option<User>> {
        match self {
            Self::Postgres(pool) => sqlx::query_as(SELECT).bind(id).fetch_optional(pool).await,
            Self::Sqlite(pool) => sqlx::query_as(SELECT).bind(id).fetch_optional(pool).await,
        }
    }
}
