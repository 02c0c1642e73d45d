//! The deployment in one process: the gateway, the event pump, and DynamoDB, SNS and SQS below the
//! real SDK clients.
//!
//! **Invariant:** nothing here knows what a route, a table or a queue is for. `template.yaml` alone
//! says which exist, so what happens on a laptop and in the tests is what is deployed.

pub mod authorizer;
pub mod docs;
pub mod embedded;
pub mod gateway;
pub mod messaging;
mod moment;
mod names;
pub mod pattern;
pub mod pump;
pub mod schedule;
pub mod server;
pub mod system;
pub mod template;
pub mod wire;

#[cfg(test)]
mod example;
