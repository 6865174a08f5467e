//! Handles a request: checks its host and its origin, finds its session, and calls the page or form.

use std::time::Duration;

use bulla_kms::{Kms, Origin, PrincipalId, SignInEnded, SignedIn};
use bulla_wire::Parameters;
use http::Method;

use crate::attempts::Attempts;
use crate::context::{Context, View};
use crate::cookies::ServerCookie;
use crate::entry::{Entry, Half, Who};
use crate::guard::{Hosts, is_same_origin};
use crate::http::{Answer, Request};
use crate::known_browsers::KnownBrowsers;
use crate::layout::TOKEN;
use crate::owner_link::OwnerLink;
use crate::refusals::Refusal;
use crate::sessions::{Lifetime, Sessions};
use crate::texts::{self, Language};
use crate::traffic::Traffic;
use crate::{assets, forms, offers, pages, paths};

/// The prefix of the paths of all pages.
pub const PREFIX: &str = "/console/";

/// The console of one server.
pub struct Console {
    hosts: Hosts,
    pub(crate) entry: Entry,
    pub(crate) sessions: Sessions<Who>,
    /// Users who entered their password and not yet their code. They are kept apart from the sessions, so only the page of the
    /// code can use them.
    pub(crate) halves: Sessions<Half>,
    pub(crate) attempts: Attempts,
    pub(crate) known_browsers: KnownBrowsers,
    traffic: Traffic,
}

/// A request whose host is accepted.
pub(crate) struct Visit<'a> {
    pub(crate) kms: &'a Kms,
    pub(crate) request: &'a Request<'a>,
    pub(crate) cookie: ServerCookie,
    /// The value of the cookie: of a session, or drawn for the form that signs in.
    pub(crate) value: Option<&'a str>,
    pub(crate) language: Language,
    /// When it arrived, by [`Clock::elapsed`](bulla_kms::Clock::elapsed).
    pub(crate) begun: Duration,
}

impl Console {
    /// Creates a console to which users sign in with an access key or a password. It accepts these host names and every IP
    /// address.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        Self::with(Hosts::new(names), Entry::SignIn)
    }

    /// Creates a console for the owner of an embedded store, who signs in with a link ([`Console::make_link`]). It accepts only
    /// this host name, which must be hard to guess for other users of the machine: browsers send cookies to all ports of a host.
    #[must_use]
    pub fn for_owner(name: &str) -> Self {
        Self::with(Hosts::only(name), Entry::Link(OwnerLink::default()))
    }

    fn with(hosts: Hosts, entry: Entry) -> Self {
        Self {
            hosts,
            entry,
            sessions: Sessions::new(Lifetime::SIGNED_IN),
            halves: Sessions::new(Lifetime::HALF),
            attempts: Attempts::default(),
            known_browsers: KnownBrowsers::default(),
            traffic: Traffic::new(),
        }
    }

    /// Replaces the accepted host names. Sessions remain.
    pub fn set_names(&self, names: impl IntoIterator<Item = String>) {
        self.hosts.replace(names);
    }

    /// Returns the counts in which the HTTP server records the requests of the API.
    #[must_use]
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Answers one request for a path below [`PREFIX`].
    pub async fn answer(&self, kms: &Kms, request: Request<'_>) -> Answer {
        if let Some(answer) = self.answer_without_engine(&request) {
            return answer;
        }
        match self.attend(kms, &request).await {
            Ok(answer) => answer,
            Err(refusal) => self.refuse(&request, &refusal),
        }
    }

    /// Answers a request that needs no engine: one for another host, for a file of the program, or for the other language.
    #[must_use]
    pub fn answer_without_engine(&self, request: &Request<'_>) -> Option<Answer> {
        if !self.hosts.admit(request) {
            return Some(self.refuse(request, &Refusal::Misdirected));
        }
        let is_read = matches!(*request.method, Method::GET | Method::HEAD);
        let chosen = || choose_language(request);
        assets::find(request.path)
            .or_else(|| (is_read && request.path == paths::path("language", &[])).then(chosen))
    }

    /// Redirects a visitor of another path to the console.
    #[must_use]
    pub fn lead(&self, request: &Request<'_>) -> Answer {
        if self.hosts.admit(request) {
            Answer::redirect(PREFIX)
        } else {
            self.refuse(request, &Refusal::Misdirected)
        }
    }

    /// Answers a request that gets no other page. One for another host gets the page that says so, if its head is known.
    #[must_use]
    pub fn refuse(&self, request: &Request<'_>, refusal: &Refusal) -> Answer {
        let has_head = !matches!(refusal, Refusal::Malformed | Refusal::LongHead);
        let is_other_host = has_head && !self.hosts.admit(request);
        let refusal = if is_other_host { &Refusal::Misdirected } else { refusal };
        refusal.page(&View::new(Language::of(request), request, String::new(), None), &self.entry)
    }

    async fn attend(&self, kms: &Kms, request: &Request<'_>) -> Result<Answer, Refusal> {
        let segments = paths::segments(request.path).ok_or(Refusal::NotFound)?;
        let segments: Vec<_> = segments.iter().map(String::as_str).collect();
        let cookie = ServerCookie::of_session(request);
        let value = cookie.read(request);
        let language = Language::of(request);
        let visit = Visit { kms, request, cookie, value, language, begun: kms.elapsed() };
        let posted = match *request.method {
            Method::GET | Method::HEAD => None,
            Method::POST => Some(self.form(&visit).ok_or(Refusal::OldForm)?),
            _ => return Err(Refusal::Method),
        };
        if let Some(answer) = self.enter(&visit, &segments, posted.as_ref()).await {
            return Ok(answer);
        }
        let Some(who) = value.and_then(|value| self.sessions.resume(value, kms.elapsed())) else {
            return Ok(self.require_sign_in(&visit));
        };
        let (origin, name) = match who.origin(&visit) {
            Ok(found) => found,
            Err(SignInEnded::Ended) => return Ok(self.leave(&visit)),
            Err(SignInEnded::PasswordDue) => return Ok(Answer::redirect(&paths::path("password", &[]))),
            Err(SignInEnded::DeviceDue) => return Ok(Answer::redirect(&paths::path("device", &[]))),
            Err(SignInEnded::Store(_)) => return Err(Refusal::Engine),
        };
        let mut view = self.view(&visit, Some(name));
        view.denied_pages = offers::denied_pages(kms, &origin);
        let traffic = matches!(self.entry, Entry::SignIn).then_some(&self.traffic);
        let context = Context { kms, request, origin, view, traffic };
        let served = serve(&context, &segments, posted).await;
        Ok(served.unwrap_or_else(|| Refusal::NotFound.page(&context.view, &self.entry)))
    }

    /// Returns the fields of a form that a page of this session sent.
    fn form(&self, visit: &Visit<'_>) -> Option<Parameters> {
        if !is_same_origin(visit.request) {
            return None;
        }
        let fields = visit.request.posted()?;
        let is_ours = self.sessions.is_form_token(visit.value?, fields.get(TOKEN)?);
        is_ours.then_some(fields)
    }

    /// Returns the view of a visit's page.
    pub(crate) fn view(&self, visit: &Visit<'_>, name: Option<String>) -> View {
        let token = visit.value.map(|value| self.sessions.form_token(value)).unwrap_or_default();
        View::new(visit.language, visit.request, token, name)
    }

    /// Returns the view of a page about the user's own sign-in. It has the navigation unless the user must finish this page first.
    pub(crate) fn own_view(&self, visit: &Visit<'_>, signed_in: &SignedIn) -> View {
        match visit.kms.origin_of(signed_in, visit.request.connection.clone()) {
            Ok(origin) => {
                let mut view = self.view(visit, Some(visit.kms.name_of(signed_in)));
                view.denied_pages = offers::denied_pages(visit.kms, &origin);
                view
            }
            Err(_) => self.view(visit, None),
        }
    }
}

/// Shows the page at a path, or performs a posted form.
async fn serve(context: &Context<'_>, segments: &[&str], posted: Option<Parameters>) -> Option<Answer> {
    let mut answer = match (posted, segments) {
        (Some(fields), _) => forms::perform(context, segments, fields).await,
        (None, ["do", product, action]) => forms::show(context, product, action).await,
        (None, _) => pages::show(context, segments).await,
    }?;
    answer.authenticated = true;
    answer.access_key_id = context.origin.caller().access_key_id().map(str::to_owned);
    answer.user_id = context.origin.caller().user_id();
    Some(answer)
}

fn choose_language(request: &Request<'_>) -> Answer {
    let fields = request.queried();
    let then = fields.get("then").and_then(paths::local).unwrap_or(PREFIX);
    let mut answer = Answer::redirect(then);
    if let Some(language) = fields.get("to").and_then(Language::from_code) {
        answer.add("set-cookie", &language.cookie(request.connection.tls));
    }
    answer
}

impl Who {
    /// The user whose session it is. None for root and for the owner of an embedded store.
    pub(crate) fn user_id(&self) -> Option<PrincipalId> {
        match self {
            Self::Owner => None,
            Self::SignedIn(signed_in, _) => signed_in.user_id(),
        }
    }

    /// Returns the origin of a request of this session, and the name of its caller.
    fn origin(&self, visit: &Visit<'_>) -> Result<(Origin, String), SignInEnded> {
        match self {
            Self::Owner => Ok((visit.kms.owner(), visit.language.text(texts::OWNER).to_owned())),
            Self::SignedIn(signed_in, _) => {
                let origin = visit.kms.origin_of(signed_in, visit.request.connection.clone())?;
                Ok((origin, visit.kms.name_of(signed_in)))
            }
        }
    }
}
