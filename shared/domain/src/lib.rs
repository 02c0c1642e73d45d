//! What things mean: entities, roles, assignments, groups, and the decision over them.
//!
//! **Invariant:** nothing here is async, reads a clock, mints an id, or knows of AWS or HTTP. Time and
//! ids come in as values, so everything here can be tested exactly and in microseconds.
//!
//! Reading order: [`id`] and [`text`] are the words, [`entity`], [`role`], [`assignment`],
//! [`membership`] and [`principal`] the things, [`condition`] what a grant may hang on, [`decision`] the
//! question they answer, and [`change`] what a write leaves behind (an event and an audit entry).
//! [`event`] is how any event looks, ours or another's, and [`cloud_event`] how others write it.
//! [`ledger`] is where audit entries end up. [`api_key`] is by what a program calls, [`limit`] how often it may, and
//! [`tenant`] whose all of it is.

pub mod api_key;
pub mod assignment;
pub mod capability;
pub mod change;
pub mod cloud_event;
pub mod condition;
pub mod decision;
pub mod document;
pub mod entity;
pub mod entity_type;
pub mod event;
pub mod grants;
pub mod hash;
pub mod id;
pub mod impersonation;
pub mod ledger;
pub mod limit;
pub mod lineage;
pub mod membership;
pub mod permission;
pub mod principal;
pub mod refusal;
pub mod role;
pub mod slug;
pub mod tenant;
pub mod text;
pub mod time;
