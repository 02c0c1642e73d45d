//! Tokens that must not count: a corpus of attacks, and of what is merely wrong, each refused for its reason.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use ::authorizer::{Authorizer, Failure, Identity, Refusal, Request};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::time::{Clock, Timestamp};
use serde_json::{Value, json};
use tests::tokens::{
    ISSUER, ISSUER_BY_SECRET, ISSUER_OF_OTHERS, KEYS_URL, Keys, Places, claims, claims_with,
    issuers, pairs,
};

/// The second in which all of this happens.
pub(crate) const NOW: i64 = 1_795_404_653;

pub(crate) fn clock() -> Clock {
    Clock::from_fn(|| Timestamp::from_microseconds(NOW * 1_000_000).unwrap())
}

pub(crate) fn authorizer() -> Authorizer {
    Authorizer::new(issuers(), &Places::new().fetch(), clock())
}

pub(crate) fn request(authorization: &str) -> Request {
    Request { headers: [("authorization".to_owned(), authorization.to_owned())].into() }
}

pub(crate) async fn authenticate(token: &str) -> Result<Identity, Failure> {
    authorizer().authenticate(&request(&format!("Bearer {token}"))).await
}

pub(crate) async fn refusal(token: &str) -> Option<Refusal> {
    match authenticate(token).await {
        Ok(_) => None,
        Err(Failure::Refused(refusal)) => Some(refusal),
        Err(Failure::Unavailable(error)) => panic!("{error}"),
    }
}

/// A good token of each kind.
pub(crate) fn good() -> Vec<String> {
    let by_secret = claims_with(NOW, &json!({"iss": ISSUER_BY_SECRET}));
    let published = pairs().published().map(|keys| keys.token(&claims(NOW)));
    published.into_iter().chain([pairs().secret.token(&by_secret)]).collect()
}

#[tokio::test]
async fn a_good_token_of_each_algorithm_says_who_calls() {
    for token in good() {
        let identity = authenticate(&token).await.unwrap();
        assert_eq!(identity.principal.to_string(), "user:alice");
        assert_eq!(identity.tenant_id.unwrap().as_str(), "acme");
        assert_eq!((identity.scopes, identity.good_until), (None, NOW + 3_600 + 30));
    }
}

/// Each header is by the right key, over claims that are good.
#[tokio::test]
async fn a_header_that_asks_for_something_else_is_refused() {
    let keys = &pairs().ecdsa;
    let with = |name: &str, value: Value| {
        let mut header = keys.header();
        header.as_object_mut().unwrap().insert(name.to_owned(), value);
        keys.token_with(&header, &claims(NOW))
    };
    let own = json!(pairs().forged.first().unwrap().public());
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("crit", json!(["b64"])),
        ("b64", json!(false)),
        ("jku", json!("https://evil.example.com/keys")),
        ("jku", json!(KEYS_URL)),
        ("jwk", own),
        ("x5u", json!("https://evil.example.com/certificate")),
        ("x5c", json!(["MIIB"])),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
        ("enc", json!("A128GCM")),
    ] {
        assert_eq!(refusal(&with(name, value)).await, Some(Refusal::Header(name)));
    }
    for kind in [json!("logout+jwt"), json!("dpop+jwt"), json!("JWE"), json!(""), json!(7)] {
        assert_eq!(refusal(&with("typ", kind)).await, Some(Refusal::Header("typ")));
    }
    for id in [json!(7), json!(null), json!(["ec-1"]), json!("k".repeat(257))] {
        assert_eq!(refusal(&with("kid", id)).await, Some(Refusal::Header("kid")));
    }
    // What says only which certificate the key is from changes nothing.
    assert_eq!(refusal(&with("x5t", json!("NzbLsXh8uDCcd"))).await, None);
    for kind in ["jwt", "at+JWT", "application/at+jwt"] {
        assert_eq!(refusal(&with("typ", json!(kind))).await, None, "{kind}");
    }
}

#[tokio::test]
async fn no_algorithm_but_the_keys_own_counts() {
    let keys = &pairs().rsa;
    for algorithm in [
        "none", "None", "NONE", "nOnE", "", "HS384", "HS512", "RS384", "RS512", "PS256", "ES384",
        "ES256K", "rs256", "RS256 ", "dir", "A128KW",
    ] {
        let header = json!({"alg": algorithm, "kid": keys.id});
        let signed = keys.token_with(&header, &claims(NOW));
        let unsigned = format!("{}.", signed.rsplit_once('.').unwrap().0);
        for token in [signed, unsigned] {
            assert_eq!(refusal(&token).await, Some(Refusal::Algorithm), "{algorithm}");
        }
    }
    for header in [json!({}), json!({"alg": null}), json!({"alg": ["RS256"]}), json!({"alg": 0})] {
        let token = keys.token_with(&header, &claims(NOW));
        assert_eq!(refusal(&token).await, Some(Refusal::Algorithm), "{header}");
    }
    // The right key under the name of another algorithm, of which the issuer has a key of that name or none.
    for (algorithm, id) in [("ES256", "rsa-1"), ("EdDSA", "rsa-1"), ("RS256", "ec-1")] {
        let token = keys.token_with(&json!({"alg": algorithm, "kid": id}), &claims(NOW));
        assert_eq!(refusal(&token).await, Some(Refusal::Key), "{algorithm} {id}");
    }
    let confused = keys.token_with(&json!({"alg": "ES256", "kid": "ec-1"}), &claims(NOW));
    assert_eq!(refusal(&confused).await, Some(Refusal::Signature));
}

/// CVE-2015-9235 and its kin: what is public is taken for the secret of an HMAC.
#[tokio::test]
async fn a_public_key_never_verifies_hs256() {
    for keys in pairs().published() {
        let der = keys.public_der();
        let pem = format!(
            "-----BEGIN RSA PUBLIC KEY-----\n{}\n-----END RSA PUBLIC KEY-----\n",
            STANDARD.encode(&der)
        );
        let public = keys.public();
        let texts = [public.to_string(), pem.clone(), pem.trim().to_owned(), STANDARD.encode(&der)];
        let members = ["n", "x"].into_iter().filter_map(|name| public[name].as_str());
        let members = members.map(|text| URL_SAFE_NO_PAD.decode(text).unwrap());
        let secrets = texts.into_iter().map(String::into_bytes).chain(members).chain([der]);
        for secret in secrets {
            let forged = Keys::secret(keys.id, &secret);
            assert_eq!(refusal(&forged.token(&claims(NOW))).await, Some(Refusal::Algorithm));
            // Nor where HS256 is the issuer's algorithm.
            let claims = claims_with(NOW, &json!({"iss": ISSUER_BY_SECRET}));
            assert_eq!(refusal(&forged.token(&claims)).await, Some(Refusal::Signature));
        }
    }
    // Nor does an issuer publish the secret that signs for it.
    let places = Places::new();
    let published = Keys::secret("secret-1", tests::tokens::SECRET.as_bytes());
    places.publish(KEYS_URL, &tests::tokens::key_set([&published]));
    let authorizer = Authorizer::new(issuers(), &places.fetch(), clock());
    let token = request(&format!("Bearer {}", published.token(&claims(NOW))));
    let refused = authorizer.authenticate(&token).await;
    assert_eq!(refused, Err(Failure::Refused(Refusal::Algorithm)));
}

#[tokio::test]
async fn a_signature_by_another_key_or_over_another_text_is_refused() {
    for forged in &pairs().forged {
        assert_eq!(refusal(&forged.token(&claims(NOW))).await, Some(Refusal::Signature));
    }
    let weak = Keys::secret("secret-1", b"secret");
    let by_secret = claims_with(NOW, &json!({"iss": ISSUER_BY_SECRET}));
    assert_eq!(refusal(&weak.token(&by_secret)).await, Some(Refusal::Signature));
    for token in good() {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        let admin = claims_with(NOW, &json!({"sub": "root"}));
        let admin = URL_SAFE_NO_PAD.encode(admin.to_string());
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let zeros = URL_SAFE_NO_PAD.encode(vec![0; bytes.len()]);
        let shorter = URL_SAFE_NO_PAD.encode(bytes.get(1..).unwrap());
        let longer = URL_SAFE_NO_PAD.encode([&bytes[..], &[0]].concat());
        for signature in ["", &zeros, &shorter, &longer] {
            let refused = refusal(&format!("{signed}.{signature}")).await;
            assert_eq!(refused, Some(Refusal::Signature), "{signature}");
        }
        let refused = refusal(&format!("{header}.{admin}.{signature}")).await;
        assert!(matches!(refused, Some(Refusal::Signature | Refusal::Algorithm)), "{refused:?}");
    }
}

/// CVE-2022-21449: to whoever does not check that they are in range, zeros sign everything.
#[tokio::test]
async fn an_ecdsa_signature_of_zeros_or_in_der_is_none() {
    let keys = &pairs().ecdsa;
    let token = keys.token(&claims(NOW));
    let (signed, _) = token.rsplit_once('.').unwrap();
    let order = [0xffu8; 32];
    for signature in [vec![0; 64], [[0; 32], order].concat(), vec![0x30, 0x06, 2, 1, 0, 2, 1, 0]] {
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
        assert_eq!(refusal(&token).await, Some(Refusal::Signature));
    }
}

#[tokio::test]
async fn a_key_that_is_not_named_or_not_known_is_not_guessed() {
    let keys = &pairs().eddsa;
    for id in ["", "ed-2", "../ed-1", "ed-1 ", "ed-1\u{0}", "ED-1", "' OR '1'='1"] {
        let header = json!({"alg": "EdDSA", "kid": id});
        assert_eq!(refusal(&keys.token_with(&header, &claims(NOW))).await, Some(Refusal::Key));
    }
    // The only one of its algorithm needs no name.
    let unnamed = json!({"alg": "EdDSA"});
    assert_eq!(refusal(&keys.token_with(&unnamed, &claims(NOW))).await, None);
    // Of two it is not tried out which one it was.
    let places = Places::new();
    places.publish(KEYS_URL, &tests::tokens::key_set([keys, &Keys::eddsa("ed-2", 9)]));
    let authorizer = Authorizer::new(issuers(), &places.fetch(), clock());
    let token = request(&format!("Bearer {}", keys.token_with(&unnamed, &claims(NOW))));
    let refused = authorizer.authenticate(&token).await;
    assert_eq!(refused, Err(Failure::Refused(Refusal::Key)));
}

#[tokio::test]
async fn an_issuer_is_known_by_its_exact_name_and_speaks_with_its_own_keys() {
    let of = |iss: Value| pairs().rsa.token(&claims_with(NOW, &json!({ "iss": iss })));
    for iss in [
        json!(null),
        json!(""),
        json!("https://login.example.com"),
        json!("https://LOGIN.example.com/"),
        json!("https://login.example.com/evil"),
        json!([ISSUER]),
        json!({"iss": ISSUER}),
        json!(7),
        json!("epr:development"),
    ] {
        assert_eq!(refusal(&of(iss.clone())).await, Some(Refusal::Issuer), "{iss}");
    }
    // Another issuer's algorithm and key.
    assert_eq!(refusal(&of(json!(ISSUER_BY_SECRET))).await, Some(Refusal::Algorithm));
    assert_eq!(refusal(&pairs().secret.token(&claims(NOW))).await, Some(Refusal::Algorithm));
}

#[tokio::test]
async fn an_issuer_of_one_tenant_cannot_speak_for_another() {
    let of = |tenant: Value| {
        let others = json!({"iss": ISSUER_OF_OTHERS, "tenant_id": tenant});
        pairs().rsa.token(&claims_with(NOW, &others))
    };
    assert_eq!(refusal(&of(json!("acme"))).await, Some(Refusal::Tenant));
    for own in [json!("globex"), json!(null)] {
        let identity = authenticate(&of(own)).await.unwrap();
        assert_eq!(identity.tenant_id.unwrap().as_str(), "globex");
    }
}
