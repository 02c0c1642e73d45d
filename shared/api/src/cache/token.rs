//! The password by which IAM lets a user into a cache of ElastiCache: a request that is signed, and never sent.

use std::time::{Duration, SystemTime};

use aws_sdk_elasticache::config::Credentials;
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4::SigningParams;

/// What ElastiCache is called in a signature.
const SERVICE: &str = "elasticache";

/// For how long a connection can be opened with it: as long as AWS allows.
const TOKEN_SECONDS: u64 = 900;

/// The token for a user of a serverless cache, both names as the cache knows them.
pub(super) fn token(
    cache: &str,
    user: &str,
    region: &str,
    credentials: Credentials,
    at: SystemTime,
) -> Result<String, String> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(TOKEN_SECONDS));
    let identity = credentials.into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(SERVICE)
        .time(at)
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?
        .into();
    // The names are of letters, digits and hyphens, which stand for themselves in an address.
    let asked = format!("{cache}/?Action=connect&User={user}&ResourceType=ServerlessCache");
    let url = format!("http://{asked}");
    let request = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::Bytes(&[]));
    let signed = request.and_then(|request| sign(request, &params));
    let (instructions, _) = signed.map_err(|error| error.to_string())?.into_parts();
    let (_, signature) = instructions.into_parts();
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(signature);
    Ok(format!("{asked}&{}", query.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What botocore 1.43 signs at the same moment with the same credentials.
    #[test]
    fn a_token_is_what_another_implementation_signs() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_404_653);
        let of = |session: Option<&str>| {
            let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
            let session = session.map(str::to_owned);
            let credentials = Credentials::new("AKIDEXAMPLE", secret, session, None, "test");
            token("epr-cache", "epr-user", "eu-west-1", credentials, at).unwrap()
        };
        let signed = "epr-cache/?Action=connect&User=epr-user&ResourceType=ServerlessCache\
            &X-Amz-Algorithm=AWS4-HMAC-SHA256\
            &X-Amz-Credential=AKIDEXAMPLE%2F20261123%2Feu-west-1%2Felasticache%2Faws4_request\
            &X-Amz-Date=20261123T033053Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host";
        assert_eq!(
            of(None),
            format!(
                "{signed}&X-Amz-Signature=\
                 f04dc73bc5a200cd7e6125da9f0debac10c6a94d658e23b013ffafc9e5af3fb4"
            )
        );
        let by_session = of(Some("SESSION/TOKEN=="));
        for part in [
            "X-Amz-Security-Token=SESSION%2FTOKEN%3D%3D",
            "X-Amz-Signature=d047deadae89ab285eb71673a04dfa40795aec442c678e1f3f3753374e3bb069",
        ] {
            assert!(by_session.split('&').any(|of| of == part), "{by_session}");
        }
    }
}
