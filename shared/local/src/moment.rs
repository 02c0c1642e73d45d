//! Moments as AWS writes them, where the product writes six digits of a second.

use domain::time::Timestamp;

/// `2026-11-23T03:30:53.123Z`
pub(crate) fn with_milliseconds(moment: Timestamp) -> String {
    cut(moment, "456Z".len())
}

/// `2026-11-23T03:30:53Z`
pub(crate) fn with_seconds(moment: Timestamp) -> String {
    cut(moment, ".123456Z".len())
}

/// The text without so many characters at its end, and `Z` again.
fn cut(moment: Timestamp, end: usize) -> String {
    let text = moment.to_string();
    let kept = text.len().saturating_sub(end);
    text.get(..kept).map_or_else(|| text.clone(), |kept| format!("{kept}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digits_after_a_second_are_cut() {
        let moment = Timestamp::parse("2026-11-23T03:30:53.123456Z").unwrap();
        assert_eq!(with_milliseconds(moment), "2026-11-23T03:30:53.123Z");
        assert_eq!(with_seconds(moment), "2026-11-23T03:30:53Z");
    }
}
