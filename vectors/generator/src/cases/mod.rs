//! All cases, by subject.

mod attribute;
mod base;
mod bundle;
mod certificate;
mod certificate_key;
mod chain_answers;
mod chain_delegation;
mod chain_keys;
mod chain_messages;
mod chain_records;
mod chain_signatures;
mod chain_zones;
mod clock_skew;
mod extension;
mod header;
mod limits;
mod long_text;
mod name;
mod period;
mod signature;
mod signed_data;
mod strictness;
mod time;
mod token;
mod txt_record;

use crate::recorded;
use crate::suite::Suite;

/// Returns all cases, each after its twin.
pub(crate) fn all() -> Suite {
    let mut suite = Suite::default();
    base::add(&mut suite);
    token::add(&mut suite);
    header::add(&mut suite);
    time::add(&mut suite);
    clock_skew::add(&mut suite);
    bundle::add(&mut suite);
    certificate::add(&mut suite);
    certificate_key::add(&mut suite);
    name::add(&mut suite);
    extension::add(&mut suite);
    signed_data::add(&mut suite);
    signature::add(&mut suite);
    attribute::add(&mut suite);
    strictness::add(&mut suite);
    txt_record::add(&mut suite);
    period::add(&mut suite);
    long_text::add(&mut suite);
    chain_messages::add(&mut suite);
    chain_answers::add(&mut suite);
    chain_signatures::add(&mut suite);
    chain_records::add(&mut suite);
    chain_keys::add(&mut suite);
    chain_delegation::add(&mut suite);
    chain_zones::add(&mut suite);
    limits::add(&mut suite);
    recorded::add(&mut suite);
    suite
}
