//! DNS responses and DNSSEC signatures in which every field can be changed.

mod chain;
mod message;
mod rdata;
mod wire;
mod zone;

pub(crate) use chain::{Chain, Order, deployed_chain, dnskey_message, ds_message, txt_message};
pub(crate) use message::{Damage, Message, Record};
pub(crate) use rdata::{Ds, Rdata, Rrsig, Signed, TxtRdata, fill_template};
pub(crate) use wire::{
    CLASS_CH, TYPE_A, TYPE_CNAME, TYPE_DNAME, TYPE_DNSKEY, TYPE_DS, TYPE_NSEC, TYPE_OPT, TYPE_SOA,
    TYPE_TXT, name_octets,
};
pub(crate) use zone::{KeyRef, PublicKey, Zone, ZoneKey};
