//! The page for a request that gets no other page.

use http::StatusCode;
use maud::{Markup, html};

use crate::context::View;
use crate::entry::Entry;
use crate::http::Answer;
use crate::layout;
use crate::routes::PREFIX;
use crate::texts::{self, Text};

/// Why a request gets no other page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Its host is not a name of the server.
    Misdirected,
    /// It has another method than GET, HEAD and POST.
    Method,
    /// It posts a form of another session or another site.
    OldForm,
    /// Nothing has its path.
    NotFound,
    /// It is not valid HTTP, or names no host or two.
    Malformed,
    /// Its line and headers are too long.
    LongHead,
    /// Its query and its form are too large.
    LongForm,
    /// The engine cannot check its session.
    Engine,
    /// Another user of this machine sent it to the console of an embedded store.
    OtherUser,
    /// A server has the embedded store open.
    StoreOfServer,
    /// Another command has the embedded store open.
    StoreOfCommand,
    /// The embedded store cannot be opened.
    Unopened {
        /// Why, in English.
        cause: String,
        /// What the owner can do, in English.
        hint: String,
    },
}

impl Refusal {
    pub(crate) fn page(&self, view: &View, entry: &Entry) -> Answer {
        let (status, words) = self.words();
        let content = html! {
            p { (view.text(words)) }
            (self.advice(view, entry))
            p.fine { (view.text(texts::REQUEST_ID)) " " code { (view.request_id) } }
            @if *self != Self::Misdirected { // its links would have the wrong host too
                p { a href=(PREFIX) { (view.text(texts::OVERVIEW)) } }
            }
        };
        let page = layout::page(view, view.text(texts::PROBLEM), &content);
        let mut answer = Answer::page(status, view.finish(page));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            answer.add("allow", "GET, HEAD, POST");
        }
        answer
    }

    fn words(&self) -> (StatusCode, Text) {
        match self {
            Self::Misdirected => (StatusCode::MISDIRECTED_REQUEST, texts::NOT_OF_THIS_SERVER),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, texts::METHOD),
            Self::OldForm => (StatusCode::FORBIDDEN, texts::FORM_IS_OLD),
            Self::NotFound => (StatusCode::NOT_FOUND, texts::NOTHING_HERE),
            Self::Malformed => (StatusCode::BAD_REQUEST, texts::MALFORMED),
            Self::LongHead => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, texts::LONG_HEAD),
            Self::LongForm => (StatusCode::PAYLOAD_TOO_LARGE, texts::LONG_FORM),
            Self::Engine => (StatusCode::SERVICE_UNAVAILABLE, texts::SIGN_IN_FAILED),
            Self::OtherUser => (StatusCode::FORBIDDEN, texts::OTHER_USER),
            Self::StoreOfServer => (StatusCode::SERVICE_UNAVAILABLE, texts::STORE_OF_SERVER),
            Self::StoreOfCommand => (StatusCode::SERVICE_UNAVAILABLE, texts::STORE_OF_COMMAND),
            Self::Unopened { .. } => (StatusCode::SERVICE_UNAVAILABLE, texts::STORE_UNOPENED),
        }
    }

    /// Shows what the reader can do, where the text itself does not say it.
    fn advice(&self, view: &View, entry: &Entry) -> Markup {
        match (self, entry) {
            (Self::Misdirected, Entry::SignIn) => html! { p { (view.text(texts::USE_A_NAME)) } },
            (Self::Misdirected, Entry::Link(_)) => html! { p { (view.text(texts::USE_THE_LINK)) } },
            (Self::Unopened { cause, hint }, _) => html! {
                p lang="en" { (layout::foreign(cause)) }
                p lang="en" { (layout::foreign(hint)) }
            },
            _ => html! {},
        }
    }
}
