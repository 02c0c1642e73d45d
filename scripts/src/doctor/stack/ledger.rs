//! The chains of the audit ledger: where each ends, and how far it is verified.

use aws_config::SdkConfig;
use aws_sdk_dynamodb::Client;
use domain::id::{Ids, TenantId};
use domain::time::{Clock, Timestamp};
use store::{Error, Store, Tables};

use super::resources::Stack;
use crate::doctor::findings::Findings;
use crate::moment::age;

/// How many chains are looked at one by one; the verifier's own alarm is for all of them.
const CHAINS_MAX: usize = 200;

/// From how many seconds without verification a chain is worth a word: the verifier comes every minute.
const UNVERIFIED_SECONDS_MAX: i64 = 600;

/// The run of the verifier that follows the chain.
const RUN: &str = "incremental";

/// Looks at the head of each chain that was ever verified.
pub(super) async fn check(config: &SdkConfig, stack: &Stack, findings: &mut Findings) {
    let table = |id: &str| stack.physical(id).map(str::to_owned);
    let (Some(core), Some(events), Some(audit)) =
        (table("CoreTable"), table("EventsTable"), table("AuditTable"))
    else {
        return findings.wrong("ledger", "a table is not there");
    };
    let store = Store::new(Client::new(config), Tables { core, events, audit }, Ids::by_time());
    let chains = match store.ledger_roster().await {
        Ok(chains) => chains,
        Err(error) => return findings.wrong("ledger", &error.to_string()),
    };
    if chains.is_empty() {
        return findings.well("ledger", "has no chain yet");
    }
    let now = Clock::system().now();
    let (mut records, mut faults) = (0, 0);
    for tenant in chains.iter().take(CHAINS_MAX) {
        match head(&store, tenant, now).await {
            Ok((size, None)) => records += size,
            Ok((size, Some(complaint))) => {
                records += size;
                faults += 1;
                findings.wrong(&format!("ledger of `{tenant}`"), &complaint);
            }
            Err(error) => {
                faults += 1;
                findings.wrong(&format!("ledger of `{tenant}`"), &error.to_string());
            }
        }
    }
    let looked = chains.len().min(CHAINS_MAX);
    let said = format!("{looked} of {} chains looked at, {records} records", chains.len());
    match faults {
        0 => findings.well("ledger", &format!("{said}, each followed by the verifier")),
        faults => findings.wrong("ledger", &format!("{said}; something is wrong with {faults}")),
    }
}

/// How many records a chain has, and what is wrong with it.
async fn head(
    store: &Store,
    tenant: &TenantId,
    now: Timestamp,
) -> Result<(u64, Option<String>), Error> {
    let last = store.ledger_last(tenant).await?;
    let size = last.as_ref().map_or(0, |commit| commit.head().size());
    let Some(run) = store.ledger_verified(tenant, RUN).await? else {
        return Ok((size, Some("was never verified".to_owned())));
    };
    if let Some(fault) = run.fault {
        let said = format!("is not what it was: {fault}; see docs/OPERATIONS.md, AuditFaultsAlarm");
        return Ok((size, Some(said)));
    }
    if run.head.size() > size {
        let said = format!("{} records were verified, and {size} are there", run.head.size());
        return Ok((size, Some(said)));
    }
    // What is there and not verified has waited since it was recorded.
    let waits = last.filter(|last| last.head().size() > run.head.size());
    let waited = waits.map_or(0, |last| {
        (now.as_microseconds() - last.recorded_at.max(run.at).as_microseconds()) / 1_000_000
    });
    let complaint = (waited > UNVERIFIED_SECONDS_MAX).then(|| {
        let verified = run.head.size();
        format!("{} records wait to be verified, since {}", size - verified, age(waited))
    });
    Ok((size, complaint))
}
