//! Who acts as another: the cookie or the token of an impersonation, made good or refused before anything else of a
//! request is looked at.
//!
//! **Invariant:** whoever shows an impersonation acts within it or not at all. Were an ended one passed over, its actor
//! would do as itself, and with all it may, what it meant to do as someone else.
//!
//! A cookie counts beside the credential of its own actor only, so that no other site can make use of it. The token
//! counts by itself; the authorizer has compared its secret, and what API Gateway remembers of that is asked of the
//! store anew. 1 RCU with an impersonation, nothing without.

use std::sync::Arc;

use domain::change::Act;
use domain::id::{ImpersonationId, TenantId};
use domain::impersonation::{IMPERSONATION_SECONDS, Impersonation, ImpersonationText, Standing};
use domain::principal::Principal;
use domain::time::Timestamp;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};

use crate::app::App;
use crate::caller::{Caller, VIA_IMPERSONATED, authorizer_field};
use crate::problem::Problem;

/// The cookie's name.
const COOKIE: &str = "impersonation";

/// An impersonation that a request has shown to be good: an extension of it.
#[derive(Clone, Debug)]
pub(crate) struct Assumed(pub(crate) Arc<Impersonation>);

/// Finds out whether a request is made as someone else.
pub(crate) async fn assume(app: &App, parts: &mut Parts) -> Result<(), Problem> {
    let impersonation = if let Some(id) = authorizer_field(parts, "impersonation_id") {
        let tenant = authorizer_field(parts, "tenant_id").unwrap_or_default();
        let of = (TenantId::parse(tenant), ImpersonationId::parse(id));
        let (Ok(tenant), Ok(id)) = of else { return Err(Problem::unauthenticated()) };
        by_id(app, &tenant, &id).await?
    } else if let Some(text) = cookie(&parts.headers)? {
        by_cookie(app, parts, text).await?
    } else {
        return Ok(());
    };
    if !impersonation.is_active(app.clock.now()) {
        return Err(Problem::impersonation_ended());
    }
    parts.extensions.insert(Assumed(Arc::new(impersonation)));
    Ok(())
}

async fn by_id(
    app: &App,
    tenant: &TenantId,
    id: &ImpersonationId,
) -> Result<Impersonation, Problem> {
    let found = app.store.impersonation_read(tenant, id).await?;
    Ok(found.ok_or_else(Problem::impersonation_ended)?.impersonation)
}

/// The impersonation of a cookie, which must be the caller's own.
async fn by_cookie(app: &App, parts: &Parts, text: &str) -> Result<Impersonation, Problem> {
    // Of who is nobody nothing is looked up, and a route that is open to everyone has no caller.
    let actor = Caller::of(parts)?;
    let text = ImpersonationText::parse(text).map_err(|_| Problem::impersonation_ended())?;
    let id = text.id().map_err(|_| Problem::impersonation_ended())?;
    let found = app.store.impersonation_read(text.tenant_id(), &id).await?;
    let found = found.filter(|found| found.is(&text)).map(|found| found.impersonation);
    let is_own = |found: &Impersonation| {
        found.actor == actor.principal
            && found.tenant_id == actor.tenant_id
            && found.standing == actor.standing()
    };
    found.filter(is_own).ok_or_else(Problem::impersonation_ended)
}

/// What a request has in the cookie; of two nobody could say which is meant.
fn cookie(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut found = None;
    for line in headers.get_all(header::COOKIE) {
        for pair in line.to_str().unwrap_or_default().split(';') {
            let Some((COOKIE, value)) = pair.trim().split_once('=') else { continue };
            if found.replace(value).is_some() {
                return Err(Problem::impersonation_ended());
            }
        }
    }
    Ok(found)
}

/// The header that gives a browser the cookie. It is sent to this host alone, by no script, over TLS (or to this
/// machine itself).
pub fn impersonation_cookie(text: &ImpersonationText) -> String {
    attributes(&text.reveal(), IMPERSONATION_SECONDS)
}

/// The header that takes it away.
pub fn impersonation_cookie_gone() -> String {
    attributes("", 0)
}

fn attributes(value: &str, seconds: i64) -> String {
    format!("{COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; Secure; SameSite=Lax")
}

/// Takes the cookie away from whoever showed one that is no good.
pub(crate) fn forget(headers: &mut HeaderMap) {
    if let Ok(value) = HeaderValue::try_from(impersonation_cookie_gone()) {
        headers.insert(header::SET_COOKIE, value);
    }
}

impl Caller {
    /// The same caller acting as another.
    pub(crate) fn acting(self, impersonation: &Arc<Impersonation>) -> Self {
        Self {
            tenant_id: impersonation.tenant_id.clone(),
            principal: impersonation.subject.clone(),
            via: VIA_IMPERSONATED.to_owned(),
            crosses_tenants: false,
            impersonation: Some(Arc::clone(impersonation)),
            ..self
        }
    }

    /// Who it is that acts, whoever it acts as.
    pub fn actor(&self) -> &Principal {
        self.impersonation.as_ref().map_or(&self.principal, |impersonation| &impersonation.actor)
    }

    /// What this caller does now, for a tenant: by the actor, on behalf of whom it acts as.
    pub(crate) fn act(&self, tenant_id: TenantId, at: Timestamp, request_id: String) -> Act {
        let on_behalf_of = self.impersonation.as_ref().map(|of| of.subject.id.clone());
        Act { tenant_id, actor: self.actor().clone(), on_behalf_of, at, request_id }
    }

    /// 409 for what must outlast no impersonation, or must not be had through one.
    pub fn check_is_itself(&self) -> Result<(), Problem> {
        match &self.impersonation {
            Some(_) => Err(Problem::conflict(
                "impersonating",
                "this cannot be done as someone else; stop the impersonation first",
            )),
            None => Ok(()),
        }
    }

    /// By what this caller may do what it may.
    pub fn standing(&self) -> Standing {
        if self.is_the_owners() {
            Standing::Owner
        } else if self.crosses_tenants {
            Standing::Operator
        } else {
            Standing::Member
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&'static str]) -> Result<Option<String>, &'static str> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_static(line));
        }
        cookie(&headers).map(|found| found.map(str::to_owned)).map_err(|problem| problem.code)
    }

    #[test]
    fn the_cookie_is_found_among_others_and_two_are_none() {
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&["a=1; impersonations=2; xmpersonation=3"]), Ok(None));
        for lines in [
            &["impersonation=im_x"][..],
            &["a=1; impersonation=im_x;b=2"],
            &["a=1", "impersonation=im_x"],
        ] {
            assert_eq!(of(lines), Ok(Some("im_x".to_owned())), "{lines:?}");
        }
        for lines in
            [&["impersonation=a; impersonation=a"][..], &["impersonation=a", "impersonation=b"]]
        {
            assert_eq!(of(lines), Err("impersonation_ended"), "{lines:?}");
        }
    }
}
