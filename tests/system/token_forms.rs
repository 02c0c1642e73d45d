//! Tokens that have not the form, the time or the audience that they must have.

use ::authorizer::{Failure, Issuer, Refusal, Request, TOKEN_BYTES_MAX};
use proptest::prelude::*;
use serde_json::{Value, json};
use tests::tokens::{AUDIENCE, ISSUER, KEYS_URL, claims, claims_with, pairs};

use crate::token_attacks::{NOW, authorizer, good, refusal, request};

#[tokio::test]
async fn a_token_that_two_readers_could_read_differently_is_not_read() {
    let keys = &pairs().eddsa;
    let (header, good) = (keys.header().to_string(), claims(NOW).to_string());
    let inside = |text: &str, more: &str| format!("{{{more},{}", text.strip_prefix('{').unwrap());
    for (header, claims) in [
        (inside(&header, r#""alg":"none""#), good.clone()),
        (inside(&header, r#""kid":"ed-2""#), good.clone()),
        (header.clone(), inside(&good, r#""sub":"root""#)),
        (header.clone(), inside(&good, r#""exp":9999999999"#)),
        (header.clone(), inside(&good, r#""a":{"b":1,"b":2}"#)),
        (header.clone(), inside(&good, r#""a":[{"b":1,"b":2}]"#)),
        (header.clone(), format!("{good} {good}")),
        (header.clone(), format!("[{good}]")),
        (header.clone(), format!("{good},")),
        (header.clone(), "null".to_owned()),
        (header.clone(), "\"text\"".to_owned()),
        (header.clone(), String::new()),
        (header.clone(), good.replace("alice", "ali\u{0}ce")),
        (header.clone(), format!("{{\"a\":{}1{}}}", "[".repeat(500), "]".repeat(500))),
        (String::new(), good.clone()),
        ("[]".to_owned(), good.clone()),
        (format!("\u{feff}{header}"), good.clone()),
    ] {
        let token = keys.token_of(&header, &claims);
        assert_eq!(refusal(&token).await, Some(Refusal::Malformed), "{header} {claims}");
    }
}

#[tokio::test]
async fn what_has_not_the_form_of_a_token_is_refused() {
    let token = pairs().eddsa.token(&claims(NOW));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    // The last letter of an Ed25519 signature carries two bits of it, and four that must be zero.
    let last = signature.chars().last().unwrap();
    let next = char::from(u8::try_from(u32::from(last) + 1).unwrap());
    let respelled = format!("{}{next}", signature.strip_suffix(last).unwrap());
    for bad in [
        ".",
        "..",
        "...",
        "a",
        "a.b",
        "a.b.c",
        "null",
        "{}",
        &format!("{header}.{claims}"),
        &format!("{header}..{signature}"),
        &format!(".{claims}.{signature}"),
        &format!("{token}.{signature}"),
        &format!("{header}.{claims}.a.b.{signature}"),
        &format!("{token}="),
        &format!("{header}=.{claims}.{signature}"),
        &format!("{header}.{claims}==.{signature}"),
        &format!("{header}.{claims}.{respelled}"),
        &format!("{header}.{claims} .{signature}"),
        &format!("{header}\n.{claims}.{signature}"),
        &format!("+{}", token.get(1..).unwrap()),
        &token.replace('.', ","),
    ] {
        let refused = refusal(bad).await;
        assert_eq!(refused, Some(Refusal::Malformed), "{bad}");
    }
}

#[tokio::test]
async fn a_token_over_the_limit_is_not_even_taken_apart() {
    let of = |length: usize| {
        let others = json!({"padding": "x".repeat(length)});
        pairs().eddsa.token(&claims_with(NOW, &others))
    };
    let spare = (0..).find(|length| of(*length).len() >= TOKEN_BYTES_MAX - 8).unwrap();
    assert!(of(spare).len() <= TOKEN_BYTES_MAX);
    assert_eq!(refusal(&of(spare)).await, None);
    assert_eq!(refusal(&of(spare + 12)).await, Some(Refusal::TooLong));
    assert_eq!(refusal(&"a".repeat(10_000_000)).await, Some(Refusal::TooLong));
}

#[tokio::test]
async fn only_one_bearer_token_in_one_authorization_header_is_a_credential() {
    let authorizer = authorizer();
    let token = pairs().eddsa.token(&claims(NOW));
    for good in [format!("Bearer {token}"), format!("bearer {token}"), format!(" BEARER  {token} ")]
    {
        authorizer.authenticate(&request(&good)).await.unwrap();
    }
    let refused = async |request: &Request| match authorizer.authenticate(request).await {
        Err(Failure::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    };
    for bad in [
        token.clone(),
        "Bearer".to_owned(),
        String::new(),
        format!("Basic {token}"),
        format!("Token {token}"),
        format!("Bearer\u{a0}{token}"),
        format!("Bearer\t{token}"),
        "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20261123/us-east-1/execute-api/aws4_request"
            .to_owned(),
    ] {
        assert_eq!(refused(&request(&bad)).await, Refusal::Scheme, "{bad}");
    }
    let twice = format!("Bearer {token},Bearer {token}");
    assert_eq!(refused(&request(&twice)).await, Refusal::Malformed);
    assert_eq!(refused(&Request::default()).await, Refusal::Missing);
    let mut two = request(&format!("Bearer {token}"));
    two.headers.insert("Authorization".to_owned(), format!("Bearer {token}"));
    assert_eq!(refused(&two).await, Refusal::Scheme);
}

/// A version of OpenFGA did not look at the audience where none was configured, and others compare a list of
/// several with one text.
#[tokio::test]
async fn openfga_1_18_0_an_audience_of_several_is_searched_and_none_is_not_any() {
    let of = |aud: Value| pairs().ecdsa.token(&claims_with(NOW, &json!({ "aud": aud })));
    for aud in
        [json!(AUDIENCE), json!([AUDIENCE]), json!(["other", AUDIENCE]), json!([AUDIENCE, "x"])]
    {
        assert_eq!(refusal(&of(aud.clone())).await, None, "{aud}");
    }
    for aud in [
        json!(null),
        json!(""),
        json!([]),
        json!(["other"]),
        json!(["other", "another"]),
        json!("other"),
        json!("EPR"),
        json!("epr other"),
        json!("other epr"),
        json!([[AUDIENCE]]),
        json!([AUDIENCE, 7]),
        json!({"epr": true}),
        json!(7),
        json!(true),
    ] {
        assert_eq!(refusal(&of(aud.clone())).await, Some(Refusal::Audience), "{aud}");
    }
    // And there is no issuer without an audience.
    for audience in [json!([]), json!([""]), json!(["epr", ""])] {
        let described = json!([{
            "issuer": ISSUER, "audience": audience, "algorithms": ["ES256"], "jwks_url": KEYS_URL,
        }]);
        Issuer::parse_list(&described.to_string()).unwrap_err();
    }
}

#[tokio::test]
async fn a_token_counts_from_its_beginning_to_its_end_give_or_take_the_leeway() {
    let of = |others: Value| pairs().eddsa.token(&claims_with(NOW, &others));
    for (others, wanted) in [
        (json!({"exp": NOW + 1}), None),
        (json!({"exp": NOW - 29}), None),
        (json!({"exp": NOW - 30}), Some(Refusal::Expired)),
        (json!({"exp": 0}), Some(Refusal::Expired)),
        (json!({"exp": 1_795_404_663.5}), None),
        (json!({"exp": null}), Some(Refusal::Claim("exp"))),
        (json!({"nbf": NOW + 30}), None),
        (json!({"nbf": NOW + 31}), Some(Refusal::NotYetValid)),
        (json!({"iat": NOW + 30}), None),
        (json!({"iat": NOW + 31}), Some(Refusal::NotYetValid)),
        (json!({"nbf": null, "iat": null}), None),
    ] {
        assert_eq!(refusal(&of(others.clone())).await, wanted, "{others}");
    }
    // A null is no moment, but taken away above: here it is sent.
    let sent = claims(NOW).to_string();
    for (from, to) in [
        (format!("\"exp\":{}", NOW + 3_600), "\"exp\":null"),
        (format!("\"exp\":{}", NOW + 3_600), "\"exp\":\"9999999999\""),
        (format!("\"exp\":{}", NOW + 3_600), "\"exp\":-1"),
        (format!("\"exp\":{}", NOW + 3_600), "\"exp\":1e300"),
        (format!("\"exp\":{}", NOW + 3_600), "\"exp\":253402300800"),
        (format!("\"exp\":{}", NOW + 3_600), "\"exp\":18446744073709551615"),
        (format!("\"exp\":{}", NOW + 3_600), "\"exp\":true"),
        (format!("\"exp\":{}", NOW + 3_600), "\"exp\":[9999999999]"),
    ] {
        assert!(sent.contains(&from));
        let token =
            pairs().eddsa.token_of(&pairs().eddsa.header().to_string(), &sent.replace(&from, to));
        assert_eq!(refusal(&token).await, Some(Refusal::Claim("exp")), "{to}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is sent, it is refused, and nothing panics.
    #[test]
    fn no_text_is_a_token_by_chance(text in "\\PC{0,200}", parts in prop::collection::vec("[A-Za-z0-9_.=-]{0,40}", 0..5)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for token in [text, parts.join(".")] {
            prop_assert!(runtime.block_on(refusal(&token)).is_some());
        }
    }

    /// A good token with one character changed is none.
    #[test]
    fn no_character_of_a_token_can_be_changed(kind in 0usize..4, place in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.=-]") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let token = good().swap_remove(kind);
        let place = place.index(token.len());
        let mut changed = token.clone();
        changed.replace_range(place..=place, &to);
        prop_assume!(changed != token);
        prop_assert!(runtime.block_on(refusal(&changed)).is_some(), "{changed}");
    }
}
