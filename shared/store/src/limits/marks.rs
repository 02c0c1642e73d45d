//! How the marks of a count are named where they are stored: a letter for the window, and the slot in
//! hexadecimal, because the names are most of what is stored.

use domain::limit::Window;
use domain::limit::tally::Slot;

fn letter(window: Window) -> char {
    match window {
        Window::Burst => 'b',
        Window::Minute => 'm',
        Window::Hour => 'h',
        Window::Day => 'd',
    }
}

/// The name of a mark.
pub(super) fn name((window, slot): Slot) -> String {
    format!("{}{slot:x}", letter(window))
}

/// The mark of a name, if it is one.
pub(super) fn read(name: &str) -> Option<Slot> {
    let window = Window::ALL.into_iter().find(|window| name.starts_with(letter(*window)))?;
    let slot = i64::from_str_radix(name.strip_prefix(letter(window))?, 16).ok()?;
    (self::name((window, slot)) == name).then_some((window, slot))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_is_named_and_in_no_other_way() {
        for mark in [(Window::Burst, 1_795_404_653), (Window::Minute, 0), (Window::Day, 249_361)] {
            assert_eq!(read(&name(mark)), Some(mark));
        }
        assert_eq!(name((Window::Hour, 255)), "hff");
        for other in ["", "b", "b0f", "bFF", "b+f", "b-1", "taken", "ttl", "x1"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
