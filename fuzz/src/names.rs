//! Names: of things, of actions, of times.

use domain::api_key::{KeyText, parse_scope};
use domain::capability::{Capability, canonical};
use domain::entity_type::{Registry, TypeName};
use domain::id::{EntityId, PrincipalId, TenantId};
use domain::permission::Action;
use domain::principal::PrincipalType;
use domain::slug::Slug;
use domain::text::{AggregateId, CorrelationId, Description, EntityName, EventSource, EventType};
use domain::time::Timestamp;

use crate::text;

/// What is taken is taken as it is, and no longer than it may be.
macro_rules! kept {
    ($text:ident: $($name:ty, $bytes_max:literal;)+) => {
        $(
            if let Ok(read) = <$name>::parse($text) {
                assert_eq!(read.as_str(), $text, stringify!($name));
                assert!($text.len() <= $bytes_max, stringify!($name));
            }
        )+
    };
}

pub(crate) fn name(data: &[u8]) {
    let Some(text) = text(data) else { return };
    kept! { text:
        EntityId, 128;
        PrincipalId, 128;
        TenantId, 128;
        PrincipalType, 128;
        TypeName, 64;
        Slug, 128;
        Action, 1024;
        AggregateId, 1024;
        CorrelationId, 512;
        Description, 2048;
        EntityName, 2048;
        EventSource, 512;
        EventType, 512;
    }
    // Whoever is asked by one spelling and whoever by another mean the same.
    let spelled = canonical(text);
    assert_eq!(canonical(&spelled), spelled, "a canonical name is its own");
    let named = Capability::named(text).map(|capability| capability.action);
    assert_eq!(named, Capability::named(&spelled).map(|capability| capability.action));
    if let Ok(moment) = Timestamp::parse(text) {
        let written = moment.to_string();
        assert_eq!(Timestamp::parse(&written).unwrap(), moment, "{written}");
        assert_eq!(Timestamp::from_microseconds(moment.as_microseconds()), Some(moment));
        // What is compared as text must sort as moments do.
        assert_eq!(written.len(), "2026-11-23T03:30:53.000000Z".len(), "{written}");
    }
    if let Ok(names) = Registry::parse_names(text) {
        assert!(names.iter().all(|name| TypeName::parse(name.as_str()).is_ok()));
    }
    if let Ok(scope) = parse_scope(text) {
        assert_eq!(parse_scope(&scope).as_deref(), Ok(scope.as_str()));
    }
    let _never_panics = KeyText::parse(text);
}
