//! The log as files (C2SP tlog-tiles), for other people's verifiers.
//!
//! **Invariant:** nothing is shown that no signed checkpoint promises: what is not promised may yet be
//! answered otherwise, and a file that may be kept for ever must not change.

use api::{App, Caller, File, OCTETS, PathParameters, Problem, TEXT};
use axum::extract::State;
use domain::id::TenantId;
use domain::ledger::tile::{Kind, Tile};

use crate::checkpoint::{self, Signed};

/// Largest bundle of entries that is answered, in bytes: Lambda answers 6 MB, which base64 makes of these.
const BUNDLE_BYTES_MAX: usize = 4 * 1024 * 1024;

pub(crate) async fn checkpoint(
    State(app): State<App>,
    caller: Caller,
    path: PathParameters,
) -> Result<File, Problem> {
    Ok(File::new(TEXT, published(&app, &caller, &path).await?.text))
}

pub(crate) async fn read(
    State(app): State<App>,
    caller: Caller,
    path: PathParameters,
) -> Result<File, Problem> {
    let tenant = own_chain(&caller, &path)?;
    let (tile, name) = path.read("path", "tile", |rest| {
        Tile::parse(&format!("tile/{rest}")).map(|tile| (tile, rest.to_owned()))
    })?;
    let absent = || Problem::not_found("tile", &name);
    let size = published(&app, &caller, &path).await?.checkpoint.size;
    let promised = Tile::of(tile.kind(), tile.index(), size);
    if promised.is_none_or(|promised| promised.width() < tile.width()) {
        return Err(absent());
    }
    let bytes = match tile.kind() {
        Kind::Hashes { .. } => app.store.ledger_hash_tile(tenant, &tile).await?,
        Kind::Entries => app.store.ledger_entries(tenant, &tile).await?,
    };
    let bytes = bytes.ok_or_else(absent)?;
    if bytes.len() > BUNDLE_BYTES_MAX {
        return Err(Problem::part_too_large(format!(
            "the bundle is larger than {BUNDLE_BYTES_MAX} bytes; `/api/v1/audit/export` has its records"
        )));
    }
    Ok(File::new(OCTETS, bytes).immutable())
}

/// The latest signed checkpoint of the chain that the path names; 404 where there is none.
async fn published(app: &App, caller: &Caller, path: &PathParameters) -> Result<Signed, Problem> {
    let tenant = own_chain(caller, path)?;
    let signed = checkpoint::latest(app, tenant).await?;
    signed.ok_or_else(|| Problem::not_found("signed checkpoint of the chain", tenant.as_str()))
}

/// The chain that the path names. Another tenant's does not exist.
fn own_chain<'a>(caller: &'a Caller, path: &PathParameters) -> Result<&'a TenantId, Problem> {
    let chain = path.read("chain", "chain", TenantId::parse)?;
    if chain == caller.tenant_id {
        Ok(&caller.tenant_id)
    } else {
        Err(Problem::not_found("chain", chain.as_str()))
    }
}
