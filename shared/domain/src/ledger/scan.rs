//! Whether bytes are canonical JSON (RFC 8785), without building what they say: one pass, no allocation.
//!
//! A verifier asks this of every record. Were it not asked, a name that stands twice in an object would
//! let two readers of one hash see two values.

use serde_json::Number;

use crate::ledger::canonical::{self, NUMBER_MAX};

/// Deepest nesting that is followed.
const DEPTH_MAX: usize = 64;

/// Digits that every integer of which is exact.
const DIGITS_EXACT: usize = 15;

/// A place in a text. Every method goes past what it reads, or gives `None` where it is not canonical.
#[derive(Clone, Debug)]
pub(crate) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// What lies between two places.
    fn between(&self, start: usize, end: usize) -> Option<&'a str> {
        self.text.get(start..end)
    }

    pub(crate) fn ended(&self) -> Option<()> {
        (self.at == self.text.len()).then_some(())
    }

    /// Goes past exactly these bytes.
    pub(crate) fn literal(&mut self, literal: &str) -> Option<()> {
        self.rest().starts_with(literal.as_bytes()).then(|| self.at += literal.len())
    }

    /// Goes past a string and gives what stands between its quotes, escapes and all.
    pub(crate) fn string(&mut self) -> Option<&'a str> {
        self.literal("\"")?;
        let start = self.at;
        loop {
            self.at += plain(self.rest());
            match self.peek()? {
                b'"' => {
                    self.at += 1;
                    return self.between(start, self.at - 1);
                }
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
    }

    /// Goes past the one way in which a character that must be escaped is.
    fn escape(&mut self) -> Option<()> {
        let length = match self.rest() {
            [_, b'"' | b'\\' | b'b' | b't' | b'n' | b'f' | b'r', ..] => 2,
            [_, b'u', b'0', b'0', b'0', b'0'..=b'7' | b'b' | b'e' | b'f', ..] => 6,
            [_, b'u', b'0', b'0', b'1', b'0'..=b'9' | b'a'..=b'f', ..] => 6,
            _ => return None,
        };
        self.at += length;
        Some(())
    }

    /// Goes past a number and gives its text.
    pub(crate) fn number(&mut self) -> Option<&'a str> {
        let start = self.at;
        let ends = |byte: &u8| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e');
        self.at += self.rest().iter().position(ends).unwrap_or(self.rest().len());
        let text = self.between(start, self.at)?;
        let digits = text.strip_prefix('-').unwrap_or(text).as_bytes();
        let short = match digits {
            [b'0'] => digits.len() == text.len(),
            [b'1'..=b'9', rest @ ..] => {
                rest.len() < DIGITS_EXACT && rest.iter().all(u8::is_ascii_digit)
            }
            _ => false,
        };
        (short || is_long_number(text)).then_some(text)
    }

    /// Goes past any value.
    pub(crate) fn value(&mut self, depth: usize) -> Option<()> {
        if depth > DEPTH_MAX {
            return None;
        }
        match self.peek()? {
            b'"' => self.string().map(|_| ()),
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b'n' => self.literal("null"),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            _ => self.number().map(|_| ()),
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.literal("[")?;
        if self.literal("]").is_some() {
            return Some(());
        }
        loop {
            self.value(depth)?;
            if self.literal("]").is_some() {
                return Some(());
            }
            self.literal(",")?;
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.literal("{")?;
        if self.literal("}").is_some() {
            return Some(());
        }
        let mut before: Option<&str> = None;
        loop {
            let name = self.string()?;
            if before.is_some_and(|before| !precedes(before, name)) {
                return None;
            }
            before = Some(name);
            self.literal(":")?;
            self.value(depth)?;
            if self.literal("}").is_some() {
                return Some(());
            }
            self.literal(",")?;
        }
    }
}

/// How many bytes at the start of a text are neither a quote, a backslash nor a control character.
///
/// Eight at a time: a byte less than `n` is one from which `n` cannot be taken without a borrow into its
/// highest bit, and a byte is equal to another where their difference is less than one. A borrow can mark a
/// byte above a marked one wrongly, but never one below it, and only the first one counts.
fn plain(text: &[u8]) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    let less = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word & HIGH;
    let equal = |word: u64, byte: u8| less(word ^ (ONES * u64::from(byte)), 1);
    let (words, rest) = text.as_chunks::<8>();
    let mut before = 0;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let special = less(word, 0x20) | equal(word, b'"') | equal(word, b'\\');
        if special != 0 {
            return before + special.trailing_zeros() as usize / 8;
        }
        before += 8;
    }
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
    before + rest.iter().position(special).unwrap_or(rest.len())
}

/// Whether a number that is not a short integer is written as RFC 8785 (§3.2.2.3) writes it.
fn is_long_number(text: &str) -> bool {
    let number = text.parse::<f64>().ok();
    #[expect(clippy::cast_precision_loss, reason = "2^53 - 1 is a float")]
    let exact =
        number.filter(|number| number.abs() <= NUMBER_MAX as f64).and_then(Number::from_f64);
    exact
        .and_then(|number| canonical::to_bytes(&number).ok())
        .is_some_and(|bytes| bytes == text.as_bytes())
}

/// Whether one name comes before another in the order of RFC 8785 (§3.2.3): that of their UTF-16 units.
fn precedes(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.is_ascii() && !name.contains('\\');
    if plain(one) && plain(other) {
        return one < other;
    }
    let units = |name: &str| {
        let decoded: Option<String> = serde_json::from_str(&format!("\"{name}\"")).ok();
        decoded.map(|name| name.encode_utf16().collect::<Vec<u16>>())
    };
    units(one).zip(units(other)).is_some_and(|(one, other)| one < other)
}

/// Whether the bytes are the canonical form of some value that [`canonical::parse`] would accept.
pub fn is_canonical(json: &[u8]) -> bool {
    let scan = |text| {
        let mut scanner = Scanner::new(text);
        scanner.value(0).and_then(|()| scanner.ended()).is_some()
    };
    std::str::from_utf8(json).is_ok_and(scan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    fn value() -> impl Strategy<Value = Value> {
        let name = prop_oneof!["[a-c]{0,3}", "[\u{0}-\u{22}\\\\\u{7f}é€\u{fb33}😀]{0,3}"];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            (-(1_i64 << 53) + 1..1_i64 << 53).prop_map(Value::from),
            (-1e15..1e15_f64).prop_map(Value::from),
            (-1e-9..1e-5_f64).prop_map(Value::from),
            name.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec((name.clone(), inner), 0..5)
                    .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    /// What the scanner is a shortcut for.
    fn slowly(json: &[u8]) -> bool {
        canonical::parse(json)
            .and_then(|value| canonical::to_bytes(&value))
            .is_ok_and(|is| is == json)
    }

    proptest! {
        #[test]
        fn what_is_canonical_is_accepted(value in value()) {
            prop_assert!(is_canonical(&canonical::to_bytes(&value).unwrap()));
        }

        #[test]
        fn after_any_change_the_scanner_says_what_reading_and_writing_says(
            value in value(), at: prop::sample::Index, with in prop::sample::select(&b"\"\\{}[]:,0123456789.e+-abcnut \n\x00\x7f\xc3"[..]), how in 0..3,
        ) {
            let mut bytes = canonical::to_bytes(&value).unwrap();
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = with,
                1 => bytes.insert(at, with),
                _ => { bytes.remove(at); }
            }
            prop_assert_eq!(is_canonical(&bytes), slowly(&bytes), "{}", String::from_utf8_lossy(&bytes));
        }
    }

    #[test]
    fn what_is_not_canonical_is_refused() {
        for bad in [
            "",
            " {}",
            "{} ",
            r#"{"b":1,"a":1}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a" :1}"#,
            "[1,]",
            "-0",
            "01",
            "1.0",
            "1e2",
            "9007199254740992",
            "1e300",
            r#""\u0041""#,
            r#""\/""#,
            r#""\u000A""#,
            r#""\u000a""#,
            r#""\u001F""#,
            "\"\u{1}\"",
            "nul",
            "1-2",
            "--1",
            "+1",
            "1.",
            ".5",
            "{}{}",
        ] {
            assert!(!is_canonical(bad.as_bytes()), "{bad}");
            assert!(!slowly(bad.as_bytes()), "{bad}");
        }
        assert!(!is_canonical("[".repeat(100_000).as_bytes()));
        assert!(!is_canonical(b"\"\xff\""));
    }
}
