//! Who acts as whom. Each has, among the rows of the outbox, the entry that tells the ledger of its end; to stop it
//! takes that entry back.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::change::{Act, AuditDraft, Change};
use domain::event::DeliveryState;
use domain::id::{EventId, Ids, ImpersonationId, PrincipalId, TenantId};
use domain::impersonation::{Impersonation, ImpersonationText, Standing};
use domain::principal::{Principal, PrincipalType};
use domain::text::Reason;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::commit::{Intent, Unit};
use crate::error::{Error, Guard};
use crate::item::{Item, from_item, to_item};
use crate::outbox::{AuditRow, Record, row_item, row_key};
use crate::{Store, key};

#[derive(Serialize, Deserialize)]
struct ImpersonationRow {
    id: ImpersonationId,
    tenant_id: TenantId,
    actor_type: PrincipalType,
    actor_id: PrincipalId,
    standing: Standing,
    subject_type: PrincipalType,
    subject_id: PrincipalId,
    reason: Reason,
    digest: String,
    expiry_event_id: EventId,
    scopes: Option<Vec<String>>,
    started_at: Timestamp,
    expires_at: Timestamp,
    stopped_at: Option<Timestamp>,
    version: u64,
}

/// An impersonation with the HMAC of its token's secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredImpersonation {
    /// The impersonation.
    pub impersonation: Impersonation,
    digest: String,
    expiry_event_id: EventId,
}

impl StoredImpersonation {
    /// Whether a token is this one's, to its last digit.
    pub fn is(&self, text: &ImpersonationText) -> bool {
        text.has_digest(&self.digest)
    }
}

impl Store {
    /// An impersonation, ended ones included. 1 RCU.
    pub async fn impersonation_read(
        &self,
        tenant: &TenantId,
        id: &ImpersonationId,
    ) -> Result<Option<StoredImpersonation>, Error> {
        self.get(key::impersonation(tenant, id)).await?.map(stored).transpose()
    }

    /// Begins, with the HMAC of the token's secret. Conflicts: [`Guard::Id`].
    pub async fn impersonation_start(
        &self,
        intent: &Intent<'_>,
        change: &Change<Impersonation>,
        digest: String,
    ) -> Result<(), Error> {
        let impersonation = change.after.clone();
        let (due, expiry) = (impersonation.expires_at, impersonation.expiry());
        let (expiry_event_id, row) = timed_item(&self.ids, intent.act, &expiry, due)?;
        let item = item(&StoredImpersonation { impersonation, digest, expiry_event_id })?;
        let unit = Unit::of(self, intent, change)?.create(&self.tables.core, item, Guard::Id);
        self.commit(unit.row(row)).await
    }

    /// Stops what has not expired. Conflicts: [`Guard::Version`] when it was stopped since it was read, or its end is
    /// on its way to the ledger.
    pub async fn impersonation_stop(
        &self,
        intent: &Intent<'_>,
        before: &StoredImpersonation,
        change: &Change<Impersonation>,
    ) -> Result<(), Error> {
        let after = StoredImpersonation { impersonation: change.after.clone(), ..before.clone() };
        let Impersonation { tenant_id, version, .. } = &before.impersonation;
        let expiry = row_key(tenant_id, Record::Audit, &before.expiry_event_id);
        let pending = AttributeValue::S(DeliveryState::Pending.as_str().to_owned());
        let unit = Unit::of(self, intent, change)?
            .replace(&self.tables.core, item(&after)?, *version)
            .delete(&self.tables.events, expiry, "delivery_state", pending);
        self.commit(unit).await
    }
}

/// An audit entry of a moment to come, with its id: it goes its way from then on, unless it is taken back.
fn timed_item(
    ids: &Ids,
    act: &Act,
    audit: &AuditDraft,
    due: Timestamp,
) -> Result<(EventId, Item), Error> {
    let act = Act { at: due, ..act.clone() };
    let row = AuditRow { is_timed: true, ..AuditRow::of(ids.mint(), &act, audit) };
    Ok((row.event_id.clone(), row_item(&act, &row)?))
}

fn stored(item: Item) -> Result<StoredImpersonation, Error> {
    let row: ImpersonationRow = from_item(item)?;
    let impersonation = Impersonation {
        id: row.id,
        tenant_id: row.tenant_id,
        actor: Principal { kind: row.actor_type, id: row.actor_id },
        standing: row.standing,
        subject: Principal { kind: row.subject_type, id: row.subject_id },
        reason: row.reason,
        scopes: row.scopes,
        started_at: row.started_at,
        expires_at: row.expires_at,
        stopped_at: row.stopped_at,
        version: row.version,
    };
    Ok(StoredImpersonation {
        impersonation,
        digest: row.digest,
        expiry_event_id: row.expiry_event_id,
    })
}

fn item(stored: &StoredImpersonation) -> Result<Item, Error> {
    let StoredImpersonation { impersonation, digest, expiry_event_id } = stored.clone();
    let key = key::impersonation(&impersonation.tenant_id, &impersonation.id);
    let row = ImpersonationRow {
        id: impersonation.id,
        tenant_id: impersonation.tenant_id,
        actor_type: impersonation.actor.kind,
        actor_id: impersonation.actor.id,
        standing: impersonation.standing,
        subject_type: impersonation.subject.kind,
        subject_id: impersonation.subject.id,
        reason: impersonation.reason,
        digest,
        expiry_event_id,
        scopes: impersonation.scopes,
        started_at: impersonation.started_at,
        expires_at: impersonation.expires_at,
        stopped_at: impersonation.stopped_at,
        version: impersonation.version,
    };
    to_item(key, &row)
}
