//! What a run of the verifier found, as metrics.

use crate::app::App;
use crate::metrics;

/// What a run of the verifier did, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AuditTally {
    /// Chains that were verified to their end.
    pub verified: u64,
    /// Chains with a fault, found now or before.
    pub faults: u64,
    /// Chains that could not be read, or that the time did not reach or reach the end of.
    pub unverified: u64,
    /// How long the oldest record had waited to be verified, in seconds.
    pub lag_seconds: f64,
}

impl AuditTally {
    /// Writes the metrics, where they are wanted.
    pub fn report(&self, app: &App, function: &str) {
        if let Some(namespace) = &app.config.metrics_namespace {
            metrics::emit_audit(namespace, function, self, app.clock.now());
        }
    }
}
