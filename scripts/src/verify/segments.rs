//! A chain as it is stored, read segment by segment: the next are fetched while the last are hashed.

use domain::ledger::commit::{Commit, Head};
use domain::ledger::fault::Fault;
use domain::ledger::inspect::{Evidence, Indexed};
use domain::ledger::verify::Verifier;
use futures::StreamExt;
use store::Error;
use store::ledger::StoredSegment;

use super::index::{events_of, of_segments};
use super::report::{Report, tell};
use super::{Stop, THREADS, Task};
use crate::audit::place::Ledger;
use crate::audit::progress::Progress;
use crate::audit::promise::Promise;
use crate::audit::segments::{unreadable, windows};

/// Segments whose records the index is asked for at once.
const SEGMENTS_INDEXED: usize = 8;

/// A verification under way.
struct Walk<'a> {
    ledger: &'a Ledger,
    task: &'a Task<'a>,
    verifier: Verifier,
    progress: Progress,
    /// The number of the last segment, as far as it was known at the beginning.
    last: Option<u64>,
    /// How many records there were then.
    size: u64,
}

/// Verifies a chain, or the window of it that was asked for.
pub(super) async fn verify(ledger: &Ledger, task: &Task<'_>) -> Result<Report, Stop> {
    let mut promises = task.promises(&ledger.tenant)?;
    // Before the end of the chain is read, which then is never behind it.
    let published = published(ledger, task).await?;
    let last = match ledger.store.ledger_last(&ledger.tenant).await {
        Ok(last) => Some(last),
        // The first of what cannot be read is told, which need not be this one.
        Err(Error::Defect(_)) if ledger.answers().await => None,
        Err(error) => return Err(Stop::Unable(ledger.said(&error))),
    };
    let head = match &last {
        Some(last) => anchor(ledger, task.start, last.as_ref()).await?,
        None => Head::genesis(),
    };
    let trusted = (head.size(), head.number);
    let end = task.end.unwrap_or(u64::MAX);
    let in_window = |promise: &Promise| (trusted.0..=end).contains(&promise.checkpoint.size);
    promises.extend(published.filter(in_window));
    let mut verifier = Verifier::resume(ledger.tenant.clone(), head);
    for Promise { checkpoint, source, .. } in &promises {
        if checkpoint.size < trusted.0 {
            let size = checkpoint.size;
            return Err(Stop::Unable(format!(
                "the checkpoint {source} is of {size} records, before the start at {}: begin at {size} \
                 or before",
                trusted.0
            )));
        }
        verifier.expect(checkpoint.clone())?;
    }
    let size = last.iter().flatten().map(Commit::last).sum();
    let last = last.map(|last| last.map_or(0, |last| last.number));
    let progress = Progress::new("verified", task.is_verbose);
    let mut walk = Walk { ledger, task, verifier, progress, last, size };
    walk.go(end).await?;
    let Walk { verifier, mut progress, .. } = walk;
    progress.clear();
    let verified = verifier.finish()?;
    let (tenant, place) = (ledger.tenant.clone(), ledger.place.clone());
    let (elapsed, has_segments) = (progress.elapsed(), true);
    Ok(Report { tenant, place, trusted, has_segments, verified, promises, elapsed })
}

/// The latest checkpoint that was published beside the chain.
async fn published(ledger: &Ledger, task: &Task<'_>) -> Result<Option<Promise>, Stop> {
    let note = ledger.store.ledger_signed(&ledger.tenant).await;
    let note = note.map_err(|error| Stop::Unable(ledger.said(&error)))?;
    let Some(note) = note else { return Ok(None) };
    let source = "that was published last".to_owned();
    match Promise::of_note(&note, source, task.key, &ledger.tenant) {
        Ok(promise) => Ok(Some(promise)),
        // It was whole when it was published.
        Err(Stop::Unable(reason) | Stop::Damaged(reason)) => Err(Stop::Damaged(reason)),
    }
}

/// The end of the segment before the one that holds a record.
async fn anchor(ledger: &Ledger, start: u64, last: Option<&Commit>) -> Result<Head, Stop> {
    if start == 1 {
        return Ok(Head::genesis());
    }
    let end = last.map_or_else(Head::genesis, Commit::head);
    if start > end.size() {
        // Whatever came after the end was to be verified, and nothing did.
        return if start == end.size() + 1 {
            Ok(end)
        } else {
            let size = end.size();
            Err(Stop::Damaged(format!("the chain ends at record {size}, long before {start}")))
        };
    }
    let (store, tenant) = (&ledger.store, &ledger.tenant);
    let found = async {
        let number = store.ledger_segment_of(tenant, start).await?.unwrap_or(1);
        if number == 1 {
            return Ok(Some(Head::genesis()));
        }
        let before = store.ledger_commit(tenant, number - 1).await?;
        Ok(before.as_ref().map(Commit::head))
    };
    match found.await {
        Ok(Some(head)) => Ok(head),
        Ok(None) => {
            Err(Stop::Damaged(format!("the segment before the one of record {start} is gone")))
        }
        Err(Error::Defect(reason)) if ledger.answers().await => Err(Stop::Damaged(format!(
            "the segment of record {start} is not to be found: {reason}"
        ))),
        Err(error) => Err(Stop::Unable(ledger.said(&error))),
    }
}

impl Walk<'_> {
    /// Reads on, up to the segment that holds the end.
    async fn go(&mut self, end: u64) -> Result<(), Stop> {
        let mut windows = windows(self.ledger, self.verifier.head().number + 1, self.last);
        let trusted = self.verifier.head().size();
        while self.verifier.head().size() < end
            && let Some(window) = windows.next().await
        {
            let mut segments = match window {
                Ok(segments) => segments,
                Err(error) => return Err(self.unread(&error).await),
            };
            if segments.is_empty() && self.last.is_none() {
                break;
            }
            let through = segments.iter().position(|segment| segment.commit.last() >= end);
            segments.truncate(through.map_or(segments.len(), |place| place + 1));
            let step = match self.task {
                Task { is_verbose: true, .. } => 1,
                Task { asks_index: true, .. } => SEGMENTS_INDEXED,
                _ => segments.len().max(1),
            };
            for part in segments.chunks(step) {
                self.take(part).await?;
            }
            let done = self.verifier.head().size() - trusted;
            let all = end.min(self.size).saturating_sub(trusted);
            self.progress.at(done, Some((done, all)));
        }
        let number = self.verifier.head().number;
        match self.last {
            // It was there, so it was taken away meanwhile.
            Some(last) if number < last && self.verifier.head().size() < end => {
                Err(Stop::Damaged(format!("the chain ends at segment {number}, not at {last}")))
            }
            // Whatever stands there, it is none that the ledger wrote.
            None => Err(Stop::Damaged(format!(
                "after record {}: what stands at the end of the chain cannot be read",
                self.verifier.head().size()
            ))),
            _ => Ok(()),
        }
    }

    /// Why segments were not read: because of the table, or because of what is in it.
    async fn unread(&self, error: &Error) -> Stop {
        if let Error::Defect(_) = error
            && let Some(damage) = unreadable(self.ledger, self.verifier.head()).await
        {
            return Stop::Damaged(damage);
        }
        Stop::Unable(self.ledger.said(error))
    }

    /// Takes the next segments.
    async fn take(&mut self, segments: &[StoredSegment]) -> Result<(), Stop> {
        let before = self.verifier.head().clone();
        let index = if self.task.asks_index {
            of_segments(self.ledger, segments)
                .await
                .map_err(|error| Stop::Unable(self.ledger.said(&error)))?
        } else {
            Vec::new()
        };
        let evidence = evidence(segments, &index);
        let verified = tokio::task::block_in_place(|| self.verifier.segments(&evidence, THREADS));
        if let Err(fault) = verified {
            return Err(self.narrowed(before, segments, fault).await.into());
        }
        if let Some(missing) = self.unindexed(segments, &index) {
            return Err(Stop::Damaged(missing));
        }
        if self.task.is_verbose {
            self.progress.clear();
            segments.iter().for_each(|segment| tell(&line(&segment.commit)));
        }
        Ok(())
    }

    /// The same fault, but of one record where the index tells which of its segment it is.
    async fn narrowed(&self, before: Head, segments: &[StoredSegment], fault: Fault) -> Fault {
        let number = fault.segment.filter(|_| fault.first < fault.last);
        let place = number.and_then(|number| usize::try_from(number - before.number - 1).ok());
        let Some((sound, [found, ..])) = place.and_then(|place| segments.split_at_checked(place))
        else {
            return fault;
        };
        let found = std::slice::from_ref(found);
        let Ok(index) = of_segments(self.ledger, found).await else { return fault };
        let mut verifier = Verifier::resume(self.ledger.tenant.clone(), before);
        let again = verifier
            .segments(&evidence(sound, &[]), THREADS)
            .and_then(|()| verifier.segments(&evidence(found, &index), THREADS));
        match again {
            Err(narrow) if narrow.first == narrow.last => narrow,
            _ => fault,
        }
    }

    /// The first record that the index was asked for and does not have. Of the last segment the index may
    /// be on its way.
    fn unindexed(
        &self,
        segments: &[StoredSegment],
        index: &[Vec<Option<Indexed>>],
    ) -> Option<String> {
        let (segment, place) = segments.iter().zip(index).find_map(|(segment, index)| {
            let is_last = self.last.is_none_or(|last| segment.commit.number >= last);
            let place = index.iter().position(Option::is_none).filter(|_| !is_last)?;
            Some((segment, place))
        })?;
        let (commit, event) = (&segment.commit, events_of(segment).into_iter().nth(place)?);
        Some(format!(
            "record {} (segment {}), event `{event}`: the index does not have it",
            commit.first() + place as u64,
            commit.number
        ))
    }
}

fn evidence<'a>(
    segments: &'a [StoredSegment],
    index: &'a [Vec<Option<Indexed>>],
) -> Vec<Evidence<'a>> {
    let indexed = index.iter().map(Vec::as_slice).chain(std::iter::repeat(&[][..]));
    let both = segments.iter().zip(indexed);
    let one = |(segment, index): (&'a StoredSegment, &'a [Option<Indexed>])| Evidence {
        commit: &segment.commit,
        body: segment.body.as_deref(),
        index,
    };
    both.map(one).collect()
}

/// One line of what was verified.
fn line(commit: &Commit) -> String {
    let Commit { number, recorded_at, entry, .. } = commit;
    let (first, last) = (commit.first(), commit.last());
    format!("segment {number}  records {first} to {last}  recorded {recorded_at}  entry {entry}\n")
}
