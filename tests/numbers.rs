//! Numbers that look random and are the same for the same seed, for campaigns that must be had again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Such numbers (xorshift). Clones draw from the same row, so whose turn it is must not depend on threads.
#[derive(Clone, Debug)]
pub(crate) struct Numbers(Arc<AtomicU64>);

impl Numbers {
    pub(crate) fn of(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)))
    }

    pub(crate) fn below(&self, end: u64) -> u64 {
        let mut next = self.0.load(Ordering::Relaxed);
        next ^= next << 13;
        next ^= next >> 7;
        next ^= next << 17;
        self.0.store(next, Ordering::Relaxed);
        next % end
    }

    pub(crate) fn index(&self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap()
    }
}
