//! The system tests: one binary, a file for each function and each promise.

mod costs;
mod entities;
mod policies;
mod tour;
