//! `epr token`: a token of this machine's own issuer, for `epr local --auth`.

use std::path::PathBuf;

use ::authorizer::development::{Development, Grant};
use clap::Args;
use domain::id::{PrincipalId, TenantId};
use domain::principal::{Principal, PrincipalType};
use domain::time::Clock;

use crate::audit::place::tenant;
use crate::moment::seconds;
use crate::say;

/// What `epr token` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
The key that signs is in the data folder, for its owner alone, and made on first use. Only an `epr local --auth`
over the same folder trusts it; no deployment does.

What the principal may do is what it is granted. With the token of `service:operator`, who may do everything,
`epr bootstrap` makes the first admin of a tenant.

Examples:
  export EPR_TOKEN=$(epr token --principal service:operator --any-tenant)
  epr bootstrap --tenant acme --admin user:alice
  export EPR_TOKEN=$(epr token --principal user:alice --tenant acme)
  epr seed                                  called by alice, in her tenant
  epr token --principal service:reports --tenant acme --scope \"entity:read role:read\" --expires 10m")]
pub(crate) struct Arguments {
    /// Who it says is calling: a type and an id, such as `user:alice`
    #[arg(long, value_parser = principal)]
    principal: Principal,
    /// The tenant that the caller belongs to
    #[arg(long, value_parser = tenant, required_unless_present = "any_tenant")]
    tenant: Option<TenantId>,
    /// A caller of no tenant, who names one with each request
    #[arg(long, conflicts_with = "tenant")]
    any_tenant: bool,
    /// What it is limited to, with spaces between; without it, to what the principal is granted
    #[arg(long, value_name = "SCOPES")]
    scope: Option<String>,
    /// How long it is good for
    #[arg(long, default_value = "1h", value_name = "TIME", value_parser = seconds)]
    expires: i64,
    /// The folder with the key
    #[arg(long, default_value = ".epr")]
    data: PathBuf,
}

/// Writes the token on standard output.
pub(crate) fn run(arguments: Arguments) -> Result<(), String> {
    let Arguments { principal, tenant, scope, expires, data, .. } = arguments;
    let issuer = Development::open(&data).map_err(|error| error.to_string())?;
    let scopes = scope.map(|scopes| scopes.split_whitespace().map(str::to_owned).collect());
    let grant = Grant { principal, tenant_id: tenant, scopes, seconds: expires };
    say(&format!("{}\n", issuer.token(&grant, Clock::system().now())));
    Ok(())
}

fn principal(text: &str) -> Result<Principal, String> {
    let (kind, id) =
        text.split_once(':').ok_or("must be a type and an id, such as `user:alice`")?;
    let kind = PrincipalType::parse(kind).map_err(|refusal| format!("the type {refusal}"))?;
    let id = PrincipalId::parse(id).map_err(|refusal| format!("the id {refusal}"))?;
    if kind.is_group() {
        Err("a group does not call".to_owned())
    } else {
        Ok(Principal { kind, id })
    }
}
