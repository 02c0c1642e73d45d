//! Why a caller is not let in: in words for our log, and as one of a few codes for the caller.

/// Why a caller is refused. None of them holds anything of the credential itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// None was sent.
    #[error("no credential was sent")]
    Missing,
    /// It is of another kind, or there are two.
    #[error("the headers hold no bearer token and no API key, or more than one")]
    Scheme,
    /// It is longer than any token may be.
    #[error("the token is too long")]
    TooLong,
    /// It is not what its form must be.
    #[error("the token is malformed")]
    Malformed,
    /// Its header asks for something that is not done here.
    #[error("the token's header has `{0}`, or has it wrong")]
    Header(&'static str),
    /// Its algorithm is not one that is known, or that its issuer is trusted with.
    #[error("the token's algorithm is not one of its issuer's")]
    Algorithm,
    /// Nobody trusts who issued it.
    #[error("the token's issuer is not configured")]
    Issuer,
    /// Its issuer has published no such key.
    #[error("the token's key is not one of its issuer's")]
    Key,
    /// It is not signed by the key that it names.
    #[error("the token's signature is wrong")]
    Signature,
    /// It is for others.
    #[error("the token is for another audience")]
    Audience,
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Its time has not begun.
    #[error("the token is not yet valid")]
    NotYetValid,
    /// One of its claims is missing or wrong.
    #[error("the token's claim `{0}` is missing or wrong")]
    Claim(&'static str),
    /// It names no tenant, several, or one that its issuer may not speak for.
    #[error(
        "the token's issuer may not speak for the tenant, or it is not clear which one is meant"
    )]
    Tenant,
    /// There is no such API key, or this is not all of it.
    #[error("there is no such API key")]
    ApiKey,
    /// The API key was revoked.
    #[error("the API key was revoked")]
    RevokedKey,
    /// The API key's time is over.
    #[error("the API key has expired")]
    ExpiredKey,
    /// There is no such impersonation, or no more.
    #[error("the impersonation has ended, or never was")]
    Impersonation,
    /// The credential is good, and its tenant is suspended.
    #[error("the caller's tenant is suspended")]
    SuspendedTenant,
}

impl Refusal {
    /// What the caller is told: that nothing was sent, that a newer token will do, or that none like this will.
    /// What exactly is wrong with a forgery would help only who forged it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Expired => "expired",
            Self::Impersonation => "impersonation_ended",
            Self::ApiKey => "key_invalid",
            Self::RevokedKey => "key_revoked",
            Self::ExpiredKey => "key_expired",
            Self::SuspendedTenant => "tenant_suspended",
            _ => "invalid",
        }
    }
}

/// What the credential is verified by could not be had, and why: nobody can say whether it is good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// Why nobody was authenticated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The credential is not good.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It cannot be said whether it is.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}
