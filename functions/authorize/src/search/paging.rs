//! Limit and cursor of a search, which stand in its body.

use api::{App, Fields, PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX, Problem, natural};
use domain::id::TenantId;
use domain::refusal::Refusal;
use serde_json::Value;

use crate::asked::Sent;
use crate::search::{Found, Position, Search};

/// How much of a search to show, and from where on.
#[derive(Clone, Debug)]
pub(crate) struct Paging {
    pub(crate) limit: usize,
    /// As it was given.
    pub(crate) cursor: Option<String>,
    /// Where the cursor stands in the request.
    pub(crate) pointer: &'static str,
}

impl Paging {
    /// Reads `limit` and `cursor`.
    pub(crate) fn read(fields: &mut Fields) -> Result<Self, api::Faulty> {
        let limit = fields.optional("limit", limit);
        let cursor = fields.optional("cursor", api::text(|text| Ok(text.to_owned())));
        Ok(Self {
            limit: limit?.unwrap_or(PAGE_ITEMS_DEFAULT),
            cursor: cursor?,
            pointer: "/cursor",
        })
    }
}

/// A search as it was asked: whose, with a name for its cursors.
pub(crate) struct Asked<'a> {
    pub(crate) app: &'a App,
    pub(crate) tenant: &'a TenantId,
    pub(crate) sent: Sent,
    pub(crate) paging: Paging,
    /// The search and everything that was asked, so that a cursor is good for nothing else.
    pub(crate) name: String,
}

impl Asked<'_> {
    /// The search, as of now.
    pub(crate) fn search(&self) -> Search<'_> {
        let Self { app, tenant, sent, paging, .. } = self;
        Search { app, tenant, sent, now: app.clock.now(), limit: paging.limit }
    }

    /// Where to go on, of a cursor that was issued to this tenant for this search.
    pub(crate) async fn after(&self) -> Result<Option<Position>, Problem> {
        let Some(cursor) = &self.paging.cursor else { return Ok(None) };
        let opened = self.app.store.cursor_open(self.tenant, &self.name, cursor).await;
        let position = opened.and_then(|position| {
            serde_json::from_str(&position).map(Some).map_err(|_| store::Error::Cursor)
        });
        position.map_err(|error| match error {
            store::Error::Cursor => {
                let reason = "is not a cursor that was issued for this search";
                Problem::invalid_at(self.paging.pointer, &Refusal::new(reason))
            }
            other => other.into(),
        })
    }

    /// The cursor of where what was found goes on.
    pub(crate) async fn cursor<T>(&self, found: &Found<T>) -> Result<Option<String>, Problem> {
        let Some(position) = &found.next else { return Ok(None) };
        let position = serde_json::to_string(position)
            .map_err(|error| Problem::defect(format!("a position cannot be written: {error}")))?;
        Ok(Some(self.app.store.cursor_seal(self.tenant, &self.name, &position).await?))
    }
}

/// Reads how many items to give.
pub(crate) fn limit(value: &Value) -> Result<usize, Refusal> {
    let limit = natural(value).and_then(|limit| usize::try_from(limit).ok());
    limit
        .filter(|limit| (1..=PAGE_ITEMS_MAX).contains(limit))
        .ok_or_else(|| Refusal::new(format!("must be a number from 1 to {PAGE_ITEMS_MAX}")))
}
