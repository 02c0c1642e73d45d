//! The part of the tour that reads the audit ledger.

use http::Method;
use tests::checkpoints::happening;

use super::Tour;

impl Tour {
    /// Reads a chain of 600 records in 6 segments, before and after its tiles are stored.
    pub(super) async fn audit(&mut self) {
        for first in (0..600).step_by(100) {
            self.world.record("default", (first..first + 100).map(happening)).await;
        }
        self.world.sign("default").await;
        let (records, tiles) = ("/api/v1/audit/records", "/audit/default/tile");
        self.world.record("another", [happening(0), happening(1)]).await;
        let another = self.world.tenant("another");
        let page = format!("{records}?limit=1");
        let case = "1 of 2, the tenant's first page";
        self.ask_as(&another, case, Method::GET, &page, None).await;
        let checkpoint = "/api/v1/audit/checkpoint";
        let case = "of 2 records, published on demand";
        self.ask_as(&another, case, Method::GET, checkpoint, None).await;
        self.ask_as(&another, "published already", Method::GET, checkpoint, None).await;
        self.tenant.get(&page).await.expect(200);
        self.get("50 of 600", records).await;
        let by = format!("{records}?actor_id=nobody");
        self.get("none of 600, in 6 segments", &by).await;
        self.get("", &format!("{records}/event-0007")).await;
        self.get("of 600 records, no tile stored", &format!("{records}/event-0007/proof")).await;
        self.world.store_tiles("default", 600).await;
        self.get("of 600 records", &format!("{records}/event-0007/proof")).await;
        self.get("from 300 to 600", "/api/v1/audit/consistency?from=300&to=600").await;
        self.get("600 records", "/api/v1/audit/export").await;
        self.get("", "/audit/default/checkpoint").await;
        self.get("256 leaves, stored", &format!("{tiles}/0/000")).await;
        self.get("88 leaves, in a segment", &format!("{tiles}/0/002.p/88")).await;
        self.get("256 entries", &format!("{tiles}/entries/000")).await;
    }
}
