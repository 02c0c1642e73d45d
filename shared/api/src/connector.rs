//! The one way to AWS that all clients of a function share.
//!
//! Left to itself the SDK makes two for each client, one that it throws away when the client is made and one at the
//! first request, and parses the certificates of all authorities for each. What that costs a cold start is in
//! docs/cold-start.md.

use std::sync::OnceLock;
use std::time::Duration;

use aws_sdk_sns::config::{ConfigBag, SharedAsyncSleep};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::runtime_components::{
    RuntimeComponents, RuntimeComponentsBuilder,
};

/// How long it may take to connect: a call that takes longer is given up anyway.
const CONNECT_MILLISECONDS_MAX: u64 = 1_000;

/// Makes its connector with the first client, while Lambda still gives a whole processor, and gives it to all.
#[derive(Debug, Default)]
pub(crate) struct OneConnector(OnceLock<SharedHttpConnector>);

impl OneConnector {
    fn get(&self, sleep: Option<SharedAsyncSleep>) -> SharedHttpConnector {
        let make = || {
            let connect = Duration::from_millis(CONNECT_MILLISECONDS_MAX);
            let settings = HttpConnectorSettings::builder().connect_timeout(connect).build();
            let mut connector = Connector::builder()
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .connector_settings(settings)
                .proxy_config(ProxyConfig::from_env());
            connector.set_sleep_impl(sleep);
            SharedHttpConnector::new(connector.build())
        };
        self.0.get_or_init(make).clone()
    }
}

impl HttpClient for OneConnector {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.get(components.sleep_impl())
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        _: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.get(components.sleep_impl());
        Ok(())
    }
}
