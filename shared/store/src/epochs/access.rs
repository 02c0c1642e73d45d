//! Where the cache is, and what it takes to be let in.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;

/// Where a cache is, and what it takes to be let in.
#[derive(Clone, PartialEq, Eq)]
pub struct CacheAccess {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Who connects, where the cache knows more than one.
    pub user: Option<String>,
    /// The password; never shown.
    pub password: Option<String>,
}

impl fmt::Debug for CacheAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "rediss" } else { "redis" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// Says where the cache is. Asked for each connection, because a password may be good for minutes only.
#[derive(Clone)]
pub struct CacheDoor(Ask);

type Ask = Arc<dyn Fn() -> BoxFuture<'static, Result<CacheAccess, String>> + Send + Sync>;

impl CacheDoor {
    /// A cache that is always reached in the same way.
    pub fn fixed(access: CacheAccess) -> Self {
        Self::from_fn(move || {
            let access = access.clone();
            Box::pin(async move { Ok(access) })
        })
    }

    /// A cache that is asked for; what is wrong where that cannot be told.
    pub fn from_fn(
        ask: impl Fn() -> BoxFuture<'static, Result<CacheAccess, String>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(ask))
    }

    /// Where the cache is now.
    pub async fn access(&self) -> Result<CacheAccess, String> {
        (self.0)().await
    }
}

impl fmt::Debug for CacheDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheDoor")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let access = CacheAccess {
            host: "cache".to_owned(),
            port: 6379,
            tls: true,
            user: None,
            password: Some("secret".to_owned()),
        };
        assert_eq!(format!("{access:?}"), "rediss://cache:6379");
    }
}
