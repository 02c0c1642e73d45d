//! Lists: query parameters, limits and cursors.

use axum::extract::FromRequestParts;
use domain::refusal::Refusal;
use http::request::Parts;
use serde::Serialize;
use serde_json::json;
use store::{Page, Store};

use crate::answer::Answer;
use crate::body::Faulty;
use crate::caller::Caller;
use crate::problem::{Fault, Problem};

/// Items of a page, where the request does not say.
pub const PAGE_ITEMS_DEFAULT: usize = 50;
/// Most items of a page.
pub const PAGE_ITEMS_MAX: usize = 200;

/// The query of a list, under reading. Each filter is asked for by name; [`Listing::finish`] refuses
/// the query with all the faults that were met, unknown parameters included.
#[derive(Debug)]
pub struct Listing {
    list: String,
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
    faults: Vec<Fault>,
    limit: usize,
    cursor: Option<String>,
}

impl Listing {
    /// A filter that may be given once.
    pub fn one<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Result<Option<T>, Faulty> {
        match self.every(name, read)? {
            values if values.len() > 1 => {
                self.refuse(name, &Refusal::new("may be given only once"));
                Err(Faulty)
            }
            mut values => Ok(values.pop()),
        }
    }

    /// A filter that may be given several times.
    pub fn every<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Result<Vec<T>, Faulty> {
        self.known.push(name);
        let given: Vec<String> = self
            .pairs
            .iter()
            .filter(|(given, _)| given == name)
            .map(|(_, value)| value.clone())
            .collect();
        let read: Result<Vec<T>, Refusal> = given.iter().map(|value| read(value)).collect();
        read.map_err(|refusal| {
            self.refuse(name, &refusal);
            Faulty
        })
    }

    /// Ends the reading of a query that asks for no list: 400 with every fault, where there was one.
    pub fn finish_unpaged(&mut self) -> Result<(), Problem> {
        let unknown: Vec<String> = self
            .pairs
            .iter()
            .map(|(name, _)| name)
            .filter(|name| !self.known.contains(&name.as_str()))
            .cloned()
            .collect();
        for name in unknown {
            let refusal = Refusal::new(format!(
                "is unknown here; the parameters are {}",
                self.known.join(", ")
            ));
            self.refuse(&name, &refusal);
        }
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Problem::invalid(std::mem::take(&mut self.faults)))
        }
    }

    /// A parameter that must be given, once.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, Refusal>,
    ) -> Result<T, Faulty> {
        self.one(name, read)?.ok_or_else(|| {
            self.refuse(name, &Refusal::new("is required"));
            Faulty
        })
    }

    /// Ends the reading of a list's query: 400 with every fault, where there was one.
    pub fn finish(&mut self) -> Result<(), Problem> {
        let limit = self.one("limit", |text| match text.parse() {
            Ok(limit @ 1..=PAGE_ITEMS_MAX) => Ok(limit),
            _ => Err(Refusal::new(format!("must be a number from 1 to {PAGE_ITEMS_MAX}"))),
        });
        let cursor = self.one("cursor", |text| Ok(text.to_owned()));
        self.finish_unpaged()?;
        self.limit = limit?.unwrap_or(PAGE_ITEMS_DEFAULT);
        self.cursor = cursor?;
        Ok(())
    }

    /// How many items to give.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Where to go on, of a cursor that was issued to this tenant for this list with these filters.
    pub async fn after(&self, store: &Store, caller: &Caller) -> Result<Option<String>, Problem> {
        match &self.cursor {
            Some(cursor) => {
                Ok(Some(store.cursor_open(&caller.tenant_id, &self.list, cursor).await?))
            }
            None => Ok(None),
        }
    }

    /// The answer: `{"items": […], "next_cursor": …}`.
    pub async fn answer<T, B: Serialize>(
        &self,
        store: &Store,
        caller: &Caller,
        page: Page<T>,
        show: impl Fn(&T) -> B,
    ) -> Result<Answer, Problem> {
        let next_cursor = match &page.next {
            Some(position) => {
                Some(store.cursor_seal(&caller.tenant_id, &self.list, position).await?)
            }
            None => None,
        };
        let items: Vec<B> = page.items.iter().map(show).collect();
        Ok(Answer::ok(&json!({"items": items, "next_cursor": next_cursor})))
    }

    fn refuse(&mut self, name: &str, refusal: &Refusal) {
        self.faults.push(Fault { pointer: name.to_owned(), detail: refusal.reason().to_owned() });
    }
}

impl<S: Sync> FromRequestParts<S> for Listing {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let pairs: Vec<(String, String)> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        // What a cursor is bound to: the path and the filters in any order, not the limit.
        let mut filters: Vec<String> = pairs
            .iter()
            .filter(|(name, _)| name != "limit" && name != "cursor")
            .map(|(name, value)| format!("{}:{name}={value}", value.len()))
            .collect();
        filters.sort_unstable();
        let list = format!("{}?{}", parts.uri.path(), filters.join("&"));
        Ok(Self {
            list,
            pairs,
            known: Vec::new(),
            faults: Vec::new(),
            limit: PAGE_ITEMS_DEFAULT,
            cursor: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn listing(query: &str) -> Listing {
        let mut parts =
            http::Request::builder().uri(format!("/list?{query}")).body(()).unwrap().into_parts().0;
        Listing::from_request_parts(&mut parts, &()).await.unwrap()
    }

    #[tokio::test]
    async fn every_fault_of_a_query_is_told_at_once() {
        let mut listing = listing("limit=201&twice=1&twice=2&surplus=1").await;
        assert!(listing.one("twice", |text| Ok(text.to_owned())).is_err());
        let problem = listing.finish().unwrap_err();
        let names: Vec<_> = problem.errors.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(names, ["twice", "limit", "surplus"]);
    }

    #[tokio::test]
    async fn a_list_is_the_same_in_any_order_of_its_filters_and_with_any_limit() {
        let (one, other) = (listing("a=1&b=2&limit=5").await, listing("b=2&a=1&cursor=x").await);
        assert_eq!(one.list, other.list);
        assert_ne!(one.list, listing("a=2&b=1").await.list);
    }
}
