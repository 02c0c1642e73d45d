//! API keys: a tenant's in one partition, found by their ids, which are in the keys themselves.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::api_key::{ApiKey, KeyText, USE_SECONDS};
use domain::change::Change;
use domain::id::{ApiKeyId, PrincipalId, TenantId};
use domain::principal::{Principal, PrincipalType};
use domain::text::ApiKeyName;
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::commit::{Intent, Unit};
use crate::error::{Error, Guard};
use crate::item::{Item, from_item, to_item};
use crate::key::API_KEY_PREFIX;
use crate::read::Page;
use crate::{Store, key};

#[derive(Serialize, Deserialize)]
struct ApiKeyRow {
    id: ApiKeyId,
    tenant_id: TenantId,
    name: ApiKeyName,
    principal_type: PrincipalType,
    principal_id: PrincipalId,
    digest: String,
    scopes: Option<Vec<String>>,
    expires_at: Timestamp,
    revoked_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
    version: u64,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A key with the HMAC of its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// The key.
    pub key: ApiKey,
    digest: String,
}

impl StoredKey {
    /// Whether what someone calls with is this key, to its last digit.
    pub fn is(&self, text: &KeyText) -> bool {
        text.has_digest(&self.digest)
    }
}

impl Store {
    /// A key. 1 RCU.
    pub async fn api_key_read(
        &self,
        tenant: &TenantId,
        id: &ApiKeyId,
    ) -> Result<Option<StoredKey>, Error> {
        self.get(key::api_key(tenant, id)).await?.map(stored).transpose()
    }

    /// A page of a tenant's keys by id. 1 RCU per 4 KiB.
    pub async fn api_key_list(
        &self,
        tenant: &TenantId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page<ApiKey>, Error> {
        let keys = key::api_keys(tenant);
        let page = self.partition_page(&keys, API_KEY_PREFIX, after, limit).await?;
        page.try_map(|item| stored(item).map(|stored| stored.key))
    }

    /// Stores a new key with the HMAC of its secret. Conflicts: [`Guard::Id`].
    pub async fn api_key_create(
        &self,
        intent: &Intent<'_>,
        change: &Change<ApiKey>,
        digest: String,
    ) -> Result<(), Error> {
        let item = item(&StoredKey { key: change.after.clone(), digest })?;
        let unit = Unit::of(self, intent, change)?.create(&self.tables.core, item, Guard::Id);
        self.commit(unit).await
    }

    /// Stores a changed key in place of the version that was read. Conflicts: [`Guard::Version`].
    pub async fn api_key_replace(
        &self,
        intent: &Intent<'_>,
        before: &StoredKey,
        change: &Change<ApiKey>,
    ) -> Result<(), Error> {
        let after = StoredKey { key: change.after.clone(), digest: before.digest.clone() };
        let (table, version) = (&self.tables.core, before.key.version);
        let unit = Unit::of(self, intent, change)?.replace(table, item(&after)?, version);
        self.commit(unit).await
    }

    /// Forgets a key. Conflicts: [`Guard::Version`] when it changed, or went, since it was read.
    pub async fn api_key_delete(
        &self,
        intent: &Intent<'_>,
        change: &Change<ApiKey>,
    ) -> Result<(), Error> {
        let ApiKey { tenant_id, id, version, .. } = &change.after;
        let (key, version) = (key::api_key(tenant_id, id), AttributeValue::N(version.to_string()));
        let unit = Unit::of(self, intent, change)?;
        self.commit(unit.delete(&self.tables.core, key, "version", version)).await
    }

    /// Notes that a key was used, unless that was noted within [`USE_SECONDS`]. 1 WCU, or nothing.
    ///
    /// No change of what a tenant owns: nobody is told, and its version stays. A key that is gone stays gone.
    pub async fn api_key_used(&self, used: &ApiKey, now: Timestamp) -> Result<(), Error> {
        let before = now.plus_seconds(-USE_SECONDS);
        if used.last_used_at.is_some_and(|last| last > before) {
            return Ok(());
        }
        let update = self
            .client
            .update_item()
            .table_name(&self.tables.core)
            .set_key(Some(key::api_key(&used.tenant_id, &used.id).into_item()))
            .update_expression("SET last_used_at = :now")
            .condition_expression(
                "attribute_exists(pk) \
                 AND (attribute_not_exists(last_used_at) OR last_used_at <= :before)",
            )
            .expression_attribute_values(":now", AttributeValue::S(now.to_string()))
            .expression_attribute_values(":before", AttributeValue::S(before.to_string()));
        match self.update(update).await {
            Ok(_) | Err(Error::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn stored(item: Item) -> Result<StoredKey, Error> {
    let row: ApiKeyRow = from_item(item)?;
    let key = ApiKey {
        id: row.id,
        tenant_id: row.tenant_id,
        name: row.name,
        principal: Principal { kind: row.principal_type, id: row.principal_id },
        scopes: row.scopes,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
        last_used_at: row.last_used_at,
        version: row.version,
        created_at: row.created_at,
        updated_at: row.updated_at,
    };
    Ok(StoredKey { key, digest: row.digest })
}

fn item(StoredKey { key, digest }: &StoredKey) -> Result<Item, Error> {
    let row = ApiKeyRow {
        id: key.id.clone(),
        tenant_id: key.tenant_id.clone(),
        name: key.name.clone(),
        principal_type: key.principal.kind.clone(),
        principal_id: key.principal.id.clone(),
        digest: digest.clone(),
        scopes: key.scopes.clone(),
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
        last_used_at: key.last_used_at,
        version: key.version,
        created_at: key.created_at,
        updated_at: key.updated_at,
    };
    to_item(key::api_key(&key.tenant_id, &key.id), &row)
}
