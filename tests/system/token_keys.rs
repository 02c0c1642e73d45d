//! The keys of issuers: how they are read, remembered, changed and missed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use ::authorizer::{
    Authorizer, Failure, Identity, Issuer, KEYS_MAX, KEYS_SECONDS_FRESH, KEYS_SECONDS_MAX,
    PAUSE_SECONDS, Refusal, Request, SECRET_BYTES_MIN,
};
use domain::time::{Clock, Timestamp};
use futures::future::join_all;
use serde_json::{Value, json};
use tests::tokens::{
    AUDIENCE, ISSUER_BY_SECRET, KEYS_URL, Keys, Places, claims, claims_with, issuers, key_set,
    pairs,
};

const BEGINNING: i64 = 1_795_404_653;

/// An authorizer with its clock and with where its keys are.
struct Watched {
    authorizer: Authorizer,
    now: Arc<AtomicI64>,
    places: Places,
}

impl Watched {
    fn new() -> Self {
        Self::trusting(issuers())
    }

    fn trusting(issuers: Vec<Issuer>) -> Self {
        let (now, places) = (Arc::new(AtomicI64::new(BEGINNING)), Places::new());
        let reading = now.clone();
        let clock = Clock::from_fn(move || {
            let seconds = reading.load(Ordering::SeqCst);
            Timestamp::from_microseconds(seconds * 1_000_000).unwrap()
        });
        Self { authorizer: Authorizer::new(issuers, &places.fetch(), clock), now, places }
    }

    fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    fn now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    async fn send(&self, token: &str) -> Result<Identity, Failure> {
        let header = ("authorization".to_owned(), format!("Bearer {token}"));
        self.authorizer.authenticate(&Request { headers: [header].into() }).await
    }

    /// Sends a token that is good but for its key.
    async fn by(&self, keys: &Keys) -> Result<(), Failure> {
        self.send(&keys.token(&claims(self.now()))).await.map(|_| ())
    }
}

const UNKNOWN: Result<(), Failure> = Err(Failure::Refused(Refusal::Key));

fn is_unavailable(answer: &Result<(), Failure>) -> bool {
    matches!(answer, Err(Failure::Unavailable(_)))
}

#[tokio::test]
async fn keys_are_read_once_and_again_when_they_are_old() {
    let watched = Watched::new();
    assert_eq!(watched.places.asked(), 0, "nothing is asked before someone calls");
    for _ in 0..5 {
        watched.by(&pairs().eddsa).await.unwrap();
    }
    assert_eq!(watched.places.asked(), 1);
    watched.pass(KEYS_SECONDS_FRESH - 1);
    watched.by(&pairs().eddsa).await.unwrap();
    assert_eq!(watched.places.asked(), 1);
    watched.pass(1);
    watched.by(&pairs().eddsa).await.unwrap();
    watched.by(&pairs().eddsa).await.unwrap();
    assert_eq!(watched.places.asked(), 2);
}

#[tokio::test]
async fn a_new_key_counts_when_a_token_first_names_it_and_a_withdrawn_one_ends() {
    let watched = Watched::new();
    let (old, new) = (&pairs().eddsa, &Keys::eddsa("ed-2", 9));
    watched.by(old).await.unwrap();
    watched.pass(PAUSE_SECONDS);
    watched.places.publish(KEYS_URL, &key_set([old, new]));
    for keys in [new, old] {
        watched.by(keys).await.unwrap();
    }
    assert_eq!(watched.places.asked(), 2);
    watched.places.publish(KEYS_URL, &key_set([new]));
    watched.pass(KEYS_SECONDS_FRESH);
    assert_eq!(watched.by(old).await, UNKNOWN);
    watched.by(new).await.unwrap();
    // A new key under the old name takes its place.
    let renamed = &Keys::eddsa("ed-2", 10);
    watched.places.publish(KEYS_URL, &key_set([renamed]));
    watched.pass(KEYS_SECONDS_FRESH);
    watched.by(renamed).await.unwrap();
    assert_eq!(watched.by(new).await, Err(Failure::Refused(Refusal::Signature)));
}

#[tokio::test]
async fn unknown_keys_cannot_be_used_to_have_the_issuer_asked_without_end() {
    let watched = Watched::new();
    let unknown = |number: u32| {
        let id: &'static str = Box::leak(format!("unknown-{number}").into_boxed_str());
        Keys::eddsa(id, 9)
    };
    watched.by(&pairs().eddsa).await.unwrap();
    for number in 0..100 {
        assert_eq!(watched.by(&unknown(number)).await, UNKNOWN);
    }
    assert_eq!(watched.places.asked(), 1, "within the pause");
    watched.pass(PAUSE_SECONDS);
    for number in 0..100 {
        assert_eq!(watched.by(&unknown(number)).await, UNKNOWN);
    }
    assert_eq!(watched.places.asked(), 2, "once after it");
    // Within an hour, at a token a second.
    for number in 0..3_600 {
        watched.pass(1);
        assert_eq!(watched.by(&unknown(number)).await, UNKNOWN);
    }
    let most = 2 + usize::try_from(3_600 / PAUSE_SECONDS).unwrap();
    assert!(watched.places.asked() <= most, "{}", watched.places.asked());
}

#[tokio::test]
async fn of_many_callers_at_once_one_asks_the_issuer() {
    let watched = Watched::new();
    let all = join_all((0..50).map(|_| watched.by(&pairs().ecdsa))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!((watched.places.asked(), watched.places.at_once_most()), (1, 1));
    // When they are old, one asks, and the others go on with what there is.
    watched.pass(KEYS_SECONDS_FRESH);
    watched.places.put(KEYS_URL, Err("slow".to_owned()));
    let all = join_all((0..50).map(|_| watched.by(&pairs().ecdsa))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!((watched.places.asked(), watched.places.at_once_most()), (2, 1));
}

#[tokio::test]
async fn keys_at_hand_outlive_an_outage_of_their_issuer_for_a_day_and_no_longer() {
    let watched = Watched::new();
    watched.by(&pairs().rsa).await.unwrap();
    watched.places.put(KEYS_URL, Err("it answered 500".to_owned()));
    for _ in 0..(KEYS_SECONDS_MAX / KEYS_SECONDS_FRESH - 1) {
        watched.pass(KEYS_SECONDS_FRESH);
        watched.by(&pairs().rsa).await.unwrap();
        // Nobody knows whether this one is among the new keys; it is not among those at hand.
        assert_eq!(watched.by(&Keys::eddsa("ed-2", 9)).await, UNKNOWN);
    }
    watched.pass(KEYS_SECONDS_FRESH);
    let answer = watched.by(&pairs().rsa).await;
    assert!(is_unavailable(&answer), "{answer:?}");
    // It is back, and so are they.
    watched.places.publish(KEYS_URL, &key_set(pairs().published()));
    watched.pass(PAUSE_SECONDS);
    watched.by(&pairs().rsa).await.unwrap();
}

#[tokio::test]
async fn without_any_keys_nobody_is_let_in_and_nobody_is_called_a_forger() {
    let watched = Watched::new();
    for broken in [
        Err("connection refused".to_owned()),
        Ok(Vec::new()),
        Ok(b"<html>".to_vec()),
        Ok(b"{}".to_vec()),
        Ok(b"{\"keys\": 7}".to_vec()),
        Ok(json!({"keys": vec![pairs().eddsa.public(); KEYS_MAX + 1]}).to_string().into_bytes()),
    ] {
        watched.places.put(KEYS_URL, broken.clone());
        for keys in [&pairs().rsa, &pairs().forged[0], &Keys::eddsa("ed-2", 9)] {
            let answer = watched.by(keys).await;
            assert!(is_unavailable(&answer), "{broken:?}: {answer:?}");
        }
        watched.pass(PAUSE_SECONDS);
    }
    // A set that is empty is the issuer's word: it has withdrawn all.
    watched.places.publish(KEYS_URL, &json!({"keys": []}));
    assert_eq!(watched.by(&pairs().rsa).await, UNKNOWN);
}

#[tokio::test]
async fn the_failure_of_one_issuer_is_none_of_another() {
    let watched = Watched::new();
    watched.places.put("variable", Err("gone".to_owned()));
    watched.by(&pairs().rsa).await.unwrap();
    let others = claims_with(BEGINNING, &json!({"iss": ISSUER_BY_SECRET}));
    let answer = watched.send(&pairs().secret.token(&others)).await;
    assert!(is_unavailable(&answer.map(|_| ())));
}

/// Each is the one key of a set: it is left out of what is usable, and so unknown.
#[tokio::test]
async fn a_published_key_that_is_not_for_this_is_left_out() {
    let with = |keys: &Keys, name: &str, value: Value| {
        let mut key = keys.public();
        key.as_object_mut().unwrap().insert(name.to_owned(), value);
        key
    };
    let (rsa, ecdsa, eddsa) = (&pairs().rsa, &pairs().ecdsa, &pairs().eddsa);
    for (keys, published) in [
        (rsa, with(rsa, "use", json!("enc"))),
        (rsa, with(rsa, "key_ops", json!(["encrypt"]))),
        (rsa, with(rsa, "alg", json!("PS256"))),
        (rsa, with(rsa, "alg", json!("HS256"))),
        (rsa, with(rsa, "d", json!("AQAB"))),
        (rsa, with(rsa, "n", json!("AQAB"))),
        (rsa, with(rsa, "n", json!(""))),
        (rsa, with(rsa, "e", json!(""))),
        (rsa, with(rsa, "kty", json!("oct"))),
        (rsa, with(rsa, "kty", json!("rsa"))),
        (ecdsa, with(ecdsa, "crv", json!("P-384"))),
        (ecdsa, with(ecdsa, "crv", json!("secp256k1"))),
        (ecdsa, with(ecdsa, "x", json!("AQAB"))),
        (ecdsa, with(ecdsa, "y", ecdsa.public()["x"].clone())),
        (ecdsa, with(ecdsa, "alg", json!("RS256"))),
        (eddsa, with(eddsa, "crv", json!("X25519"))),
        (eddsa, with(eddsa, "x", json!("AQAB"))),
        (eddsa, with(eddsa, "kid", json!(7))),
        (eddsa, json!("text")),
    ] {
        let watched = Watched::new();
        watched.places.publish(KEYS_URL, &json!({"keys": [published]}));
        assert_eq!(watched.by(keys).await, UNKNOWN, "{published}");
        // It does not spoil the others.
        watched.pass(PAUSE_SECONDS);
        watched.places.publish(KEYS_URL, &json!({"keys": [published, keys.public()]}));
        watched.by(keys).await.unwrap();
    }
}

/// RFC 7515, appendices A.2 and A.3: signed by someone else's program. Its claims have no audience, which is
/// looked at when the signature has counted.
#[tokio::test]
async fn the_signatures_of_rfc_7515_count() {
    let payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let rsa = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujG\
               bds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K\
               0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6\
               LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yR\
             T-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBd\
             QOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGN\
             j8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    let ecdsa =
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let described = json!([{
        "issuer": "joe", "audience": [AUDIENCE], "algorithms": ["RS256", "ES256"], "jwks_url": KEYS_URL,
    }]);
    let watched = Watched::trusting(Issuer::parse_list(&described.to_string()).unwrap());
    watched.places.publish(
        KEYS_URL,
        &json!({"keys": [
            {"kty": "RSA", "n": n, "e": "AQAB"},
            {
                "kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            },
        ]}),
    );
    for (header, signature) in [("eyJhbGciOiJSUzI1NiJ9", rsa), ("eyJhbGciOiJFUzI1NiJ9", ecdsa)] {
        let answer = watched.send(&format!("{header}.{payload}.{signature}")).await;
        assert_eq!(answer, Err(Failure::Refused(Refusal::Audience)));
        let other = payload.replacen("LA0K", "LA0J", 1);
        let answer = watched.send(&format!("{header}.{other}.{signature}")).await;
        assert_eq!(answer, Err(Failure::Refused(Refusal::Signature)));
    }
}

#[tokio::test]
async fn while_a_secret_takes_the_place_of_another_both_count() {
    let watched = Watched::new();
    let by = async |secret: &str| {
        let claims = claims_with(watched.now(), &json!({"iss": ISSUER_BY_SECRET}));
        let token = Keys::secret("any", secret.as_bytes()).token(&claims);
        watched.send(&token).await.map(|_| ())
    };
    let (old, new) = (tests::tokens::SECRET, "a new secret, as long as it has to be");
    let refused = Err(Failure::Refused(Refusal::Signature));
    by(old).await.unwrap();
    assert_eq!(by(new).await, refused);
    for (text, old_counts) in [(format!("{new}\n{old}\n"), true), (new.to_owned(), false)] {
        watched.places.put("variable", Ok(text.into_bytes()));
        watched.pass(KEYS_SECONDS_FRESH);
        by(new).await.unwrap();
        assert_eq!(by(old).await == Ok(()), old_counts);
    }
}

#[tokio::test]
async fn what_is_too_short_or_no_secret_at_all_is_none() {
    for text in [
        String::new(),
        "\n\n".to_owned(),
        "x".repeat(SECRET_BYTES_MIN - 1),
        format!("{}\nshort", "x".repeat(SECRET_BYTES_MIN)),
        format!("-----BEGIN PUBLIC KEY-----\n{}", "x".repeat(64)),
        pairs().rsa.public().to_string(),
    ] {
        let watched = Watched::new();
        watched.places.put("variable", Ok(text.clone().into_bytes()));
        let claims = claims_with(BEGINNING, &json!({"iss": ISSUER_BY_SECRET}));
        let token = Keys::secret("any", text.as_bytes()).token(&claims);
        let answer = watched.send(&token).await.map(|_| ());
        assert!(is_unavailable(&answer), "{text}");
    }
}
