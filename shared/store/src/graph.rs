//! The version of a graph's shape, so that two changes at once cannot together close a cycle.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::TenantId;

use crate::error::Error;
use crate::{Store, key};

/// A graph that must stay without cycles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Graph {
    /// Which entity stands under which.
    Entities,
    /// Which group is a member of which.
    Groups,
}

impl Graph {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Entities => "entities",
            Self::Groups => "groups",
        }
    }
}

impl Store {
    /// The version of a graph: read it before what the change of shape is judged by. 1 RCU.
    pub async fn graph_version(&self, tenant: &TenantId, graph: Graph) -> Result<u64, Error> {
        let Some(item) = self.get(key::graph(tenant, graph.name())).await? else { return Ok(0) };
        let version = item.get("version").and_then(|value: &AttributeValue| value.as_n().ok());
        version.and_then(|version| version.parse().ok()).ok_or_else(|| {
            Error::Defect(format!("the version of graph `{}` is no number", graph.name()))
        })
    }
}
