//! Epochs in a cache that loses, lies and fails over; and changes that end in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture};
use local::embedded::Embedded;
use local::messaging::Messaging;
use local::system::Clients;
use local::wire;
use store::meter::Usage;
use store::{Defect, EpochSource};
use tests::faults::{Fault, Faults};
use tests::valkey::{Server, Wire, epochs_at, patient};
use tests::{Tenant, World};
use tokio::sync::Notify;

use crate::valkey::Case;

/// Stops the next transaction before it reaches the database, until it is let go on.
#[derive(Clone, Default)]
struct Gate {
    closes: Arc<AtomicBool>,
    arrived: Arc<Notify>,
    opened: Arc<Notify>,
}

impl Gate {
    fn clients(&self, embedded: &Embedded, messaging: &Messaging) -> Clients {
        let gate = self.clone();
        let gated = wire::past(embedded.http_client(), move |inner, request| {
            let target = request.headers().get("x-amz-target").unwrap_or_default();
            let stops = target.ends_with(".TransactWriteItems")
                && gate.closes.swap(false, Ordering::SeqCst);
            let (gate, inner) = (gate.clone(), inner.clone());
            HttpConnectorFuture::new(async move {
                if stops {
                    gate.arrived.notify_one();
                    gate.opened.notified().await;
                }
                inner.call(request).await
            })
        });
        let config = embedded.config().http_client(gated);
        let dynamodb = aws_sdk_dynamodb::Client::from_conf(config.build());
        Clients { dynamodb, ..Clients::of(embedded, messaging) }
    }

    /// An instance whose next transaction stops.
    fn instance(&self, case: &Case, epochs: EpochSource) -> Tenant {
        self.closes.store(true, Ordering::SeqCst);
        let clients = |embedded: &Embedded, messaging: &_| self.clients(embedded, messaging);
        World::over_with(&case.embedded, epochs, clients).default_tenant()
    }
}

/// Revokes, and does something between the mark and the commit.
async fn revoke_while(case: &Case, epochs: EpochSource, meanwhile: impl Future<Output = ()>) {
    let gate = Gate::default();
    let writer = gate.instance(case, epochs);
    let between = async {
        gate.arrived.notified().await;
        meanwhile.await;
        gate.opened.notify_one();
    };
    let (revoked, ()) = futures::join!(case.revoke(&writer), between);
    revoked.expect(200);
}

#[tokio::test]
async fn what_was_read_while_a_change_was_under_way_is_not_remembered() {
    let Some(server) = Server::start() else { return };
    let case = Case::of([server.epochs()]).await;
    case.all_know(true).await;
    revoke_while(&case, server.epochs(), async {
        for _ in 0..2 {
            let (allowed, usage) = case.ask(&case.instances[0]).await;
            assert!(allowed && usage.read_units > 0.0, "{usage:?}");
            assert_eq!(usage.epochs_unread, 0, "a mark is not a failure");
        }
    })
    .await;
    case.all_know(false).await;
}

/// Loses every key while a change is under way, and has what was before remembered. Whether the change is
/// seen when it is acknowledged.
async fn is_seen_although_its_mark_was_lost(defect: Option<Defect>) -> Option<bool> {
    let server = Server::start()?;
    let case = Case::of([server.epochs()]).await;
    case.all_know(true).await;
    let epochs = server.epochs();
    let epochs = match defect {
        Some(defect) => epochs.with_defect(defect),
        None => epochs,
    };
    revoke_while(&case, epochs, async {
        let () = server.send(&["FLUSHALL"]);
        case.all_know(true).await;
    })
    .await;
    Some(!case.ask(&case.instances[0]).await.0)
}

#[tokio::test]
async fn a_change_whose_mark_was_lost_is_seen_all_the_same() {
    assert_ne!(is_seen_although_its_mark_was_lost(None).await, Some(false));
}

#[tokio::test]
async fn a_writer_that_only_takes_back_its_own_mark_is_caught() {
    let defect = Defect::SettlesOwnMarkOnly;
    assert_ne!(is_seen_although_its_mark_was_lost(Some(defect)).await, Some(true));
}

#[tokio::test]
async fn one_writers_end_leaves_the_mark_of_another() {
    let Some(server) = Server::start() else { return };
    let case = Case::of([server.epochs(), server.epochs()]).await;
    let [reader, other] = &case.instances[..] else { panic!() };
    case.all_know(true).await;
    revoke_while(&case, server.epochs(), async {
        // Another change to what Alice holds begins and ends.
        let role = other.role("Writer", &["doc:write"], &[]).await;
        other.assign("alice", &role, None).await;
        let (allowed, _) = case.ask(reader).await;
        let (again, usage) = case.ask(reader).await;
        assert!(allowed && again && usage.read_units > 0.0, "remembered under a mark: {usage:?}");
    })
    .await;
    case.all_know(false).await;
}

#[tokio::test]
async fn a_change_that_was_abandoned_hides_its_epoch_until_its_mark_ends() {
    let Some(server) = Server::start() else { return };
    let case = Case::of([server.epochs()]).await;
    case.all_know(true).await;
    // It is done, and its process ends before it hears of that.
    let faults = Faults::none();
    faults.plan("TransactWriteItems", [Fault::EndsAfter]);
    let clients = |embedded: &Embedded, messaging: &_| faults.clients(embedded, messaging);
    let writer = World::over_with(&case.embedded, server.epochs(), clients).default_tenant();
    assert!(faults.unless_it_ends(case.revoke(&writer)).await.is_none());
    for _ in 0..2 {
        let (allowed, usage) = case.ask(&case.instances[0]).await;
        assert!(!allowed && usage.read_units > 0.0, "{usage:?}");
    }
    let left = |key: &String| server.send::<i64>(&["PTTL", key]);
    let marked =
        server.keys().into_iter().find(|key| server.send::<String>(&["GET", key]).starts_with('m'));
    let marked = marked.unwrap();
    assert!((1..=30_000).contains(&left(&marked)), "{}", left(&marked));
    // As when its time is over.
    let () = server.send(&["DEL", &marked]);
    case.all_know(false).await;
}

#[tokio::test]
async fn a_change_that_was_not_made_hides_nothing() {
    let Some(server) = Server::start() else { return };
    let case = Case::of([server.epochs()]).await;
    case.all_know(true).await;
    let faults = Faults::none();
    let refused = Fault::Refused("TransactionCanceledException", Some("ValidationError"));
    faults.plan("TransactWriteItems", [refused]);
    let clients = |embedded: &Embedded, messaging: &_| faults.clients(embedded, messaging);
    let writer = World::over_with(&case.embedded, server.epochs(), clients).default_tenant();
    case.revoke(&writer).await.expect(500);
    case.all_know(true).await;
}

#[tokio::test]
async fn a_change_that_cannot_be_told_once_it_is_made_is_not_acknowledged_and_counts() {
    let Some(server) = Server::start() else { return };
    let wire = Wire::to(server.port()).await;
    let case = Case::of([server.epochs()]).await;
    case.all_know(true).await;
    let gate = Gate::default();
    let writer = gate.instance(&case, epochs_at(wire.port(), None, patient()));
    let between = async {
        gate.arrived.notified().await;
        wire.lead_to(tests::valkey::closed_port());
        gate.opened.notify_one();
    };
    let (revoked, ()) = futures::join!(case.revoke(&writer), between);
    revoked.expect_problem(503, "unavailable");
    assert!(!case.ask(&case.instances[0]).await.0);
}

#[tokio::test]
async fn what_a_cache_holds_that_is_no_epoch_is_not_believed_and_ends_with_the_next_change() {
    let Some(server) = Server::start() else { return };
    let case = Case::of([server.epochs()]).await;
    case.all_know(true).await;
    let reader = &case.instances[0];
    for key in server.keys() {
        let () = server.send(&["SET", &key, "eternal"]);
        case.reads(reader, true).await;
        let () = server.send(&["DEL", &key]);
        let () = server.send(&["RPUSH", &key, "e0000000000000001"]);
        case.reads(reader, true).await;
        case.reads(reader, true).await;
        let () = server.send(&["DEL", &key]);
        case.all_know(true).await;
    }
    for key in server.keys() {
        let () = server.send(&["DEL", &key]);
        let () = server.send(&["RPUSH", &key, "e0000000000000001"]);
    }
    case.revoke(reader).await.expect(200);
    assert!(!case.ask(reader).await.0);
}

#[tokio::test]
async fn an_eviction_a_flush_and_a_cut_wire_only_cost_reads() {
    let Some(server) = Server::start() else { return };
    let wire = Wire::to(server.port()).await;
    let case = Case::of([epochs_at(wire.port(), None, patient())]).await;
    case.all_know(true).await;
    for key in server.keys() {
        let () = server.send(&["DEL", &key]);
        let (allowed, usage) = case.ask(&case.instances[0]).await;
        assert!(allowed && usage.read_units > 0.0, "{key}: {usage:?}");
        case.all_know(true).await;
    }
    let () = server.send(&["FLUSHALL"]);
    assert!(case.ask(&case.instances[0]).await.1.read_units > 0.0);
    case.all_know(true).await;
    wire.lead_to(server.port());
    // The first question finds the wire cut; a new one is there for one of the next.
    case.reads(&case.instances[0], true).await;
    while case.ask(&case.instances[0]).await != (true, Usage::default()) {}
}

#[tokio::test]
async fn a_replica_that_has_old_epochs_is_not_believed_when_it_becomes_the_primary() {
    let (Some(primary), Some(replica)) = (Server::start(), Server::start()) else { return };
    let wire = Wire::to(primary.port()).await;
    let behind = || epochs_at(wire.port(), None, patient());
    let case = Case::of([behind(), behind()]).await;
    let [reader, writer] = &case.instances[..] else { panic!() };
    case.all_know(true).await;
    // The replica has every epoch, and then hears of nothing any more.
    for key in primary.keys() {
        let number: String = primary.send(&["GET", &key]);
        let () = replica.send(&["SET", &key, &number]);
    }
    case.revoke(writer).await.expect(200);
    wire.lead_to(replica.port());
    let mut unread = 1;
    while unread > 0 {
        let (allowed, usage) = case.ask(reader).await;
        assert!(!allowed, "an old epoch is believed");
        unread = usage.epochs_unread;
        tokio::task::yield_now().await;
    }
    assert!(!case.ask(reader).await.0);
}

#[tokio::test]
async fn a_primary_that_becomes_a_replica_is_not_asked_any_more() {
    let Some(server) = Server::start() else { return };
    let case = Case::of([server.epochs()]).await;
    case.all_know(true).await;
    let () = server.send(&["REPLICAOF", "127.0.0.1", &tests::valkey::closed_port().to_string()]);
    case.reads(&case.instances[0], true).await;
    case.refuses(&case.instances[0]).await;
}
