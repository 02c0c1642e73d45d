//! Consumers: an event is handled once, although it is delivered again.

use api::{App, Once, OnceError, once};
use domain::id::{EventId, TenantId};
use store::Consumption;
use tests::World;
use tests::messaging::Messages;

fn app(world: &World) -> App {
    world.app(world.system.embedded.client(), &Messages::default())
}

#[tokio::test]
async fn a_consumer_handles_an_event_once_and_again_only_where_that_failed() {
    let world = World::new();
    let app = app(&world);
    let (tenant, id) = (TenantId::parse("t").unwrap(), EventId::parse("e").unwrap());
    let of = |consumer| Consumption { tenant_id: &tenant, consumer, event_id: &id };
    let failed = once(&app, of("receipts"), async || Err::<(), _>("no paper")).await;
    assert!(matches!(failed, Err(OnceError::Effect("no paper"))));
    let done = once(&app, of("receipts"), async || Ok::<_, &str>(1)).await;
    assert_eq!(done.unwrap(), Once::Done(1));
    let again = once(&app, of("receipts"), async || Ok::<_, &str>(2)).await;
    assert_eq!(again.unwrap(), Once::Repeated);
    let other = once(&app, of("mail"), async || Ok::<_, &str>(3)).await;
    assert_eq!(other.unwrap(), Once::Done(3));
}

#[tokio::test]
async fn a_lease_keeps_others_away_until_it_runs_out() {
    let world = World::new();
    let app = app(&world);
    let (tenant, id) = (TenantId::parse("t").unwrap(), EventId::parse("e").unwrap());
    let of = Consumption { tenant_id: &tenant, consumer: "receipts", event_id: &id };
    let outcome = once(&app, of, async || {
        let meanwhile = once(&app, of, async || Ok::<_, &str>(0)).await;
        assert!(matches!(meanwhile, Err(OnceError::Leased)));
        world.pass_seconds(store::LEASE_SECONDS);
        // As after a crash: the first never came to remember.
        let later = once(&app, of, async || Ok::<_, &str>(1)).await;
        assert_eq!(later.unwrap(), Once::Done(1));
        Ok::<_, &str>(2)
    });
    assert_eq!(outcome.await.unwrap(), Once::Done(2));
    let again = once(&app, of, async || Ok::<_, &str>(3)).await;
    assert_eq!(again.unwrap(), Once::Repeated);
}
