//! Records by what they say, newest first.

use domain::id::TenantId;
use domain::ledger::record::Record;
use domain::time::Timestamp;

use super::StoredRecord;
use super::read::{PAGE_BYTES_MAX, SEGMENTS_READ_MAX, placed};
use crate::Store;
use crate::error::Error;
use crate::read::Page;

/// Segments that one page of a list looks through, so that a filter that finds nothing ends, too.
const SEGMENTS_LISTED_MAX: u64 = 256;

/// Which records to list. All that is given must hold.
#[derive(Clone, Debug, Default)]
pub struct LedgerFilter {
    /// Recorded at this moment or later.
    pub from: Option<Timestamp>,
    /// Recorded before this moment.
    pub to: Option<Timestamp>,
    /// With this action.
    pub action: Option<String>,
    /// By this actor.
    pub actor_id: Option<String>,
    /// Of this entity.
    pub entity_id: Option<String>,
    /// Under this correlation id.
    pub correlation_id: Option<String>,
}

impl Store {
    /// A page of records, newest first. `before` is the sequence at which the page before ended.
    ///
    /// There is no index of what records say: a page reads segments from its end back, at most 256 of
    /// them, and may hold fewer records than the limit and still have a next one.
    pub async fn ledger_list(
        &self,
        tenant: &TenantId,
        filter: &LedgerFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Page<StoredRecord>, Error> {
        let end = |items| Page { items, next: None };
        let Some(last) = self.ledger_last(tenant).await? else { return Ok(end(Vec::new())) };
        let mut number = match (before, filter.to) {
            (Some(before), _) if before <= last.last() => {
                self.ledger_search(tenant, &last, |commit| commit.last() >= before).await?
            }
            (None, Some(to)) if to <= last.recorded_at => {
                self.ledger_search(tenant, &last, |commit| commit.recorded_at >= to).await?
            }
            _ => last.number,
        };
        let before = before.unwrap_or(u64::MAX);
        let (mut items, mut bytes, mut looked) = (Vec::new(), 0, 0);
        let mut step = 1;
        loop {
            let first = number.saturating_sub(step - 1).max(1);
            let segments = self.ledger_segments_between(tenant, first, number).await?;
            for segment in segments.iter().rev() {
                if filter.from.is_some_and(|from| segment.commit.recorded_at < from) {
                    return Ok(end(items));
                }
                for record in placed(segment)?.into_iter().rev() {
                    let sequence = record.record.sequence;
                    if sequence >= before || !filter.passes(&record.record) {
                        continue;
                    }
                    bytes += record.line.len();
                    let is_full = items.len() == limit || bytes > PAGE_BYTES_MAX;
                    if is_full && !items.is_empty() {
                        // The last that was given is where the next page begins.
                        return Ok(Page { items, next: Some((sequence + 1).to_string()) });
                    }
                    items.push(record);
                }
            }
            looked += step;
            if first == 1 {
                return Ok(end(items));
            }
            number = first - 1;
            if looked >= SEGMENTS_LISTED_MAX {
                let next = segments.first().map(|segment| segment.commit.first().to_string());
                return Ok(Page { items, next });
            }
            step = (step * 2).min(SEGMENTS_READ_MAX);
        }
    }
}

impl LedgerFilter {
    fn passes(&self, record: &Record) -> bool {
        let message = &record.message;
        let is = |wanted: &Option<String>, found: Option<&String>| {
            wanted.as_ref().is_none_or(|wanted| found == Some(wanted))
        };
        self.from.is_none_or(|from| from <= record.recorded_at)
            && self.to.is_none_or(|to| record.recorded_at < to)
            && is(&self.action, Some(&message.action))
            && is(&self.actor_id, message.actor_id.as_ref())
            && is(&self.entity_id, message.entity_id.as_ref())
            && is(&self.correlation_id, message.correlation_id.as_ref())
    }
}
