//! One program for every target, so that one build serves them all: `EPR_FUZZ_TARGET` says which.
#![no_main]

use std::sync::OnceLock;

static RUN: OnceLock<fn(&[u8])> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: {
        let name = std::env::var("EPR_FUZZ_TARGET").unwrap_or_default();
        let run = fuzz::target(&name);
        RUN.get_or_init(|| run.unwrap_or_else(|| panic!("EPR_FUZZ_TARGET: no target is called `{name}`")));
    },
    |data: &[u8]| {
        if let Some(run) = RUN.get() {
            run(data);
        }
    }
);
