//! Where the ledger is read: in the audit table of a deployment, or in the data folder of `epr local`.
//!
//! **Invariant:** nothing is written there. A verifier that could write would be one more to distrust.

use std::path::{Path, PathBuf};

use aws_sdk_dynamodb::Client;
use clap::Args;
use domain::id::{Ids, TenantId};
use local::embedded::Embedded;
use store::{Error, Store, Tables};

use crate::aws;

/// The folder that `epr local` keeps its data in, unless it is told another.
const DATA_DEFAULT: &str = ".epr";

/// What the template calls the audit table, and so what it is called in a data folder.
const AUDIT_TABLE_LOCAL: &str = "AuditTable";

/// Which chain, and where it is.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The tenant whose chain it is; without it `default`, or whose the export is
    #[arg(long, value_parser = tenant)]
    pub(crate) tenant: Option<TenantId>,
    /// The data folder of `epr local`, which may be running. Before --audit-table
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The audit table of a deployment, read with the AWS credentials found here
    #[arg(long, value_name = "TABLE", env = "EPR_AUDIT_TABLE")]
    audit_table: Option<String>,
}

/// A chain that can be read.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    pub(crate) store: Store,
    pub(crate) tenant: TenantId,
    /// Where it is, in words.
    pub(crate) place: String,
}

/// A tenant as it is typed.
pub(crate) fn tenant(text: &str) -> Result<TenantId, String> {
    TenantId::parse(text).map_err(|refusal| refusal.to_string())
}

/// The tenant where none is named.
pub(crate) fn tenant_default() -> Result<TenantId, String> {
    tenant("default")
}

impl Place {
    /// Opens what is named: a folder, else a table, else the usual folder where there is one.
    pub(crate) async fn open(&self) -> Result<Ledger, String> {
        let tenant = self.tenant.clone().map_or_else(tenant_default, Ok)?;
        let table = self.audit_table.as_deref().filter(|table| !table.is_empty());
        let usual = Path::new(DATA_DEFAULT);
        let (client, table, place) = match (&self.data, table) {
            (Some(folder), _) => in_folder(folder)?,
            (None, Some(table)) => in_aws(table).await?,
            (None, None) if usual.is_dir() => in_folder(usual)?,
            (None, None) => {
                return Err(format!(
                    "no ledger is named and there is no folder `{DATA_DEFAULT}`: name the data folder \
                     of `epr local` with --data, or the audit table of a deployment with --audit-table \
                     or EPR_AUDIT_TABLE"
                ));
            }
        };
        // Nothing here reads the other tables.
        let tables = Tables { core: String::new(), events: String::new(), audit: table };
        Ok(Ledger { store: Store::new(client, tables, Ids::by_time()), tenant, place })
    }
}

impl Ledger {
    /// Whether the table can be read at all: then what it does not give is damaged there.
    pub(crate) async fn answers(&self) -> bool {
        // No segment has this number.
        matches!(self.store.ledger_commit(&self.tenant, 0).await, Ok(None))
    }

    /// An error in words, with where it happened.
    pub(crate) fn said(&self, error: &Error) -> String {
        format!("{} cannot be read: {error}", self.place)
    }
}

fn in_folder(folder: &Path) -> Result<(Client, String, String), String> {
    let embedded = Embedded::open_to_read(folder).map_err(|error| error.to_string())?;
    let place = format!("the data folder `{}`", folder.display());
    Ok((embedded.client(), AUDIT_TABLE_LOCAL.to_owned(), place))
}

async fn in_aws(table: &str) -> Result<(Client, String, String), String> {
    let place = format!("the audit table `{table}`");
    let config = aws::config().await.map_err(|reason| format!("{place}: {reason}"))?;
    let place = match config.region() {
        Some(region) => format!("{place} in {region}"),
        None => place,
    };
    Ok((Client::new(&config), table.to_owned(), place))
}
