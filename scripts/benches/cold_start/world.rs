//! What a function finds when it starts: tables, topics and queues that speak TLS, as those of AWS do.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::serve::Listener;
use http::Request;
use local::server::Services;
use local::system::{Surroundings, System};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use store::EpochSource;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Who the services say they are, and by which authorities a client can tell.
pub(crate) struct Identity {
    acceptor: TlsAcceptor,
    /// The authorities that this machine trusts, and ours.
    pub(crate) authorities: PathBuf,
}

impl Identity {
    /// Reads `server.pem`, `server.key` and `authorities.pem` of a folder.
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let fault = |file: &str, error: &dyn std::fmt::Display| {
            format!("{}: {error}", folder.join(file).display())
        };
        let chain = CertificateDer::pem_file_iter(folder.join("server.pem"))
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| fault("server.pem", &error))?;
        let key = PrivateKeyDer::from_pem_file(folder.join("server.key"))
            .map_err(|error| fault("server.key", &error))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
            .map_err(|error| fault("server.pem", &error))?;
        let authorities = folder.join("authorities.pem");
        let authorities =
            authorities.canonicalize().map_err(|error| fault("authorities.pem", &error))?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), authorities })
    }
}

/// A deployment in memory with what the samples speak of, for functions in other processes.
pub(crate) struct World {
    address: SocketAddr,
    serving: JoinHandle<()>,
}

impl World {
    /// Makes one. With `records` its audit ledger has some; without, none.
    pub(crate) async fn open(identity: &Identity, records: bool) -> Result<Self, String> {
        // Whoever else writes tells of it in the tables.
        let epochs = Some(EpochSource::table());
        let surroundings = Surroundings { epochs, ..Surroundings::default() };
        let system = System::memory(surroundings).map_err(|error| error.to_string())?;
        fill(&system).await?;
        if records {
            system.pump.drain().await.map_err(|error| error.to_string())?;
        }
        let services = Services {
            messaging: system.messaging.router(),
            tables: system.embedded.router_to_write(),
            docs: axum::Router::new(),
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let accepting = Accepting::on(listener, identity.acceptor.clone(), address);
        let serving = tokio::spawn(async move {
            // It serves until it is aborted.
            let _ = axum::serve(accepting, services.router()).await;
        });
        Ok(Self { address, serving })
    }

    /// Where the services are.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// An issuer, a role, a user who holds it there, and an event of another service.
async fn fill(system: &System) -> Result<(), String> {
    let role =
        json!({"id": "document-reader", "name": "Reader", "permissions": ["document:download"]});
    let assignment = json!({"principal_id": "alice@example.com", "role_id": "document-reader", "entity_id": "acme"});
    for (path, body) in [
        ("/api/v1/entities", json!({"id": "acme", "name": "Acme Holdings", "type": "issuer"})),
        ("/api/v1/roles", role),
        ("/api/v1/assignments", assignment),
        ("/api/v1/events", json!({"event_type": "document.verified", "source": "document_vault"})),
    ] {
        post(system, path, &body).await?;
    }
    Ok(())
}

async fn post(system: &System, path: &str, body: &Value) -> Result<(), String> {
    let request = Request::post(path).header("content-type", "application/json");
    let request = request.body(Body::from(body.to_string())).map_err(|error| error.to_string())?;
    let status = system.call(request).await.status();
    if status.is_success() { Ok(()) } else { Err(format!("{path}: {status}")) }
}

/// Connections whose handshake is done; one that is slow keeps no other waiting.
struct Accepting {
    done: UnboundedReceiver<TlsStream<TcpStream>>,
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Accepting {
    fn on(listener: TcpListener, acceptor: TlsAcceptor, address: SocketAddr) -> Self {
        let (sender, done) = unbounded_channel();
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                tokio::spawn(async move {
                    // A socket that refuses the option still serves; of a handshake that fails the function tells.
                    let _ = stream.set_nodelay(true);
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let _ = sender.send(stream);
                    }
                });
            }
        });
        Self { done, address, accepting }
    }
}

impl Listener for Accepting {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.done.recv().await {
            Some(stream) => (stream, self.address),
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.address)
    }
}

impl Drop for Accepting {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
