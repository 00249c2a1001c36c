//! Tests of the queries, the messages and the errors of a retrieval.

use domain::base::iana::{Rcode, Rtype};
use domain::base::message::Message;
use domain::base::message_builder::{AnswerBuilder, MessageBuilder};
use domain::base::name::ParsedName;
use domain::base::rdata::UnknownRecordData;
use domain::rdata::{AllRecordData, Cname, Txt};

use super::testing::{name, respond, retrieve, rrsig, signed_response};
use super::{ChainRetrieval, Query, RetrievalError};

/// Returns the error of a retrieval with this response to its TXT question.
fn error_of_txt(respond: impl Fn(&Query) -> Vec<u8>) -> RetrievalError {
    let respond = |query: &Query| match query.question().rtype() {
        Rtype::TXT => respond(query),
        _ => signed_response(query, &["example.com.", "com.", "."]),
    };
    retrieve("_veraid.example.com", respond).unwrap_err()
}

#[test]
fn queries_keys_and_ds_records_once_per_name() {
    let organisation = "Example.com".parse().unwrap();
    let retrieval = ChainRetrieval::for_organisation(&organisation).unwrap();
    let questions: Vec<_> =
        retrieval.unanswered().iter().map(|query| query.question().to_string()).collect();
    let expected = [
        ". DNSKEY",
        "com. DNSKEY",
        "example.com. DNSKEY",
        "_veraid.example.com. DNSKEY",
        "com. DS",
        "example.com. DS",
        "_veraid.example.com. DS",
        "_veraid.example.com. TXT",
    ];
    assert_eq!(questions, expected);
}

#[test]
fn drops_other_records_and_sections() {
    let respond_with_more = |query: &Query| {
        let response = signed_response(query, &["example.com.", "com.", "."]);
        let mut more = MessageBuilder::new_vec()
            .start_answer(&Message::from_octets(query.message()).unwrap(), Rcode::NOERROR)
            .unwrap();
        more.push((name("other.example.com."), 1, Txt::<Vec<u8>>::build_from_slice(b"a").unwrap()))
            .unwrap();
        more.push((query.question().name(), 1, rrsig(Rtype::A, "example.com."))).unwrap();
        let response = Message::from_octets(response).unwrap();
        for record in
            response.answer().unwrap().limit_to::<AllRecordData<&[u8], ParsedName<&[u8]>>>()
        {
            more.push(record.unwrap()).unwrap();
        }
        more.finish()
    };
    let plain = retrieve("_veraid.example.com", |query| {
        signed_response(query, &["example.com.", "com.", "."])
    });
    assert_eq!(retrieve("_veraid.example.com", respond_with_more), plain);
}

#[test]
fn keeps_denials_only_between_zones() {
    let zones = ["example.co.jp.", "jp.", "."];
    let messages =
        retrieve("_veraid.example.co.jp", |query| signed_response(query, &zones)).unwrap();
    let with_denial: Vec<_> = messages
        .iter()
        .map(|message| Message::from_octets(message).unwrap())
        .filter(|message| message.header_counts().nscount() > 0)
        .map(|message| {
            let question = message.sole_question().unwrap();
            (question.qname().to_string(), question.qtype(), message.header_counts().nscount())
        })
        .collect();
    assert_eq!(with_denial, [("co.jp".to_owned(), Rtype::DS, 2)]);
}

#[test]
fn reports_missing_or_unsigned_records() {
    let owner = || "_veraid.example.com".to_owned();
    let nothing = error_of_txt(|query| respond(query, Rcode::NOERROR, |_| (), |_| ()));
    assert_eq!(nothing, RetrievalError::NoRecords { owner: owner(), is_name_missing: false });
    let no_name = error_of_txt(|query| respond(query, Rcode::NXDOMAIN, |_| (), |_| ()));
    assert_eq!(no_name, RetrievalError::NoRecords { owner: owner(), is_name_missing: true });
    let alias = error_of_txt(|query| {
        let cname = (query.question().name(), 60, Cname::new(name("other.example.")));
        respond(query, Rcode::NOERROR, |answer| answer.push(cname).unwrap(), |_| ())
    });
    assert_eq!(alias, RetrievalError::Alias { owner: owner() });
    let unsigned = error_of_txt(|query| {
        let text = Txt::<Vec<u8>>::build_from_slice(b"text").unwrap();
        respond(
            query,
            Rcode::NOERROR,
            |answer| answer.push((query.question().name(), 60, text)).unwrap(),
            |_| (),
        )
    });
    assert_eq!(unsigned, RetrievalError::Unsigned { owner: owner() });
    let off_tree = error_of_txt(|query| signed_response(query, &["example.org."]));
    assert_eq!(off_tree, RetrievalError::Unsigned { owner: owner() });
}

#[test]
fn detects_resolver_without_dnssec() {
    let unsigned_keys =
        retrieve("example.com", |query| respond(query, Rcode::NOERROR, |_| (), |_| ()));
    assert_eq!(unsigned_keys, Err(RetrievalError::ResolverWithoutDnssec));
}

#[test]
fn requires_all_responses() {
    let mut retrieval = ChainRetrieval::new("com").unwrap();
    let queries = retrieval.unanswered();
    for query in &queries[1..] {
        retrieval.answer(query, &signed_response(query, &["com.", "."])).unwrap();
    }
    assert_eq!(retrieval.unanswered(), queries[..1]);
    let other = ChainRetrieval::new("org").unwrap().unanswered().pop().unwrap();
    let not_asked = RetrievalError::UnexpectedResponse(other.question().clone());
    assert_eq!(retrieval.answer(&other, &[]), Err(not_asked));
    let error = retrieval.finish().unwrap_err();
    assert_eq!(error.to_string(), "missing responses: . DNSKEY");
}

/// Returns the result without responses to these questions, where a zone signs its own records and
/// the delegations below it.
fn retrieve_without(missing: &[&str]) -> Result<Vec<Vec<u8>>, RetrievalError> {
    let respond = |query: &Query| {
        let zones = match query.question().to_string().as_str() {
            "example.co.jp. DS" => &["jp.", "example.co.jp."][..],
            "jp. DS" => &[".", "jp."],
            _ => &["example.co.jp.", "jp.", "."],
        };
        signed_response(query, zones)
    };
    let mut retrieval = ChainRetrieval::new("_veraid.example.co.jp")?;
    for query in retrieval.unanswered() {
        if !missing.contains(&query.question().to_string().as_str()) {
            retrieval.answer(&query, &respond(&query))?;
        }
    }
    retrieval.finish()
}

#[test]
fn leaves_out_responses_about_names_that_are_not_zones() {
    let all = retrieve_without(&[]).unwrap();
    for missing in
        ["co.jp. DS", "co.jp. DNSKEY", "_veraid.example.co.jp. DS", "_veraid.example.co.jp. DNSKEY"]
    {
        assert_eq!(retrieve_without(&[missing]).unwrap().len(), all.len() - 1, "{missing}");
    }
    for missing in
        [". DNSKEY", "jp. DNSKEY", "jp. DS", "example.co.jp. DNSKEY", "example.co.jp. DS"]
    {
        let error = retrieve_without(&[missing, "co.jp. DS"]).unwrap_err();
        assert_eq!(error.to_string(), format!("missing responses: {missing}"));
    }
    let error = retrieve_without(&["co.jp. DS", "_veraid.example.co.jp. TXT"]).unwrap_err();
    let expected = "missing responses: co.jp. DS, _veraid.example.co.jp. TXT";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn limits_labels_and_octets() {
    let deep = |labels| vec!["a"; labels].join(".");
    assert_eq!(ChainRetrieval::new(&deep(31)).unwrap().unanswered().len(), 64);
    assert!(matches!(ChainRetrieval::new(&deep(32)), Err(RetrievalError::Limit(_))));
    for text in ["", "a..b", "é.com", &"a".repeat(64), &deep(128)] {
        assert_eq!(ChainRetrieval::new(text).unwrap_err(), RetrievalError::Owner(text.into()));
    }
}

#[test]
fn rejects_chain_above_limit() {
    let large = |query: &Query| {
        let (owner, rtype) = (query.question().name(), query.question().rtype());
        let data = UnknownRecordData::from_octets(rtype, vec![0; 30_000]).unwrap();
        let answer = |answer: &mut AnswerBuilder<_>| {
            answer.push((owner, 60, data)).unwrap();
            answer.push((owner, 60, rrsig(rtype, "."))).unwrap();
        };
        respond(query, Rcode::NOERROR, answer, |_| ())
    };
    let error = retrieve("com", large).unwrap_err();
    assert!(matches!(error, RetrievalError::Limit(limit) if limit.resource == "octets"));
}
