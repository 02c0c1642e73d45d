//! The system tests: one binary, a file for each function and each promise.

mod assignment_lists;
mod assignments;
mod concurrency;
mod costs;
mod entities;
mod faults;
mod groups;
mod idempotency;
mod isolation;
mod policies;
mod principals;
mod samples;
mod tables;
mod tour;
