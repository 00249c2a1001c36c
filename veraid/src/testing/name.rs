//! Domain names as arguments of mocks: in presentation form, with or without the final dot.

use domain::base::Name;

use super::MockError;

/// Returns the name as it is written.
pub(super) fn parse(text: &str) -> Result<Name<Vec<u8>>, MockError> {
    Name::vec_from_str(text).map_err(|_| MockError::Name(text.to_owned()))
}

/// Returns the name in lower case (RFC 4034, 6.2).
pub(super) fn canonical(text: &str) -> Result<Name<Vec<u8>>, MockError> {
    let mut name = parse(text)?;
    name.make_canonical();
    Ok(name)
}

/// Formats the name in presentation form, with the final dot.
pub(super) fn presentation_form(name: &Name<Vec<u8>>) -> String {
    name.fmt_with_dot().to_string()
}
