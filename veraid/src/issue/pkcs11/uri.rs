//! PKCS #11 URIs (RFC 7512).

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The URI of a private key in a token, and of the library that has access to it (RFC 7512).
///
/// - The path selects the token (`token`, `serial`, `manufacturer`, `model`, `slot-id`) and the key
///   (`object`, its label; `id`; `type=private`).
/// - `module-path` is the library, which is required.
/// - `pin-source` is a file with the PIN: `file:` and a path, or an absolute path. A final line break
///   is ignored.
///
/// `pin-value` is rejected: a URI is visible in lists of processes, and in logs.
///
/// ```
/// use veraid::issue::pkcs11::Pkcs11Uri;
///
/// let uri: Pkcs11Uri = "pkcs11:token=hsm;object=organisation\
///     ?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/etc/kliento/pin".parse()?;
/// assert_eq!(uri.object(), Some("organisation"));
/// # Ok::<(), veraid::issue::pkcs11::Pkcs11UriError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pkcs11Uri {
    pub(super) token: TokenSelector,
    pub(super) object: Option<String>,
    pub(super) id: Option<Vec<u8>>,
    pub(super) module_path: PathBuf,
    pub(super) pin_source: Option<PathBuf>,
}

/// What a token must match. Absent attributes match each token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TokenSelector {
    pub(super) label: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) model: Option<String>,
    pub(super) slot_id: Option<u64>,
}

/// The error of an unsupported or malformed [`Pkcs11Uri`]. It contains no values of the URI.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Pkcs11UriError {
    /// The scheme is not `pkcs11`.
    #[error("expected the scheme pkcs11:")]
    Scheme,
    /// An attribute has no value, or an invalid percent-encoding.
    #[error("malformed attribute {0}")]
    Malformed(String),
    /// An attribute occurs twice.
    #[error("duplicate attribute {0}")]
    Duplicate(String),
    /// An attribute is unknown.
    #[error("unsupported attribute {0}")]
    Unsupported(String),
    /// A PIN is in the URI.
    #[error("pin-value is not supported, since others can read it: use pin-source=file:PATH")]
    PinValue,
    /// The PIN is not in a file.
    #[error("unsupported pin-source: expected file: and a path, or an absolute path")]
    PinSource,
    /// The type is not `private`.
    #[error("unsupported type: expected private")]
    Type,
    /// There is no `module-path`.
    #[error("missing module-path, the path of the PKCS #11 library")]
    NoModule,
    /// There is neither `object` nor `id`.
    #[error("missing object or id of the key")]
    NoKey,
}

impl Pkcs11Uri {
    /// Returns the label of the key.
    #[must_use]
    pub fn object(&self) -> Option<&str> {
        self.object.as_deref()
    }

    /// Returns the path of the library.
    #[must_use]
    pub fn module_path(&self) -> &Path {
        &self.module_path
    }

    /// Returns the path of the file with the PIN.
    #[must_use]
    pub fn pin_source(&self) -> Option<&Path> {
        self.pin_source.as_deref()
    }
}

impl FromStr for Pkcs11Uri {
    type Err = Pkcs11UriError;

    fn from_str(text: &str) -> Result<Self, Pkcs11UriError> {
        let (scheme, rest) = text.split_once(':').ok_or(Pkcs11UriError::Scheme)?;
        if !scheme.eq_ignore_ascii_case("pkcs11") {
            return Err(Pkcs11UriError::Scheme);
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut attributes = Attributes::default();
        for attribute in path.split(';').filter(|attribute| !attribute.is_empty()) {
            attributes.read(attribute, PATH)?;
        }
        for attribute in query.split('&').filter(|attribute| !attribute.is_empty()) {
            attributes.read(attribute, QUERY)?;
        }
        attributes.into_uri()
    }
}

/// Writes the attributes that identify the key, percent-encoded: no paths.
impl fmt::Display for Pkcs11Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TokenSelector { label, serial, manufacturer, model, slot_id } = &self.token;
        let slot_id = slot_id.map(|id| id.to_string());
        let texts = [
            ("token", label),
            ("serial", serial),
            ("manufacturer", manufacturer),
            ("model", model),
            ("slot-id", &slot_id),
            ("object", &self.object),
        ];
        let texts = texts.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?)));
        let texts = texts.map(|(name, text)| (name, text.as_bytes()));
        let id = self.id.iter().map(|id| ("id", id.as_slice()));
        f.write_str("pkcs11:")?;
        for (position, (name, value)) in texts.chain(id).enumerate() {
            let separator = if position == 0 { "" } else { ";" };
            write!(f, "{separator}{name}=")?;
            value.iter().try_for_each(|octet| write_octet(f, *octet))?;
        }
        Ok(())
    }
}

const PATH: &[&str] =
    &["token", "serial", "manufacturer", "model", "slot-id", "object", "id", "type"];
const QUERY: &[&str] = &["module-path", "pin-source", "pin-value"];

/// The decoded attributes, by name.
#[derive(Default)]
struct Attributes(Vec<(String, Vec<u8>)>);

impl Attributes {
    fn read(&mut self, attribute: &str, known: &[&str]) -> Result<(), Pkcs11UriError> {
        let (name, value) = attribute
            .split_once('=')
            .ok_or_else(|| Pkcs11UriError::Malformed(excerpt(attribute)))?;
        if !known.contains(&name) {
            return Err(Pkcs11UriError::Unsupported(excerpt(name)));
        }
        if name == "pin-value" {
            return Err(Pkcs11UriError::PinValue);
        }
        if self.0.iter().any(|(other, _)| other == name) {
            return Err(Pkcs11UriError::Duplicate(name.to_owned()));
        }
        let malformed = || Pkcs11UriError::Malformed(name.to_owned());
        let value =
            percent_decode(value).filter(|value| !value.is_empty()).ok_or_else(malformed)?;
        self.0.push((name.to_owned(), value));
        Ok(())
    }

    fn take(&mut self, name: &str) -> Option<Vec<u8>> {
        let position = self.0.iter().position(|(other, _)| other == name)?;
        Some(self.0.swap_remove(position).1)
    }

    fn take_text(&mut self, name: &str) -> Result<Option<String>, Pkcs11UriError> {
        let text = self.take(name).map(String::from_utf8).transpose();
        text.map_err(|_| Pkcs11UriError::Malformed(name.to_owned()))
    }

    fn into_uri(mut self) -> Result<Pkcs11Uri, Pkcs11UriError> {
        if self.take("type").is_some_and(|kind| kind != b"private") {
            return Err(Pkcs11UriError::Type);
        }
        let slot_id = self.take_text("slot-id")?.map(|text| text.parse()).transpose();
        let token = TokenSelector {
            label: self.take_text("token")?,
            serial: self.take_text("serial")?,
            manufacturer: self.take_text("manufacturer")?,
            model: self.take_text("model")?,
            slot_id: slot_id.map_err(|_| Pkcs11UriError::Malformed("slot-id".to_owned()))?,
        };
        let (object, id) = (self.take_text("object")?, self.take("id"));
        if object.is_none() && id.is_none() {
            return Err(Pkcs11UriError::NoKey);
        }
        let module_path = self.take_text("module-path")?.ok_or(Pkcs11UriError::NoModule)?.into();
        let pin_source = self.take_text("pin-source")?.map(|text| pin_file(&text)).transpose()?;
        Ok(Pkcs11Uri { token, object, id, module_path, pin_source })
    }
}

/// Returns the path of a `pin-source`: a `file` URI without a host (RFC 8089), or a path.
fn pin_file(text: &str) -> Result<PathBuf, Pkcs11UriError> {
    let path = match text.strip_prefix("file:") {
        Some(path) => path.strip_prefix("//").unwrap_or(path),
        None if Path::new(text).is_absolute() => text,
        None => return Err(Pkcs11UriError::PinSource),
    };
    let is_path = !path.is_empty() && (path.starts_with('/') || !text.starts_with("file://"));
    is_path.then(|| path.into()).ok_or(Pkcs11UriError::PinSource)
}

fn percent_decode(text: &str) -> Option<Vec<u8>> {
    let mut octets = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(octet) = octets.next() {
        if octet != b'%' {
            decoded.push(octet);
            continue;
        }
        let digits = [octets.next()?, octets.next()?].map(|digit| char::from(digit).to_digit(16));
        let [Some(high), Some(low)] = digits else { return None };
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    Some(decoded)
}

fn write_octet(f: &mut fmt::Formatter<'_>, octet: u8) -> fmt::Result {
    if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
        write!(f, "{}", char::from(octet))
    } else {
        write!(f, "%{octet:02X}")
    }
}

/// Names of attributes are short. Anything else could be a PIN in the wrong place.
fn excerpt(name: &str) -> String {
    let is_name =
        name.len() <= 20 && name.bytes().all(|octet| octet == b'-' || octet.is_ascii_lowercase());
    if is_name { name.to_owned() } else { "?".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Pkcs11Uri, Pkcs11UriError> {
        text.parse()
    }

    #[test]
    fn reads_attributes() {
        let uri = parse(
            "PKCS11:token=My%20HSM;serial=00ff;slot-id=7;object=%C3%BCber%3b;id=%01%fF;type=private\
             ?pin-source=file:///etc/pin%2042&module-path=/lib/p11.so",
        )
        .unwrap();
        assert_eq!(uri.token.label.as_deref(), Some("My HSM"));
        assert_eq!(uri.token.serial.as_deref(), Some("00ff"));
        assert_eq!(uri.token.slot_id, Some(7));
        assert_eq!(uri.object(), Some("über;"));
        assert_eq!(uri.id.as_deref(), Some(&[1, 0xff][..]));
        assert_eq!(uri.pin_source(), Some(Path::new("/etc/pin 42")));
        assert_eq!(uri.module_path(), Path::new("/lib/p11.so"));
        let shown = "pkcs11:token=My%20HSM;serial=00ff;slot-id=7;object=%C3%BCber%3B;id=%01%FF";
        assert_eq!(uri.to_string(), shown);
    }

    #[test]
    fn reads_sources_of_pins() {
        let source = |source: &str| {
            let uri = parse(&format!("pkcs11:object=a?module-path=/m&pin-source={source}"));
            uri.map(|uri| uri.pin_source().map(Path::to_owned))
        };
        for (text, path) in [
            ("file:/a", "/a"),
            ("file:///a", "/a"),
            ("file:a", "a"),
            ("/a", "/a"),
            ("file%3A%2Fa", "/a"),
        ] {
            assert_eq!(source(text), Ok(Some(PathBuf::from(path))), "{text}");
        }
        for text in ["1234", "file:", "file://", "file://host/a", "https://a/", "|/bin/pin"] {
            assert_eq!(source(text), Err(Pkcs11UriError::PinSource), "{text}");
        }
    }

    #[test]
    fn rejects_unsupported_uris_without_their_values() {
        let named = |error: fn(String) -> Pkcs11UriError, name: &str| error(name.to_owned());
        for (text, expected) in [
            ("", Pkcs11UriError::Scheme),
            ("pkcs12:object=a", Pkcs11UriError::Scheme),
            ("pkcs11:object=a", Pkcs11UriError::NoModule),
            ("pkcs11:token=a?module-path=/m", Pkcs11UriError::NoKey),
            ("pkcs11:object=a;type=cert?module-path=/m", Pkcs11UriError::Type),
            ("pkcs11:object=a?module-path=/m&pin-value=1234", Pkcs11UriError::PinValue),
            ("pkcs11:object=a;object=b", named(Pkcs11UriError::Duplicate, "object")),
            ("pkcs11:object=%4", named(Pkcs11UriError::Malformed, "object")),
            ("pkcs11:object=%zz", named(Pkcs11UriError::Malformed, "object")),
            ("pkcs11:object=%ff", named(Pkcs11UriError::Malformed, "object")),
            ("pkcs11:object=", named(Pkcs11UriError::Malformed, "object")),
            ("pkcs11:object=a;slot-id=x", named(Pkcs11UriError::Malformed, "slot-id")),
            ("pkcs11:pin-source=/a;object=a", named(Pkcs11UriError::Unsupported, "pin-source")),
            ("pkcs11:object=a?module-name=m", named(Pkcs11UriError::Unsupported, "module-name")),
            ("pkcs11:object=a?PIN-1234", named(Pkcs11UriError::Malformed, "?")),
        ] {
            assert_eq!(parse(text), Err(expected), "{text}");
        }
    }
}
