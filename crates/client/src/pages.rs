//! Lists: a page at a time, or all rows one after another.

use std::collections::VecDeque;

use futures_util::stream::{self, BoxStream, StreamExt};
use serde::{Deserialize, de::DeserializeOwned};

use crate::{Client, Error};

/// The rows of a list, one after another.
pub type Rows<T> = BoxStream<'static, Result<T, Error>>;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// Where the next page begins, as the query parameter `cursor`; none at the end, which the feed does not have.
    pub next_cursor: Option<String>,
}

impl Client {
    /// One page of a list; `limit` is how many rows it holds, `cursor` where it begins.
    pub async fn page<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<Page<T>, Error> {
        self.get(path, query).await
    }

    /// All rows of a list: pages are fetched as they are needed. An error ends it.
    pub fn list<T: DeserializeOwned + Send + 'static>(&self, path: &str, query: &[(&str, &str)]) -> Rows<T> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let reading = Reading {
            client: self.clone(),
            path: path.to_owned(),
            query: query.iter().map(owned).collect(),
            page: VecDeque::new(),
            over: false,
        };
        stream::try_unfold(reading, Reading::next).boxed()
    }
}

/// A list that is being read.
struct Reading<T> {
    client: Client,
    path: String,
    query: Vec<(String, String)>,
    page: VecDeque<T>,
    over: bool,
}

impl<T: DeserializeOwned> Reading<T> {
    async fn next(mut self) -> Result<Option<(T, Self)>, Error> {
        while self.page.is_empty() && !self.over {
            let query: Vec<(&str, &str)> = self.query.iter().map(|(name, value)| (&**name, &**value)).collect();
            let page: Page<T> = self.client.page(&self.path, &query).await?;
            self.page = page.data.into();
            // The feed has no last page: it ends for now where nothing new is on one.
            self.over = page.next_cursor.is_none() || self.page.is_empty();
            self.query.retain(|(name, _)| name != "cursor");
            self.query
                .extend(page.next_cursor.map(|cursor| ("cursor".to_owned(), cursor)));
        }
        Ok(self.page.pop_front().map(|row| (row, self)))
    }
}
