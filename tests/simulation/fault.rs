//! What can go wrong, and what of it goes wrong in a run: decided by a seed and by where it would happen, not by
//! the order in which things happen to be asked. So a run without some of its faults keeps the others.

use std::collections::BTreeMap;

/// One way in which something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// The call never arrives.
    NotApplied,
    /// It is done, and the answer is lost.
    AnswerLost,
    /// It is done when the caller has given up waiting for it.
    Late,
    /// The process ends before it is sent.
    CrashBefore,
    /// It is done, and the process ends before it hears of that.
    CrashAfter,
    /// It is refused because there is too much to do.
    Throttled,
    /// A transaction is refused because another is under way on the same item.
    Conflict,
    /// A transaction is refused because it is under way itself.
    InProgress,
    /// Of a batch a part is done.
    Partial,
    /// A batch or a request is brought once more after it was done.
    Again,
    /// A batch or a request is brought twice at once, to two processes where there are two.
    AtOnce,
    /// A queue brings its messages in another order.
    Reordered,
    /// A queue shows messages to others while someone works on them.
    Expired,
    /// A stream loses what nobody has read.
    Trimmed,
    /// A read that is not strongly consistent tells what was so some writes ago.
    Stale,
    /// The clock of a process jumps.
    Jump,
}

/// What can happen to any call.
const OF_CALLS: [Mode; 6] = [
    Mode::NotApplied,
    Mode::AnswerLost,
    Mode::Late,
    Mode::CrashBefore,
    Mode::CrashAfter,
    Mode::Throttled,
];

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 16] = [
        Self::NotApplied,
        Self::AnswerLost,
        Self::Late,
        Self::CrashBefore,
        Self::CrashAfter,
        Self::Throttled,
        Self::Conflict,
        Self::InProgress,
        Self::Partial,
        Self::Again,
        Self::AtOnce,
        Self::Reordered,
        Self::Expired,
        Self::Trimmed,
        Self::Stale,
        Self::Jump,
    ];

    /// What can happen to a call of an operation, which may be a read that need not be strongly consistent.
    pub(super) fn of(operation: &str, is_eventual: bool) -> Vec<Self> {
        let more: &[Self] = match operation {
            _ if is_eventual => &[Self::Stale],
            "TransactWriteItems" => &[Self::Conflict, Self::InProgress],
            "PutItem" | "UpdateItem" | "DeleteItem" | "ExecuteStatement" => &[Self::Conflict],
            "BatchGetItem" | "BatchExecuteStatement" | "PublishBatch" | "SendMessageBatch" => {
                &[Self::Partial]
            }
            _ => &[],
        };
        OF_CALLS.iter().chain(more).copied().collect()
    }
}

/// A number that a seed and a text give, and nothing else (FNV-1a, mixed as `MurmurHash3` ends).
pub(super) fn roll(seed: u64, what: &str) -> u64 {
    let mut hash = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xcbf2_9ce4_8422_2325;
    for byte in what.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

/// One of several by a number.
pub(super) fn one_of<T: Copy>(of: &[T], number: u64) -> Option<T> {
    let place = usize::try_from(number.checked_rem(of.len() as u64)?).ok()?;
    of.get(place).copied()
}

/// Which faults a run has.
#[derive(Clone, Debug)]
pub enum Plan {
    /// None.
    Calm,
    /// As the seed says: some modes of all, so often in a thousand times.
    Swarm,
    /// Just these, by where they happen.
    Only(BTreeMap<String, Mode>),
}

impl Plan {
    /// What goes wrong at a place, of what could.
    pub(super) fn decide(&self, seed: u64, place: &str, modes: &[Mode]) -> Option<Mode> {
        match self {
            Self::Calm => None,
            Self::Only(faults) => {
                faults.get(place).copied().filter(|planned| modes.contains(planned))
            }
            Self::Swarm => {
                let often = one_of(&[10, 40, 100, 180, 280], roll(seed, "how often"))?;
                let is_on = |mode: &Mode| !roll(seed, &format!("{mode:?}")).is_multiple_of(3);
                let on: Vec<Mode> = modes.iter().copied().filter(is_on).collect();
                // Clocks are asked at every invocation; few reads may be stale.
                let often = match modes {
                    [Mode::Jump] => often / 8,
                    modes if modes.contains(&Mode::Stale) => 300,
                    _ => often,
                };
                if roll(seed, &format!("whether {place}")) % 1_000 >= often {
                    return None;
                }
                let is_other = roll(seed, &format!("other {place}")).is_multiple_of(4);
                if on.contains(&Mode::Stale) && !is_other {
                    return Some(Mode::Stale);
                }
                one_of(&on, roll(seed, &format!("which {place}")))
            }
        }
    }
}
