//! What events and spans record: no untrusted text, unless `log_text` has bounded it.
//!
//! The types of values are not known here, so each is named in a list, is a literal or a length, or
//! goes through `log_text`.

/// The macros that record values, with or without a path before them.
const MACROS: [&str; 12] = [
    "event",
    "trace",
    "debug",
    "info",
    "warn",
    "error",
    "span",
    "trace_span",
    "debug_span",
    "info_span",
    "warn_span",
    "error_span",
];

/// The values that may be recorded: they contain no untrusted text, or bound it. The name of a value
/// is the last part of its path; that of a call ends with `()`.
const RECORDED: [&str; 48] = [
    "address",
    "as_second()",
    "AuditedRequest::method",
    "AuditedRequest::route",
    "backtrace",
    "cache",
    "ClientAddressUnknown",
    "code",
    "code()",
    "delay",
    "denials",
    "dropped_requests()",
    "duration_ms",
    "duration_us",
    "Empty",
    "error",
    "error()",
    "expiry",
    "failure",
    "get()",
    "keys",
    "location",
    "lost",
    "outcome",
    "panics",
    "path",
    "peer",
    "record.kind.as_str()",
    "record.outcome.as_str()",
    "rejection",
    "reported",
    "request.version()",
    "requests",
    "self",
    "sequence",
    "service",
    "serving_cached",
    "SessionId::get",
    "sessions",
    "skipped",
    "source",
    "status",
    "suppressed",
    "task",
    "text",
    "thread",
    "upgrades",
    "valid_until",
];

/// Returns the violations in a file.
pub(super) fn check(code: &str) -> Vec<String> {
    let mut violations = Vec::new();
    for (start, _) in code.match_indices("!(") {
        let name_start = code[..start].rfind(|c: char| !is_word(c)).map_or(0, |end| end + 1);
        let line_start = code[..start].rfind('\n').map_or(0, |end| end + 1);
        let is_comment = code[line_start..start].contains("//");
        if is_comment || !MACROS.contains(&&code[name_start..start]) {
            continue;
        }
        let line = code[..start].lines().count();
        let fields = arguments(&code[start + 2..]);
        let untrusted = fields.iter().flat_map(|field| untrusted(code, field));
        violations.extend(untrusted.map(|value| message(line, value)));
    }
    for (start, _) in code.match_indices(".record(\"") {
        let line = code[..start].lines().count();
        let value = arguments(&code[start + 8..]).into_iter().nth(1).unwrap_or_default();
        let value = untrusted_value(code, value.trim());
        violations.extend(value.map(|value| message(line, value)));
    }
    for (index, line) in code.lines().enumerate() {
        let line = line.trim_start();
        if line.starts_with("#[instrument") || line.starts_with("#[tracing::instrument") {
            violations.push(message(index + 1, "each argument"));
        }
    }
    violations
}

fn message(line: usize, value: &str) -> String {
    format!("line {line}: records {value}, which may be untrusted: use `log_text`")
}

const fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// Splits the arguments of a call at commas, up to its closing parenthesis.
fn arguments(text: &str) -> Vec<&str> {
    let (mut arguments, mut depth, mut start) = (Vec::new(), 0_usize, 0);
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => {
                while let Some((_, inner)) = characters.next() {
                    match inner {
                        '\\' => drop(characters.next()),
                        '"' => break,
                        _ => {}
                    }
                }
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => {
                arguments.push(&text[start..index]);
                break;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                arguments.push(&text[start..index]);
                start = index + 1;
            }
            _ => {}
        }
    }
    arguments
}

/// Returns the values of one argument that may be untrusted: a field, or those in a message.
fn untrusted<'a>(code: &str, argument: &'a str) -> Vec<&'a str> {
    let argument = argument.trim();
    let first = argument.lines().find(|line| !line.trim_start().starts_with("//"));
    let start = first.and_then(|line| argument.find(line)).unwrap_or_default();
    let argument = argument[start..].trim();
    if argument.starts_with("target:") || argument.starts_with("parent:") {
        return Vec::new();
    }
    if argument.starts_with('"') && !argument.contains("\" =") {
        let inline = argument.split('{').skip(1).filter_map(|part| part.split(['}', ':']).next());
        let inline = inline.filter(|name| !name.is_empty() && name.chars().all(is_word));
        return inline.filter_map(|name| untrusted_value(code, name)).collect();
    }
    let value = argument.split_once(" = ").map_or(argument, |(_, value)| value);
    untrusted_value(code, value).into_iter().collect()
}

/// Returns the value if it may be untrusted.
fn untrusted_value<'a>(code: &str, value: &'a str) -> Option<&'a str> {
    let value = value.trim().trim_start_matches(['%', '?', '&']);
    // The arguments of a macro.
    let is_parameter = value.starts_with('$');
    let is_literal = value.starts_with(|c: char| c == '"' || c.is_ascii_digit());
    if value.is_empty()
        || is_parameter
        || is_literal
        || value.contains("log_text")
        || value.ends_with(".len()")
    {
        return None;
    }
    let path = value.trim_end_matches(".display()");
    let path = path.trim_end_matches(".map(tracing::field::display)");
    // The function that maps a value says what is recorded.
    let path = match path.rsplit_once('(') {
        Some((_, function)) if function != ")" => function.trim_end_matches(')'),
        _ => path,
    };
    let name = path.rsplit(['.', ':', ' ']).next().unwrap_or_default();
    let is_constant = !name.contains(|c: char| c.is_ascii_lowercase());
    let is_level = matches!(value, "trace" | "debug" | "info" | "warn" | "error");
    if is_constant
        || is_level
        || RECORDED.contains(&name)
        || RECORDED.contains(&path)
        || is_bounded(code, name)
    {
        return None;
    }
    Some(value)
}

/// Returns whether the file binds a variable of this name to a bounded text.
fn is_bounded(code: &str, name: &str) -> bool {
    let mut bindings = code.lines().map(str::trim).filter(|line| line.starts_with("let "));
    bindings.any(|line| {
        let Some((pattern, value)) = line.split_once(" = ") else { return false };
        let is_bound = pattern.split(|c: char| !is_word(c)).any(|word| word == name);
        is_bound && value.contains("log_text")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(code: &str) -> usize {
        check(code).len()
    }

    #[test]
    fn untrusted_values_are_bounded() {
        for (code, expected) in [
            ("event!(warn, %error, ?peer, \"100 %done\");", 0),
            ("event!(warn, %user_agent, \"a\");", 1),
            ("event!(\n    warn,\n    name = %name,\n);", 1),
            ("event!(warn, name = log_text(name), \"a\");", 0),
            ("let rest = a %b;", 0),
            // By shorthand and by value.
            ("event!(warn, user_agent, \"a\");", 1),
            ("event!(warn, error = user_agent, code = code, \"a\");", 1),
            ("event!(warn, entries = list.len(), total = 3, kind = \"a\", \"b\");", 0),
            ("event!(warn, name = request.user_agent(), \"a\");", 1),
            ("event!(warn, path = uri.path(), \"a\");", 1),
            ("event!(warn, %path, \"a\");\nevent!(warn, path = %path.display(), \"a\");", 0),
            ("event!(warn, name = list.map(Request::user_agent), \"a\");", 1),
            ("let (name, other) = (log_text(name), 1);\nevent!(warn, name, \"a\");", 0),
            // In the message.
            ("event!(warn, \"hello {user_agent}, {error:?}\");", 1),
            ("event!(warn, \"hello {}\", user_agent);", 1),
            // Macros without a path, and in other code.
            ("info!(%user_agent, \"a\");", 1),
            ("Ok(name) => tracing::info!(name, \"a\"),", 1),
            ("// event!(warn, name);", 0),
            ("assert!(name);", 0),
            // Spans.
            ("info_span!(\"request\", uri)", 1),
            ("tracing::debug_span!(target: TARGET, \"request\", uri = Empty)", 0),
            ("span.record(\"subject\", identity.subject());", 1),
            ("span.record(\"subject\", log_text(identity.subject()));", 0),
            ("#[tracing::instrument(skip(self))]", 1),
        ] {
            assert_eq!(count(code), expected, "{code}");
        }
    }
}
