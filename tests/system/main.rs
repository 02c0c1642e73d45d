//! The system tests: one binary, a file for each function and each promise.

mod assignments;
mod concurrency;
mod costs;
mod entities;
mod faults;
mod idempotency;
mod isolation;
mod policies;
mod samples;
mod tables;
mod tour;
