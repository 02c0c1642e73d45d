//! Epochs with something wrong about them, for a test to show that it would be found.

/// What can be made wrong on purpose, for a test to show that it would be found. Only a build with the
/// feature `defects` can hold one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// An epoch moves before the change is committed, not after it.
    MovesTooEarly,
    /// What was read is remembered under the epochs as they were afterwards.
    StampsTooLate,
    /// An epoch that cannot be told stands for "still so".
    TrustsSilence,
    /// What was reached through groups is validated by the principal's own epoch alone.
    ForgetsGroups,
    /// What every principal of a type holds is not validated.
    ForgetsWildcards,
    /// A changed role moves no epoch.
    ForgetsRoles,
    /// A writer that does not find its mark in the cache any more leaves what is there instead.
    SettlesOwnMarkOnly,
}
