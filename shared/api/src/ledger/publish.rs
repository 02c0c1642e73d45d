//! The publisher of checkpoints: what it signs never contradicts what was signed before.
//!
//! The order is that of the model in `shared/domain/tests/ledger_model/publishers.rs`: read the last
//! statement, read the chain, hold the one against the other, **reserve** the new statement as the only
//! one that follows the last, and only then sign it. Whoever finds a statement that is reserved and not
//! signed signs that, once the chain is seen to have it. A process may end anywhere, and two may run at
//! once: the next one finishes what was begun.
//!
//! # What shows that a chain continues the last statement
//!
//! The records do. A reservation holds the frontier of the tree it speaks of, whose root the signature
//! covers; appending the hashes of every record since must give the frontier of the last commit. A look at
//! the commit of the old size would believe the commits after it, and a consistency proof would believe
//! the tiles; this believes neither, and costs nothing, because the tiles that grew are made of the same
//! hashes.
//!
//! The tiles come before the reservation, and the anchor before the note: what is stored as signed can be
//! proven and is anchored.

use domain::id::TenantId;
use domain::ledger::checkpoint::Checkpoint;
use domain::ledger::commit::Head;
use domain::ledger::fault::{Fault, Kind};
use domain::ledger::hash::Hash;
use domain::ledger::note::VerifierKey;
use domain::ledger::segment::Segment;
use store::ledger::{Promise, StoredSegment};
use store::{Error, Store};

use super::{Notary, PublishError, anchors, tiles};
use crate::app::App;

/// The run of the verifier that follows the end of every chain.
pub const VERIFIER_INCREMENTAL: &str = "incremental";

/// Most segments that one statement adds, so that a chain that was never signed is signed in steps.
pub const PUBLISH_SEGMENTS_MAX: u64 = 256;

/// How often another publisher may be first before this one gives up.
const ROUNDS_MAX: u32 = 5;

/// A signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// Its text.
    pub note: String,
    /// Whether the chain had nothing more when it was read.
    pub is_current: bool,
}

/// Makes sure that there is a signed checkpoint of the end of a chain, or of 256 segments after the last
/// one if that is less; `None` for a chain that has not begun.
///
/// Where there is one, this costs two reads at once, 2 RCU. Else 6 more and the new segments, and 3 puts
/// beside the tiles.
pub async fn publish(app: &App, tenant: &TenantId) -> Result<Option<Published>, PublishError> {
    let notary = app.notary.as_ref().ok_or(PublishError::NoKey)?;
    let key = notary.key(tenant).await?;
    let publication = Publication { app, notary, store: &app.store, tenant, key };
    let (note, last) =
        tokio::try_join!(app.store.ledger_signed(tenant), app.store.ledger_last(tenant))?;
    if note.is_none() && last.is_none() {
        return Ok(None);
    }
    let signed = note.as_deref().map(|note| publication.open(note)).transpose()?;
    if let (Some(note), Some(signed), Some(last)) = (note, signed, last)
        && signed.size == last.last()
    {
        return publication.current(&last.head(), signed, note).map(Some);
    }
    publication.advance().await.map(Some)
}

/// The publishing of one chain.
struct Publication<'a> {
    app: &'a App,
    notary: &'a Notary,
    store: &'a Store,
    tenant: &'a TenantId,
    key: VerifierKey,
}

/// Where the last statement left the chain, and what was reserved after it and not signed.
struct Last {
    head: Head,
    signed: Option<(Checkpoint, String)>,
    reserved: Option<Promise>,
}

impl Publication<'_> {
    /// Reads a stored checkpoint, which must be signed by the key.
    fn open(&self, note: &str) -> Result<Checkpoint, Fault> {
        Checkpoint::open(note, &self.key).map_err(|error| {
            Fault::of_range(1, 1, Kind::CheckpointForged { reason: error.to_string() })
        })
    }

    /// What is signed of an end of the chain, if it is that.
    fn current(
        &self,
        head: &Head,
        checkpoint: Checkpoint,
        note: String,
    ) -> Result<Published, PublishError> {
        let (size, found) = (head.size(), head.frontier.root());
        if checkpoint.root != found {
            return Err(Fault::of_range(1, size, Kind::Rewritten { size, found }).into());
        }
        Ok(Published { checkpoint, note, is_current: true })
    }

    /// Signs what is reserved, and then the end of the chain.
    async fn advance(&self) -> Result<Published, PublishError> {
        for _ in 0..ROUNDS_MAX {
            // Before the statements, which from now on can only be newer than what the verifier has seen.
            let verified = self.store.ledger_verified(self.tenant, VERIFIER_INCREMENTAL).await?;
            if let Some(fault) = verified.as_ref().and_then(|verified| verified.fault.clone()) {
                return Err(fault.into());
            }
            let last = self.last().await?;
            let seen = verified.as_ref().and_then(|verified| verified.checkpoint.as_ref());
            let signed = last.signed.as_ref().map_or(0, |(signed, _)| signed.size);
            if let Some(seen) = seen.filter(|seen| seen.size > signed) {
                let kind = Kind::Rollback { size: seen.size, found: signed };
                return Err(Fault::of_range(signed + 1, seen.size, kind).into());
            }
            // After the statements, which the end of the chain can only be beyond.
            let end = self.store.ledger_last(self.tenant).await?;
            let end = end.map_or_else(Head::genesis, |commit| commit.head());
            let verified = verified.map_or(0, |verified| verified.head.size());
            let reserved = last.reserved.as_ref().map_or(0, |reserved| reserved.checkpoint.size);
            let least = verified.max(signed).max(reserved);
            if end.size() < least {
                return Err(missing(least, end.size()).into());
            }
            let Some(last) = self.sign_reserved(last).await? else { continue };
            if let Some((checkpoint, note)) = last.signed
                && checkpoint.size == end.size()
            {
                return self.current(&end, checkpoint, note);
            }
            match self.sign_next(&last.head, &end).await {
                Err(PublishError::Store(Error::Conflict(_))) => {}
                done => return done,
            }
        }
        Err(Error::Busy("other publishers are always first".to_owned()).into())
    }

    /// The last statements, read in the order in which they are made: what is signed was reserved.
    async fn last(&self) -> Result<Last, PublishError> {
        let note = self.store.ledger_signed(self.tenant).await?;
        let signed = match note {
            Some(note) => Some((self.open(&note)?, note)),
            None => None,
        };
        let mut promises = self.store.ledger_promises(self.tenant).await?.into_iter().peekable();
        let size = signed.as_ref().map_or(0, |(signed, _)| signed.size);
        let reserved = promises.next_if(|promise| promise.checkpoint.size > size);
        let of_signed = promises.next();
        let Some((checkpoint, _)) = &signed else {
            return match (&reserved, of_signed) {
                (Some(Promise { after: 1.., checkpoint, .. }), _) => {
                    let kind = Kind::Rollback { size: checkpoint.size, found: 0 };
                    Err(Fault::of_range(1, checkpoint.size, kind).into())
                }
                _ => Ok(Last { head: Head::genesis(), signed, reserved }),
            };
        };
        let Some(promise) = of_signed.filter(|promise| promise.checkpoint.size == size) else {
            // More was promised than one statement, or this was signed without a promise.
            let found = reserved.map_or(0, |reserved| reserved.checkpoint.size);
            let kind = Kind::Rollback { size: size.max(found), found: size.min(found) };
            return Err(Fault::of_range(1, size.max(found), kind).into());
        };
        let roots = [promise.checkpoint.root, promise.head.frontier.root()];
        if roots.iter().any(|root| *root != checkpoint.root) || promise.head.size() != size {
            return Err(anchors::split_view(checkpoint).into());
        }
        Ok(Last { head: promise.head, signed, reserved })
    }

    /// Signs what was reserved, if the chain has it; `None` if something was, and the end must be read anew.
    async fn sign_reserved(&self, last: Last) -> Result<Option<Last>, PublishError> {
        let Some(reserved) = &last.reserved else { return Ok(Some(last)) };
        let (head, leaves) = self.grown(&last.head, &reserved.head).await?;
        let found = head.frontier.root();
        if head.size() != reserved.checkpoint.size || found != reserved.checkpoint.root {
            let kind = Kind::Rewritten { size: head.size(), found };
            return Err(Fault::of_range(last.head.size() + 1, head.size(), kind).into());
        }
        tiles::store_grown(self.store, self.tenant, &last.head.frontier, leaves).await?;
        self.sign(&reserved.checkpoint).await?;
        Ok(None)
    }

    /// Reserves and signs what follows the last statement, up to the end of the chain.
    async fn sign_next(&self, from: &Head, end: &Head) -> Result<Published, PublishError> {
        let (head, leaves) = self.grown(from, end).await?;
        tiles::store_grown(self.store, self.tenant, &from.frontier, leaves).await?;
        let checkpoint = Checkpoint::of(&self.notary.origin(self.tenant)?, &head.frontier);
        let is_current = head.number == end.number;
        let (after, promised_at) = (from.size(), self.app.clock.now());
        let promise = Promise { checkpoint, head, after, promised_at };
        self.store.ledger_promise_put(self.tenant, &promise).await?;
        let note = self.sign(&promise.checkpoint).await?;
        Ok(Published { checkpoint: promise.checkpoint, note, is_current })
    }

    /// Signs what is reserved, anchors it, and stores it. Done again, it says the same.
    async fn sign(&self, checkpoint: &Checkpoint) -> Result<String, PublishError> {
        let note = self.notary.sign(checkpoint, &self.key).await?.to_string();
        self.notary.anchor(checkpoint, &note).await?;
        match self.store.ledger_signed_put(self.tenant, checkpoint.size, &note).await {
            Ok(()) => Ok(note),
            Err(Error::Conflict(_)) => Err(anchors::split_view(checkpoint).into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Computes where a chain is after the segments that follow a point, from their records: at `end`, or
    /// after so many segments as one statement may add. The commits only say where segments end.
    async fn grown(&self, from: &Head, end: &Head) -> Result<(Head, Vec<Hash>), PublishError> {
        let (mut head, mut leaves) = (from.clone(), Vec::new());
        let last = end.number.min(from.number + PUBLISH_SEGMENTS_MAX);
        while head.number < last {
            let segments = self.store.ledger_segments(self.tenant, head.number + 1).await?;
            if segments.is_empty() {
                return Err(missing(end.size(), head.size()).into());
            }
            for segment in segments.iter().take_while(|segment| segment.commit.number <= last) {
                append(&mut head, segment, &mut leaves)?;
            }
        }
        if head.number == end.number && head.frontier != end.frontier {
            let kind = Kind::Rewritten { size: head.size(), found: head.frontier.root() };
            return Err(Fault::of_range(from.size() + 1, head.size(), kind).into());
        }
        Ok((head, leaves))
    }
}

/// Appends the records of a segment, whose commit must say the same of them.
fn append(
    head: &mut Head,
    segment: &StoredSegment,
    leaves: &mut Vec<Hash>,
) -> Result<(), PublishError> {
    let commit = &segment.commit;
    let (first, expected) = (head.size() + 1, head.number + 1);
    let fault = |kind| Fault::of_range(first, commit.last().max(first), kind).in_segment(expected);
    if commit.number != expected {
        return Err(fault(Kind::Segment { expected, found: commit.number }).into());
    }
    let body = segment.body.as_ref().ok_or_else(|| fault(Kind::BodyMissing))?;
    let records = Segment::decode(body)
        .map_err(|refusal| fault(Kind::BodyUnreadable { reason: refusal.reason().to_owned() }))?;
    for line in records.records() {
        let leaf = Hash::of_leaf(line);
        head.entry = Hash::of_entry(&head.entry, &leaf);
        head.frontier.append(leaf);
        leaves.push(leaf);
    }
    head.number = expected;
    head.recorded_at = Some(commit.recorded_at);
    if head.frontier != commit.frontier || head.entry != commit.entry {
        return Err(fault(Kind::CommitEdited { field: "frontier".to_owned() }).into());
    }
    Ok(())
}

/// Records that were verified or promised, and are not there.
fn missing(size: u64, found: u64) -> Fault {
    let kind =
        if found == 0 { Kind::ChainMissing { size } } else { Kind::TailMissing { size, found } };
    Fault::of_range(found + 1, size, kind)
}
