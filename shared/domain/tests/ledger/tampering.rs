//! Honest chains verify; of every other one the first fault is found, and found in its place.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers beside the tests fail as tests do"
)]

use domain::ledger::checkpoint::Checkpoint;
use domain::ledger::commit::Head;
use domain::ledger::fault::{Fault, Kind};
use domain::ledger::hash::Hash;
use domain::ledger::record::Record;
use domain::ledger::verify::{Verified, Verifier};
use proptest::prelude::*;

use crate::chain::{Chain, at, edited, message, renumbered, tenant};

fn verify(chain: &Chain, indexed: bool, checkpoints: &[Checkpoint]) -> Result<Verified, Fault> {
    let mut verifier = Verifier::new(tenant());
    checkpoints.iter().try_for_each(|checkpoint| verifier.expect(checkpoint.clone()))?;
    verifier.segments(&chain.evidence(indexed), 2)?;
    verifier.finish()
}

fn export(lines: &[Vec<u8>], checkpoints: &[Checkpoint]) -> Result<Verified, Fault> {
    let text: Vec<u8> = lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect();
    let mut verifier = Verifier::new(tenant());
    checkpoints.iter().try_for_each(|checkpoint| verifier.expect(checkpoint.clone()))?;
    // In two parts that are cut anywhere, as a reader of a file would.
    let cut = text.len() / 2;
    let read = verifier.export(&text[..cut], 2)?;
    assert_eq!(verifier.export(&text[read..], 2)?, text.len() - read);
    verifier.finish()
}

/// A chain, one of its records (by segment, place and sequence), and a size of before its end.
fn cases() -> impl Strategy<Value = (Chain, usize, usize, u64)> {
    (
        prop::collection::vec(2_usize..6, 2..6),
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
    )
        .prop_map(|(sizes, segment, place)| {
            let chain = Chain::grow(&sizes, "event");
            let segment = segment.index(sizes.len());
            let place = place.index(sizes[segment]);
            let sequence = chain.commits[segment].first() + place as u64;
            (chain, segment, place, sequence)
        })
}

/// Where a fault is: the first and the last sequence, the segment, and what is wrong.
fn found(result: Result<Verified, Fault>) -> (u64, u64, Option<u64>, Kind) {
    let fault = result.unwrap_err();
    (fault.first, fault.last, fault.segment, fault.kind)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn an_honest_chain_verifies_from_anywhere_and_in_any_form((chain, segment, _, sequence) in cases()) {
        let (size, checkpoints) = (chain.size(), [chain.checkpoint(sequence), chain.checkpoint(chain.size())]);
        let verified = verify(&chain, true, &checkpoints).unwrap();
        prop_assert_eq!(&verified.head, &chain.head());
        prop_assert_eq!(verified.anchored, size);
        let exported = export(&chain.all_lines(), &checkpoints).unwrap();
        prop_assert_eq!(Head { number: verified.head.number, ..exported.head }, verified.head.clone());
        // In two runs, the state between them stored and read back.
        let stored = serde_json::to_string(&chain.commits[segment].head()).unwrap();
        let mut verifier = Verifier::resume(tenant(), serde_json::from_str(&stored).unwrap());
        verifier.segments(&chain.evidence(true)[segment + 1..], 1).unwrap();
        verifier.expect(chain.checkpoint(size)).unwrap();
        prop_assert_eq!(verifier.finish().unwrap(), Verified { anchored: size, ..verified });
    }

    #[test]
    fn an_edited_record_is_found_in_its_segment_and_by_the_index_itself((mut chain, segment, place, sequence) in cases()) {
        let mut lines = chain.lines(segment);
        lines[place] = edited(&lines[place]);
        chain.put_body(segment, &lines);
        let (first, last, of, kind) = found(verify(&chain, false, &[]));
        let commit = &chain.commits[segment];
        prop_assert_eq!((first, last, of), (commit.first(), commit.last(), Some(commit.number)));
        let body_edited = matches!(kind, Kind::BodyEdited { .. });
        prop_assert!(body_edited);
        let fault = verify(&chain, true, &[]).unwrap_err();
        prop_assert_eq!((fault.first, fault.last, &fault.kind), (sequence, sequence, &Kind::RecordEdited));
        prop_assert_eq!(fault.event_id, Some(format!("event-{sequence}")));
    }

    #[test]
    fn any_flipped_bit_of_a_body_is_found_in_its_segment((mut chain, segment, ..) in cases(), at: prop::sample::Index, bit in 0_u8..8) {
        let body = chain.bodies[segment].as_mut().unwrap();
        let at = at.index(body.len());
        body[at] ^= 1 << bit;
        let fault = verify(&chain, false, &[]).unwrap_err();
        prop_assert_eq!(fault.segment, Some(segment as u64 + 1));
    }

    #[test]
    fn an_edited_commit_is_found_and_its_field_named((chain, segment, ..) in cases(), field in 0..7) {
        let mut bad = chain;
        let number = bad.commits[segment].number;
        let commit = &mut bad.commits[segment];
        let name = match field {
            0 => { commit.entry = Hash::of(b"other"); "entry" }
            1 => { commit.frontier.append(Hash::GENESIS); "frontier" }
            2 => { commit.root = Hash::GENESIS; "root" }
            3 => { commit.count += 1; "count" }
            4 => { commit.recorded_at = at(99); "recorded_at" }
            5 => { commit.hash_version += 1; "hash_version" }
            _ => { commit.tenant_id = domain::id::TenantId::parse("evil").unwrap(); "tenant_id" }
        };
        let (.., of, kind) = found(verify(&bad, true, &[]));
        prop_assert_eq!((of, kind), (Some(number), Kind::CommitEdited { field: name.to_owned() }));
        bad.commits[segment].previous = Hash::of(b"other");
        prop_assert_eq!(found(verify(&bad, true, &[])).3, Kind::Unlinked);
    }

    #[test]
    fn a_record_taken_out_put_in_or_swapped_is_found_where_it_was((chain, segment, place, sequence) in cases()) {
        let lines = chain.lines(segment);
        let wrong = |lines: &[Vec<u8>], rewritten: bool| {
            let mut bad = chain.clone();
            if rewritten { bad.rewrite(segment, lines) } else { bad.put_body(segment, lines) }
            let (first, _, _, kind) = found(verify(&bad, true, &[]));
            (first, kind)
        };
        for rewritten in [false, true] {
            if place + 1 < lines.len() {
                let mut fewer = lines.clone();
                fewer.remove(place);
                let missing = Kind::Sequence { expected: sequence, found: sequence + 1 };
                prop_assert_eq!(wrong(&fewer, rewritten), (sequence, missing.clone()));
                let mut swapped = lines.clone();
                swapped.swap(place, place + 1);
                prop_assert_eq!(wrong(&swapped, rewritten), (sequence, missing));
            }
            let mut more = lines.clone();
            more.insert(place, lines[place].clone());
            let (first, kind) = wrong(&more, rewritten);
            prop_assert_eq!((first, kind), (sequence + 1, Kind::Sequence { expected: sequence + 1, found: sequence }));
        }
    }

    #[test]
    fn a_segment_or_body_that_is_gone_is_found_where_it_was((chain, segment, ..) in cases()) {
        let number = segment as u64 + 1;
        let mut torn = chain.clone();
        torn.bodies[segment] = None;
        let commit = &chain.commits[segment];
        prop_assert_eq!(found(verify(&torn, true, &[])), (commit.first(), commit.last(), Some(number), Kind::BodyMissing));
        if number < chain.commits.len() as u64 {
            let mut fewer = chain.clone();
            fewer.commits.remove(segment);
            fewer.bodies.remove(segment);
            fewer.index.remove(segment);
            let (first, _, of, kind) = found(verify(&fewer, true, &[]));
            prop_assert_eq!((first, of), (commit.first(), Some(number)));
            prop_assert_eq!(kind, Kind::Segment { expected: number, found: number + 1 });
        }
        let mut twice = chain.clone();
        twice.commits.insert(segment, chain.commits[segment].clone());
        twice.bodies.insert(segment, chain.bodies[segment].clone());
        twice.index.insert(segment, chain.index[segment].clone());
        prop_assert_eq!(found(verify(&twice, true, &[])).3, Kind::Segment { expected: number + 1, found: number });
    }

    #[test]
    fn a_tail_or_a_chain_that_is_gone_shows_against_a_checkpoint_only((chain, segment, ..) in cases()) {
        let promised = chain.checkpoint(chain.size());
        let mut cut = chain.clone();
        cut.commits.truncate(segment);
        let left = cut.size();
        prop_assert!(verify(&cut, true, &[]).is_ok(), "no chain shows this by itself");
        let (first, last, _, kind) = found(verify(&cut, true, std::slice::from_ref(&promised)));
        let size = promised.size;
        let expected =
            if left == 0 { Kind::ChainMissing { size } } else { Kind::TailMissing { size, found: left } };
        prop_assert_eq!((first, last, kind), (left + 1, size, expected));
    }

    #[test]
    fn a_history_written_anew_with_all_its_hashes_shows_between_two_checkpoints((chain, segment, place, sequence) in cases()) {
        let before = chain.commits[segment].first() - 1;
        let promised = [chain.checkpoint(before), chain.checkpoint(sequence), chain.checkpoint(chain.size())];
        let mut bad = chain.clone();
        let mut lines = bad.lines(segment);
        lines[place] = edited(&lines[place]);
        bad.rewrite(segment, &lines);
        prop_assert!(verify(&bad, false, &[]).is_ok(), "no chain shows this by itself");
        for result in [verify(&bad, false, &promised), export(&bad.all_lines(), &promised)] {
            let (first, last, _, kind) = found(result);
            prop_assert_eq!((first, last), (before + 1, sequence));
            let rewritten = matches!(kind, Kind::Rewritten { size, .. } if size == sequence);
            prop_assert!(rewritten, "{:?}", kind);
        }
        // The index, which has other writers' conditions, names the record even without a checkpoint.
        let fault = verify(&bad, true, &[]).unwrap_err();
        prop_assert_eq!((fault.first, fault.kind), (sequence, Kind::RecordEdited));
        let anew = Chain::grow(&[3, 3], "anew");
        prop_assert!(verify(&anew, true, &[]).is_ok());
        let (.., kind) = found(verify(&anew, true, &[chain.checkpoint(3)]));
        let rewritten = matches!(kind, Kind::Rewritten { size: 3, .. });
        prop_assert!(rewritten);
    }

    #[test]
    fn an_event_that_stands_twice_is_found_at_its_second_place((mut chain, _, _, sequence) in cases()) {
        let size = chain.size();
        chain.append_messages(&[message("new", ""), message(&format!("event-{sequence}"), "again")]);
        let fault = verify(&chain, false, &[]).unwrap_err();
        prop_assert_eq!((fault.first, &fault.kind), (size + 2, &Kind::DuplicateEvent { first: sequence }));
        // Where the first one stood before this run, the index shows it: it has the first place.
        let mut verifier = Verifier::resume(tenant(), chain.commits[chain.commits.len() - 2].head());
        let last = chain.index.len() - 1;
        chain.index[last][1].as_mut().unwrap().sequence = sequence;
        let fault = verifier.segments(&chain.evidence(true)[last..], 1).unwrap_err();
        prop_assert_eq!((fault.first, &fault.kind), (size + 2, &Kind::DuplicateEvent { first: sequence }));
        chain.index[last][0].as_mut().unwrap().sequence = size + 9;
        let fault = verify(&chain, true, &[]).unwrap_err();
        prop_assert_eq!((fault.first, &fault.kind), (size + 1, &Kind::Misindexed { found: size + 9 }));
    }

    #[test]
    fn a_record_dated_back_is_found((mut chain, segment, place, sequence) in cases()) {
        let mut lines = chain.lines(segment);
        let record = Record::parse(&lines[place]).unwrap();
        let earlier = Record { recorded_at: at(0).plus_seconds(-60), ..record };
        lines[place] = earlier.canonical().unwrap();
        chain.rewrite(segment, &lines);
        // The first record of all can be as old as it likes: then it is the second that shows nothing.
        let result = verify(&chain, false, &[]);
        if sequence == 1 {
            prop_assert!(result.is_ok());
        } else {
            let (first, _, _, kind) = found(result);
            prop_assert_eq!(first, sequence);
            let back_dated = matches!(kind, Kind::BackDated { .. });
            prop_assert!(back_dated);
        }
    }

    #[test]
    fn an_export_is_verified_line_by_line((chain, _, _, sequence) in cases()) {
        let lines = chain.all_lines();
        let place = usize::try_from(sequence).unwrap() - 1;
        let wrong = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
            let mut lines = lines.clone();
            change(&mut lines);
            let (first, _, _, kind) = found(export(&lines, &[chain.checkpoint(chain.size())]));
            (first, kind)
        };
        let (first, kind) = wrong(&|lines| lines[place].push(b' '));
        let not_canonical = matches!(kind, Kind::NotCanonical { .. });
        prop_assert!(not_canonical && first == sequence);
        let (first, kind) = wrong(&|lines| lines[place] = renumbered(&lines[place], sequence + 7));
        prop_assert_eq!((first, kind), (sequence, Kind::Sequence { expected: sequence, found: sequence + 7 }));
        let (_, kind) = wrong(&|lines| lines[place] = edited(&lines[place]));
        let rewritten = matches!(kind, Kind::Rewritten { .. });
        prop_assert!(rewritten);
        let (first, kind) = wrong(&|lines| lines.truncate(place + 1 - usize::from(place + 1 == lines.len())));
        let gone = matches!(kind, Kind::TailMissing { .. } | Kind::ChainMissing { .. });
        prop_assert!(gone && first > place as u64);
    }
}

#[test]
fn two_checkpoints_of_one_size_with_two_roots_are_a_split_view() {
    let (one, other) = (Chain::grow(&[3], "event"), Chain::grow(&[3], "other"));
    let (.., kind) = found(verify(&one, true, &[one.checkpoint(2), other.checkpoint(2)]));
    assert_eq!(kind, Kind::SplitView { size: 2 });
}

#[test]
fn a_checkpoint_of_before_the_start_is_not_taken_for_verified() {
    let chain = Chain::grow(&[3, 3], "event");
    let mut verifier = Verifier::resume(tenant(), chain.commits[0].head());
    let fault = verifier.expect(chain.checkpoint(2)).unwrap_err();
    assert_eq!(fault.kind, Kind::CheckpointBeforeStart { size: 2, start: 3 });
}
