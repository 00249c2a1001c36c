//! The SQL statement of an audit query.
//!
//! A condition with `OR` cannot be read in the order of an index, and neither can all records of a
//! kind, since their index has the outcome before the number. So the statement has a part for each
//! alternative. Each part reads an index from the newest record on until it has as many as are
//! asked for, and not all that match.

use super::columns::{ceil_second, sql_limit};
use crate::UserId;
use crate::audit::{AuditQuery, EventKind, Outcome};

const COLUMNS: &str = "sequence, at, kind, outcome, user_id, user_name, actor_id, actor_name, \
    session, ip, user_agent, method, route, reason, mac";

/// A statement with numbered parameters.
#[derive(Debug)]
pub(super) struct RecordQuery {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
    /// The first character of a parameter.
    marker: char,
}

/// The value of a parameter.
#[derive(Debug)]
pub(super) enum Value {
    Integer(i64),
    Text(String),
}

/// The numbers of records from which on times are about as late as those of the query. The
/// statement is right with any number. With the right ones, all but a few records in the range of
/// times are in the range of numbers, so that these few are all that the index of times has to find.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pivots {
    pub(super) from: Option<i64>,
    pub(super) until: Option<i64>,
}

impl RecordQuery {
    pub(super) fn new(query: &AuditQuery, pivots: Pivots, marker: char) -> Self {
        let mut statement = Self { sql: String::new(), values: Vec::new(), marker };
        let alternatives = statement.alternatives(query);
        let conditions = statement.conditions(query);
        let before = query.before.map(|before| statement.integer(sql_number(before)));
        let all = [alternatives.all, conditions.clone()].concat();
        let from = pivots.from.map(|pivot| statement.integer(pivot));
        let until = pivots.until.map(|pivot| statement.integer(pivot));
        let mut range = conditions;
        range.extend(before.iter().map(|before| format!("sequence < {before}")));
        range.extend(from.iter().map(|from| format!("sequence >= {from}")));
        range.extend(until.iter().map(|until| format!("sequence < {until}")));
        let limit = statement.integer(sql_limit(query.limit));
        let part = |conditions: &[String], order: &str| {
            let conditions = conditions.join(" AND ");
            format!(
                "SELECT {COLUMNS} FROM audit WHERE {conditions} ORDER BY {order} DESC LIMIT {limit}"
            )
        };
        let in_range = |alternative: &String| {
            part(&[std::slice::from_ref(alternative), &range].concat(), "sequence")
        };
        let mut parts: Vec<_> = alternatives.parts.iter().map(in_range).collect();
        // Records with times in the range and numbers out of it. As `sequence + 0`, the number is
        // only in the index of times, which the database has to use then.
        let mut out_of_range = |condition: String| {
            let mut conditions = [&all[..], &[condition]].concat();
            conditions.extend(before.iter().map(|before| format!("sequence + 0 < {before}")));
            parts.push(part(&conditions, "sequence + 0"));
        };
        // None if all numbers from the pivot on are excluded.
        let is_empty = pivots.until.zip(query.before);
        let is_empty = is_empty.is_some_and(|(pivot, before)| sql_number(before) <= pivot);
        if let Some(until) = until.as_ref().filter(|_| !is_empty) {
            out_of_range(format!("sequence + 0 >= {until}"));
        }
        if let Some(from) = &from {
            let until = until.iter().map(|until| format!(" AND sequence + 0 < {until}"));
            out_of_range(format!("sequence + 0 < {from}{}", until.collect::<String>()));
        }
        statement.sql = if let [part] = &parts[..] {
            part.clone()
        } else {
            let parts: Vec<_> =
                parts.iter().map(|part| format!("SELECT * FROM ({part}) AS part")).collect();
            let parts = parts.join(" UNION ALL ");
            format!("SELECT * FROM ({parts}) AS found ORDER BY sequence DESC LIMIT {limit}")
        };
        statement
    }

    /// Returns the conditions of which a part has one. No record meets two of them.
    fn alternatives(&mut self, query: &AuditQuery) -> Alternatives {
        // Literals, of which there are few: the statistics of the database are about them.
        let kind = |kind: EventKind| format!("kind = '{}'", kind.as_str());
        let outcome = |outcome: Outcome| format!("outcome = '{}'", outcome.as_str());
        let mut all: Vec<_> = query.kind.map(kind).into_iter().collect();
        all.extend(query.outcome.map(outcome));
        if let Some(names) = query.names() {
            let [name, canonical] = names.map(|name| self.push(Value::Text(name)));
            let names = format!("({name}, {canonical})");
            let others = all.join(" AND ");
            all.push(format!("(user_name IN {names} OR actor_name IN {names})"));
            let others = if others.is_empty() { others } else { format!(" AND {others}") };
            let parts = vec![
                format!("user_name = {name}{others}"),
                format!("user_name = {canonical} AND {canonical} <> {name}{others}"),
                format!("actor_name = {name} AND {}{others}", not_in("user_name", &names)),
                format!(
                    "actor_name = {canonical} AND {canonical} <> {name} AND {}{others}",
                    not_in("user_name", &names)
                ),
            ];
            return Alternatives { parts, all };
        }
        if let Some(id) = query.user_id {
            let id = self.integer(UserId::get(id));
            let others = all.join(" AND ");
            all.push(format!("(user_id = {id} OR actor_id = {id})"));
            let others = if others.is_empty() { others } else { format!(" AND {others}") };
            let parts = vec![
                format!("user_id = {id}{others}"),
                format!("actor_id = {id} AND (user_id IS NULL OR user_id <> {id}){others}"),
            ];
            return Alternatives { parts, all };
        }
        if all.is_empty() {
            return Alternatives { parts: vec!["TRUE".to_owned()], all };
        }
        let kinds = query.kind.map_or_else(|| EventKind::ALL.to_vec(), |kind| vec![kind]);
        let both = || vec![Outcome::Success, Outcome::Failure];
        let outcomes = query.outcome.map_or_else(both, |outcome| vec![outcome]);
        let outcomes = outcomes.into_iter().map(outcome);
        let outcomes: Vec<_> = outcomes.collect();
        let of_kind =
            |of: String| outcomes.iter().map(move |outcome| format!("{of} AND {outcome}"));
        Alternatives { parts: kinds.into_iter().map(kind).flat_map(of_kind).collect(), all }
    }

    /// Returns the conditions of each part, except those on the number.
    fn conditions(&mut self, query: &AuditQuery) -> Vec<String> {
        let mut conditions = Vec::new();
        // Without a name, the alternatives have it.
        if let Some(id) = query.user_id.filter(|_| query.user.is_some()) {
            let id = self.integer(UserId::get(id));
            conditions.push(format!("(user_id = {id} OR actor_id = {id})"));
        }
        if let Some(from) = query.from {
            conditions.push(format!("at >= {}", self.integer(ceil_second(from))));
        }
        if let Some(until) = query.until {
            conditions.push(format!("at < {}", self.integer(ceil_second(until))));
        }
        conditions
    }

    fn integer(&mut self, value: i64) -> String {
        self.push(Value::Integer(value))
    }

    /// Returns the parameter of a value.
    fn push(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("{}{}", self.marker, self.values.len())
    }
}

/// Conditions of which a record meets one, and the conditions that it then meets.
struct Alternatives {
    parts: Vec<String>,
    all: Vec<String>,
}

fn sql_number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn not_in(column: &str, names: &str) -> String {
    format!("({column} IS NULL OR {column} NOT IN {names})")
}
