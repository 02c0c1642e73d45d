//! What the doctor found: lines, and what they come to.

use std::process::ExitCode;

use crate::{plain, say};

/// How wide the column is that says what a line is about.
const SUBJECT_CHARACTERS: usize = 30;

/// How much was looked at, and how it was.
#[derive(Debug, Default)]
pub(super) struct Findings {
    well: u32,
    warned: u32,
    wrong: u32,
}

impl Findings {
    /// Something is as it must be.
    pub(super) fn well(&mut self, subject: &str, said: &str) {
        self.well += 1;
        line("ok", subject, said);
    }

    /// Something works, and should be looked at.
    pub(super) fn warn(&mut self, subject: &str, said: &str) {
        self.warned += 1;
        line("warn", subject, said);
    }

    /// Something is not as it must be.
    pub(super) fn wrong(&mut self, subject: &str, said: &str) {
        self.wrong += 1;
        line("WRONG", subject, said);
    }

    /// Well where there are no complaints, else wrong with all of them.
    #[cfg(feature = "deployments")]
    pub(super) fn judge(&mut self, subject: &str, complaints: &[String], well: &str) {
        if complaints.is_empty() {
            self.well(subject, well);
        } else {
            self.wrong(subject, &complaints.join("; "));
        }
    }

    /// Says what all of it comes to.
    pub(super) fn ended(self) -> ExitCode {
        let Self { well, warned, wrong } = self;
        let all = well + warned + wrong;
        let verdict = match (wrong, warned) {
            (0, 0) => "nothing is wrong".to_owned(),
            (0, warned) => format!("nothing is wrong, {warned} to look at"),
            (wrong, warned) => format!("{wrong} wrong, {warned} to look at"),
        };
        say(&format!("{all} looked at: {verdict}\n"));
        if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

fn line(outcome: &str, subject: &str, said: &str) {
    let (subject, said) = (plain(subject), plain(said));
    say(&format!("{outcome:<6} {subject:<SUBJECT_CHARACTERS$} {said}\n"));
}
