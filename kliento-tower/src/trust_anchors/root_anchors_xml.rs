//! IANA's `root-anchors.xml` (RFC 9718, before it RFC 7958).

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kliento_core::{Timestamp, TrustAnchor};
use roxmltree::{Document, Node, ParsingOptions};

use super::ds_records::is_unsupported;
use super::file_contents::{Contents, DatedAnchor, ValidityPeriod};
use super::file_error::{SkipReason, TrustAnchorFileError, XmlElementError};

/// Elements, texts, comments. IANA's file has about 60.
const MAX_NODES: u32 = 4096;
/// In characters. The Base64 of an RSA-4096 key has about 700.
const MAX_TEXT_LENGTH: usize = 2048;

/// Parses the document. Unknown elements and attributes are ignored, since RFC 9718 added some to
/// those of RFC 7958.
pub(super) fn parse(text: &str) -> Result<Contents, TrustAnchorFileError> {
    let options = ParsingOptions { allow_dtd: false, nodes_limit: MAX_NODES, ..Default::default() };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| TrustAnchorFileError::Xml(Box::new(error)))?;
    let root = document.root_element();
    if !has_name(root, "TrustAnchor") {
        return Err(element_error(root, "TrustAnchor", XmlElementError::Missing));
    }
    let zone = value(root, "Zone")?;
    if zone != "." {
        return Err(element_error(root, "Zone", XmlElementError::InvalidValue(zone)));
    }
    let mut contents = Contents::default();
    for key_digest in root.children().filter(|child| has_name(*child, "KeyDigest")) {
        add_key_digest(&mut contents, key_digest)?;
    }
    Ok(contents)
}

fn add_key_digest(
    contents: &mut Contents,
    key_digest: Node<'_, '_>,
) -> Result<(), TrustAnchorFileError> {
    let period = Some(read_period(key_digest)?);
    let public_key = read_public_key(key_digest)?;
    match read_anchor(key_digest)? {
        Ok(anchor) if public_key.is_some_and(|(flags, key)| !anchor.matches_key(flags, &key)) => {
            contents.skip(line(key_digest), SkipReason::DigestMismatch)
        }
        Ok(anchor) => contents.add(DatedAnchor { anchor, period }),
        Err(reason) => contents.skip(line(key_digest), reason),
    }
}

fn read_anchor(
    key_digest: Node<'_, '_>,
) -> Result<Result<TrustAnchor, SkipReason>, TrustAnchorFileError> {
    let key_tag: u16 = number(key_digest, "KeyTag")?;
    let algorithm: u8 = number(key_digest, "Algorithm")?;
    let digest_type: u8 = number(key_digest, "DigestType")?;
    let digest = value(key_digest, "Digest")?;
    match format!("{key_tag} {algorithm} {digest_type} {digest}").parse() {
        Ok(anchor) => Ok(Ok(anchor)),
        Err(error) if is_unsupported(&error) => Ok(Err(SkipReason::Unsupported(error))),
        Err(error) => Err(element_error(key_digest, "KeyDigest", XmlElementError::Record(error))),
    }
}

fn read_period(key_digest: Node<'_, '_>) -> Result<ValidityPeriod, TrustAnchorFileError> {
    let from = instant(key_digest, "validFrom")?
        .ok_or_else(|| element_error(key_digest, "validFrom", XmlElementError::Missing))?;
    let until = instant(key_digest, "validUntil")?;
    if let Some(until) = until.filter(|until| *until < from) {
        let until = XmlElementError::InvalidValue(until.to_string());
        return Err(element_error(key_digest, "validUntil", until));
    }
    Ok(ValidityPeriod { from, until })
}

/// Returns the flags and the key; the element has both or neither.
fn read_public_key(
    key_digest: Node<'_, '_>,
) -> Result<Option<(u16, Vec<u8>)>, TrustAnchorFileError> {
    let mut optional = ["PublicKey", "Flags"].into_iter();
    if !optional.any(|name| key_digest.children().any(|child| has_name(child, name))) {
        return Ok(None);
    }
    let flags = number(key_digest, "Flags")?;
    let mut text = value(key_digest, "PublicKey")?;
    text.retain(|character| !character.is_ascii_whitespace());
    let key = STANDARD.decode(&text);
    let key = key
        .map_err(|_| element_error(key_digest, "PublicKey", XmlElementError::InvalidValue(text)))?;
    Ok(Some((flags, key)))
}

/// Parses an `xsd:dateTime`. One without an offset is not an instant, so it is invalid.
fn instant(
    node: Node<'_, '_>,
    name: &'static str,
) -> Result<Option<Timestamp>, TrustAnchorFileError> {
    let mut attributes = node.attributes();
    let Some(attribute) =
        attributes.find(|found| (found.namespace(), found.name()) == (None, name))
    else {
        return Ok(None);
    };
    let text = attribute.value().trim_ascii();
    let instant = text.parse();
    instant
        .map(Some)
        .map_err(|_| element_error(node, name, XmlElementError::InvalidValue(truncate(text))))
}

fn number<T: FromStr>(parent: Node<'_, '_>, name: &'static str) -> Result<T, TrustAnchorFileError> {
    let text = value(parent, name)?;
    text.parse().map_err(|_| element_error(parent, name, XmlElementError::InvalidValue(text)))
}

/// Returns the text of the only child with this name.
fn value(parent: Node<'_, '_>, name: &'static str) -> Result<String, TrustAnchorFileError> {
    let mut found = parent.children().filter(|child| has_name(*child, name));
    let child =
        found.next().ok_or_else(|| element_error(parent, name, XmlElementError::Missing))?;
    if let Some(second) = found.next() {
        return Err(element_error(second, name, XmlElementError::Repeated));
    }
    let text: String =
        child.children().filter(Node::is_text).filter_map(|part| part.text()).collect();
    let has_elements = child.children().any(|part| part.is_element());
    if has_elements || text.len() > MAX_TEXT_LENGTH {
        return Err(element_error(child, name, XmlElementError::InvalidValue(truncate(&text))));
    }
    Ok(text.trim_ascii().to_owned())
}

/// Requires that the element has no namespace: `Node::has_tag_name` accepts any.
fn has_name(node: Node<'_, '_>, name: &str) -> bool {
    node.is_element() && node.tag_name() == name.into()
}

fn element_error(
    node: Node<'_, '_>,
    name: &'static str,
    error: XmlElementError,
) -> TrustAnchorFileError {
    TrustAnchorFileError::Element { line: line(node), name, error }
}

fn line(node: Node<'_, '_>) -> usize {
    let row = node.document().text_pos_at(node.range().start).row;
    usize::try_from(row).unwrap_or(usize::MAX)
}

/// Truncates a text for an error.
fn truncate(text: &str) -> String {
    text.chars().take(100).collect()
}
