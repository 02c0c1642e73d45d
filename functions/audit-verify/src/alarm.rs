//! What is told of a fault: a line of the log, and one event for each distinct fault.

use domain::change::{Act, CORE_SOURCE};
use domain::event::{Aggregate, Delivery, Event, StoredEvent, content};
use domain::id::{PrincipalId, TenantId};
use domain::ledger::fault::Fault;
use domain::ledger::hash::Hash;
use domain::principal::{Principal, PrincipalType};
use domain::refusal::Refusal;
use domain::text::{
    AggregateId, AggregateType, CorrelationId, EventSource, EventType, SchemaVersion,
};
use serde_json::json;
use store::{Error, Intent, event_id_of};

use crate::{Auditor, FUNCTION};

/// The type of the event.
const EVENT_TYPE: &str = "audit.verification.failed";

impl Auditor {
    /// Tells of a fault. The id of its event is made of the fault, so that it is stored once, however often
    /// a run is repeated.
    pub(crate) async fn tell(
        &self,
        tenant: &TenantId,
        run: &str,
        fault: &Fault,
    ) -> Result<(), Error> {
        tracing::error!(
            tenant_id = %tenant, run, first = fault.first, last = fault.last, fault = %fault,
            "audit_verification_failed"
        );
        let defect = |refusal: Refusal| Error::Defect(format!("the event of a fault {refusal}"));
        let (act, stored) = self.event(tenant, run, fault).map_err(defect)?;
        self.app.store.event_ingest(&Intent { act: &act, receipt: None }, &stored, false).await?;
        Ok(())
    }

    fn event(
        &self,
        tenant: &TenantId,
        run: &str,
        fault: &Fault,
    ) -> Result<(Act, StoredEvent), Refusal> {
        let at = self.app.clock.now();
        let detail = json!(fault);
        let name = Hash::of(detail.to_string().as_bytes());
        let correlation_id = CorrelationId::parse(&format!("audit-fault:{name}"))?;
        let source = EventSource::parse(CORE_SOURCE)?;
        let event_id = event_id_of(tenant, &source, &correlation_id);
        let actor = Principal { kind: PrincipalType::service(), id: PrincipalId::parse(FUNCTION)? };
        let payload = json!({
            "run": run,
            "first_sequence": fault.first,
            "last_sequence": fault.last,
            "fault": detail,
            "message": fault.to_string(),
        });
        let context = json!({"actor_id": actor.id, "actor_type": actor.kind});
        let event = Event {
            event_id,
            event_type: EventType::parse(EVENT_TYPE)?,
            source,
            occurred_at: at,
            tenant_id: tenant.clone(),
            schema_version: SchemaVersion::current(),
            aggregate: Some(Aggregate {
                kind: AggregateType::parse("audit_chain")?,
                id: AggregateId::parse(tenant.as_str())?,
            }),
            payload: content(&payload)?,
            context: content(&context)?,
            correlation_id: Some(correlation_id),
        };
        let (tenant_id, on_behalf_of) = (tenant.clone(), None);
        let act = Act { tenant_id, actor, on_behalf_of, at, request_id: format!("fault:{name}") };
        Ok((act, StoredEvent { event, delivery: Delivery::pending(at) }))
    }
}
