//! Who is calling, as the gateway's authorizer says.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use domain::id::{PrincipalId, TenantId};
use domain::impersonation::Impersonation;
use domain::principal::{Principal, PrincipalType};
use domain::tenant::Tier;
use domain::time::Timestamp;
use http::HeaderMap;
use http::request::Parts;
use lambda_http::aws_lambda_events::apigw::{
    ApiGatewayRequestAuthorizer, ApiGatewayV2httpRequestContext,
};
use lambda_http::request::RequestContext;

use crate::impersonation::Assumed;
use crate::problem::Problem;

/// Names the tenant, where the caller's identity carries none.
pub(crate) const TENANT_HEADER: &str = "x-tenant-id";

/// The tenant of a caller who names none.
pub const TENANT_DEFAULT: &str = "default";

/// How everyone is let in by `cargo local`.
pub const VIA_LOCAL: &str = "local";

/// How whoever acts as another is let in.
pub const VIA_IMPERSONATED: &str = "impersonated";

/// How who signs with IAM is let in.
const VIA_IAM: &str = "iam";

/// When a request arrived: an extension of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrived(pub(crate) Timestamp);

/// The authenticated caller: the only source of the tenant and the actor that a handler has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The tenant whose data the request is about.
    pub tenant_id: TenantId,
    /// Who was authenticated.
    pub principal: Principal,
    /// What the caller's token or key is limited to, whatever the principal is granted; `None` where it has no
    /// such limit.
    pub scopes: Option<Vec<String>>,
    /// How the caller was authenticated: `local`, `iam`, `jwt`, `api_key`, `impersonated`.
    pub via: String,
    /// Whether the identity carries no tenant, so that the request named it: an operator's.
    pub crosses_tenants: bool,
    /// What the caller's own tenant is served as; `None` for an identity without a tenant, and for a tenant that
    /// is not registered.
    pub tier: Option<Tier>,
    /// Of a caller who is another than who was authenticated: by which impersonation. Its actor is who it is.
    pub impersonation: Option<Arc<Impersonation>>,
}

impl Caller {
    /// The caller of a request, or 401; 403 where the request names another tenant than the caller's.
    pub(crate) fn of(parts: &Parts) -> Result<Self, Problem> {
        let Some(RequestContext::ApiGatewayV2(context)) = parts.extensions.get::<RequestContext>()
        else {
            return Err(Problem::unauthenticated());
        };
        let authorizer = context.authorizer.as_ref().ok_or_else(Problem::unauthenticated)?;
        if let Some(refusal) = field(authorizer, "refusal") {
            return Err(Problem::refused(refusal));
        }
        let authenticated = Authenticated::by_lambda_authorizer(authorizer)
            .or_else(|| Authenticated::by_iam(context))
            .ok_or_else(Problem::unauthenticated)?;
        let Authenticated { own_tenant, principal, scopes, via, tier, good_until } = authenticated;
        let arrived = parts.extensions.get::<Arrived>().map(|arrived| arrived.0.as_seconds());
        // API Gateway may remember what the authorizer said for longer than it holds.
        if good_until.is_some_and(|until| arrived.is_none_or(|arrived| arrived >= until)) {
            return Err(Problem::expired());
        }
        let crosses_tenants = own_tenant.is_none();
        let tenant_id = tenant(own_tenant, &parts.headers)?;
        let caller =
            Self { tenant_id, principal, scopes, via, crosses_tenants, tier, impersonation: None };
        match parts.extensions.get::<Assumed>() {
            Some(Assumed(impersonation)) => Ok(caller.acting(impersonation)),
            // A token of an impersonation is nobody's until the impersonation is found.
            None if caller.via == VIA_IMPERSONATED => Err(Problem::unauthenticated()),
            None => Ok(caller),
        }
    }

    /// Whether nothing has to be granted to the caller: it is the machine's or the account's owner who lets it in, by
    /// running `epr local` without `--auth`, or by a policy of IAM.
    pub(crate) fn is_the_owners(&self) -> bool {
        self.crosses_tenants && [VIA_LOCAL, VIA_IAM].contains(&self.via.as_str())
    }
}

/// Who was authenticated, before it is known which tenant's data the request is about.
struct Authenticated {
    /// The tenant of an identity that carries one. Without one the header names it.
    own_tenant: Option<TenantId>,
    principal: Principal,
    scopes: Option<Vec<String>>,
    via: String,
    tier: Option<Tier>,
    /// The second since 1970 in which this ends.
    good_until: Option<i64>,
}

impl Authenticated {
    /// What a Lambda authorizer has put into the context. It leaves the tenant out for `cargo local`, where
    /// everyone on the machine may name any, and for a token of which it says that it is for any tenant.
    fn by_lambda_authorizer(authorizer: &ApiGatewayRequestAuthorizer) -> Option<Self> {
        let field = |name: &str| field(authorizer, name);
        let via = field("via")?;
        let own_tenant = match field("tenant_id") {
            Some(own) => Some(TenantId::parse(own).ok()?),
            None if via == VIA_LOCAL || field("cross_tenant") == Some("true") => None,
            None => return None,
        };
        let words = |text: &str| text.split_ascii_whitespace().map(str::to_owned).collect();
        Some(Self {
            own_tenant,
            principal: Principal {
                kind: PrincipalType::parse(field("principal_type")?).ok()?,
                id: PrincipalId::parse(field("principal_id")?).ok()?,
            },
            scopes: field("scopes").map(words),
            via: via.to_owned(),
            // A tier that is not known here yet is the least one.
            tier: field("tier").map(|tier| Tier::parse(tier).unwrap_or_default()),
            // What cannot be read ended long ago.
            good_until: field("good_until").map(|until| until.parse().unwrap_or_default()),
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
            scopes: None,
            via: VIA_IAM.to_owned(),
            tier: None,
            good_until: None,
        })
    }
}

/// A text that the authorizer of a request has put into its context.
pub(crate) fn authorizer_field<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let Some(RequestContext::ApiGatewayV2(context)) = parts.extensions.get::<RequestContext>()
    else {
        return None;
    };
    field(context.authorizer.as_ref()?, name)
}

/// A text that a Lambda authorizer has put into the context.
fn field<'a>(authorizer: &'a ApiGatewayRequestAuthorizer, name: &str) -> Option<&'a str> {
    authorizer.fields.get(name).and_then(|value| value.as_str())
}

/// The tenant that a request is about: the caller's own, which the header may repeat but not change, or for
/// a caller without one that of the header, or the default one.
fn tenant(own: Option<TenantId>, headers: &HeaderMap) -> Result<TenantId, Problem> {
    let mut named = headers.get_all(TENANT_HEADER).iter();
    if let Some(own) = own {
        let is_own = named.all(|value| value.as_bytes() == own.as_str().as_bytes());
        return if is_own { Ok(own) } else { Err(Problem::foreign_tenant()) };
    }
    let (first, another) = (named.next(), named.next());
    let named = first.map_or(TENANT_DEFAULT, |value| value.to_str().unwrap_or_default());
    // API Gateway joins what is given twice, and that is no id.
    let named = if another.is_some() { "" } else { named };
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
        assert_eq!(caller.scopes.unwrap(), ["a", "b"]);
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

    fn with_tenant(mut parts: Parts, named: &[&'static str]) -> Parts {
        for name in named {
            parts.headers.append(TENANT_HEADER, http::HeaderValue::from_static(name));
        }
        parts
    }

    fn token(more: serde_json::Value) -> serde_json::Value {
        let mut fields = json!({
            "principal_id": "alice", "principal_type": "user", "via": "jwt",
        });
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "lambda": fields })
    }

    #[test]
    fn the_tenant_header_counts_only_for_an_identity_without_a_tenant() {
        for authorizer in [
            json!({"iam": {"callerId": "AROAEXAMPLE:ops"}}),
            token(json!({"cross_tenant": "true"})),
        ] {
            let caller =
                |named: &[&'static str]| Caller::of(&with_tenant(parts(authorizer.clone()), named));
            assert_eq!(caller(&["acme"]).unwrap().tenant_id.as_str(), "acme");
            assert!(caller(&["acme"]).unwrap().crosses_tenants);
            assert_eq!(caller(&[]).unwrap().tenant_id.as_str(), TENANT_DEFAULT);
            assert_eq!(caller(&["acme", "acme"]).unwrap_err().status, 400);
        }
    }

    #[test]
    fn a_token_s_tenant_may_be_repeated_by_the_header_and_not_changed() {
        let caller = |named: &[&'static str]| {
            Caller::of(&with_tenant(parts(token(json!({"tenant_id": "own"}))), named))
        };
        for named in [&[][..], &["own"], &["own", "own"]] {
            assert_eq!(caller(named).unwrap().tenant_id.as_str(), "own", "{named:?}");
            assert!(!caller(named).unwrap().crosses_tenants);
        }
        for named in [&["acme"][..], &["own", "acme"], &["acme", "own"], &[""], &["a b"], &["OWN"]]
        {
            let problem = caller(named).unwrap_err();
            assert_eq!(
                (problem.status.as_u16(), problem.code),
                (403, "foreign_tenant"),
                "{named:?}"
            );
        }
    }

    #[test]
    fn whom_the_authorizer_refused_is_nobody_whatever_else_stands_there() {
        for (refusal, code) in [
            ("missing", "unauthenticated"),
            ("expired", "token_expired"),
            ("invalid", "token_invalid"),
            ("key_invalid", "api_key_invalid"),
            ("key_revoked", "api_key_revoked"),
            ("key_expired", "api_key_expired"),
            ("", "token_invalid"),
        ] {
            let authorizer = token(json!({"tenant_id": "own", "refusal": refusal}));
            let problem = Caller::of(&parts(authorizer)).unwrap_err();
            assert_eq!((problem.status.as_u16(), problem.code), (401, code));
        }
    }

    #[test]
    fn a_caller_of_a_suspended_tenant_is_told_so_and_not_to_authenticate() {
        let authorizer = token(json!({"tenant_id": "own", "refusal": "tenant_suspended"}));
        let problem = Caller::of(&parts(authorizer)).unwrap_err();
        assert_eq!((problem.status.as_u16(), problem.code), (403, "tenant_suspended"));
    }

    #[test]
    fn a_tier_that_is_not_known_is_the_least_one() {
        for (said, tier) in [
            (json!({"tier": "premium"}), Some(Tier::Premium)),
            (json!({"tier": "platinum"}), Some(Tier::Free)),
            (json!({}), None),
        ] {
            let mut authorizer = token(said);
            authorizer["lambda"]["tenant_id"] = json!("own");
            assert_eq!(Caller::of(&parts(authorizer)).unwrap().tier, tier);
        }
    }

    #[test]
    fn an_identity_ends_when_it_says_so_however_long_it_is_remembered() {
        let caller = |until: &str, arrived: Option<i64>| {
            let mut parts = parts(token(json!({"tenant_id": "own", "good_until": until})));
            if let Some(at) = arrived {
                let at = Timestamp::from_microseconds(at * 1_000_000).unwrap();
                parts.extensions.insert(Arrived(at));
            }
            Caller::of(&parts).map_err(|problem| problem.code)
        };
        assert!(caller("100", Some(99)).is_ok());
        for (until, arrived) in [("100", Some(100)), ("100", None), ("soon", Some(99))] {
            assert_eq!(caller(until, arrived), Err("token_expired"), "{until} {arrived:?}");
        }
    }

    #[test]
    fn a_limit_that_is_empty_is_not_the_same_as_none() {
        let scopes = |more| Caller::of(&parts(token(more))).unwrap().scopes;
        assert_eq!(scopes(json!({"tenant_id": "own"})), None);
        assert_eq!(scopes(json!({"tenant_id": "own", "scopes": ""})), Some(Vec::new()));
    }
}
