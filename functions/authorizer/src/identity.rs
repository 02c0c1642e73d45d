//! Who was authenticated, and how API Gateway hands that on to the functions.

use std::collections::BTreeMap;

use domain::id::{ImpersonationId, TenantId};
use domain::principal::Principal;
use domain::tenant::Tier;
use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;

/// How callers by token are let in.
pub const VIA_TOKEN: &str = "jwt";
/// How callers by API key are let in.
pub const VIA_KEY: &str = "api_key";

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who.
    pub principal: Principal,
    /// Of which tenant; without one, of any that the request names.
    pub tenant_id: Option<TenantId>,
    /// What that tenant is served as, where the registry says so.
    pub tier: Option<Tier>,
    /// Within which limits; without any, only those of what the principal is granted.
    pub scopes: Option<Vec<String>>,
    /// The roles that the issuer names. They grant nothing by themselves.
    pub roles: Vec<String>,
    /// Until which second since 1970 this may be believed.
    pub good_until: i64,
    /// By what: [`VIA_TOKEN`], [`VIA_KEY`] or [`api::VIA_IMPERSONATED`].
    pub via: &'static str,
    /// By which impersonation, where it is another who calls. The functions ask whether it has ended since.
    pub impersonation_id: Option<ImpersonationId>,
}

/// A request, as API Gateway asks an authorizer about it (payload 2.0). What else it says is not needed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its headers; those given twice are joined by commas.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// The answer to it (simple response).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// Whether the request goes on to its function.
    pub is_authorized: bool,
    /// What the function is told of the caller.
    pub context: BTreeMap<String, String>,
}

impl Verdict {
    /// The caller is known.
    pub(crate) fn of(identity: &Identity) -> Self {
        let Identity {
            principal,
            tenant_id,
            tier,
            scopes,
            roles,
            good_until,
            via,
            impersonation_id,
        } = identity;
        let mut context = BTreeMap::from([
            ("via", (*via).to_owned()),
            ("principal_type", principal.kind.to_string()),
            ("principal_id", principal.id.to_string()),
            ("good_until", good_until.to_string()),
        ]);
        match tenant_id {
            Some(tenant) => context.insert("tenant_id", tenant.to_string()),
            None => context.insert("cross_tenant", "true".to_owned()),
        };
        if let Some(tier) = tier {
            context.insert("tier", tier.as_str().to_owned());
        }
        if let Some(scopes) = scopes {
            context.insert("scopes", scopes.join(" "));
        }
        if let Some(id) = impersonation_id {
            context.insert("impersonation_id", id.to_string());
        }
        if !roles.is_empty() {
            context.insert("roles", roles.join(" "));
        }
        Self::with(context)
    }

    /// The caller is nobody, and the function will say why it does not answer.
    ///
    /// API Gateway itself can only say 403 and `Forbidden` to whom an authorizer stops, where 401, the reason
    /// and the way to authenticate are due. So the request goes on with a refusal in the place of an identity.
    /// The shell of the functions makes a caller of an identity only (`api::Caller`), and 401 of everything
    /// else; a test sends every operation of the API such a request.
    pub(crate) fn nobody(refusal: Refusal) -> Self {
        Self::with(BTreeMap::from([("refusal", refusal.code().to_owned())]))
    }

    fn with(context: BTreeMap<&str, String>) -> Self {
        let context = context.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { is_authorized: true, context }
    }
}
