//! The walk of one request: is it for this server, is it from one of its pages, who asks, and which page answers.

use bulla_kms::{Kms, Origin};
use bulla_wire::Parameters;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use maud::html;

use crate::context::{Context, View};
use crate::cookies::SessionCookie;
use crate::guard::{Hosts, is_same_origin};
use crate::http::{Answer, Request};
use crate::layout::{self, TOKEN};
use crate::sessions::Sessions;
use crate::texts::{self, Language, Text};
use crate::{assets, forms, pages, paths};

/// Where all pages are.
pub const PREFIX: &str = "/console/";

/// The console of one server.
pub struct Console {
    hosts: Hosts,
    entry: Entry,
    sessions: Sessions<Who>,
}

/// How callers get in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry {
    /// The owner of an embedded store, whom the way to here has proved already.
    Owner,
}

/// Who has signed in.
#[derive(Clone)]
enum Who {
    Owner,
}

/// Why a request gets no page.
enum Refusal {
    Misdirected,
    Method,
    OldForm,
    NotFound,
}

impl Console {
    /// A console that is reached by these host names, and by any IP address.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = String>, entry: Entry) -> Self {
        Self { hosts: Hosts::new(names), entry, sessions: Sessions::new() }
    }

    /// Answers one request for a path below [`PREFIX`].
    pub async fn answer(&self, kms: &Kms, request: Request<'_>) -> Answer {
        match self.attend(kms, &request).await {
            Ok(answer) => answer,
            Err(refusal) => self.refuse(&request, &refusal),
        }
    }

    async fn attend(&self, kms: &Kms, request: &Request<'_>) -> Result<Answer, Refusal> {
        if !self.hosts.admit(request) {
            return Err(Refusal::Misdirected);
        }
        if let Some(asset) = assets::find(request.path) {
            return Ok(asset);
        }
        let segments = paths::segments(request.path).ok_or(Refusal::NotFound)?;
        let segments: Vec<_> = segments.iter().map(String::as_str).collect();
        let cookie = SessionCookie::of(request);
        let value = cookie.read(request);
        let posted = match *request.method {
            Method::GET | Method::HEAD => None,
            Method::POST => Some(self.form(request, value).ok_or(Refusal::OldForm)?),
            _ => return Err(Refusal::Method),
        };
        if segments == ["language"] {
            return Ok(choose_language(request));
        }
        let Some((value, who)) =
            value.and_then(|value| Some((value, self.sessions.resume(value, kms.elapsed())?)))
        else {
            return Ok(self.enter(kms, request, &cookie));
        };
        if segments == ["sign-out"] && posted.is_some() {
            return Ok(self.sign_out(&cookie, value));
        }
        let (origin, name) = origin(kms, request, &who);
        let view = View::new(Language::of(request), request, self.sessions.form_token(value), Some(name));
        let context = Context { kms, request, origin, view };
        let mut answer = match posted {
            None => show(&context, &segments).await,
            Some(fields) => forms::perform(&context, &segments, fields).await,
        }
        .ok_or(Refusal::NotFound)?;
        answer.authenticated = true;
        Ok(answer)
    }

    /// The fields of a form that a page of this session has sent.
    fn form(&self, request: &Request<'_>, cookie: Option<&str>) -> Option<Parameters> {
        if !is_same_origin(request) {
            return None;
        }
        let fields = request.posted()?;
        let is_ours = self.sessions.is_form_token(cookie?, fields.get(TOKEN)?);
        is_ours.then_some(fields)
    }

    fn enter(&self, kms: &Kms, request: &Request<'_>, cookie: &SessionCookie) -> Answer {
        match self.entry {
            Entry::Owner => {
                let value = self.sessions.begin(cookie.read(request), Who::Owner, kms.elapsed());
                let mut answer =
                    Answer::redirect(&View::new(Language::English, request, String::new(), None).here);
                add(&mut answer, "set-cookie", &cookie.set(&value));
                answer
            }
        }
    }

    fn sign_out(&self, cookie: &SessionCookie, value: &str) -> Answer {
        self.sessions.end(value);
        let mut answer = Answer::redirect(PREFIX);
        add(&mut answer, "set-cookie", &cookie.clear());
        add(&mut answer, "clear-site-data", "\"cache\", \"storage\"");
        answer
    }

    fn refuse(&self, request: &Request<'_>, refusal: &Refusal) -> Answer {
        let view = View::new(Language::of(request), request, String::new(), None);
        let (status, words) = refusal.words();
        let content = html! { p { (view.say(words)) } p { a href=(PREFIX) { (view.say(texts::OVERVIEW)) } } };
        let page = layout::page(&view, view.say(texts::PROBLEM), &content);
        Answer::page(status, view.finish(page))
    }
}

/// The page at a path.
async fn show(context: &Context<'_>, segments: &[&str]) -> Option<Answer> {
    match segments {
        ["do", product, action] => forms::show(context, product, action),
        _ => pages::show(context, segments).await,
    }
}

fn origin(kms: &Kms, request: &Request<'_>, who: &Who) -> (Origin, String) {
    match who {
        Who::Owner => {
            let language = Language::of(request);
            (kms.owner(), language.say(texts::OWNER).to_owned())
        }
    }
}

fn choose_language(request: &Request<'_>) -> Answer {
    let fields = request.queried();
    let then = fields.get("then").and_then(paths::local).unwrap_or(PREFIX);
    let mut answer = Answer::redirect(then);
    if let Some(language) = fields.get("to").and_then(Language::from_code) {
        add(&mut answer, "set-cookie", &language.cookie(request.connection.tls));
    }
    answer
}

fn add(answer: &mut Answer, name: &'static str, value: &str) {
    let value = HeaderValue::from_str(value).expect("what the console sets is ASCII");
    answer.headers.append(HeaderName::from_static(name), value);
}

impl Refusal {
    fn words(&self) -> (StatusCode, Text) {
        match self {
            Self::Misdirected => (StatusCode::MISDIRECTED_REQUEST, texts::NOT_OF_THIS_SERVER),
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, texts::METHOD),
            Self::OldForm => (StatusCode::FORBIDDEN, texts::FORM_IS_OLD),
            Self::NotFound => (StatusCode::NOT_FOUND, texts::NOTHING_HERE),
        }
    }
}
