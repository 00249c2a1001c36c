//! The script that charges keys, and the names of keys.

use std::time::Duration;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use redis::{Script, ScriptInvocation};

use crate::rate_limit::LimitKey;

/// The script that charges keys. Its comments describe its arguments.
pub(super) const CHARGE: &str = include_str!("charge.lua");

/// Prepares the call of the script.
pub(super) fn charge<'a>(script: &'a Script, keys: &[LimitKey], cost: u32) -> ScriptInvocation<'a> {
    let mut invocation = script.prepare_invoke();
    invocation.arg(cost);
    for key in keys {
        let [interval, tolerance] =
            [key.emission_interval(), key.burst_tolerance()].map(microseconds);
        invocation.key(name(key)).arg(interval).arg(tolerance);
    }
    invocation
}

/// Returns the name of a key. Redis Cluster chooses the slot by the part in braces.
fn name(key: &LimitKey) -> String {
    let mut name = format!("kleidia:limit:{{{:04x}}}", key.partition());
    BASE64_URL_SAFE_NO_PAD.encode_string(key.digest(), &mut name);
    name
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rate_limit::Limit;

    #[test]
    fn names_have_a_hash_tag() {
        let limit = Limit::per(Duration::from_secs(1), 3).unwrap();
        let key = LimitKey::new([0xff; 16], 0x0a2b, &limit);
        assert_eq!(name(&key), "kleidia:limit:{0a2b}_____________________w");
    }

    /// The longest times stay below 2^53 until the year 2100.
    #[test]
    fn numbers_of_the_script_are_exact() {
        let limit = Limit::per(Limit::MAX_REFILL_TIME, 1).unwrap();
        let tolerance = microseconds(LimitKey::new([0; 16], 0, &limit).burst_tolerance());
        let year_2100 = 130 * 366 * 86_400 * 1_000_000;
        assert!(year_2100 + tolerance < 1 << 53);
    }
}
