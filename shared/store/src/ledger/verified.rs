//! How far chains are verified, and which there are: in the core table, because it changes, and because it
//! must outlive what might be done to the ledger's own.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use domain::id::TenantId;
use domain::ledger::checkpoint::Checkpoint;
use domain::ledger::commit::Head;
use domain::ledger::fault::Fault;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::error::{Error, Guard};
use crate::item::{Item, from_item, text, to_item};
use crate::key;
use crate::meter::Call;
use crate::put::put_if;

/// How far a run of the verifier has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifierRun {
    /// The end of what was verified.
    pub head: Head,
    /// The latest checkpoint that was held against it.
    pub checkpoint: Option<Checkpoint>,
    /// When the run was last at work.
    pub at: Timestamp,
    /// When it began, of a run over the whole chain.
    pub begun_at: Timestamp,
    /// When it reached the end, of a run over the whole chain.
    pub done_at: Option<Timestamp>,
    /// What it found wrong: then it stays where it is until someone has looked.
    pub fault: Option<Fault>,
    /// Counts the writes of this state, from 1.
    pub version: u64,
}

impl VerifierRun {
    /// A run that has not begun to read.
    pub fn begun(at: Timestamp) -> Self {
        let (checkpoint, done_at, fault) = (None, None, None);
        Self { head: Head::genesis(), checkpoint, at, begun_at: at, done_at, fault, version: 0 }
    }
}

impl Store {
    /// How far a run of the verifier (`incremental` or `full`) has come. 1 RCU.
    pub async fn ledger_verified(
        &self,
        tenant: &TenantId,
        run: &str,
    ) -> Result<Option<VerifierRun>, Error> {
        self.get(key::audit_verified(tenant, run)).await?.map(from_item).transpose()
    }

    /// Remembers how far a run has come. Conflict ([`Guard::Version`]): another process went on with it.
    /// 1 or 2 WCU.
    pub async fn ledger_verified_put(
        &self,
        tenant: &TenantId,
        run: &str,
        state: &VerifierRun,
    ) -> Result<(), Error> {
        let before = AttributeValue::N(state.version.saturating_sub(1).to_string());
        let put = self
            .client
            .put_item()
            .table_name(&self.tables.core)
            .set_item(Some(to_item(key::audit_verified(tenant, run), state)?))
            .condition_expression("attribute_not_exists(pk) OR version = :before")
            .expression_attribute_values(":before", before);
        if put_if(put).await? { Ok(()) } else { Err(Error::Conflict(Guard::Version)) }
    }

    /// Every chain that was ever entered in the roster, in order. Strongly consistent: 1 RCU for about 60.
    pub async fn ledger_roster(&self) -> Result<Vec<TenantId>, Error> {
        let entries = self.partition(&key::audit_roster(), "").await?;
        let tenant = |item: &Item| {
            let tenant = text(item, "sk").and_then(|sk| sk.strip_prefix(key::ROSTER_PREFIX));
            let tenant = tenant.and_then(|tenant| TenantId::parse(tenant).ok());
            tenant.ok_or_else(|| Error::Defect("the roster of chains names no tenant".to_owned()))
        };
        entries.iter().map(tenant).collect()
    }

    /// Enters a chain in the roster: from then on it cannot go without being missed. 1 WCU.
    pub async fn ledger_roster_put(&self, tenant: &TenantId) -> Result<(), Error> {
        let call = Call::begin();
        let output = self
            .client
            .put_item()
            .table_name(&self.tables.core)
            .set_item(Some(key::audit_roster_chain(tenant).into_item()))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| Error::from_sdk("PutItem", &error))?;
        call.end_write(output.consumed_capacity());
        Ok(())
    }
}
