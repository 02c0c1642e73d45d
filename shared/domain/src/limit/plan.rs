//! Whom which limits are for: what a deployment is configured with.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{LIMIT_REQUESTS_MAX, Limits};
use crate::id::TenantId;
use crate::refusal::Refusal;
use crate::tenant::Tier;

/// The word for no limits at all.
pub const OFF: &str = "off";

/// The limits of all tenants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    default: Limits,
    tenants: HashMap<TenantId, Limits>,
}

impl Plan {
    /// Reads a plan: a tier's name; or JSON such as
    /// `{"default": "enterprise", "tenants": {"acme": "premium", "big": {"minute": 10000}}}`, where each may be a
    /// tier's name, or an object of `burst`, `minute`, `hour` and `day`: then a window that is not named has no
    /// limit, or that of the `tier` in it. Without `default` the others have none. `None` for `off` and for nothing.
    pub fn parse(text: &str) -> Result<Option<Self>, Refusal> {
        let text = text.trim();
        if text.is_empty() || text == OFF {
            return Ok(None);
        }
        if !text.starts_with('{') {
            let default = Tier::parse(text)?.limits();
            return Ok(Some(Self { default, tenants: HashMap::new() }));
        }
        let value: Value =
            serde_json::from_str(text).map_err(|_| Refusal::new("must be a tier or JSON"))?;
        let members = value.as_object().into_iter().flatten();
        let mut plan = Self::default();
        for (name, value) in members {
            match (name.as_str(), value) {
                ("default", value) => plan.default = limits(value)?,
                ("tenants", Value::Object(tenants)) => plan.tenants = of_tenants(tenants)?,
                _ => return Err(Refusal::new("must have `default` and an object `tenants` only")),
            }
        }
        Ok(Some(plan))
    }

    /// What a tenant is allowed, of changes: what the plan says of it by name, else what its tier does, else
    /// the default.
    pub fn limits(&self, tenant: &TenantId, tier: Option<Tier>) -> Limits {
        let of_tenant = self.tenants.get(tenant).copied();
        of_tenant.or(tier.map(Tier::limits)).unwrap_or(self.default)
    }
}

fn of_tenants(tenants: &Map<String, Value>) -> Result<HashMap<TenantId, Limits>, Refusal> {
    let read = |(name, value): (&String, &Value)| Ok((TenantId::parse(name)?, limits(value)?));
    tenants.iter().map(read).collect()
}

/// Reads a tier's name, or an object of limits.
fn limits(value: &Value) -> Result<Limits, Refusal> {
    let members = match value {
        Value::String(name) => return Ok(Tier::parse(name)?.limits()),
        Value::Object(members) => members,
        _ => return Err(Refusal::new("must give each tenant a tier or an object of limits")),
    };
    let mut limits = match members.get("tier").map(Value::as_str) {
        Some(name) => Tier::parse(name.unwrap_or_default())?.limits(),
        None => Limits::default(),
    };
    for (name, value) in members.iter().filter(|(name, _)| *name != "tier") {
        let limit = value.as_u64().filter(|limit| (1..=LIMIT_REQUESTS_MAX).contains(limit));
        let limit = Some(limit.ok_or(Refusal::new("must have limits from 1 to 1000000000"))?);
        match name.as_str() {
            "burst" => limits.burst = limit,
            "minute" => limits.minute = limit,
            "hour" => limits.hour = limit,
            "day" => limits.day = limit,
            _ => return Err(Refusal::new("must name limits `burst`, `minute`, `hour` and `day`")),
        }
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits_of(text: &str, tenant: &str, tier: Option<Tier>) -> Limits {
        let plan = Plan::parse(text).unwrap().unwrap();
        plan.limits(&TenantId::parse(tenant).unwrap(), tier)
    }

    #[test]
    fn nothing_and_off_are_no_plan() {
        for off in ["", " ", "off"] {
            assert_eq!(Plan::parse(off), Ok(None));
        }
    }

    #[test]
    fn a_tenant_has_what_is_said_of_it_by_name_then_its_tier_then_the_default() {
        let text = r#"{"default": "enterprise", "tenants": {
            "acme": "premium", "big": {"minute": 10000}, "more": {"tier": "free", "day": 9}
        }}"#;
        assert_eq!(limits_of(text, "other", None), Tier::Enterprise.limits());
        assert_eq!(limits_of(text, "other", Some(Tier::Basic)), Tier::Basic.limits());
        assert_eq!(limits_of(text, "acme", Some(Tier::Basic)), Tier::Premium.limits());
        let big = Limits { minute: Some(10_000), ..Limits::default() };
        assert_eq!(limits_of(text, "big", None), big);
        let more = Limits { day: Some(9), ..Tier::Free.limits() };
        assert_eq!(limits_of(text, "more", None), more);
        assert_eq!(limits_of("free", "any", None), Tier::Free.limits());
        assert!(limits_of("{}", "any", None).is_unlimited());
    }

    #[test]
    fn a_plan_with_a_mistake_in_it_is_none() {
        for bad in [
            "gold",
            "{",
            "[]",
            r#"{"defaults": "free"}"#,
            r#"{"default": "gold"}"#,
            r#"{"default": 5}"#,
            r#"{"tenants": []}"#,
            r#"{"tenants": {"a b": "free"}}"#,
            r#"{"tenants": {"a": {"week": 5}}}"#,
            r#"{"tenants": {"a": {"minute": 0}}}"#,
            r#"{"tenants": {"a": {"minute": 1.5}}}"#,
            r#"{"tenants": {"a": {"tier": 1}}}"#,
            r#"{"tenants": {"a": {"minute": 1000000001}}}"#,
        ] {
            assert!(Plan::parse(bad).is_err(), "{bad}");
        }
    }
}
