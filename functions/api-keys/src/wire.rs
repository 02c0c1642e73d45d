//! What is sent and received.

use domain::api_key::ApiKey;
use domain::id::{ApiKeyId, ImpersonationId, PrincipalId, TenantId};
use domain::impersonation::Impersonation;
use domain::principal::PrincipalType;
use domain::text::{ApiKeyName, Reason};
use domain::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// An API key.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub struct ApiKeyBody {
    /// Its id.
    #[schema(value_type = String)]
    pub id: ApiKeyId,
    /// Whose it is.
    #[schema(value_type = String)]
    pub tenant_id: TenantId,
    /// What it is called.
    #[schema(value_type = String, min_length = 1, max_length = 120)]
    pub name: ApiKeyName,
    /// Who calls with it.
    #[schema(value_type = String)]
    pub principal_id: PrincipalId,
    /// What kind of principal that is.
    #[schema(value_type = String)]
    pub principal_type: PrincipalType,
    /// The part of it that is shown: what it begins with.
    #[schema(pattern = r"^ak_[A-Za-z0-9._:@-]{1,128}\.[0-9a-f]{16}$")]
    pub key_prefix: String,
    /// What it is limited to, in order; null for what the principal is granted.
    #[schema(value_type = Option<Vec<Scope>>, required = true)]
    pub scopes: Option<Vec<String>>,
    /// When its time is over.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// When it was revoked; null while it is not.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to within an hour; null before.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub last_used_at: Option<Timestamp>,
    /// Counts the changes, from 1.
    #[schema(minimum = 1)]
    pub version: u64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed; to be used is no change.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
    /// The whole key. Only in the first answer to the request that created it.
    #[schema(pattern = r"^ak_[A-Za-z0-9._:@-]{1,128}\.[0-9a-f]{16}_[0-9a-f]{64}$")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl std::fmt::Debug for ApiKeyBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKeyBody").field("id", &self.id).finish_non_exhaustive()
    }
}

impl ApiKeyBody {
    /// The body of a key, without its secret.
    pub fn of(key: &ApiKey) -> Self {
        let (key, key_prefix) = (key.clone(), key.prefix());
        Self {
            id: key.id,
            tenant_id: key.tenant_id,
            name: key.name,
            principal_id: key.principal.id,
            principal_type: key.principal.kind,
            key_prefix,
            scopes: key.scopes,
            expires_at: key.expires_at,
            revoked_at: key.revoked_at,
            last_used_at: key.last_used_at,
            version: key.version,
            created_at: key.created_at,
            updated_at: key.updated_at,
            key: None,
        }
    }
}

/// What a key is limited to, such as `entity:read`.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes a text that others read")]
#[schema(value_type = String, pattern = r"^[!#-\[\]-~]{1,255}$")]
pub(crate) struct Scope(String);

/// What it takes to make an API key.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct ApiKeyCreate {
    /// What it is called.
    #[schema(
        min_length = 1,
        max_length = 120,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
    /// Who is to call with it; the caller, where nobody is named.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    principal_id: Option<String>,
    /// What kind of principal that is; `user` where somebody is named, and else the caller's. Not `group`.
    #[schema(pattern = "^(?!group$)[A-Za-z0-9._:@-]{1,64}$")]
    principal_type: Option<String>,
    /// What it is limited to; the caller's own limits, where nothing is said.
    #[schema(value_type = Option<Vec<Scope>>, max_items = 200)]
    scopes: Option<Vec<String>>,
    /// When its time is over, at most in five years; a year from now, where it is not said.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// That an API key was deleted.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes a body that is written by hand")]
pub struct ApiKeyDeleted {
    /// `deleted`.
    #[schema(pattern = "^deleted$")]
    status: String,
    /// Which.
    api_key_id: String,
}

/// Someone acting as someone else.
#[derive(Clone, Serialize, ToSchema)]
#[schema(as = Impersonation)]
pub struct ImpersonationBody {
    /// Its id.
    #[schema(value_type = String, pattern = "^[0-9a-f]{16}$")]
    pub impersonation_id: ImpersonationId,
    /// In which tenant.
    #[schema(value_type = String)]
    pub tenant_id: TenantId,
    /// Who acts.
    #[schema(value_type = String)]
    pub actor_id: PrincipalId,
    /// The type of who acts.
    #[schema(value_type = String)]
    pub actor_type: PrincipalType,
    /// As whom.
    #[schema(value_type = String)]
    pub user_id: PrincipalId,
    /// The type of that.
    #[schema(value_type = String)]
    pub user_type: PrincipalType,
    /// Why.
    #[schema(value_type = String, min_length = 1, max_length = 512)]
    pub reason: Reason,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// Until when at most; nothing makes it later.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// When it was stopped before that, if it was.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub stopped_at: Option<Timestamp>,
    /// What to call with, as `Authorization: Bearer im_…`. In the first answer to the request that started it, and in no
    /// other.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(
        pattern = "^im_[A-Za-z0-9._:@-]{1,128}\\.[0-9a-f]{16}_[0-9a-f]{64}$",
        nullable = false
    )]
    pub token: Option<String>,
}

impl std::fmt::Debug for ImpersonationBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ImpersonationBody")
            .field("id", &self.impersonation_id)
            .finish_non_exhaustive()
    }
}

impl ImpersonationBody {
    /// The body of an impersonation, without its token.
    pub fn of(of: &Impersonation) -> Self {
        let of = of.clone();
        Self {
            impersonation_id: of.id,
            tenant_id: of.tenant_id,
            actor_id: of.actor.id,
            actor_type: of.actor.kind,
            user_id: of.subject.id,
            user_type: of.subject.kind,
            reason: of.reason,
            started_at: of.started_at,
            expires_at: of.expires_at,
            stopped_at: of.stopped_at,
            token: None,
        }
    }
}

/// As whom to act, and why. Unknown fields are ignored.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct ImpersonationStart {
    /// As whom; not the caller.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    user_id: String,
    /// What kind of principal that is; `user` where it is not said. Not `group`.
    #[schema(pattern = "^(?!group$)[A-Za-z0-9._:@-]{1,64}$")]
    user_type: Option<String>,
    /// Why. It is on record for ever.
    #[schema(
        min_length = 1,
        max_length = 512,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\x00-\x1f\x7f-\x9f\s][^\x00-\x1f\x7f-\x9f]*$"
    )]
    reason: String,
}

/// Which impersonation to stop. Unknown fields are ignored.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes a body that is read field by field")]
pub struct ImpersonationStop {
    /// Any of the tenant's; the one that the caller acts within, where none is named.
    #[schema(pattern = "^[A-Za-z0-9._:@-]{1,128}$")]
    impersonation_id: Option<String>,
}
