//! The whole deployment in memory, made anew before it has grown slow.

use std::cell::RefCell;
use std::future::Future;

use axum::body::Body;
use domain::time::{Clock, Timestamp};
use http::Request;
use http_body_util::BodyExt;
use local::system::{Surroundings, System};
use tokio::runtime::Runtime;

/// How many inputs one deployment takes.
const INPUTS_MAX: usize = 2_000;

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// A deployment with what runs it.
struct World {
    runtime: Runtime,
    system: System,
    inputs: usize,
}

impl World {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let moment = Timestamp::parse("2026-11-23T03:30:53Z").unwrap();
        let clock = Clock::from_fn(move || moment);
        let surroundings = Surroundings { clock, ..Surroundings::default() };
        let system = System::memory(surroundings).unwrap();
        let world = Self { runtime, system, inputs: 0 };
        world.fill();
        world
    }

    /// What there is to find.
    fn fill(&self) {
        for (path, body) in [
            ("/api/v1/entities", r#"{"id": "e-1", "name": "One", "type": "issuer"}"#),
            (
                "/api/v1/entities",
                r#"{"id": "e-2", "name": "Two", "type": "spv", "parent_id": "e-1"}"#,
            ),
            ("/api/v1/roles", r#"{"id": "r-1", "name": "Reader", "permissions": ["doc:read"]}"#),
            ("/api/v1/assignments", r#"{"id": "a-1", "principal_id": "alice", "role_id": "r-1"}"#),
            (
                "/api/v1/events",
                r#"{"event_type": "doc.read", "source": "vault", "correlation_id": "c-1"}"#,
            ),
        ] {
            let request = Request::post(path).header("content-type", "application/json");
            let answer = self.system.call(request.body(Body::from(body)).unwrap());
            assert_eq!(self.runtime.block_on(answer).status(), 201, "{path}");
        }
    }
}

/// Does something with the deployment of this thread.
pub(crate) fn with<F: Future<Output = ()>>(run: impl FnOnce(System) -> F) {
    WORLD.with_borrow_mut(|world| {
        if world.as_ref().is_none_or(|world| world.inputs >= INPUTS_MAX) {
            *world = Some(World::new());
        }
        let Some(World { runtime, system, inputs }) = world else { return };
        *inputs += 1;
        runtime.block_on(run(system.clone()));
    });
}

/// The whole body of an answer.
pub(crate) async fn body(body: Body) -> Vec<u8> {
    body.collect().await.unwrap().to_bytes().to_vec()
}
