//! Every single fault: at each kind of place where something can go wrong, each way in which it can, once.

use std::collections::BTreeMap;

use crate::simulation::{Mode, Plan, Point, Run, Setup, Size, run};

/// The seed of the run that the faults are put into.
const SEED: u64 = 7;

/// What a single fault came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// As if nothing had been: the same is acknowledged, as soon.
    Unnoticed,
    /// All that clients know is the same; something was delivered later.
    Later,
    /// A client was told something else, such as that it has to try again, or knows less.
    Told,
    /// An invariant does not hold.
    Wrong,
}

impl Outcome {
    /// A short name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unnoticed => "unnoticed",
            Self::Later => "later",
            Self::Told => "told",
            Self::Wrong => "WRONG",
        }
    }
}

/// A single fault.
#[derive(Clone, Debug)]
pub struct Single {
    /// Where: the kind of place, and the place.
    pub kind: String,
    /// The place in this run.
    pub place: String,
    /// What goes wrong there.
    pub mode: Mode,
}

/// The run that single faults are put into: without faults, but for a part of the stream that is lost, so that the
/// sweeper has something to do.
#[derive(Clone, Debug)]
pub struct Base {
    lost: BTreeMap<String, Mode>,
    /// The run.
    pub run: Run,
}

impl Base {
    /// Makes the run.
    pub fn make() -> Self {
        let calm = run(&setup(Plan::Calm));
        let of_stream = calm.points.iter().filter(|one| one.modes.contains(&Mode::Trimmed));
        let bases = of_stream.map(|point| {
            let lost = BTreeMap::from([(point.place.clone(), Mode::Trimmed)]);
            let run = run(&setup(Plan::Only(lost.clone())));
            Self { lost, run }
        });
        let mut bases = bases.filter(|base| {
            let sweeps = |call: &str| {
                let kind = format!("outbox-sweeper | {call}");
                base.run.points.iter().any(|point| point.kind.starts_with(&kind))
            };
            sweeps("PublishBatch") && sweeps("SendMessageBatch")
        });
        bases.next().unwrap()
    }

    /// Every fault that it can have, one of each kind.
    pub fn singles(&self) -> Vec<Single> {
        // The last place of its kind: by then there is most that could be lost.
        let mut kinds: BTreeMap<&str, &Point> = BTreeMap::new();
        let free = self.run.points.iter().filter(|one| !self.lost.contains_key(&one.place));
        kinds.extend(free.map(|point| (point.kind.as_str(), point)));
        let of = |(kind, point): (&&str, &&Point)| {
            let (kind, place) = ((*kind).to_owned(), point.place.clone());
            let single = move |mode| Single { kind: kind.clone(), place: place.clone(), mode };
            point.modes.clone().into_iter().map(single)
        };
        kinds.iter().flat_map(of).collect()
    }

    /// The run with a single fault.
    pub fn with(&self, single: &Single) -> Run {
        let mut faults = self.lost.clone();
        faults.insert(single.place.clone(), single.mode);
        run(&setup(Plan::Only(faults)))
    }

    /// What came of it.
    pub fn outcome(&self, single: &Single, with: &Run) -> Outcome {
        let mut injected = with.injected.iter();
        let has_happened =
            injected.any(|(place, mode)| (place, mode) == (&single.place, &single.mode));
        if !with.wrong.is_empty() || !has_happened {
            Outcome::Wrong
        } else if with.endings != self.run.endings || with.questions.0 != self.run.questions.0 {
            Outcome::Told
        } else if with.drained > self.run.drained {
            Outcome::Later
        } else {
            Outcome::Unnoticed
        }
    }
}

fn setup(plan: Plan) -> Setup {
    Setup { seed: SEED, plan, size: Size::SINGLE, bug: None }
}
