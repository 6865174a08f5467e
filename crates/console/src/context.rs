//! The input of a page: the caller, the language and the engine.

use std::sync::{Arc, Mutex, PoisonError};

use bulla_kms::{Ask, Caller, Kms, Origin};
use bulla_wire::{Action, Error, Product, Reply, Request as Call};
use maud::{Markup, html};
use zeroize::Zeroizing;

use crate::http::Request;
use crate::sessions::Sessions;
use crate::texts::{Language, Text};
use crate::traffic::Traffic;

/// One request of a signed-in caller.
pub(crate) struct Context<'a> {
    pub(crate) kms: &'a Kms,
    pub(crate) request: &'a Request<'a>,
    pub(crate) origin: Origin,
    pub(crate) view: View,
    /// The request counts of the API; `None` for an embedded store, whose API has no clients.
    pub(crate) traffic: Option<&'a Traffic>,
}

/// What every page needs, including those before the sign-in.
pub(crate) struct View {
    pub(crate) language: Language,
    /// The path and query of the page, for links back to it.
    pub(crate) here: String,
    /// The id of the request, by which the logs name it.
    pub(crate) request_id: Arc<str>,
    /// The token in each form of the page.
    pub(crate) form_token: String,
    /// The name of the caller; `None` before the sign-in.
    pub(crate) name: Option<String>,
    /// The pages of the navigation that the caller may not open.
    pub(crate) denied_pages: Vec<&'static str>,
    /// The secrets of the page, each with its placeholder in the unfinished page.
    secrets: Mutex<Vec<(String, Zeroizing<String>)>>,
}

impl View {
    pub(crate) fn new(
        language: Language,
        request: &Request<'_>,
        form_token: String,
        name: Option<String>,
    ) -> Self {
        let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
        let here = format!("{}{query}", request.path);
        let request_id = Arc::clone(&request.connection.request_id);
        Self {
            language,
            here,
            request_id,
            form_token,
            name,
            denied_pages: Vec::new(),
            secrets: Mutex::default(),
        }
    }

    /// Returns a text in the language of the reader.
    pub(crate) fn text(&self, text: Text) -> &'static str {
        self.language.text(text)
    }

    /// Returns a placeholder for a secret. A page is reallocated while it is rendered, which leaves copies in memory, so
    /// [`View::finish`] inserts the secret when the length of the page is known.
    pub(crate) fn secret(&self, secret: &str) -> Markup {
        let mark = Sessions::<()>::draw(); // random, so that no text of a page repeats it
        let place = html! { (mark) };
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).push((mark, escaped(secret)));
        place
    }

    /// Inserts the secrets into the page, in memory that is wiped on drop.
    pub(crate) fn finish(&self, page: Markup) -> Zeroizing<String> {
        let page = page.into_string();
        let mut secrets = std::mem::take(&mut *self.secrets.lock().unwrap_or_else(PoisonError::into_inner));
        secrets.sort_by_key(|(mark, _)| page.find(&**mark)); // parts of a page are not rendered in order
        let length = page.len() + secrets.iter().map(|(_, secret)| secret.len()).sum::<usize>();
        let mut whole = Zeroizing::new(String::with_capacity(length));
        let mut rest = &*page;
        for (mark, secret) in &secrets {
            let Some((before, after)) = rest.split_once(&**mark) else { continue };
            whole.push_str(before);
            whole.push_str(secret);
            rest = after;
        }
        whole.push_str(rest);
        whole
    }
}

impl Context<'_> {
    /// Returns a text in the language of the reader.
    pub(crate) fn text(&self, text: Text) -> &'static str {
        self.view.text(text)
    }

    /// Whether the caller is the owner of an embedded store, which no server serves.
    pub(crate) fn is_embedded(&self) -> bool {
        matches!(self.origin.caller(), Caller::Owner)
    }

    /// Calls an action as the caller.
    pub(crate) async fn ask<A: Action>(&self, action: A) -> Result<A::Reply, Error> {
        let reply = self.kms.call(action.into(), &self.origin).await?;
        Ok(A::reply(reply).expect("the engine answers the action that was called"))
    }

    /// Calls an action by its name as the caller.
    pub(crate) async fn call(
        &self,
        product: Product,
        action: &str,
        parameters: &bulla_wire::Parameters,
    ) -> Result<Reply, Error> {
        let call = Call::parse(product, action, parameters)?;
        self.kms.call(call, &self.origin).await
    }

    /// Runs a query of the engine as the caller.
    pub(crate) async fn find<Q: Ask>(&self, query: Q) -> Result<Q::Answer, Error> {
        self.kms.query(query, &self.origin).await
    }

    pub(crate) fn request_id(&self) -> &str {
        &self.origin.connection().request_id
    }
}

/// Escapes a secret for HTML. The buffer has its final size from the start, so it is never reallocated.
fn escaped(secret: &str) -> Zeroizing<String> {
    let length = |letter: char| entity(letter).map_or(letter.len_utf8(), str::len);
    let mut text = Zeroizing::new(String::with_capacity(secret.chars().map(length).sum()));
    for letter in secret.chars() {
        match entity(letter) {
            Some(entity) => text.push_str(entity),
            None => text.push(letter),
        }
    }
    text
}

fn entity(letter: char) -> Option<&'static str> {
    match letter {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '"' => Some("&quot;"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use bulla_kms::Connection;
    use http::{HeaderMap, Method};

    use super::*;

    #[test]
    fn secrets_are_in_their_places_in_any_order_of_creation() {
        let connection = Connection { source: None, tls: false, request_id: "".into(), user_agent: None };
        let headers = HeaderMap::new();
        let request = Request {
            method: &Method::GET,
            path: "/console/",
            query: "",
            headers: &headers,
            body: b"",
            connection: &connection,
        };
        let view = View::new(Language::English, &request, String::new(), None);
        let [last, first] = ["<b>", "a&\"b"].map(|secret| view.secret(secret));
        view.secret("of no page");
        let page = view.finish(html! { p { (first) } p { (last) } });
        assert_eq!(*page, "<p>a&amp;&quot;b</p><p>&lt;b&gt;</p>");
    }
}
