//! Rate limits: the layer that counts a tenant's requests, refuses those above its limits, and tells in headers
//! how they stand.
//!
//! It runs once the caller is known and before the handler, and for idempotency keys. Whoever is nobody is
//! refused by the handler, and counted for nobody.

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::limit::plan::Plan;
use domain::limit::{Limits, RouteClass, Verdict};
use domain::time::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::app::{App, ConfigError};
use crate::caller::Caller;
use crate::problem::Problem;

/// The fields of draft-ietf-httpapi-ratelimit-headers-10: lists of items with parameters (RFC 9651). Here each
/// window is a policy, and the second field is about the one with the least left.
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STANDING: HeaderName = HeaderName::from_static("ratelimit");

/// What others have for the same, and clients look for: the limit, what is left of it, and the second since 1970
/// in which all of it is there again.
const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

const RATE_LIMITS: &str = "EPR_RATE_LIMITS";

/// Reads the variable; `None` where nothing is limited.
pub(crate) fn configured(
    set: impl Fn(&'static str) -> Option<String>,
) -> Result<Option<Plan>, ConfigError> {
    let form = "`off`, a tier, or JSON of tiers and limits as docs/SECURITY.md has it";
    Plan::parse(&set(RATE_LIMITS).unwrap_or_default())
        .map_err(|_| ConfigError::Invalid(RATE_LIMITS, form))
}

/// The layer around an endpoint of a class.
pub(crate) async fn limited(
    State((class, app)): State<(RouteClass, App)>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let caller = Caller::of(&parts);
    let request = Request::from_parts(parts, body);
    let limits = caller.as_ref().ok().and_then(|caller| limits_of(&app, caller, class));
    let (Ok(caller), Some(limits)) = (caller, limits) else { return next.run(request).await };
    let at = app.clock.now();
    let Ok(verdict) = app.store.token_take(&caller.tenant_id, class, &limits, at).await else {
        // Better a request too many than none at all: the store has noted it.
        return next.run(request).await;
    };
    let mut response = if verdict.allowed {
        next.run(request).await
    } else {
        Problem::rate_limited(&verdict).into_response()
    };
    tell(response.headers_mut(), &limits, &verdict, at);
    response
}

/// The limits of a caller's tenant for a class; `None` where it has none.
fn limits_of(app: &App, caller: &Caller, class: RouteClass) -> Option<Limits> {
    let plan = app.config.rate_limits.as_ref()?;
    let limits = plan.limits(&caller.tenant_id, caller.tier).of_class(class);
    (!limits.is_unlimited()).then_some(limits)
}

/// Writes the headers.
fn tell(headers: &mut HeaderMap, limits: &Limits, verdict: &Verdict, at: Timestamp) {
    let policies = limits
        .each()
        .map(|(window, limit)| format!("\"{}\";q={limit};w={}", window.name(), window.seconds()));
    let Verdict { limit_type, limit, remaining, reset_seconds, .. } = *verdict;
    let standing = format!("\"{}\";r={remaining};t={reset_seconds}", limit_type.name());
    let reset = at.as_seconds().saturating_add_unsigned(reset_seconds);
    let fields = [
        (POLICY, policies.collect::<Vec<_>>().join(", ")),
        (STANDING, standing),
        (LIMIT, limit.to_string()),
        (REMAINING, remaining.to_string()),
        (RESET, reset.to_string()),
    ];
    for (name, value) in fields {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::limit::Window;

    #[test]
    fn nothing_is_limited_unless_that_is_chosen() {
        let of = |text: &str| configured(|_| Some(text.to_owned()));
        assert_eq!((configured(|_| None), of("off")), (Ok(None), Ok(None)));
        assert!(of("premium").unwrap().is_some());
        assert!(matches!(of("gold"), Err(ConfigError::Invalid(RATE_LIMITS, _))));
    }

    #[test]
    fn the_fields_are_lists_of_items_and_the_others_are_numbers() {
        let limits = Limits { burst: Some(50), hour: Some(10_000), ..Limits::default() };
        let verdict = Verdict {
            allowed: true,
            limit_type: Window::Burst,
            limit: 50,
            remaining: 7,
            reset_seconds: 11,
            retry_after_seconds: 0,
        };
        let at = Timestamp::from_microseconds(1_795_404_653_900_000).unwrap();
        let mut headers = HeaderMap::new();
        tell(&mut headers, &limits, &verdict, at);
        let written = |name: &HeaderName| headers[name].to_str().unwrap();
        assert_eq!(written(&POLICY), r#""burst";q=50;w=10, "hour";q=10000;w=3600"#);
        assert_eq!(written(&STANDING), r#""burst";r=7;t=11"#);
        let others = [LIMIT, REMAINING, RESET].map(|name| written(&name).to_owned());
        assert_eq!(others, ["50", "7", "1795404664"]);
    }
}
