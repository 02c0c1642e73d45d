//! Epochs in a cache: fresh across instances while it answers, and right while it does not.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use local::embedded::Embedded;
use serde_json::{Value, json};
use store::meter::Usage;
use store::{CacheAccess, CacheDoor, CacheLimits, EpochSource};
use tests::valkey::{Server, Wire, closed_port, epochs_at, epochs_behind, patient};
use tests::{Tenant, World};

/// What decides about Alice, by one instance after the other.
pub(crate) struct Case {
    pub(crate) embedded: Embedded,
    pub(crate) instances: Vec<Tenant>,
    pub(crate) document: String,
    role: String,
    assignment: String,
}

impl Case {
    /// Alice may read a document; each instance has its own epochs.
    pub(crate) async fn of(epochs: impl IntoIterator<Item = EpochSource>) -> Self {
        let embedded = Embedded::memory().unwrap();
        let writer = World::over(&embedded, EpochSource::table()).default_tenant();
        let document = writer.entity("Document", "other", None).await;
        let role = writer.role("Reader", &["doc:read"], &[]).await;
        let assignment = writer.assign("alice", &role, None).await;
        let over = |epochs| World::over(&embedded, epochs).default_tenant();
        let instances = epochs.into_iter().map(over).collect();
        Self { embedded, instances, document, role, assignment }
    }

    /// What an instance answers, and what that cost.
    pub(crate) async fn ask(&self, instance: &Tenant) -> (bool, Usage) {
        let asked = json!({
            "user_id": "alice", "action": "doc:read", "resource_id": self.document,
        });
        let reply = instance.post("/api/v1/authorize", asked).await;
        (reply.expect(200)["authorized"] == true, reply.usage)
    }

    /// That every instance answers so, and remembers it.
    pub(crate) async fn all_know(&self, allowed: bool) {
        for instance in &self.instances {
            assert_eq!(self.ask(instance).await.0, allowed);
            assert_eq!(self.ask(instance).await, (allowed, Usage::default()));
        }
    }

    /// That an instance answers so, from the tables, because the cache was of no use.
    pub(crate) async fn reads(&self, instance: &Tenant, allowed: bool) {
        let (answered, usage) = self.ask(instance).await;
        assert_eq!(answered, allowed);
        assert!(usage.read_units > 0.0 && usage.epochs_unread > 0, "{usage:?}");
    }

    /// Takes Alice's role from her.
    pub(crate) async fn revoke(&self, by: &Tenant) -> tests::Reply {
        by.delete(&format!("/api/v1/assignments/{}", self.assignment)).await
    }

    /// That no change to what decides is taken, and that nothing is changed.
    pub(crate) async fn refuses(&self, instance: &Tenant) {
        let before = self.items().await;
        let renamed = json!({"permissions": []});
        let role = format!("/api/v1/roles/{}", self.role);
        for reply in [self.revoke(instance).await, instance.patch(&role, renamed).await] {
            let problem = reply.expect_problem(503, "unavailable");
            let detail = problem["detail"].as_str().unwrap();
            assert!(detail.contains("was not; repeat"), "{detail}");
            assert_eq!(reply.header("retry-after"), Some("1"));
        }
        assert_eq!(self.items().await, before);
    }

    /// Everything in the tables, in no order.
    async fn items(&self) -> Vec<String> {
        let world = World::over(&self.embedded, EpochSource::table());
        let mut items = Vec::new();
        for table in ["CoreTable", "EventsTable"] {
            items.extend(world.items(table).await.iter().map(Value::to_string));
        }
        items.sort_unstable();
        items
    }

    /// Revokes again and again until the cache is there again.
    async fn revoke_when_it_is_back(&self, by: &Tenant) {
        let began = std::time::Instant::now();
        while self.revoke(by).await.status == 503 {
            assert!(began.elapsed() < Duration::from_secs(20), "the cache did not come back");
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn an_acknowledged_change_is_seen_by_every_instance_and_the_next_answers_cost_nothing() {
    let Some(server) = Server::start() else { return };
    let case = Case::of([server.epochs(), server.epochs(), server.epochs()]).await;
    let [one, other, _] = &case.instances[..] else { panic!() };
    case.all_know(true).await;
    let role = format!("/api/v1/roles/{}", case.role);
    one.patch(&role, json!({"permissions": []})).await.expect(200);
    case.all_know(false).await;
    other.patch(&role, json!({"permissions": ["doc:read"]})).await.expect(200);
    case.all_know(true).await;
    case.revoke(other).await.expect(200);
    case.all_know(false).await;
    // Through a group, on what stands above, and by everyone of a type.
    one.join("readers", "user:alice").await.expect(201);
    let folder = other.entity("Folder", "other", None).await;
    let held = json!({
        "principal_type": "group", "principal_id": "readers", "role_id": case.role,
        "entity_id": folder,
    });
    other.post("/api/v1/assignments", held).await.expect(201);
    case.all_know(false).await;
    one.move_under(&case.document, Some(&folder)).await.expect(200);
    case.all_know(true).await;
    other.leave("readers", "user:alice").await.expect(200);
    case.all_know(false).await;
    other.assign("*", &case.role, Some(&folder)).await;
    case.all_know(true).await;
    one.move_under(&case.document, None).await.expect(200);
    case.all_know(false).await;
}

#[tokio::test]
async fn what_moves_no_epoch_needs_no_cache() {
    let case = Case::of([epochs_at(closed_port(), None, CacheLimits::default())]).await;
    case.instances[0].entity("Another", "other", None).await;
    case.instances[0].role("Another", &["doc:write"], &[]).await;
}

#[tokio::test]
async fn a_cache_that_is_down_costs_reads_and_refuses_what_would_move_an_epoch() {
    let case = Case::of([epochs_at(closed_port(), None, CacheLimits::default())]).await;
    case.reads(&case.instances[0], true).await;
    case.refuses(&case.instances[0]).await;
    case.reads(&case.instances[0], true).await;
}

#[tokio::test]
async fn a_cache_that_goes_down_and_comes_back_is_used_again() {
    let Some(server) = Server::start() else { return };
    let case = Case::of([server.epochs(), server.epochs()]).await;
    let [one, other] = &case.instances[..] else { panic!() };
    case.all_know(true).await;
    let port = server.port();
    drop(server);
    case.reads(one, true).await;
    case.refuses(one).await;
    let _server = Server::start_at(port, &[]).unwrap().unwrap();
    case.revoke_when_it_is_back(one).await;
    assert!(!case.ask(other).await.0);
}

#[tokio::test]
async fn a_cache_that_does_not_answer_in_time_is_not_waited_for() {
    let Some(server) = Server::start() else { return };
    let wire = Wire::to(server.port()).await;
    let limits = CacheLimits {
        command: Duration::from_millis(50),
        change: Duration::from_millis(50),
        ..patient()
    };
    let case = Case::of([epochs_at(wire.port(), None, limits), server.epochs()]).await;
    let [slow, other] = &case.instances[..] else { panic!() };
    // On a busy machine the first may not be quick enough either.
    while case.ask(slow).await != (true, Usage::default()) {}
    wire.stall(true);
    case.reads(slow, true).await;
    case.refuses(slow).await;
    case.reads(slow, true).await;
    case.revoke(other).await.expect(200);
    assert!(!case.ask(slow).await.0);
    wire.stall(false);
    assert!(!case.ask(slow).await.0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_never_made_delays_the_first_answer_by_a_quarter_of_a_second() {
    // It takes connections, and never says a word.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let case = Case::of([epochs_at(port, None, CacheLimits::default())]).await;
    let mut waited = Vec::new();
    for _ in 0..3 {
        let began = tokio::time::Instant::now();
        case.reads(&case.instances[0], true).await;
        waited.push(began.elapsed());
    }
    let within = |most: u64| Duration::from_millis(most)..Duration::from_millis(most + 20);
    assert!(within(250).contains(&waited[0]), "{waited:?}");
    assert!(waited[1..].iter().all(|waited| within(0).contains(waited)), "{waited:?}");
    let began = tokio::time::Instant::now();
    case.refuses(&case.instances[0]).await;
    assert!(began.elapsed() < Duration::from_millis(2_500), "{:?}", began.elapsed());
}

/// Lines of the log.
#[derive(Clone, Copy)]
struct Log(&'static Mutex<Vec<u8>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_and_never_shown() {
    static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    let Some(server) = Server::start_with(&["--requirepass", "right-secret"]) else { return };
    let log = tracing_subscriber::fmt().with_writer(|| Log(&LOG)).with_ansi(false);
    let log = log.with_max_level(tracing_subscriber::filter::LevelFilter::TRACE).finish();
    let _guard = tracing::subscriber::set_default(log);
    for (password, said) in [(Some("wrong-secret"), "authentication failed"), (None, "NOAUTH")] {
        let case = Case::of([epochs_at(server.port(), password, patient())]).await;
        case.reads(&case.instances[0], true).await;
        case.refuses(&case.instances[0]).await;
        let log = String::from_utf8(std::mem::take(&mut LOG.lock().unwrap())).unwrap();
        assert!(log.contains(said), "{said} is not told");
        assert!(!log.contains("secret"), "the password is told");
    }
    let case = Case::of([epochs_at(server.port(), Some("right-secret"), patient())]).await;
    case.all_know(true).await;
    case.revoke(&case.instances[0]).await.expect(200);
    let log = String::from_utf8(std::mem::take(&mut LOG.lock().unwrap())).unwrap();
    assert!(!log.contains("secret"), "the password is told");
}

#[tokio::test]
async fn a_connection_shows_its_password_again_and_ends_when_that_is_no_longer_right() {
    let Some(server) = Server::start() else { return };
    let let_in = |password: &str| {
        let password = format!(">{password}");
        server.send::<()>(&["ACL", "SETUSER", "epr", "on", "resetpass", &password, "~*", "+@all"]);
    };
    let_in("one");
    let (shown, password) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new("one")));
    let (counted, told, port) = (shown.clone(), password.clone(), server.port());
    let door = CacheDoor::from_fn(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        let password = Some((*told.lock().unwrap()).to_owned());
        let (host, user) = ("127.0.0.1".to_owned(), Some("epr".to_owned()));
        Box::pin(async move { Ok(CacheAccess { host, port, tls: false, user, password }) })
    });
    let limits = CacheLimits { admission: Duration::ZERO, ..patient() };
    let case = Case::of([epochs_behind(door, limits)]).await;
    let reader = &case.instances[0];
    while shown.load(Ordering::SeqCst) < 5 {
        assert_eq!(case.ask(reader).await.1.epochs_unread, 0, "the connection was lost");
    }
    let_in("two");
    while case.ask(reader).await.1.epochs_unread == 0 {}
    case.refuses(reader).await;
    *password.lock().unwrap() = "two";
    while case.ask(reader).await != (true, Usage::default()) {
        tokio::task::yield_now().await;
    }
}
