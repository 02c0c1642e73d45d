//! A principal as it is typed.

/// A principal as it is written: `type:id`, or the id of a user.
#[derive(Clone, Debug)]
pub(crate) struct Principal {
    pub(crate) kind: String,
    pub(crate) id: String,
}

impl std::str::FromStr for Principal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, id) = text.split_once(':').unwrap_or(("user", text));
        if kind.is_empty() || id.is_empty() {
            return Err("must be an id, or a type and an id with `:` between them".to_owned());
        }
        Ok(Self { kind: kind.to_owned(), id: id.to_owned() })
    }
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}
