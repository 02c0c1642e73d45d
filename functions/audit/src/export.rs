//! Export: the canonical bytes of a range of records, a line each, in order.

use api::{App, Caller, File, LINES, Listing, Problem};
use axum::extract::State;
use http::{HeaderName, HeaderValue};

use crate::number;

/// The sequence at which the next answer begins.
const NEXT: HeaderName = HeaderName::from_static("x-next-sequence");

pub(crate) async fn read(
    State(app): State<App>,
    caller: Caller,
    mut query: Listing,
) -> Result<File, Problem> {
    let from = query.one("from_sequence", number);
    let to = query.one("to_sequence", number);
    query.finish_unpaged()?;
    let (from, to) = (from?.unwrap_or(1).max(1), to?);
    let tenant = &caller.tenant_id;
    let size = app.store.ledger_last(tenant).await?.map_or(0, |last| last.last());
    let through = to.map_or(size, |to| to.min(size));
    if from > through {
        return Ok(File::new(LINES, Vec::new()));
    }
    // As much as one answer of Lambda may hold, and no more.
    let records = app.store.ledger_range(tenant, from, through).await?;
    let next = records.last().map_or(from, |last| last.record.sequence + 1);
    let mut lines = Vec::new();
    for record in records {
        lines.extend(record.line);
        lines.push(b'\n');
    }
    let file = File::new(LINES, lines);
    Ok(if next <= through { file.header(NEXT, HeaderValue::from(next)) } else { file })
}
