//! What a token says, once its signature is known to be its issuer's: for whom, until when, who, of which
//! tenant and within which limits.

use domain::api_key::is_scope;
use domain::id::{PrincipalId, TenantId};
use domain::principal::{Principal, PrincipalType};
use serde_json::{Map, Value};

use crate::identity::{Identity, VIA_TOKEN};
use crate::issuers::Issuer;
use crate::refusal::Refusal;

/// Most scopes, and most roles, of one token.
const WORDS_MAX: usize = 200;

/// The last second that has a date: the year 9999 ends.
const SECONDS_MAX: i64 = 253_402_300_799;

type Claims = Map<String, Value>;

/// Who calls, by a token of an issuer, in a second since 1970.
pub(crate) fn judge(issuer: &Issuer, claims: &Claims, now: i64) -> Result<Identity, Refusal> {
    if !is_for_us(&issuer.audience, claims.get("aud")) {
        return Err(Refusal::Audience);
    }
    let leeway = issuer.leeway_seconds;
    // Of these only `exp` must be there: a token without one would be one for ever.
    let expires = moment(claims, "exp")?.ok_or(Refusal::Claim("exp"))?;
    if expires + leeway <= now {
        return Err(Refusal::Expired);
    }
    for name in ["nbf", "iat"] {
        if moment(claims, name)?.is_some_and(|begins| begins - leeway > now) {
            return Err(Refusal::NotYetValid);
        }
    }
    Ok(Identity {
        principal: principal(issuer, claims)?,
        tenant_id: tenant(issuer, claims)?,
        // The registry's to say, whatever the token does.
        tier: None,
        scopes: words(claims, &issuer.claims.scopes, "scope")?,
        roles: words(claims, &issuer.claims.roles, "roles")?.unwrap_or_default(),
        good_until: expires + leeway,
        via: VIA_TOKEN,
        impersonation_id: None,
    })
}

/// Whether one of those that a token is for is one that we are. Of a list with something else than texts
/// nothing counts.
fn is_for_us(ours: &[String], aud: Option<&Value>) -> bool {
    let is_ours = |name: &str| ours.iter().any(|own| own == name);
    match aud {
        Some(Value::String(one)) => is_ours(one),
        Some(Value::Array(several)) => {
            several.iter().all(Value::is_string)
                && several.iter().filter_map(Value::as_str).any(is_ours)
        }
        _ => false,
    }
}

/// A `NumericDate` (RFC 7519, section 2) in whole seconds.
fn moment(claims: &Claims, name: &'static str) -> Result<Option<i64>, Refusal> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    let seconds = value.as_i64().or_else(|| whole(value.as_f64()?));
    let seconds = seconds.filter(|seconds| (0..=SECONDS_MAX).contains(seconds));
    seconds.map(Some).ok_or(Refusal::Claim(name))
}

#[expect(clippy::cast_possible_truncation, reason = "both bounds can be held")]
fn whole(seconds: f64) -> Option<i64> {
    (0.0..=253_402_300_799.0).contains(&seconds).then_some(seconds as i64)
}

fn principal(issuer: &Issuer, claims: &Claims) -> Result<Principal, Refusal> {
    let id = first(claims, &issuer.claims.principal, "sub")?.ok_or(Refusal::Claim("sub"))?;
    let id = PrincipalId::parse(&id).map_err(|_| Refusal::Claim("sub"))?;
    let refused = Refusal::Claim("principal_type");
    let kind = match first(claims, &issuer.claims.principal_type, "principal_type")? {
        Some(kind) => PrincipalType::parse(&kind).map_err(|_| refused)?,
        None => issuer.principal_type.clone(),
    };
    // A group has members; it does not call.
    if kind.is_group() { Err(refused) } else { Ok(Principal { kind, id }) }
}

/// The tenant of a token. Two claims that name different ones name none.
fn tenant(issuer: &Issuer, claims: &Claims) -> Result<Option<TenantId>, Refusal> {
    let mut named: Option<TenantId> = None;
    for name in &issuer.claims.tenant {
        let Some(text) = text(claims, name, "tenant_id")? else { continue };
        let tenant = TenantId::parse(&text).map_err(|_| Refusal::Claim("tenant_id"))?;
        if tenant.is_reserved() || named.as_ref().is_some_and(|other| *other != tenant) {
            return Err(Refusal::Tenant);
        }
        named = Some(tenant);
    }
    let mut own = issuer.tenants.iter();
    match (named, own.next(), own.next()) {
        (None, None, _) if issuer.cross_tenant => Ok(None),
        (None, Some(only), None) => Ok(Some(only.clone())),
        (Some(named), None, _) => Ok(Some(named)),
        (Some(named), Some(_), _) if issuer.tenants.contains(&named) => Ok(Some(named)),
        _ => Err(Refusal::Tenant),
    }
}

/// A claim as a text; the numbers that some issuers use for ids are their digits.
fn text(claims: &Claims, name: &str, meant: &'static str) -> Result<Option<String>, Refusal> {
    match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(Value::Number(number)) if number.is_u64() => Ok(Some(number.to_string())),
        Some(_) => Err(Refusal::Claim(meant)),
    }
}

fn first(
    claims: &Claims,
    names: &[String],
    meant: &'static str,
) -> Result<Option<String>, Refusal> {
    for name in names {
        if let Some(text) = text(claims, name, meant)? {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// The words of a claim: a list of them, or a text with spaces between (RFC 6749, section 3.3).
fn words(
    claims: &Claims,
    names: &[String],
    meant: &'static str,
) -> Result<Option<Vec<String>>, Refusal> {
    let found = names.iter().filter_map(|name| claims.get(name)).find(|value| !value.is_null());
    let words: Vec<String> = match found {
        None => return Ok(None),
        Some(Value::String(text)) => text.split_ascii_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(items)) => {
            let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
            texts.collect::<Option<_>>().ok_or(Refusal::Claim(meant))?
        }
        Some(_) => return Err(Refusal::Claim(meant)),
    };
    let are_words = words.len() <= WORDS_MAX && words.iter().all(|word| is_scope(word));
    are_words.then_some(Some(words)).ok_or(Refusal::Claim(meant))
}
