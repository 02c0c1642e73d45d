//! A request that may change something: who asks, on whose behalf, under which conditions.

use axum::extract::FromRequestParts;
use domain::change::Act;
use domain::id::{PrincipalId, TenantId};
use futures::future::BoxFuture;
use http::request::Parts;
use http::{HeaderMap, header};
use store::{Chance, Intent, ReceiptSlot, Store};

use crate::answer::Answer;
use crate::app::App;
use crate::caller::Caller;
use crate::observe::RequestIds;
use crate::problem::{Fault, Problem};

/// Attributes an audit entry to someone on whose behalf a service acts.
const ACTOR_HEADER: &str = "x-actor-id";

/// How often read, decide and commit are tried while others change the same thing.
const ATTEMPTS_MAX: u32 = 8;

/// From this the pauses between attempts grow.
const PAUSE_MILLISECONDS_FIRST: u64 = 4;

/// A mutating request: the caller, the moment, and the conditions it came with.
#[derive(Clone, Debug)]
pub struct Mutation {
    act: Act,
    slot: Option<ReceiptSlot>,
    if_match: Option<IfMatch>,
    chance: Chance,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IfMatch {
    /// `*`: whatever version there is.
    Any,
    /// This version.
    Version(u64),
}

impl Mutation {
    /// Who does what when.
    pub fn act(&self) -> &Act {
        &self.act
    }

    /// The same request, of which the change belongs to another tenant than the caller's: the events and the audit
    /// entry are that tenant's, the receipt stays the caller's.
    #[must_use]
    pub fn within(self, tenant_id: TenantId) -> Self {
        Self { act: Act { tenant_id, ..self.act }, ..self }
    }

    /// What the store is to commit with a change: who does it, and the answer to remember.
    pub fn intent(&self, answer: &Answer) -> Intent<'_> {
        Intent { act: &self.act, receipt: self.slot.as_ref().map(|slot| (slot, answer.encode())) }
    }

    /// The slot of the receipt, where the request carries an idempotency key.
    pub fn slot(&self) -> Option<&ReceiptSlot> {
        self.slot.as_ref()
    }

    /// Ends a request that was answered before. For an endpoint with effects that do not commit with the
    /// receipt: the layer around it then gives the receipt's answer. 1 RCU with an idempotency key.
    pub async fn check_unanswered(&self, store: &Store) -> Result<(), Problem> {
        let Some(slot) = &self.slot else { return Ok(()) };
        match store.receipt_read(slot, self.act.at).await? {
            Some(_) => Err(store::Error::Conflict(store::Guard::Receipt).into()),
            None => Ok(()),
        }
    }

    /// Checks `If-Match` against the version that was read: 412 where it is another.
    pub fn check_version(&self, current: u64) -> Result<(), Problem> {
        match self.if_match {
            Some(IfMatch::Version(wanted)) if wanted != current => Err(Problem::stale(current)),
            _ => Ok(()),
        }
    }

    /// Checks `If-Match` against something that does not exist: 412 where the header wants a version.
    pub fn check_absent(&self) -> Result<(), Problem> {
        if self.if_match.is_some() { Err(Problem::stale(0)) } else { Ok(()) }
    }

    /// Answers a request that changes nothing. Its answer is remembered all the same.
    pub async fn unchanged(&self, store: &Store, answer: Answer) -> Result<Answer, Problem> {
        store.receipt_write(&self.intent(&answer)).await?;
        Ok(answer)
    }

    /// Reads, decides and commits, again and again while others change the same thing in between.
    pub async fn settle<'a>(
        &self,
        mut attempt: impl FnMut() -> BoxFuture<'a, Result<Answer, Problem>>,
    ) -> Result<Answer, Problem> {
        let mut tried = 1;
        loop {
            match attempt().await {
                Err(problem) if problem.lost_race && tried < ATTEMPTS_MAX => {
                    tokio::time::sleep(self.chance.pause(PAUSE_MILLISECONDS_FIRST, tried)).await;
                    tried += 1;
                }
                settled => return settled,
            }
        }
    }
}

impl FromRequestParts<App> for Mutation {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let caller = Caller::of(parts)?;
        let request_id = parts.extensions.get::<RequestIds>().map(|ids| ids.request_id.clone());
        let tenant_id = caller.tenant_id.clone();
        let act = caller.act(tenant_id, app.clock.now(), request_id.unwrap_or_default());
        let named = on_behalf_of(&parts.headers, act.actor.kind.as_str())?;
        let act = Act { on_behalf_of: act.on_behalf_of.or(named), ..act };
        let if_match = if_match(&parts.headers)?;
        let slot = parts.extensions.get::<ReceiptSlot>().cloned();
        Ok(Self { act, slot, if_match, chance: app.store.chance().clone() })
    }
}

/// The `X-Actor-Id` of a service; of anyone else it is ignored, since only a service may speak for others.
fn on_behalf_of(headers: &HeaderMap, caller_type: &str) -> Result<Option<PrincipalId>, Problem> {
    let Some(value) = headers.get(ACTOR_HEADER).filter(|_| caller_type == "service") else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    PrincipalId::parse(text)
        .map(Some)
        .map_err(|refusal| Problem::invalid_at("X-Actor-Id", &refusal))
}

fn if_match(headers: &HeaderMap) -> Result<Option<IfMatch>, Problem> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default().trim();
    if text == "*" {
        return Ok(Some(IfMatch::Any));
    }
    let version = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .and_then(|text| text.parse().ok());
    version.map(|version| Some(IfMatch::Version(version))).ok_or_else(|| {
        let detail =
            "must be `*` or one version as the `ETag` header gave it, such as `\"3\"`".to_owned();
        Problem::invalid(vec![Fault { pointer: "If-Match".to_owned(), detail }])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(name: &'static str, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(
            http::HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )])
    }

    #[test]
    fn if_match_is_a_version_or_a_star() {
        assert_eq!(if_match(&headers("if-match", "\"3\"")).unwrap(), Some(IfMatch::Version(3)));
        assert_eq!(if_match(&headers("if-match", "*")).unwrap(), Some(IfMatch::Any));
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), None);
        for bad in ["3", "W/\"3\"", "\"3\", \"4\"", "\"\"", "\"x\""] {
            assert_eq!(if_match(&headers("if-match", bad)).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn only_a_service_speaks_for_someone_else() {
        let header = headers(ACTOR_HEADER, "alice");
        assert_eq!(on_behalf_of(&header, "service").unwrap().unwrap().as_str(), "alice");
        assert_eq!(on_behalf_of(&header, "user").unwrap(), None);
        assert_eq!(on_behalf_of(&headers(ACTOR_HEADER, "a b"), "service").unwrap_err().status, 400);
    }
}
