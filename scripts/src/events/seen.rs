//! Which events were shown, and from which moment on to ask for more.
//!
//! The list is in the order of `occurred_at`, but events are not stored in it: of two requests the later
//! may commit first, and the index shows each a moment after that. So each question goes back behind what
//! is known by a window, and what is known by id is dropped.

use std::collections::HashMap;

use domain::time::Timestamp;

use super::Event;

/// How far behind the newest event an event may be stored and still be found, in seconds: longer than a
/// function may take.
pub(super) const WINDOW_SECONDS: i64 = 30;

/// The events of the window, and what is newer.
#[derive(Default)]
pub(super) struct Seen {
    occurred: HashMap<String, Timestamp>,
    /// When all that was there was known, by the server's clock: this machine's may be wrong, and an event
    /// may say of itself that it is of next year.
    asked_at: Option<Timestamp>,
}

impl Seen {
    /// Notes an event; whether it is new.
    pub(super) fn note(&mut self, event: &Event) -> bool {
        self.occurred.insert(event.event_id.clone(), event.occurred_at).is_none()
    }

    /// From when on to ask, to go back so many seconds; from the beginning, while nothing was answered.
    pub(super) fn from(&self, window_seconds: i64) -> Option<Timestamp> {
        self.asked_at.map(|asked_at| asked_at.plus_seconds(-window_seconds))
    }

    /// Says that all that could be found at a moment was noted, and drops what no question reaches any
    /// more, so that this holds no more than the window does.
    pub(super) fn advance(&mut self, asked_at: Option<Timestamp>) {
        self.asked_at = self.asked_at.max(asked_at);
        if let Some(from) = self.from(WINDOW_SECONDS) {
            self.occurred.retain(|_, occurred_at| *occurred_at >= from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn at(time: &str) -> Timestamp {
        Timestamp::parse(&format!("2026-11-23T{time}Z")).unwrap()
    }

    fn event(id: &str, occurred: &str) -> Event {
        let body = json!({
            "event_id": id, "event_type": "a.b", "source": "abc", "delivery_state": "pending",
            "occurred_at": at(occurred),
        });
        Event::read(&body).unwrap()
    }

    #[test]
    fn an_event_is_new_once_however_late_and_in_whatever_order_it_comes() {
        let mut seen = Seen::default();
        for (id, moment, is_new) in [
            ("b", "00:01:00", true),
            ("c", "00:01:00", true),
            ("a", "00:00:40", true),
            ("future", "23:00:00", true),
            ("b", "00:01:00", false),
            ("a", "00:00:40", false),
            ("future", "23:00:00", false),
        ] {
            assert_eq!(seen.note(&event(id, moment)), is_new, "{id}");
            seen.advance(Some(at("00:01:00")));
        }
    }

    #[test]
    fn what_no_question_reaches_is_forgotten_and_nothing_else() {
        let mut seen = Seen::default();
        for (id, moment) in [("old", "00:00:29"), ("edge", "00:00:30"), ("new", "00:01:00")] {
            seen.note(&event(id, moment));
        }
        seen.advance(None);
        assert_eq!((seen.from(WINDOW_SECONDS), seen.occurred.len()), (None, 3));
        seen.advance(Some(at("00:01:00")));
        // A clock that went back has answered all the same.
        seen.advance(Some(at("00:00:10")));
        assert_eq!(seen.from(WINDOW_SECONDS), Some(at("00:00:30")));
        assert_eq!((seen.occurred.contains_key("old"), seen.occurred.len()), (false, 2));
    }
}
