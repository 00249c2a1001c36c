//! The tree from the trust anchors to the token.

use kliento::{Error, Invalid, SignerKind, Token, TokenError, TrustAnchor};
use veraid::{
    CheckResult, DnssecError, InspectedCertificate, InspectedSignature, Inspection, Period,
    SignatureError, VerificationError,
};

use super::chain_tree;
use super::names::{algorithm, hash, service};
use super::node::{Node, ValidityWindow};
use crate::command::key::modulus_bits;
use crate::text::{plural, relative_duration};

/// Builds the tree of an inspection, each step below the one that it depends on.
pub(crate) fn build(
    inspection: &Inspection<'_>,
    token: Option<&Result<Token, TokenError>>,
    anchors: &[TrustAnchor],
) -> Node {
    let mut root = trust_anchors(anchors);
    root.children.extend(inspection.malformed_messages.iter().map(malformed_message));
    let mut steps = Vec::new();
    if let Some(chain) = &inspection.chain {
        steps.extend(chain.zones.iter().map(chain_tree::zone));
        steps.push(chain_tree::txt_records(chain, inspection));
    } else {
        steps.push(missing("chain", "DNSSEC chain"));
    }
    steps.push(match &inspection.organisation_certificate {
        Some(certificate) => organisation_certificate(certificate, inspection),
        None => missing("organisationCertificate", "organisation certificate"),
    });
    steps.extend(inspection.member_certificate.as_ref().map(member_certificate));
    steps.push(match &inspection.signature {
        Some(inspected) => signature(inspected),
        None => missing("signature", "signature"),
    });
    steps.push(match token {
        Some(Ok(token)) => describe_token(token),
        Some(Err(error)) => {
            let error = Error::from(Invalid::Token(error.clone()));
            Node::new("token", "token").with_error(error.code(), &error)
        }
        None => missing("token", "token"),
    });
    root.children.extend(Node::nest(steps));
    root.mark_unproven(true);
    root
}

fn missing(node: &'static str, title: &str) -> Node {
    Node::new(node, format!("{title}: malformed or missing"))
        .with_check(&CheckResult::<DnssecError>::NotChecked, DnssecError::code)
}

fn trust_anchors(anchors: &[TrustAnchor]) -> Node {
    let name =
        |anchor: &TrustAnchor| format!("{} {}", anchor.key_tag(), algorithm(anchor.algorithm()));
    let is_iana = anchors.iter().all(|anchor| TrustAnchor::iana().contains(anchor));
    let names: Vec<_> = anchors.iter().map(name).collect();
    let source = if is_iana { ", which IANA publishes" } else { "" };
    let title = format!(
        "trust anchor{} {}{source}",
        if names.len() == 1 { "" } else { "s" },
        names.join(" and ")
    );
    let records: Vec<_> = anchors.iter().map(ToString::to_string).collect();
    Node::new("trustAnchors", title).fact("records", records)
}

fn malformed_message(error: &DnssecError) -> Node {
    Node::new("message", "DNS message").with_error(error.code(), error)
}

fn organisation_certificate(
    certificate: &InspectedCertificate,
    inspection: &Inspection<'_>,
) -> Node {
    let node =
        describe_certificate("organisationCertificate", "organisation certificate of", certificate)
            .with_check(&certificate.check, |error| {
                VerificationError::OrganisationCertificate(error.clone()).code()
            });
    match &inspection.key_publication {
        CheckResult::Invalid(error) if node.error.is_none() => node.with_error(error.code(), error),
        _ => node,
    }
}

fn member_certificate(certificate: &InspectedCertificate) -> Node {
    describe_certificate("memberCertificate", "member certificate of", certificate)
        .with_check(&certificate.check, |error| {
            VerificationError::MemberCertificate(error.clone()).code()
        })
}

fn describe_certificate(
    node: &'static str,
    title: &str,
    certificate: &InspectedCertificate,
) -> Node {
    let subject = certificate.subject.as_deref();
    let bits = certificate.key_algorithm.map(modulus_bits);
    let hash_name = certificate.signature_hash.map(hash);
    let mut facts = Vec::new();
    facts.extend(bits.map(|bits| format!("RSA key of {bits} bits")));
    facts.extend(hash_name.map(|hash| format!("signed with RSASSA-PSS and {hash}")));
    let issuer = certificate.issuer.as_deref();
    facts.push(match issuer {
        issuer if issuer == subject => "by itself".to_owned(),
        Some(issuer) => format!("by {issuer}"),
        None => "by a malformed name".to_owned(),
    });
    let name = subject.unwrap_or("(malformed name)");
    Node::new(node, format!("{title} {name}"))
        .detail(facts.join(", "))
        .fact("subject", subject)
        .fact("issuer", issuer)
        .fact("serial", certificate.serial.to_string())
        .fact("modulusBits", bits)
        .fact("signatureHash", hash_name)
        .window(ValidityWindow::new("", Period::new(certificate.not_before, certificate.not_after)))
}

fn signature(signature: &InspectedSignature<'_>) -> Node {
    let title = match (&signature.signer, &signature.attribution) {
        (Some(SignerKind::Organisation), Some(member)) if member.user().is_some() => {
            format!("signature by the organisation for {member}")
        }
        (Some(SignerKind::Organisation), _) => {
            "signature by the organisation for itself".to_owned()
        }
        (Some(SignerKind::Member), _) => "signature by the member".to_owned(),
        _ => "signature".to_owned(),
    };
    let mut node = Node::new("signature", title)
        .with_check(&signature.check, SignatureError::code)
        .fact("signer", signature.signer.map(|signer| signer.to_string()))
        .fact("attribution", signature.attribution.as_ref().map(ToString::to_string))
        .fact("service", signature.service.as_ref().map(ToString::to_string))
        .fact("signatureHash", signature.signature_hash.map(hash))
        .fact("digestHash", signature.digest_hash.map(hash));
    if let Some((start, end)) = signature.period {
        let service = signature.service.as_ref().map(service).unwrap_or_default();
        node.details.push(format!("{}, for the service {service}", relative_duration(start, end)));
        node.windows.push(ValidityWindow::new("", Period::new(start, end)));
    }
    let hash = signature.signature_hash.map(hash);
    node.details.extend(hash.map(|hash| format!("signed with RSASSA-PSS and {hash}")));
    node
}

fn describe_token(token: &Token) -> Node {
    let mut node = Node::new("token", format!("token for {}", token.audience()))
        .fact("audience", token.audience())
        .fact("claims", serde_json::json!(token.claims()));
    let claims = token.claims().iter();
    node.details.extend(claims.map(|(name, value)| format!("{name} = {value}")));
    if token.claims().is_empty() {
        node.details.push(plural(0, "claim"));
    }
    node
}
