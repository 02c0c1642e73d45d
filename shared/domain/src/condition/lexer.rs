//! The words of a condition: what CEL calls tokens, each with the byte at which it begins.

use std::borrow::Cow;

/// What is wrong with a condition, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) what: String,
}

impl Fault {
    pub(super) fn new(at: usize, what: impl Into<String>) -> Self {
        Self { at, what: what.into() }
    }
}

/// One word.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'s> {
    /// A whole number without a sign; `-` is an operator.
    Whole(u64),
    Fraction(f64),
    Text(Cow<'s, str>),
    Name(&'s str),
    Sign(&'static str),
    End,
}

impl Token<'_> {
    /// The word as a message quotes it.
    pub(super) fn quoted(&self) -> String {
        match self {
            Self::Whole(number) => format!("`{number}`"),
            Self::Fraction(number) => format!("`{number}`"),
            Self::Text(_) => "a text".to_owned(),
            Self::Name(name) => format!("`{name}`"),
            Self::Sign(sign) => format!("`{sign}`"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// Operators and punctuation, longer ones before those they begin with.
const SIGNS: [&str; 24] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", ".", ",",
    "(", ")", "[", "]", "{", "}",
];

/// Quotes, longer ones before those they begin with.
const QUOTES: [&str; 4] = ["\"\"\"", "'''", "\"", "'"];

/// Takes a condition apart.
pub(super) struct Lexer<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Lexer<'s> {
    pub(super) fn new(source: &'s str) -> Self {
        Self { source, at: 0 }
    }

    fn rest(&self) -> &'s str {
        self.source.get(self.at..).unwrap_or_default()
    }

    /// Takes what comes next, up to the first character that is not wanted.
    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let length = rest.find(|character| !wanted(character)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }

    fn take(&mut self, sign: &str) -> bool {
        let is_next = self.rest().starts_with(sign);
        self.at += if is_next { sign.len() } else { 0 };
        is_next
    }

    /// The next word and where it begins.
    pub(super) fn next(&mut self) -> Result<(usize, Token<'s>), Fault> {
        loop {
            self.take_while(|character| character.is_ascii_whitespace());
            if !self.rest().starts_with("//") {
                break;
            }
            self.take_while(|character| character != '\n');
        }
        let (at, rest) = (self.at, self.rest());
        let mut characters = rest.chars();
        let Some(first) = characters.next() else { return Ok((at, Token::End)) };
        let second = characters.next().unwrap_or_default();
        if first.is_ascii_digit() || (first == '.' && second.is_ascii_digit()) {
            return Ok((at, self.number()?));
        }
        if QUOTES.iter().any(|quote| rest.starts_with(quote)) {
            return Ok((at, self.text(false)?));
        }
        if first.is_ascii_alphabetic() || first == '_' {
            return Ok((at, self.word()?));
        }
        let sign = SIGNS.into_iter().find(|sign| self.take(sign));
        sign.map(|sign| (at, Token::Sign(sign)))
            .ok_or_else(|| Fault::new(at, format!("`{first}` has no meaning here")))
    }

    /// A name, or a text with letters before its quote.
    fn word(&mut self) -> Result<Token<'s>, Fault> {
        let at = self.at;
        let name =
            self.take_while(|character| character.is_ascii_alphanumeric() || character == '_');
        let is_text = QUOTES.iter().any(|quote| self.rest().starts_with(quote));
        match name {
            "r" | "R" if is_text => self.text(true),
            "b" | "B" | "br" | "bR" | "Br" | "BR" | "rb" | "rB" | "Rb" | "RB" if is_text => {
                Err(Fault::new(at, "bytes are not supported"))
            }
            _ => Ok(Token::Name(name)),
        }
    }

    fn number(&mut self) -> Result<Token<'s>, Fault> {
        let at = self.at;
        if self.take("0x") || self.take("0X") {
            let digits = self.take_while(|character| character.is_ascii_hexdigit());
            let number = u64::from_str_radix(digits, 16);
            return self.whole(at, number.ok());
        }
        let digit = |character: char| character.is_ascii_digit();
        let whole = self.take_while(digit);
        let mut fraction = false;
        let mut after = self.rest().chars();
        if after.next() == Some('.') && after.next().is_some_and(digit) {
            self.at += 1;
            self.take_while(digit);
            fraction = true;
        }
        if self.take("e") || self.take("E") {
            let _ = self.take("-") || self.take("+");
            if self.take_while(digit).is_empty() {
                return Err(Fault::new(at, "a number lacks its exponent"));
            }
            fraction = true;
        }
        if !fraction {
            return self.whole(at, whole.parse().ok());
        }
        let number = self.source.get(at..self.at).and_then(|text| text.parse::<f64>().ok());
        let number = number.filter(|number| number.is_finite());
        number.map(Token::Fraction).ok_or_else(|| Fault::new(at, "a number is out of range"))
    }

    fn whole(&self, at: usize, number: Option<u64>) -> Result<Token<'s>, Fault> {
        if self.rest().starts_with(['u', 'U']) {
            return Err(Fault::new(at, "unsigned numbers are not supported: leave out the `u`"));
        }
        number.map(Token::Whole).ok_or_else(|| Fault::new(at, "a number is out of range"))
    }

    /// A quoted text; a raw one keeps its backslashes.
    fn text(&mut self, is_raw: bool) -> Result<Token<'s>, Fault> {
        let at = self.at;
        let quote = QUOTES.into_iter().find(|quote| self.take(quote)).unwrap_or("'");
        let is_long = quote.len() > 1;
        let begin = self.at;
        let mut unescaped: Option<String> = None;
        loop {
            let here = self.at;
            if self.take(quote) {
                let plain = self.source.get(begin..here).unwrap_or_default();
                return Ok(Token::Text(unescaped.map_or(Cow::Borrowed(plain), Cow::Owned)));
            }
            let Some(character) = self.rest().chars().next() else { break };
            if matches!(character, '\n' | '\r') && !is_long {
                break;
            }
            self.at += character.len_utf8();
            let read = if character == '\\' && !is_raw {
                let plain = self.source.get(begin..here).unwrap_or_default();
                unescaped.get_or_insert_with(|| plain.to_owned());
                self.escaped(here)?
            } else {
                character
            };
            if let Some(text) = &mut unescaped {
                text.push(read);
            }
        }
        Err(Fault::new(at, format!("a text lacks its closing `{quote}`")))
    }

    /// The character that an escape stands for, its backslash already taken.
    fn escaped(&mut self, at: usize) -> Result<char, Fault> {
        let wrong = || Fault::new(at, "an escape that CEL does not know");
        let letter = self.rest().chars().next().ok_or_else(wrong)?;
        if letter.is_digit(8) {
            return self.code_point(3, 8).ok_or_else(wrong);
        }
        self.at += letter.len_utf8();
        match letter {
            'a' => Ok('\u{7}'),
            'b' => Ok('\u{8}'),
            'f' => Ok('\u{c}'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'v' => Ok('\u{b}'),
            '\\' | '?' | '"' | '\'' | '`' => Ok(letter),
            'x' | 'X' => self.code_point(2, 16).ok_or_else(wrong),
            'u' => self.code_point(4, 16).ok_or_else(wrong),
            'U' => self.code_point(8, 16).ok_or_else(wrong),
            _ => Err(wrong()),
        }
    }

    fn code_point(&mut self, digits: usize, radix: u32) -> Option<char> {
        let text = self.rest().get(..digits)?;
        self.at += digits;
        let legal = text.chars().all(|digit| digit.is_digit(radix));
        char::from_u32(u32::from_str_radix(text, radix).ok().filter(|_| legal)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(source: &str) -> Result<Token<'_>, Fault> {
        Lexer::new(source).next().map(|(_, token)| token)
    }

    #[test]
    fn numbers_are_read_as_cel_writes_them() {
        for (source, token) in [
            ("42", Token::Whole(42)),
            ("0x2A", Token::Whole(42)),
            ("9223372036854775808", Token::Whole(1 << 63)),
            ("1.5", Token::Fraction(1.5)),
            (".5", Token::Fraction(0.5)),
            ("2e3", Token::Fraction(2000.0)),
            ("1.size", Token::Whole(1)),
        ] {
            assert_eq!(one(source), Ok(token), "{source}");
        }
        for bad in ["0x", "18446744073709551616", "1e", "1e999", "1u", "0x1U"] {
            assert!(one(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn texts_are_read_with_every_quote_and_escape() {
        for (source, text) in [
            (r#""a'b""#, "a'b"),
            (r"'a\'b'", "a'b"),
            ("'''a'b\n'''", "a'b\n"),
            (r"r'\d'", r"\d"),
            (r"'\x41\101\u00e9\U0001F980\n'", "AA\u{e9}\u{1f980}\n"),
            ("''", ""),
        ] {
            assert_eq!(one(source), Ok(Token::Text(text.into())), "{source}");
        }
        for bad in ["'a", "'a\n'", r"'\q'", r"'\x4'", r"'\ud800'", r"'\u+041'", "b'a'", r"'\"] {
            assert!(one(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn blanks_and_comments_are_skipped_and_places_are_bytes() {
        let mut lexer = Lexer::new(" é");
        assert_eq!(lexer.next().unwrap_err().at, 1);
        let mut lexer = Lexer::new("// why\n  a.b");
        assert_eq!(lexer.next(), Ok((9, Token::Name("a"))));
        assert_eq!(lexer.next(), Ok((10, Token::Sign("."))));
        assert_eq!(lexer.next(), Ok((11, Token::Name("b"))));
        assert_eq!(lexer.next(), Ok((12, Token::End)));
    }
}
