//! Every target on its samples: those that were written for it, and those that once broke a promise; and on
//! samples that are damaged by chance, the same each time.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails, with the place where it could not; how long it goes on may be asked"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fuzz::targets;

/// How often each sample is damaged, unless `EPR_FUZZ_DAMAGES` says otherwise.
const DAMAGES: u64 = 40;

fn corpus() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

/// The samples of a target, in an order.
fn samples(name: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(corpus().join(name)).unwrap().map(|file| file.unwrap().path());
    let files: BTreeSet<_> = files.collect();
    assert!(!files.is_empty(), "{name} has no samples");
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

#[test]
fn every_target_keeps_its_promises_on_its_samples() {
    for (name, run) in targets() {
        for data in samples(name) {
            let kept = std::panic::catch_unwind(|| run(&data));
            assert!(kept.is_ok(), "{name}: {}", data.escape_ascii());
        }
    }
}

#[test]
fn every_target_keeps_its_promises_on_damaged_samples() {
    let damages = std::env::var("EPR_FUZZ_DAMAGES").ok().and_then(|number| number.parse().ok());
    for (name, run) in targets() {
        let samples = samples(name);
        for sample in &samples {
            for seed in 0..damages.unwrap_or(DAMAGES) {
                let data = damaged(sample, &samples, seed);
                let kept = std::panic::catch_unwind(|| run(&data));
                assert!(kept.is_ok(), "{name}: {}", data.escape_ascii());
            }
        }
    }
}

/// A sample with a few places changed: a byte, a piece taken out, doubled, or put in from another sample.
fn damaged(sample: &[u8], others: &[Vec<u8>], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = |end: usize| {
        // Xorshift (Marsaglia, 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 16).unwrap() % end.max(1)
    };
    let mut data = sample.to_vec();
    for _ in 0..=below(4) {
        let (from, length) = (below(data.len()), below(12));
        let to = (from + length).min(data.len());
        match below(5) {
            0 if from < data.len() => data[from] ^= 1 << below(8),
            1 => drop(data.drain(from..to)),
            2 => data.splice(from..from, data[from..to].to_vec()).for_each(drop),
            3 => {
                let other = &others[below(others.len())];
                let start = below(other.len());
                let end = (start + below(40)).min(other.len());
                data.splice(from..to, other[start..end].to_vec()).for_each(drop);
            }
            _ => {
                let odd: [&[u8]; 8] = [
                    b"\0",
                    b"\"",
                    b"18446744073709551616",
                    b"-1",
                    b"null",
                    b"\xff",
                    b"\xe2\x80\xa8",
                    b"[[[[",
                ];
                data.splice(from..to, odd[below(odd.len())].to_vec()).for_each(drop);
            }
        }
    }
    data
}

#[test]
fn every_folder_of_samples_is_of_a_target() {
    let folders = fs::read_dir(corpus()).unwrap();
    let folders = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap());
    let targets: BTreeSet<String> = targets().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(folders.collect::<BTreeSet<_>>(), targets);
}
