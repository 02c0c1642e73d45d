//! The system tests: one binary, a file for each function and each promise.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

mod api_keys;
mod assignment_lists;
mod assignments;
mod audit;
mod audit_append;
mod audit_attacks;
mod audit_notary;
mod audit_proofs;
mod audit_tiles;
mod audit_verify;
mod audit_walk;
mod audit_writers;
mod authentication;
mod authorize;
mod authorize_audit;
mod authorize_batch;
mod authorize_conditions;
mod authorize_costs;
mod authorize_explain;
mod authorize_oracle;
mod authorize_peers;
mod authzen;
mod capabilities;
mod capabilities_held;
mod concurrency;
mod conditions;
mod consistency;
mod consumers;
mod costs;
mod deliveries;
mod delivery;
mod direct_grants;
mod entities;
mod entities_change;
mod entities_list;
mod entities_tree;
mod events;
mod faults;
mod freshness;
mod groups;
mod http;
mod idempotency;
mod isolation;
mod lambda_events;
mod limits;
mod openapi;
mod outbox;
mod outbox_walk;
mod permissions;
mod permitted;
mod policies;
mod principals;
mod races;
mod rate_limits;
mod roles;
mod routes;
mod samples;
mod search;
mod simulation;
mod tables;
mod tenants;
mod tenants_suspended;
mod tidy;
mod token_attacks;
mod token_claims;
mod token_forms;
mod token_keys;
mod tour;
mod valkey;
mod valkey_faults;
mod watching;
