//! Sign-in and sign-out: by password and code, by access key, and by the link of an embedded store; and the change of the
//! caller's own password.

use std::time::Duration;

use bulla_kms::{CodeRefusal, FirstFactor, HalfSignedIn, OfferedDevice, SignInRefusal, SignedIn};
use bulla_wire::{Error, Parameters, SecretText};
use http::StatusCode;

use crate::context::View;
use crate::http::{Answer, Event};
use crate::owner_link::{LinkUse, OwnerLink};
use crate::paths::{local, path, with_query};
use crate::routes::{Console, PREFIX, Visit};
use crate::sessions::Sessions;
use crate::sign_in;
use crate::texts::{self, Text};

/// How callers sign in to a console.
pub(crate) enum Entry {
    /// With an access key or a password.
    SignIn,
    /// With a link, as the owner of an embedded store.
    Link(OwnerLink),
}

/// The caller of a session.
#[derive(Clone)]
pub(crate) enum Who {
    Owner,
    /// A user or the account's root, with the MFA device that is being set up.
    SignedIn(SignedIn, Option<OfferedDevice>),
}

/// A user who entered the password and not yet the code. This is not a session: it opens no page but that of the code.
#[derive(Clone)]
pub(crate) struct Half {
    half: HalfSignedIn,
    /// The name as entered, by which failures are counted.
    name: String,
    then: String,
}

impl Console {
    /// Returns a link for the owner, as path and query. It works once, within a minute of `now`, which is the time of
    /// [`Clock::elapsed`](bulla_kms::Clock::elapsed).
    ///
    /// # Panics
    /// If the console is not one of [`Console::for_owner`].
    #[must_use]
    pub fn make_link(&self, now: Duration) -> String {
        let Entry::Link(link) = &self.entry else { panic!("only an owner enters by a link") };
        with_query(&path("enter", &[]), &[("link", &link.make(now))])
    }

    /// Answers a request for a page of the sign-in, of the second step or of the sign-out; `None` for other pages.
    pub(crate) async fn enter(
        &self,
        visit: &Visit<'_>,
        segments: &[&str],
        posted: Option<&Parameters>,
    ) -> Option<Answer> {
        match (segments, posted, &self.entry) {
            (["sign-in"], None, Entry::SignIn) => {
                let fields = visit.request.queried();
                Some(self.sign_in_page(visit, fields.get("then").unwrap_or_default(), None))
            }
            (["sign-in"], Some(fields), Entry::SignIn) => Some(self.sign_in(visit, fields).await),
            (["enter"], None, Entry::Link(_)) => {
                let fields = visit.request.queried();
                let link = fields.get("link").unwrap_or_default().to_owned();
                Some(self.before_session(visit, |view| sign_in::link_page(view, &link)))
            }
            (["enter"], Some(fields), Entry::Link(link)) => Some(self.enter_by(link, visit, fields)),
            (["code"], _, Entry::SignIn) => Some(self.code(visit, posted).await),
            (["password"], _, Entry::SignIn) => self.password(visit, posted).await,
            (["device", step @ ..], _, Entry::SignIn) => self.device(visit, step, posted).await,
            (["sign-out"], Some(_), _) => Some(self.sign_out(visit).await),
            _ => None,
        }
    }

    /// Answers a request without a session: redirects to the sign-in, or says that a link is needed.
    pub(crate) fn require_sign_in(&self, visit: &Visit<'_>) -> Answer {
        match &self.entry {
            Entry::SignIn => {
                let here = View::new(visit.language, visit.request, String::new(), None).here;
                let is_page = visit.request.method == http::Method::GET && here != PREFIX;
                let then = if is_page { here } else { String::new() };
                Answer::redirect(&with_query(&path("sign-in", &[]), &[("then", &then)]))
            }
            Entry::Link(_) => {
                self.before_session(visit, |view| sign_in::no_link_page(view, texts::USE_THE_LINK))
            }
        }
    }

    /// Ends a session whose sign-in is no longer valid.
    pub(crate) fn leave(&self, visit: &Visit<'_>) -> Answer {
        visit.value.inspect(|value| self.sessions.end(value));
        self.require_sign_in(visit)
    }

    fn sign_in_page(&self, visit: &Visit<'_>, then: &str, problem: Option<Text>) -> Answer {
        self.before_session(visit, |view| sign_in::page(view, visit.kms, then, problem))
    }

    /// Shows a page with a form to a visitor without a session. A new cookie, which is no session, backs the token of the form.
    fn before_session(&self, visit: &Visit<'_>, page: impl FnOnce(&View) -> Answer) -> Answer {
        if visit.value.is_some() {
            return page(&self.view(visit, None));
        }
        let value = Sessions::<()>::draw();
        let view = View::new(visit.language, visit.request, self.sessions.form_token(&value), None);
        let mut answer = page(&view);
        answer.add("set-cookie", &visit.cookie.set(&value));
        answer
    }

    async fn sign_in(&self, visit: &Visit<'_>, fields: &Parameters) -> Answer {
        let name = sign_in::tried_name(fields);
        let then = fields.get("then").unwrap_or_default();
        let source = visit.request.connection.source;
        let now = visit.kms.elapsed();
        let returning_user = self.known_browsers.user(visit.request, now);
        match sign_in::check(visit.kms, fields, visit.request.connection, returning_user).await {
            Ok(FirstFactor::Enough(signed_in)) => match self.signed_in(visit, name, then, signed_in).await {
                Ok(answer) => answer,
                Err(error) => self.not_signed_in(visit, then, &error),
            },
            Ok(FirstFactor::CodeNeeded(half)) => {
                let mut answer = Answer::redirect(&path("code", &[]));
                visit.value.inspect(|value| self.sessions.end(value));
                let half = Half { half, name: name.to_owned(), then: then.to_owned() };
                let value = self.halves.begin(visit.value, half, visit.kms.elapsed());
                answer.add("set-cookie", &visit.cookie.set(&value));
                answer
            }
            Err(SignInRefusal::Store(error)) => self.not_signed_in(visit, then, &error),
            Err(refusal) => {
                let mut answer = self.sign_in_page(visit, then, Some(sign_in::words(&refusal)));
                if matches!(refusal, SignInRefusal::Busy) {
                    answer.status = StatusCode::TOO_MANY_REQUESTS;
                } else {
                    self.known_browsers.fail(visit.request, now);
                    answer.event = Some(Event::Refused);
                    visit.note_refused_sign_in("SignInRefused").await;
                }
                // Also if the password was not checked: otherwise a flood would occupy the cores with answers.
                answer.delay = self.attempts.fail(name, source, visit.kms.elapsed());
                answer
            }
        }
    }

    /// Shows the sign-in page after an error of the engine.
    fn not_signed_in(&self, visit: &Visit<'_>, then: &str, error: &Error) -> Answer {
        unavailable(self.sign_in_page(visit, then, Some(texts::SIGN_IN_FAILED)), error)
    }

    /// Begins the session of a caller whose sign-in succeeded, after its line was written.
    async fn signed_in(
        &self,
        visit: &Visit<'_>,
        name: &str,
        then: &str,
        signed_in: SignedIn,
    ) -> Result<Answer, Error> {
        visit.note_sign_in(&signed_in).await?;
        self.attempts.succeed(name, visit.request.connection.source);
        let event = Event::SignedIn(visit.kms.name_of(&signed_in));
        let mut answer = Answer::redirect(local(then).unwrap_or(PREFIX));
        answer.user_id = signed_in.user_id();
        answer.access_key_id = signed_in.access_key_id().map(str::to_owned);
        self.begin(visit, &mut answer, Who::SignedIn(signed_in, None));
        if let (Some(user), None) = (answer.user_id, &answer.access_key_id) {
            let cookie = self.known_browsers.remember(visit.request, user, visit.kms.elapsed());
            answer.add("set-cookie", &cookie);
        }
        answer.event = Some(event);
        Ok(answer)
    }

    /// Shows the form for the code of an MFA device, which follows the password, and checks the code.
    async fn code(&self, visit: &Visit<'_>, posted: Option<&Parameters>) -> Answer {
        let half = visit.value.and_then(|value| self.halves.resume(value, visit.kms.elapsed()));
        let (half, fields) = match (half, posted) {
            (Some(half), Some(fields)) => (half, fields),
            (Some(_), None) => return sign_in::code_page(&self.view(visit, None), None),
            (None, Some(_)) => return self.sign_in_page(visit, "", Some(texts::CODE_TOO_LATE)),
            (None, None) => return Answer::redirect(&path("sign-in", &[])),
        };
        let code = SecretText::from(fields.get("Code").unwrap_or_default().to_owned());
        match visit.kms.second_factor(&half.half, &code).await {
            Ok(signed_in) => match self.signed_in(visit, &half.name, &half.then, signed_in).await {
                Ok(answer) => answer,
                Err(error) => self.code_refused(visit, &half, &CodeRefusal::Store(error)).await,
            },
            Err(CodeRefusal::Ended) => {
                visit.value.inspect(|value| self.halves.end(value));
                self.sign_in_page(visit, &half.then, Some(texts::CODE_TOO_LATE))
            }
            Err(refusal) => self.code_refused(visit, &half, &refusal).await,
        }
    }

    async fn code_refused(&self, visit: &Visit<'_>, half: &Half, refusal: &CodeRefusal) -> Answer {
        let view = self.view(visit, None);
        let mut answer = sign_in::code_page(&view, Some(sign_in::code_words(refusal)));
        match refusal {
            CodeRefusal::Store(error) => return unavailable(answer, error),
            CodeRefusal::TooMany => answer.status = StatusCode::TOO_MANY_REQUESTS,
            CodeRefusal::Wrong | CodeRefusal::Ended => {}
        }
        let source = visit.request.connection.source;
        answer.delay = self.attempts.fail(&half.name, source, visit.kms.elapsed());
        answer.event = Some(Event::CodeRefused(visit.kms.name_of_user(half.half.user_id())));
        visit.note_refused_sign_in("CodeRefused").await;
        answer
    }

    /// Shows the form that changes the caller's password, and changes it; `None` for a caller who did not sign in with one.
    async fn password(&self, visit: &Visit<'_>, posted: Option<&Parameters>) -> Option<Answer> {
        let who = self.sessions.resume(visit.value?, visit.kms.elapsed());
        let Some(Who::SignedIn(signed_in, _)) = who else { return None };
        if signed_in.access_key_id().is_some() {
            return None;
        }
        let is_due = signed_in.must_choose_password();
        let view = self.own_view(visit, &signed_in);
        let Some(fields) = posted else {
            return Some(sign_in::password_page(&view, is_due, None));
        };
        let chosen = sign_in::choose_password(visit.kms, &signed_in, fields);
        Some(match chosen.await {
            Ok(signed_in) => {
                let mut answer = Answer::redirect(PREFIX);
                self.begin(visit, &mut answer, Who::SignedIn(signed_in, None));
                answer
            }
            Err(problem) => {
                let mut answer = sign_in::password_page(&view, is_due, Some(problem));
                if problem == texts::SIGN_IN_FAILED {
                    answer.status = StatusCode::SERVICE_UNAVAILABLE;
                }
                if problem == texts::SIGN_IN_BUSY {
                    answer.status = StatusCode::TOO_MANY_REQUESTS;
                }
                if problem == texts::PASSWORD_WRONG || problem == texts::SIGN_IN_BUSY {
                    let user = visit.kms.name_of(&signed_in);
                    let source = visit.request.connection.source;
                    answer.delay = self.attempts.fail(&user, source, visit.kms.elapsed());
                }
                answer
            }
        })
    }

    fn enter_by(&self, link: &OwnerLink, visit: &Visit<'_>, fields: &Parameters) -> Answer {
        match link.try_out(fields.get("link").unwrap_or_default(), visit.kms.elapsed()) {
            LinkUse::Valid => {
                let mut answer = Answer::redirect(PREFIX);
                self.begin(visit, &mut answer, Who::Owner);
                answer
            }
            LinkUse::Reused => {
                self.sessions.end_all();
                let page = |view: &View| sign_in::no_link_page(view, texts::LINK_USED_AGAIN);
                let mut answer = self.before_session(visit, page);
                answer.event = Some(Event::LinkUsedAgain);
                answer
            }
            LinkUse::Invalid => {
                self.before_session(visit, |view| sign_in::no_link_page(view, texts::USE_THE_LINK))
            }
        }
    }

    /// Begins a session under a new cookie.
    pub(crate) fn begin(&self, visit: &Visit<'_>, answer: &mut Answer, who: Who) {
        visit.value.inspect(|value| self.halves.end(value));
        let owner = who.user_id();
        let value = self.sessions.begin(visit.value, who, visit.kms.elapsed());
        self.sessions.limit(MAX_SESSIONS, |who| who.user_id() == owner);
        answer.add("set-cookie", &visit.cookie.set(&value));
    }

    /// Ends the session. A visitor without one has the same answer, which is no event.
    async fn sign_out(&self, visit: &Visit<'_>) -> Answer {
        let mut answer = Answer::redirect(PREFIX);
        let session = visit.value.and_then(|value| self.sessions.resume(value, visit.kms.elapsed()));
        if let Some(value) = visit.value {
            self.sessions.end(value);
            self.halves.end(value);
        }
        answer.add("set-cookie", &visit.cookie.clear());
        answer.add("clear-site-data", r#""cache", "storage""#);
        if session.is_some() {
            answer.event = Some(Event::SignedOut);
            if matches!(self.entry, Entry::SignIn) {
                visit.note_sign_out().await;
            }
        }
        answer
    }
}

/// Makes a page the answer after this error of the engine.
fn unavailable(mut page: Answer, error: &Error) -> Answer {
    page.status = StatusCode::SERVICE_UNAVAILABLE;
    page.code = Some(error.code_text());
    page
}

/// Sessions of one user, or of root. More end the one that was not used for longest, so that no user ends those of others.
const MAX_SESSIONS: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use bulla_kms::{FirstFactor, Kms, PasswordRefusal, SignInRefusal};
    use bulla_wire::{Product, SecretText};
    use http::{Method, StatusCode};
    use pollster::block_on;

    use crate::testing::Browser;

    /// Makes as many attempts as may wait. None is polled after the first was checked, so the turn is never free again while they
    /// are there.
    fn fill<F: Future>(
        attempt: impl Fn() -> F,
        is_busy: impl Fn(&F::Output) -> bool,
    ) -> VecDeque<Pin<Box<F>>> {
        let mut waiting = VecDeque::new();
        let fill = |waiting: &mut VecDeque<_>| loop {
            let mut attempt = Box::pin(attempt());
            match attempt.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => waiting.push_back(attempt),
                Poll::Ready(refused) => return assert!(is_busy(&refused)),
            }
        };
        fill(&mut waiting);
        let first = waiting.pop_front().unwrap();
        assert!(!is_busy(&block_on(first)), "it was checked");
        fill(&mut waiting);
        waiting
    }

    /// Fills the line of this process's address with wrong passwords.
    fn flood<'k>(kms: &'k Kms, password: &'k SecretText) -> VecDeque<impl Future + use<'k>> {
        let attempt = || kms.sign_in_by_password("ann", password, None, None);
        fill(attempt, |refused| matches!(refused, Err(SignInRefusal::Busy)))
    }

    /// A user of the console with the password `Right-Horse-7`.
    fn user(owner: &Browser, name: &str) {
        owner.call(Product::Ram, "CreateUser", &[("UserName", name)]).unwrap();
        let fields = [("UserName", name), ("Password", "Right-Horse-7")];
        owner.call(Product::Ram, "CreateLoginProfile", &fields).unwrap();
    }

    /// Whether the password that a browser sends waits for its check. Else the answer is `429`.
    fn is_queued(browser: &Browser, name: &str) -> bool {
        let path = "/console/sign-in";
        let mut form = browser.get(path).form(path);
        form.set("UserName", name);
        form.set("Password", "Right-Horse-7");
        browser.ask(&Method::POST, path, &form.encode(), |console, request| {
            let answer = pin!(console.answer(&browser.site.kms, request));
            match answer.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Pending => true,
                Poll::Ready(answer) => {
                    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
                    false
                }
            }
        })
    }

    #[test]
    fn a_browser_that_has_signed_in_waits_for_no_flood_of_its_address_for_that_user_alone() {
        let owner = Browser::owner();
        user(&owner, "ann");
        user(&owner, "bob");
        let browser = owner.visitor();
        browser.post("/console/sign-in", &[("UserName", "ann"), ("Password", "Right-Horse-7")]);
        assert!(browser.get("/console/").has("ann"));
        browser.post("/console/sign-out", &[]);
        let password = String::from("Wrong-Horse-7").into();
        let flood = flood(&owner.site.kms, &password);
        assert!(is_queued(&browser, "ann"));
        assert!(!is_queued(&browser, "bob"));
        assert!(!is_queued(&owner.visitor(), "ann"));
        drop(flood);
    }

    /// The line of the user is full of passwords from other pages.
    #[test]
    fn a_signed_in_user_whose_passwords_wait_gets_a_delayed_429_from_every_form_with_a_password() {
        let owner = Browser::owner();
        user(&owner, "ann");
        let browser = owner.visitor();
        browser.post("/console/sign-in", &[("UserName", "ann"), ("Password", "Right-Horse-7")]);
        let mut form = browser.post("/console/device/new", &[]).form("/console/device/bind");
        for (name, value) in [("Code1", "123456"), ("Code2", "654321"), ("Password", "Wrong-Horse-7")] {
            form.set(name, value);
        }
        let bind = form.encode();
        let mut form = browser.get("/console/password").form("/console/password");
        for (name, value) in [
            ("OldPassword", "Wrong-Horse-7"),
            ("NewPassword", "Other-Horse-8"),
            ("NewPasswordAgain", "Other-Horse-8"),
        ] {
            form.set(name, value);
        }
        let change = form.encode();
        let kms = &owner.site.kms;
        let right = String::from("Right-Horse-7").into();
        let Ok(FirstFactor::Enough(signed_in)) = block_on(kms.sign_in_by_password("ann", &right, None, None))
        else {
            panic!("ann has no device")
        };
        let [wrong, new] = ["Wrong-Horse-7", "Other-Horse-8"].map(|text| SecretText::from(text.to_owned()));
        let attempt = || kms.choose_password(&signed_in, Some(&wrong), &new);
        let _waiting = fill(attempt, |refused| matches!(refused, Err(PasswordRefusal::Busy)));
        for (path, form, delay) in [("/console/password", change, 100), ("/console/device/bind", bind, 200)] {
            let answer = browser.send(&Method::POST, path, &form);
            let found = (answer.status, answer.delay.as_millis());
            assert_eq!(found, (StatusCode::TOO_MANY_REQUESTS, delay), "{path}");
        }
    }

    /// One user may have a script that signs in without a pause and keeps no cookie.
    #[test]
    fn a_user_with_many_browsers_pushes_out_none_of_another_user() {
        let owner = Browser::owner();
        user(&owner, "ann");
        user(&owner, "eve");
        let ann_browser = owner.visitor();
        let fields = |name| [("UserName", name), ("Password", "Right-Horse-7")];
        ann_browser.post("/console/sign-in", &fields("ann"));
        let first = owner.visitor();
        first.post("/console/sign-in", &fields("eve"));
        for _ in 0..16 {
            owner.visitor().post("/console/sign-in", &fields("eve"));
        }
        let password = String::from("Wrong-Horse-7").into();
        let flood = flood(&owner.site.kms, &password);
        assert!(is_queued(&ann_browser, "ann"));
        assert!(!is_queued(&first, "eve"));
        drop(flood);
    }

    #[test]
    fn five_wrong_passwords_end_the_cookie_of_a_browser() {
        let owner = Browser::owner();
        user(&owner, "ann");
        let browser = owner.visitor();
        let sign_in =
            |password| browser.post("/console/sign-in", &[("UserName", "ann"), ("Password", password)]);
        for wrong in [4, 5] {
            assert!(sign_in("Right-Horse-7").has("ann"));
            browser.post("/console/sign-out", &[]);
            (0..wrong).for_each(|_| drop(sign_in("Wrong-Horse-7")));
            let password = String::from("Wrong-Horse-7").into();
            let flood = flood(&owner.site.kms, &password);
            assert_eq!(is_queued(&browser, "ann"), wrong == 4);
            drop(flood);
        }
    }

    #[test]
    fn the_answer_about_a_password_that_was_not_checked_waits_as_that_about_a_wrong_one() {
        let browser = Browser::owner().signed_out();
        let kms = &browser.site.kms;
        let password = String::from("Wrong-Horse-7").into();
        let _flood = flood(kms, &password);
        let path = "/console/sign-in";
        let mut form = browser.get(path).form(path);
        form.set("UserName", "ann");
        form.set("Password", "Wrong-Horse-7");
        let delays = [(); 3].map(|()| {
            let answer = browser.send(&Method::POST, path, &form.encode());
            assert_eq!((answer.status, answer.event), (StatusCode::TOO_MANY_REQUESTS, None));
            answer.delay.as_millis()
        });
        assert_eq!(delays, [100, 200, 400]);
    }
}
