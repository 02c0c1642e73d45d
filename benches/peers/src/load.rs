//! The load generator: `wrk`, the same for every server, with the same questions in the same order.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::servers::Place;

/// Seconds that do not count, before those that do.
const WARM_UP: u64 = 2;

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) p50_microseconds: f64,
    pub(crate) p99_microseconds: f64,
    pub(crate) per_second: f64,
}

/// Asks for so many seconds. An answer that is no success ends the run: it would be cheap, and wrong.
pub(crate) fn load(
    place: &Place,
    url: &str,
    path: &str,
    questions: &Path,
    connections: usize,
    seconds: u64,
) -> Load {
    let run = |seconds: u64| {
        let mut wrk = Command::new("wrk");
        wrk.arg("-t1").arg(format!("-c{connections}")).arg(format!("-d{seconds}s"));
        wrk.arg("-s").arg(place.repository.join("benches/peers/load.lua"));
        let output = wrk.args([url, "--", path]).arg(questions).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let figures = text.lines().find_map(|line| line.strip_prefix("FIGURES "));
        let figures = figures.unwrap_or_else(|| panic!("wrk: {text}"));
        let numbers: Vec<f64> = figures.split(' ').map(|number| number.parse().unwrap()).collect();
        let [p50_microseconds, p99_microseconds, per_second, failed] = numbers[..] else {
            panic!("wrk: {figures}")
        };
        assert_eq!(failed, 0.0, "answers of {url}{path} failed");
        Load { connections, p50_microseconds, p99_microseconds, per_second }
    };
    run(WARM_UP.min(seconds));
    run(seconds)
}
