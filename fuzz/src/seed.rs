//! The bundles of the reference implementation in `vectors/`, whole and in parts.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use serde_json::Value;
use veraid::{Timestamp, TrustAnchor};

/// A valid bundle, with the inputs of its verification.
pub struct Seed {
    /// The name in the index.
    pub name: String,
    /// The bundle.
    pub octets: Vec<u8>,
    /// The audience.
    pub audience: String,
    /// An instant at which it is valid.
    pub at: Timestamp,
    /// The trust anchors of its chain.
    pub trust_anchors: Vec<TrustAnchor>,
    /// The subject id.
    pub subject: String,
}

static SEEDS: LazyLock<Vec<Seed>> = LazyLock::new(|| {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vectors/reference");
    let index = fs::read(directory.join("index.json")).expect("an index");
    let index: Value = serde_json::from_slice(&index).expect("an index in JSON");
    let cases = index.as_array().expect("a list");
    cases.iter().map(|case| Seed::read(case, &directory)).collect()
});

impl Seed {
    /// Returns all seeds.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &SEEDS
    }

    fn read(case: &Value, directory: &Path) -> Self {
        let text = |member: &str| case[member].as_str().expect("a text member").to_owned();
        let anchors = case["trust_anchors"].as_array().expect("a list");
        let anchor = |anchor: &Value| anchor.as_str()?.parse().ok();
        Self {
            name: text("name"),
            octets: fs::read(directory.join(text("name") + ".bin")).expect("a bundle"),
            audience: text("audience"),
            at: text("at").parse().expect("an instant"),
            trust_anchors: anchors.iter().map(|text| anchor(text).expect("a DS record")).collect(),
            subject: text("subject"),
        }
    }
}

/// Returns the four fields of a bundle, with their tags and lengths.
#[must_use]
pub fn fields(bundle: &[u8]) -> [&[u8]; 4] {
    let mut rest = contents(bundle);
    [(); 4].map(|()| {
        let (field, after) = rest.split_at(length(rest));
        rest = after;
        field
    })
}

/// Returns the first seed with a replaced field.
#[must_use]
pub fn with_field(number: usize, field: &[u8]) -> Vec<u8> {
    let mut fields = fields(&Seed::all()[0].octets);
    fields[number] = field;
    let contents = fields.concat();
    let mut bundle = vec![0x30, 0x83];
    bundle.extend_from_slice(&contents.len().to_be_bytes()[5..]);
    if let Ok(length) = u16::try_from(contents.len()) {
        bundle.truncate(1);
        bundle.push(0x82);
        bundle.extend_from_slice(&length.to_be_bytes());
    }
    bundle.extend_from_slice(&contents);
    bundle
}

/// Returns the values within a value.
#[must_use]
pub fn values(value: &[u8]) -> Vec<&[u8]> {
    let mut rest = contents(value);
    let mut values = Vec::new();
    while !rest.is_empty() {
        let (value, after) = rest.split_at(length(rest));
        values.push(value);
        rest = after;
    }
    values
}

/// Returns the contents of a value of the seeds, whose lengths have at most two octets.
#[must_use]
pub fn contents(value: &[u8]) -> &[u8] {
    &value[header(value)..length(value)]
}

fn header(value: &[u8]) -> usize {
    if value[1] < 0x80 { 2 } else { 2 + usize::from(value[1] & 0x7f) }
}

fn length(value: &[u8]) -> usize {
    let header = header(value);
    let digits = if header == 2 { &value[1..2] } else { &value[2..header] };
    header + digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit))
}
