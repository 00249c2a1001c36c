//! The statements that read audit records.

use tokio_postgres::types::ToSql;

use super::statements::Parameter;
use crate::UserId;
use crate::audit::AuditQuery;
use crate::store::columns::{ceil_second, sql_limit};

/// The columns are named, since a prepared `SELECT *` fails after a newer node has added one.
macro_rules! record_columns {
    () => {
        "sequence, at, kind, outcome, user_id, user_name, actor_id, actor_name, session, ip, \
         user_agent, method, route, reason, mac"
    };
}

const SELECT: &str = concat!("SELECT ", record_columns!(), " FROM audit WHERE TRUE");

/// Returns the statement of a query. A statement for each set of conditions lets the server use the
/// index of each.
pub(super) fn select(query: &AuditQuery) -> (String, Vec<Parameter>) {
    let mut statement = Statement { sql: SELECT.to_owned(), parameters: vec![] };
    if let Some(kind) = query.kind {
        statement.push("kind = ?", kind.as_str());
    }
    if let Some(names) = query.names() {
        statement.push("(user_name = ANY (?) OR actor_name = ANY (?))", Vec::from(names));
    }
    if let Some(id) = query.user_id {
        statement.push("(user_id = ? OR actor_id = ?)", UserId::get(id));
    }
    if let Some(outcome) = query.outcome {
        statement.push("outcome = ?", outcome.as_str());
    }
    if let Some(from) = query.from {
        statement.push("at >= ?", ceil_second(from));
    }
    if let Some(until) = query.until {
        statement.push("at < ?", ceil_second(until));
    }
    if let Some(before) = query.before {
        statement.push("sequence < ?", i64::try_from(before).unwrap_or(i64::MAX));
    }
    statement.parameters.push(Box::new(sql_limit(query.limit)));
    let Statement { sql, parameters } = statement;
    (format!("{sql} ORDER BY sequence DESC LIMIT ${}", parameters.len()), parameters)
}

struct Statement {
    sql: String,
    parameters: Vec<Parameter>,
}

impl Statement {
    /// Adds a condition; each `?` in it stands for the value.
    fn push(&mut self, condition: &str, value: impl ToSql + Send + Sync + 'static) {
        self.parameters.push(Box::new(value));
        let number = format!("${}", self.parameters.len());
        self.sql.push_str(" AND ");
        self.sql.push_str(&condition.replace('?', &number));
    }
}

pub(super) use record_columns;
