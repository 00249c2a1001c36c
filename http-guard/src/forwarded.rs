//! Parses `Forwarded` (RFC 7239) and `X-Forwarded-For`, from their end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str;

use crate::proxies::Hop;

/// The hops of a line of `X-Forwarded-For`, the nearest first.
pub(crate) fn x_forwarded_for(line: &[u8]) -> impl Iterator<Item = Hop> {
    let members = line.rsplit(|octet| *octet == b',').map(<[u8]>::trim_ascii);
    // Recipients ignore empty members (RFC 9110, 5.6.1.2).
    members.filter(|member| !member.is_empty()).map(|member| {
        let text = str::from_utf8(member).ok()?;
        // No standard defines how ports are written; proxies write them as in URIs.
        let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
        let in_brackets = || ipv6_in_brackets(text).map(IpAddr::V6);
        text.parse().ok().or_else(with_port).or_else(in_brackets)
    })
}

/// The hops of a line of `Forwarded`, the nearest first: a single one without an address if the
/// line is malformed.
///
/// A line is parsed as a whole: a quote that a client leaves open must not hide the elements that a
/// proxy appends. Since a proxy's own quotes are paired, a quote is then open at the end.
pub(crate) fn forwarded(line: &[u8]) -> impl Iterator<Item = Hop> {
    let hops = str::from_utf8(line).ok().and_then(elements);
    hops.unwrap_or_else(|| vec![None]).into_iter().rev()
}

/// Parses `1#forwarded-element`.
fn elements(line: &str) -> Option<Vec<Hop>> {
    let mut hops = Vec::new();
    let mut rest = line.trim_matches(is_space);
    while !rest.is_empty() {
        if let Some(next) = rest.strip_prefix(',') {
            rest = next.trim_start_matches(is_space);
            continue;
        }
        let (hop, after) = element(rest)?;
        hops.push(hop);
        rest = after.trim_start_matches(is_space);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
    Some(hops)
}

/// Parses `[ forwarded-pair ] *( ";" [ forwarded-pair ] )`, and returns what follows it too.
fn element(text: &str) -> Option<(Hop, &str)> {
    let mut node: Option<String> = None;
    let mut rest = text;
    loop {
        if !rest.starts_with([';', ',', ' ', '\t']) && !rest.is_empty() {
            let (name, value, after) = pair(rest)?;
            if name.eq_ignore_ascii_case("for") && node.replace(value).is_some() {
                return None;
            }
            rest = after;
        }
        match rest.strip_prefix(';') {
            Some(after) => rest = after,
            None => return Some((node.as_deref().and_then(node_address), rest)),
        }
    }
}

/// Parses `token "=" ( token / quoted-string )`, and returns what follows it too.
fn pair(text: &str) -> Option<(&str, String, &str)> {
    let (name, rest) = token(text)?;
    let rest = rest.strip_prefix('=')?;
    if let Some(quoted) = rest.strip_prefix('"') {
        let (value, rest) = quoted_string(quoted)?;
        return Some((name, value, rest));
    }
    let (value, rest) = token(rest)?;
    Some((name, value.to_owned(), rest))
}

/// `token` (RFC 9110, 5.6.2).
fn token(text: &str) -> Option<(&str, &str)> {
    let is_tchar = |character: char| {
        character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
    };
    let end = text.find(|character| !is_tchar(character)).unwrap_or(text.len());
    if end == 0 { None } else { text.split_at_checked(end) }
}

/// `quoted-string` (RFC 9110, 5.6.4) after its first quote.
fn quoted_string(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some((value, characters.as_str())),
            '\\' => value.push(characters.next()?),
            character => value.push(character),
        }
    }
}

/// The address of a `node` (RFC 7239, 6); `None` if it is unknown, obfuscated or malformed.
fn node_address(node: &str) -> Hop {
    if let Ok(address) = node.parse::<Ipv4Addr>() {
        return Some(address.into());
    }
    if let Some(address) = ipv6_in_brackets(node) {
        return Some(address.into());
    }
    let (name, port) = node.rsplit_once(':')?;
    if !is_port(port) {
        return None;
    }
    let ipv6 = || ipv6_in_brackets(name).map(IpAddr::V6);
    name.parse().ok().map(IpAddr::V4).or_else(ipv6)
}

fn ipv6_in_brackets(text: &str) -> Option<Ipv6Addr> {
    text.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

/// `node-port`: up to five digits, or an identifier.
fn is_port(port: &str) -> bool {
    match port.strip_prefix('_') {
        Some(name) => {
            let is_allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"._-".contains(&octet);
            !name.is_empty() && name.bytes().all(is_allowed)
        }
        None => (1..=5).contains(&port.len()) && port.bytes().all(|octet| octet.is_ascii_digit()),
    }
}

const fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t')
}
