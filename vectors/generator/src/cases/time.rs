//! The validity of signatures and certificates.

use super::base::{MEMBER, ORGANISATION};
use crate::case::Case;
use crate::recipe::{Certificate, Time, generalized, utc};
use crate::suite::{Suite, leak};

const INSTANT: &str = "time-instant";
const LIMIT: &str = "time-limit";
const FORM: &str = "metadata-time";
const CERTIFICATE: &str = "certificate-time";

pub(crate) fn add(suite: &mut Suite) {
    add_instants(suite);
    add_limits(suite);
    add_forms(suite);
    add_certificates(suite);
    add_certificate_forms(suite);
}

fn at(instant: &'static str) -> impl FnOnce(&mut Case) {
    move |case| case.set_at(instant)
}

fn add_instants(suite: &mut Suite) {
    let info = ("signature-at-its-start", INSTANT, "A signature is valid in its first instant.");
    suite.valid(MEMBER, info, at("2026-11-22T18:00:00Z"));
    let info = ("signature-at-its-end", INSTANT, "A signature is valid in its last instant.");
    suite.valid(MEMBER, info, at("2026-11-22T18:05:00Z"));
    for (name, shows, instant) in [
        (
            "signature-second-before-start",
            "A signature is not valid a second before its start.",
            "2026-11-22T17:59:59Z",
        ),
        (
            "signature-second-after-end",
            "A signature is not valid a second after its end.",
            "2026-11-22T18:05:01Z",
        ),
        (
            "signature-millisecond-before-start",
            "A signature is not valid a millisecond before its start.",
            "2026-11-22T17:59:59.999Z",
        ),
        (
            "signature-millisecond-after-end",
            "A signature is not valid a millisecond after its end.",
            "2026-11-22T18:05:00.001Z",
        ),
    ] {
        suite.invalid(MEMBER, (name, INSTANT, shows), "signature-time", at(instant));
    }
    let info = ("signature-of-one-instant", INSTANT, "A signature may end when it starts.");
    suite.valid(MEMBER, info, |case| {
        case.recipe.metadata().start = "20261122180300Z".to_owned();
        case.recipe.metadata().end = "20261122180300Z".to_owned();
        case.set_period("2026-11-22T18:03:00Z", "2026-11-22T18:03:00Z");
    });
    let info =
        ("signature-ends-before-start", INSTANT, "A signature does not end before it starts.");
    suite.invalid("signature-of-one-instant", info, "signature-period", |case| {
        case.recipe.metadata().end = "20261122180259Z".to_owned();
    });
}

fn add_limits(suite: &mut Suite) {
    let end =
        |end: &'static str| move |case: &mut Case| case.recipe.metadata().end = end.to_owned();
    let info =
        ("signature-of-60-minutes", LIMIT, "A token's signature may be valid for 60 minutes.");
    suite.valid(MEMBER, info, |case| {
        case.recipe.metadata().end = "20261122190000Z".to_owned();
        case.set_period("2026-11-22T18:00:00Z", "2026-11-22T19:00:00Z");
    });
    let info = (
        "signature-of-60-minutes-1-second",
        LIMIT,
        "It may not be valid for a second more than 60 minutes.",
    );
    suite.invalid(MEMBER, info, "signature-period-too-long", end("20261122190001Z"));
    let info = (
        "signature-of-60-minutes-1-millisecond",
        LIMIT,
        "It may not be valid for a millisecond more either.",
    );
    suite.invalid(MEMBER, info, "signature-period-too-long", end("20261122190000.001Z"));
    let info = (
        "limit-of-5-minutes",
        LIMIT,
        "A lower limit can be configured; a period of exactly the limit is accepted.",
    );
    suite.valid(MEMBER, info, |case| case.context.max_validity = Some(300));
    let info =
        ("limit-below-5-minutes", LIMIT, "A signature above the configured limit is rejected.");
    suite.invalid("limit-of-5-minutes", info, "signature-period-too-long", |case| {
        case.context.max_validity = Some(299);
    });
    let info = ("limit-of-a-day", LIMIT, "A higher limit can be configured.");
    suite.valid(MEMBER, info, |case| {
        case.context.max_validity = Some(86_400);
        case.recipe.metadata().end = "20261122200000Z".to_owned();
        case.set_period("2026-11-22T18:00:00Z", "2026-11-22T20:00:00Z");
    });
}

fn add_forms(suite: &mut Suite) {
    for (name, start, from) in [
        ("metadata-tenths", "20261122175854.4Z", "2026-11-22T17:58:54.4Z"),
        ("metadata-hundredths", "20261122175854.46Z", "2026-11-22T17:58:54.46Z"),
        ("metadata-milliseconds", "20261122175854.461Z", "2026-11-22T17:58:54.461Z"),
    ] {
        let info = (name, FORM, "The metadata's times may have a fraction of one to three digits.");
        suite.valid(MEMBER, info, |case| {
            case.recipe.metadata().start = start.to_owned();
            case.set_period(from, "2026-11-22T18:05:00Z");
        });
    }
    for (name, shows, start) in [
        (
            "metadata-fraction-ends-in-zero",
            "The last digit of a fraction is not zero.",
            "20261122175854.460Z",
        ),
        ("metadata-fraction-zero", "A fraction is not zero.", "20261122175854.0Z"),
        (
            "metadata-fraction-of-four-digits",
            "A fraction has no more than three digits.",
            "20261122175854.4611Z",
        ),
        ("metadata-fraction-empty", "A fraction has a digit.", "20261122175854.Z"),
        (
            "metadata-fraction-comma",
            "A fraction starts with a full stop, not a comma.",
            "20261122175854,461Z",
        ),
        ("metadata-no-seconds", "Seconds are required.", "202611221758Z"),
        ("metadata-no-zone", "The Z is required.", "20261122175854"),
        ("metadata-offset", "An offset is not a Z.", "20261122175854+0000"),
        ("metadata-lower-case-zone", "The Z is a capital.", "20261122175854z"),
        ("metadata-no-date", "A date that does not exist is rejected.", "20261131175854Z"),
        ("metadata-leap-second", "A minute has seconds from 0 to 59.", "20261122175860Z"),
        ("metadata-utc-time", "A UTCTime is not a GeneralizedTime.", "261122175854Z"),
        ("metadata-sign", "Digits have no sign.", "+0261122175854Z"),
    ] {
        suite.invalid(MEMBER, (name, FORM, shows), "signature-metadata-malformed", |case| {
            case.recipe.metadata().start = start.to_owned();
        });
    }
}

/// The certificate that a case changes.
fn organisation(case: &mut Case) -> &mut Certificate {
    &mut case.recipe.organisation
}

fn member(case: &mut Case) -> &mut Certificate {
    &mut case.recipe.member
}

fn add_certificates(suite: &mut Suite) {
    type CertificateField = fn(&mut Case) -> &mut Certificate;
    let roles: [(&str, CertificateField); 2] = [("organisation", organisation), ("member", member)];
    for (role, of) in roles {
        let name = |end: &str| leak(format!("{role}-certificate-{end}"));
        let (code, last, first) = (name("time"), name("last-second"), name("first-second"));
        let info = (
            last,
            CERTIFICATE,
            "A certificate is valid in its last second, and the result ends with it.",
        );
        suite.valid(MEMBER, info, |case| {
            of(case).not_after = utc("261122180300Z");
            case.set_period("2026-11-22T18:00:00Z", "2026-11-22T18:03:00Z");
        });
        let info =
            (name("expired"), CERTIFICATE, "A certificate is not valid a second after its end.");
        suite.invalid(last, info, code, |case| of(case).not_after = utc("261122180259Z"));
        let info = (
            first,
            CERTIFICATE,
            "A certificate is valid in its first second, and the result starts with it.",
        );
        suite.valid(MEMBER, info, |case| {
            of(case).not_before = utc("261122180300Z");
            case.set_period("2026-11-22T18:03:00Z", "2026-11-22T18:05:00Z");
        });
        let info = (
            name("not-yet-valid"),
            CERTIFICATE,
            "A certificate is not valid a second before its start.",
        );
        suite.invalid(first, info, code, |case| of(case).not_before = utc("261122180301Z"));
        let info = (name("inverted"), CERTIFICATE, "A certificate does not end before it starts.");
        suite.invalid(MEMBER, info, name("period"), |case| {
            of(case).not_after = utc("240101000000Z");
        });
    }
    let info = (
        "organisation-certificate-expired-for-its-own-signature",
        CERTIFICATE,
        "The organisation's certificate must also be valid for its own signatures.",
    );
    suite.invalid(ORGANISATION, info, "organisation-certificate-time", |case| {
        case.recipe.organisation.not_after = utc("261122180259Z");
    });
    let info = (
        "member-certificate-beyond-organisation",
        CERTIFICATE,
        "A member's certificate may start before and end after the organisation's: they are intersected.",
    );
    suite.valid(MEMBER, info, |case| {
        (case.recipe.member.not_before, case.recipe.member.not_after) =
            (utc("250101000000Z"), utc("301222000000Z"));
        case.recipe.organisation.not_after = utc("261122180400Z");
        case.set_period("2026-11-22T18:00:00Z", "2026-11-22T18:04:00Z");
    });
    let info = (
        "certificates-of-a-century",
        CERTIFICATE,
        "How long certificates are valid is not limited.",
    );
    suite.valid(MEMBER, info, |case| {
        for certificate in [&mut case.recipe.organisation, &mut case.recipe.member] {
            (certificate.not_before, certificate.not_after) =
                (utc("500101000000Z"), generalized("99991231235959Z"));
        }
    });
}

fn add_certificate_forms(suite: &mut Suite) {
    let info = (
        "certificate-generalized-time",
        "certificate-time-form",
        "A certificate's times may be GeneralizedTime, before 2050 too.",
    );
    suite.valid(MEMBER, info, |case| {
        case.recipe.organisation.not_before = generalized("20261101000000Z");
        case.recipe.member.not_after = generalized("20261222000000Z");
    });
    let forms: [(&'static str, &'static str, Time); 6] = [
        ("certificate-utc-time-no-seconds", "UTCTime has seconds.", utc("2701300000Z")),
        ("certificate-utc-time-offset", "UTCTime ends in Z.", utc("270130000000+0000")),
        ("certificate-utc-time-month-13", "A UTCTime is a date that exists.", utc("271330000000Z")),
        (
            "certificate-generalized-time-fraction",
            "A certificate's GeneralizedTime has no fraction.",
            generalized("20270130000000.5Z"),
        ),
        (
            "certificate-generalized-time-no-seconds",
            "A certificate's GeneralizedTime has seconds.",
            generalized("202701300000Z"),
        ),
        (
            "certificate-generalized-time-offset",
            "A certificate's GeneralizedTime ends in Z.",
            generalized("20270130000000+0000"),
        ),
    ];
    for (name, shows, time) in forms {
        let info = (name, "certificate-time-form", shows);
        suite.malformed(MEMBER, info, "organisation-certificate-malformed", |case| {
            case.recipe.organisation.not_after = time;
        });
    }
}
