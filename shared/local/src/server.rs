//! The gateway on a socket of this machine, and topics, queues and tables beside it.

use crate::gateway::Gateway;
use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::handler::HandlerWithoutStateExt;
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use http::{Method, StatusCode, header};
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tower::ServiceExt;

/// How long requests under way may still take once the server is told to stop.
const SHUTDOWN_SECONDS_MAX: u64 = 5;

/// Serves HTTP/1.1 until `shutdown`, then takes no new requests and lets those under way finish,
/// for at most five seconds.
///
/// With `services` the same port takes the calls of SNS, SQS and DynamoDB, as every client of AWS sends
/// them: `aws --endpoint-url http://127.0.0.1:8000 sqs list-queues`; and it shows the description of the API.
/// No route of the template is in their way, since none has the path `/`, or one that begins with `/docs`.
///
/// An open gateway ([`Gateway::is_open`]) is served on loopback only, and so are the services, which ask
/// nobody who they are.
pub async fn serve(
    listener: TcpListener,
    gateway: Arc<Gateway>,
    services: Option<Services>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    if gateway.is_open() || services.is_some() {
        loopback_only(listener.local_addr()?)?;
    }
    let (stopping, stopped) = oneshot::channel::<()>();
    // Answers are small and whole, so waiting to fill a packet would only delay them. A socket that
    // refuses the option still serves.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let answer =
        async move |ConnectInfo(peer): ConnectInfo<SocketAddr>, request: Request| match services
            .as_ref()
            .and_then(|services| services.of(&request))
        {
            Some(service) => answered(service, request).await,
            None => gateway.call(request, Some(peer)).await,
        };
    let serving = axum::serve(listener, answer.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(async move {
            shutdown.await;
            drop(stopping);
        });
    tokio::select! {
        served = serving => served,
        () = overdue(stopped) => Ok(()),
    }
}

/// What is reached beside the gateway.
#[derive(Clone, Debug)]
pub struct Services {
    /// Topics and queues ([`crate::messaging::Messaging::router`]).
    pub messaging: Router,
    /// Tables ([`crate::embedded::Embedded::router`]).
    pub tables: Router,
    /// The description of the API ([`crate::docs::router`]).
    pub docs: Router,
    /// The public keys of this machine's own issuer ([`crate::authorizer::keys`]), where tokens count.
    pub keys: Option<Router>,
}

impl Services {
    /// Whom a request is for: SQS and DynamoDB are told by the header that names the operation, SNS by the
    /// form that it is sent.
    fn of(&self, request: &Request) -> Option<&Router> {
        let begins = |name: &str, wanted: &str| {
            let value = request.headers().get(name).and_then(|value| value.to_str().ok());
            value.is_some_and(|value| value.starts_with(wanted))
        };
        if crate::docs::has(request.uri().path()) {
            return Some(&self.docs);
        }
        if request.uri().path() == crate::authorizer::KEYS_PATH {
            return self.keys.as_ref();
        }
        if request.method() != Method::POST || request.uri().path() != "/" {
            return None;
        }
        if begins("x-amz-target", "DynamoDB_") {
            return Some(&self.tables);
        }
        let is_for_messaging = begins("x-amz-target", "AmazonSQS.")
            || begins(header::CONTENT_TYPE.as_str(), "application/x-www-form-urlencoded");
        is_for_messaging.then_some(&self.messaging)
    }

    /// The same without a gateway, for who serves them otherwise than [`serve`].
    pub fn router(self) -> Router {
        Router::new().fallback(async move |request: Request| match self.of(&request) {
            Some(service) => answered(service, request).await,
            None => StatusCode::NOT_FOUND.into_response(),
        })
    }
}

async fn answered(service: &Router, request: Request) -> Response {
    match service.clone().oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Refuses an address that other machines can reach: whoever connects is let in as `local`.
pub fn loopback_only(address: SocketAddr) -> io::Result<()> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!(
            "authorization is off, so `{address}` would be open to everyone who can reach it: \
             listen on 127.0.0.1 or [::1], or turn authorization on"
        ),
    ))
}

async fn overdue(stopped: oneshot::Receiver<()>) {
    // The sender is dropped, never used: either way the server was told to stop.
    let _told = stopped.await;
    tokio::time::sleep(Duration::from_secs(SHUTDOWN_SECONDS_MAX)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorizer::Authorizer;
    use crate::embedded::Embedded;
    use crate::example::{clock, template};
    use crate::messaging::Messaging;
    use axum::routing::get;
    use std::collections::HashMap;
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use tokio::sync::Notify;
    use tokio::task::{JoinHandle, spawn, spawn_blocking};

    /// A server with one slow route, and what tells when that is under way.
    struct Running {
        address: SocketAddr,
        started: Arc<Notify>,
        stop: oneshot::Sender<()>,
        served: JoinHandle<io::Result<()>>,
    }

    async fn running() -> Running {
        let started = Arc::new(Notify::new());
        let notify = Arc::clone(&started);
        let slow = get(async move || {
            notify.notify_one();
            tokio::time::sleep(Duration::from_millis(100)).await;
            "slow"
        });
        let function = Router::new()
            .route("/healthz", get(async || "well"))
            .route("/api/v1/entities/search", slow);
        let functions = HashMap::from([("entities".to_owned(), function)]);
        let gateway = Gateway::new(&template(), functions, Authorizer::off()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let messaging = Messaging::memory(&template(), clock()).unwrap().router();
        let tables = Embedded::memory().unwrap();
        tables.create_tables(&template()).unwrap();
        let services = Services {
            messaging,
            tables: tables.router(),
            docs: crate::docs::router().unwrap(),
            keys: None,
        };
        let served = spawn(serve(listener, Arc::new(gateway), Some(services), async {
            stopped.await.unwrap();
        }));
        Running { address, started, stop, served }
    }

    fn request(stream: &mut TcpStream, path: &str) -> String {
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        let mut byte = [0];
        // Bodies here are four bytes long.
        while !answer.windows(4).rev().skip(4).any(|end| end == b"\r\n\r\n") {
            assert_eq!(stream.read(&mut byte).unwrap(), 1, "closed after {answer:?}");
            answer.extend(byte);
        }
        String::from_utf8(answer).unwrap()
    }

    #[tokio::test]
    async fn a_connection_is_kept_for_the_next_request() {
        let running = running().await;
        let client = spawn_blocking(move || {
            let mut stream = TcpStream::connect(running.address).unwrap();
            for _ in 0..3 {
                let answer = request(&mut stream, "/healthz");
                assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
                assert!(answer.ends_with("well"), "{answer}");
            }
        });
        client.await.unwrap();
        running.stop.send(()).unwrap();
        running.served.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_request_under_way_is_answered_before_the_server_ends() {
        let running = running().await;
        let address = running.address;
        let client = spawn_blocking(move || {
            request(&mut TcpStream::connect(address).unwrap(), "/api/v1/entities/search")
        });
        running.started.notified().await;
        running.stop.send(()).unwrap();
        running.served.await.unwrap().unwrap();
        assert!(client.await.unwrap().ends_with("slow"));
        let refused = spawn_blocking(move || TcpStream::connect(address)).await.unwrap();
        assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    /// The status and the body of the answer to a request with a body.
    fn post(address: SocketAddr, path: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
             content-length: {length}\r\n{headers}\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[tokio::test]
    async fn clients_of_queues_and_topics_are_served_at_the_root_and_nobody_else() {
        let running = running().await;
        let address = running.address;
        let (sqs, form) = (
            "x-amz-target: AmazonSQS.ListQueues\r\ncontent-type: application/x-amz-json-1.0\r\n",
            "content-type: application/x-www-form-urlencoded; charset=utf-8\r\n",
        );
        let asked = spawn_blocking(move || {
            [
                post(address, "/", sqs, "{}"),
                post(address, "/", form, "Action=ListTopics"),
                post(address, "/", "content-type: application/json\r\n", "{}"),
                post(address, "/healthz", sqs, "{}"),
                post(address, "/", &format!("{sqs}origin: http://example.com\r\n"), "{}"),
            ]
        });
        let [queues, topics, other, elsewhere, page] = asked.await.unwrap();
        assert!(queues.contains("200 OK") && queues.contains("QueueUrls"), "{queues}");
        assert!(topics.contains("200 OK") && topics.contains("<ListTopicsResponse"), "{topics}");
        assert!(other.contains("404 Not Found"), "{other}");
        assert!(!elsewhere.contains("QueueUrls"), "{elsewhere}");
        assert!(page.contains("403 Forbidden"), "{page}");
        running.stop.send(()).unwrap();
        running.served.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn tables_are_read_at_the_root_and_not_written_and_not_by_a_page() {
        let running = running().await;
        let address = running.address;
        let asked = spawn_blocking(move || {
            let ask = |operation: &str, more: &str| {
                let headers = format!("x-amz-target: DynamoDB_20120810.{operation}\r\n{more}");
                post(address, "/", &headers, "{}")
            };
            [
                ask("ListTables", ""),
                ask("PutItem", ""),
                ask("DeleteTable", ""),
                ask("ListTables", "origin: http://example.com\r\n"),
            ]
        });
        let [listed, put, deleted, page] = asked.await.unwrap();
        assert!(listed.contains("200 OK") && listed.contains("TableNames"), "{listed}");
        for refused in [put, deleted] {
            assert!(refused.contains("400 Bad Request"), "{refused}");
            assert!(refused.contains("AccessDeniedException"), "{refused}");
        }
        assert!(page.contains("403 Forbidden"), "{page}");
        running.stop.send(()).unwrap();
        running.served.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn open_tables_are_written_and_neither_made_nor_deleted_nor_by_a_page() {
        let embedded = Embedded::memory().unwrap();
        embedded.create_tables(&template()).unwrap();
        let services = Services {
            messaging: Messaging::memory(&template(), clock()).unwrap().router(),
            tables: embedded.router_to_write(),
            docs: Router::new(),
            keys: None,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = spawn(async move { axum::serve(listener, services.router()).await });
        let asked = spawn_blocking(move || {
            let ask = |operation: &str, more: &str| {
                let headers = format!("x-amz-target: DynamoDB_20120810.{operation}\r\n{more}");
                post(address, "/", &headers, "{}")
            };
            let asked = [
                ask("PutItem", ""),
                ask("TransactWriteItems", ""),
                ask("DeleteTable", ""),
                ask("PutItem", "origin: http://example.com\r\n"),
            ];
            (asked, post(address, "/elsewhere", "", "{}"))
        });
        let ([put, transacted, deleted, page], elsewhere) = asked.await.unwrap();
        // They are heard, and lack what they need.
        for heard in [put, transacted] {
            assert!(heard.contains("ValidationException"), "{heard}");
        }
        assert!(deleted.contains("AccessDeniedException"), "{deleted}");
        assert!(page.contains("403 Forbidden"), "{page}");
        assert!(elsewhere.contains("404 Not Found"), "{elsewhere}");
        serving.abort();
    }

    #[tokio::test]
    async fn an_open_gateway_is_served_on_loopback_only() {
        let functions = HashMap::from([("entities".to_owned(), Router::new())]);
        let gateway = Gateway::new(&template(), functions, Authorizer::off()).unwrap();
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let refused = serve(listener, Arc::new(gateway), None, std::future::pending()).await;
        let refused = refused.unwrap_err();
        let message = refused.to_string();
        assert!(message.starts_with("authorization is off, so `0.0.0.0:"), "{message}");
        for address in ["127.0.0.1:80", "127.8.8.8:80", "[::1]:80"] {
            loopback_only(address.parse().unwrap()).unwrap();
        }
        for address in ["0.0.0.0:80", "192.168.0.2:80", "[::]:80"] {
            loopback_only(address.parse().unwrap()).unwrap_err();
        }
    }
}
