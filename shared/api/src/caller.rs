//! Who is calling, as the gateway's authorizer says.

use axum::extract::FromRequestParts;
use domain::id::{PrincipalId, TenantId};
use domain::principal::{Principal, PrincipalType};
use http::HeaderMap;
use http::request::Parts;
use lambda_http::aws_lambda_events::apigw::{
    ApiGatewayRequestAuthorizer, ApiGatewayV2httpRequestContext,
};
use lambda_http::request::RequestContext;

use crate::problem::Problem;

/// Names the tenant, where the caller's identity carries none.
pub(crate) const TENANT_HEADER: &str = "x-tenant-id";

/// The tenant of a caller who names none.
pub const TENANT_DEFAULT: &str = "default";

/// How everyone is let in by `cargo local`.
pub const VIA_LOCAL: &str = "local";

/// The authenticated caller: the only source of the tenant and the actor that a handler has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant whose data the request is about.
    pub tenant_id: TenantId,
    /// Who was authenticated.
    pub principal: Principal,
    /// What the caller's token or key is limited to; empty where it has no such limit.
    pub scopes: Vec<String>,
    /// How the caller was authenticated: `local`, `iam`, and later `jwt`, `api_key`, `impersonated`.
    pub via: String,
}

impl Caller {
    /// The caller of a request, or 401.
    pub(crate) fn of(parts: &Parts) -> Result<Self, Problem> {
        let Some(RequestContext::ApiGatewayV2(context)) = parts.extensions.get::<RequestContext>()
        else {
            return Err(Problem::unauthenticated());
        };
        let authorizer = context.authorizer.as_ref().ok_or_else(Problem::unauthenticated)?;
        let authenticated = Authenticated::by_lambda_authorizer(authorizer)
            .or_else(|| Authenticated::by_iam(context))
            .ok_or_else(Problem::unauthenticated)?;
        let Authenticated { own_tenant, principal, scopes, via } = authenticated;
        let tenant_id = match own_tenant {
            Some(own) => own,
            None => named_tenant(&parts.headers)?,
        };
        Ok(Self { tenant_id, principal, scopes, via })
    }
}

/// Who was authenticated, before it is known which tenant's data the request is about.
struct Authenticated {
    /// The tenant of an identity that carries one. Without one the header names it.
    own_tenant: Option<TenantId>,
    principal: Principal,
    scopes: Vec<String>,
    via: String,
}

impl Authenticated {
    /// What a Lambda authorizer has put into the context. Of what it lets in only `cargo local` leaves the
    /// tenant out: everyone on the machine may name any.
    fn by_lambda_authorizer(authorizer: &ApiGatewayRequestAuthorizer) -> Option<Self> {
        let field = |name: &str| authorizer.fields.get(name).and_then(|value| value.as_str());
        let via = field("via")?;
        let own_tenant = match field("tenant_id") {
            Some(own) => Some(TenantId::parse(own).ok()?),
            None if via == VIA_LOCAL => None,
            None => return None,
        };
        Some(Self {
            own_tenant,
            principal: Principal {
                kind: PrincipalType::parse(field("principal_type")?).ok()?,
                id: PrincipalId::parse(field("principal_id")?).ok()?,
            },
            scopes: field("scopes")?.split_ascii_whitespace().map(str::to_owned).collect(),
            via: via.to_owned(),
        })
    }

    /// A caller signed by IAM: an operator of the account, who may invoke the API because a policy says
    /// so. An IAM identity carries no tenant.
    fn by_iam(context: &ApiGatewayV2httpRequestContext) -> Option<Self> {
        let iam = context.authorizer.as_ref()?.iam.as_ref()?;
        Some(Self {
            own_tenant: None,
            principal: Principal {
                kind: PrincipalType::service(),
                id: PrincipalId::parse(iam.caller_id.as_deref()?).ok()?,
            },
            scopes: Vec::new(),
            via: "iam".to_owned(),
        })
    }
}

/// The tenant that the header names, or the default one.
fn named_tenant(headers: &HeaderMap) -> Result<TenantId, Problem> {
    let named = headers.get(TENANT_HEADER);
    let named = named.map_or(TENANT_DEFAULT, |value| value.to_str().unwrap_or_default());
    TenantId::parse(named).map_err(|refusal| Problem::invalid_at("X-Tenant-Id", &refusal))
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parts(authorizer: serde_json::Value) -> Parts {
        let context = json!({"http": {"method": "GET"}, "authorizer": authorizer});
        let context: ApiGatewayV2httpRequestContext = serde_json::from_value(context).unwrap();
        let mut parts = http::Request::new(()).into_parts().0;
        parts.extensions.insert(RequestContext::ApiGatewayV2(context));
        parts
    }

    #[test]
    fn the_authorizers_word_is_the_caller() {
        let parts = parts(json!({"lambda": {
            "tenant_id": "acme", "principal_id": "alice", "principal_type": "user", "scopes": "a b", "via": "jwt",
        }}));
        let caller = Caller::of(&parts).unwrap();
        assert_eq!(
            (caller.tenant_id.as_str(), caller.principal.to_string()),
            ("acme", "user:alice".to_owned())
        );
        assert_eq!(caller.scopes, ["a", "b"]);
    }

    #[test]
    fn without_a_whole_and_well_formed_identity_there_is_no_caller() {
        for authorizer in [
            json!(null),
            json!({}),
            json!({"lambda": {"tenant_id": "acme"}}),
            json!({"lambda": {
                "tenant_id": "a/b", "principal_id": "alice", "principal_type": "user", "scopes": "", "via": "jwt",
            }}),
            json!({"lambda": {"principal_id": "alice", "principal_type": "user", "scopes": "", "via": "jwt"}}),
            json!({"iam": {}}),
        ] {
            assert_eq!(
                Caller::of(&parts(authorizer.clone())).unwrap_err().status,
                401,
                "{authorizer}"
            );
        }
    }

    #[test]
    fn a_tenant_header_that_is_no_id_is_refused_where_it_counts() {
        let local = json!({"lambda": {
            "principal_id": "local", "principal_type": "service", "scopes": "", "via": VIA_LOCAL,
        }});
        for authorizer in [local, json!({"iam": {"callerId": "AROAEXAMPLE:ops"}})] {
            let mut parts = parts(authorizer);
            assert_eq!(Caller::of(&parts).unwrap().tenant_id.as_str(), TENANT_DEFAULT);
            for bad in ["", " ", "a b", "a/b", "t\u{e9}", &"x".repeat(129)] {
                let bad = http::HeaderValue::from_bytes(bad.as_bytes()).unwrap();
                parts.headers.insert(TENANT_HEADER, bad);
                let problem = Caller::of(&parts).unwrap_err();
                assert_eq!((problem.status.as_u16(), problem.errors.len()), (400, 1));
            }
        }
    }

    #[test]
    fn the_tenant_header_counts_only_for_an_identity_without_a_tenant() {
        let mut iam = parts(json!({"iam": {"callerId": "AROAEXAMPLE:ops"}}));
        iam.headers.insert(TENANT_HEADER, http::HeaderValue::from_static("acme"));
        assert_eq!(Caller::of(&iam).unwrap().tenant_id.as_str(), "acme");
        let mut token = parts(json!({"lambda": {
            "tenant_id": "own", "principal_id": "alice", "principal_type": "user", "scopes": "", "via": "jwt",
        }}));
        token.headers.insert(TENANT_HEADER, http::HeaderValue::from_static("acme"));
        assert_eq!(Caller::of(&token).unwrap().tenant_id.as_str(), "own");
    }
}
