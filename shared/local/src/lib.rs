//! The deployment in one process: the gateway, and DynamoDB embedded below the real SDK client.
//!
//! **Invariant:** nothing here knows what a route or a table is for. `template.yaml` alone says which
//! exist, so what answers on a laptop and in the tests is what is deployed.

pub mod authorizer;
pub mod embedded;
pub mod gateway;
pub mod messaging;
mod moment;
mod names;
pub mod pattern;
pub mod schedule;
pub mod server;
pub mod system;
pub mod template;

#[cfg(test)]
mod example;
