//! One engine with one world, in this process: told it, compared with the judge, and timed.
//!
//! This, [`measure`](crate::measure) and [`world`](crate::world) are also part of `scripts/benches/decided.rs`, which
//! does the same with ours.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::measure::{Figures, Spending, measure, resident_bytes};
use crate::world::{Question, World};

/// Questions of each world.
const QUESTIONS: usize = 2_000;

/// For comparing the answers of one engine and one world. The slowest then have not answered every question.
const AGREEMENT_MAX: Duration = Duration::from_secs(120);

/// Something that holds a world and decides in it.
pub(crate) trait Engine {
    /// A question as this engine takes it, so that what a caller makes ready beforehand is not timed.
    type Asked;

    fn ask(question: &Question) -> Self::Asked;

    fn allows(&mut self, asked: &Self::Asked) -> bool;
}

/// What one engine did with one world.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Cell {
    pub(crate) assignments: usize,
    /// Questions whose answers were those of the judge; all that were asked.
    pub(crate) agreed: usize,
    pub(crate) load_seconds: f64,
    pub(crate) memory_bytes: u64,
    /// None where only agreement was asked for.
    pub(crate) figures: Option<Figures>,
}

/// What a child process does that is called as `engine KEY ASSIGNMENTS SECONDS`: the cell, as a line of JSON. With 0
/// seconds nothing is timed.
pub(crate) fn answer(
    key: &str,
    assignments: &str,
    seconds: &str,
    run: impl FnOnce(&str, World, Spending) -> Result<Cell, String>,
) -> ExitCode {
    let seconds = Duration::from_secs(seconds.parse().unwrap());
    let timing = (!seconds.is_zero()).then_some(seconds);
    let spending = Spending { agreement: AGREEMENT_MAX, timing };
    match run(key, World::of(assignments.parse().unwrap()), spending) {
        Ok(cell) => {
            println!("{}", serde_json::to_string(&cell).unwrap());
            ExitCode::SUCCESS
        }
        Err(reason) => {
            eprintln!("{key}: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Ends at the first answer that is not the judge's.
pub(crate) fn contest<E: Engine>(
    world: World,
    spending: Spending,
    load: impl FnOnce(&[Question]) -> E,
) -> Result<Cell, String> {
    let questions = &world.questions(QUESTIONS);
    let asked: Vec<E::Asked> = questions.iter().map(E::ask).collect();
    let (before, begun) = (resident_bytes("self"), Instant::now());
    let mut engine = load(questions);
    let load_seconds = begun.elapsed().as_secs_f64();
    let mut agreed = 0;
    let begun = Instant::now();
    for (question, asked) in questions.iter().zip(&asked) {
        if engine.allows(asked) != question.allowed {
            return Err(format!("wrong answer to {question:?}"));
        }
        agreed += 1;
        if begun.elapsed() > spending.agreement {
            break;
        }
    }
    // After the first answers, because some make ready only then what they answer from.
    let memory_bytes = resident_bytes("self").saturating_sub(before);
    let figures =
        spending.timing.map(|budget| measure(budget, agreed, |i| engine.allows(&asked[i])));
    let assignments = world.assignments;
    Ok(Cell { assignments, agreed, load_seconds, memory_bytes, figures })
}
