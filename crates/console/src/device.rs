//! The MFA device of the signed-in user: setup, which a login profile can require, and removal.
//!
//! During the setup the session holds the sealed seed until the user enters the codes. The page that shows the seed is the
//! response to a POST.

use bulla_kms::{DeviceRefusal, OfferedDevice, SignedIn};
use bulla_wire::{Parameters, SecretText};
use http::StatusCode;
use maud::{Markup, html};

use crate::context::View;
use crate::entry::Who;
use crate::http::Answer;
use crate::layout::token;
use crate::paths::path;
use crate::qr;
use crate::routes::{Console, PREFIX, Visit};
use crate::sign_in::{answer, code_field, notice};
use crate::texts::{self, Text};

/// A request about the device of a user who signed in with a password.
struct Own<'a> {
    visit: &'a Visit<'a>,
    view: View,
    signed_in: SignedIn,
}

impl Console {
    /// Answers a request about the device; `None` for a caller who did not sign in with a password.
    pub(crate) async fn device(
        &self,
        visit: &Visit<'_>,
        step: &[&str],
        posted: Option<&Parameters>,
    ) -> Option<Answer> {
        let who = self.sessions.resume(visit.value?, visit.kms.elapsed());
        let Some(Who::SignedIn(signed_in, offered)) = who else { return None };
        if signed_in.access_key_id().is_some() {
            return None;
        }
        if signed_in.must_choose_password() {
            return Some(Answer::redirect(&path("password", &[])));
        }
        let own = Own { visit, view: self.own_view(visit, &signed_in), signed_in };
        Some(match (posted, step) {
            (None, _) => own.page(None),
            (Some(_), ["new"]) => self.offer(&own),
            (Some(fields), ["bind"]) => self.bind(&own, offered, fields).await,
            (Some(fields), ["remove"]) => self.remove(&own, fields).await,
            (Some(_), _) => return None,
        })
    }

    fn offer(&self, own: &Own<'_>) -> Answer {
        match own.visit.kms.offer_device(&own.signed_in) {
            Ok(offered) => {
                let answer = own.codes_page(&offered, None);
                let who = Who::SignedIn(own.signed_in.clone(), Some(offered));
                own.visit.value.inspect(|value| self.sessions.note(value, who));
                answer
            }
            Err(refusal) => self.refused(own, &refusal, None),
        }
    }

    async fn bind(&self, own: &Own<'_>, offered: Option<OfferedDevice>, fields: &Parameters) -> Answer {
        let Some(offered) = offered else { return own.page(Some(texts::FORM_IS_OLD)) };
        let [first, second] = ["Code1", "Code2"].map(|name| secret(fields, name));
        let password = fields.non_empty("Password").map(|_| secret(fields, "Password"));
        let kms = own.visit.kms;
        let codes = [&first, &second];
        match kms.bind_own_device(&own.signed_in, &offered, codes, password.as_ref()).await {
            Ok(signed_in) => self.renewed(own, signed_in),
            Err(refusal) => self.refused(own, &refusal, Some(&offered)),
        }
    }

    async fn remove(&self, own: &Own<'_>, fields: &Parameters) -> Answer {
        match own.visit.kms.remove_own_device(&own.signed_in, &secret(fields, "Code")).await {
            Ok(signed_in) => self.renewed(own, signed_in),
            Err(refusal) => self.refused(own, &refusal, None),
        }
    }

    /// Continues with the sign-in that the change of the device returned, under a new cookie.
    fn renewed(&self, own: &Own<'_>, signed_in: SignedIn) -> Answer {
        let is_due = signed_in.must_bind_device();
        let mut answer = Answer::redirect(&if is_due { path("device", &[]) } else { PREFIX.to_owned() });
        self.begin(own.visit, &mut answer, Who::SignedIn(signed_in, None));
        answer
    }

    /// Shows the page again with the error. Wrong passwords and codes count as failed attempts of the user.
    fn refused(&self, own: &Own<'_>, refusal: &DeviceRefusal, offered: Option<&OfferedDevice>) -> Answer {
        if matches!(refusal, DeviceRefusal::Ended) {
            return self.leave(own.visit);
        }
        let problem = Some(words(refusal));
        let mut answer = match offered {
            Some(offered) => own.codes_page(offered, problem),
            None => own.page(problem),
        };
        match refusal {
            DeviceRefusal::Busy => answer.status = StatusCode::TOO_MANY_REQUESTS,
            DeviceRefusal::Store(error) => {
                answer.status = StatusCode::SERVICE_UNAVAILABLE;
                answer.code = Some(error.code_text());
            }
            _ => {}
        }
        let is_try = matches!(
            refusal,
            DeviceRefusal::WrongPassword
                | DeviceRefusal::WrongCode
                | DeviceRefusal::TooManyCodes
                | DeviceRefusal::Busy
        );
        if is_try {
            let user = own.visit.kms.name_of(&own.signed_in);
            let source = own.visit.request.connection.source;
            answer.delay = self.attempts.fail(&user, source, own.visit.kms.elapsed());
        }
        answer
    }
}

impl Own<'_> {
    /// Shows whether the user has a device, and the form that sets one up or removes it.
    fn page(&self, problem: Option<Text>) -> Answer {
        let view = &self.view;
        let content = html! {
            @if let Some(problem) = problem { (notice(view, problem)) }
            @if self.signed_in.has_given_code() {
                p { (view.text(texts::MFA_DEVICE_BOUND)) }
                (form(view, "remove", texts::MFA_DEVICE_REMOVE, &code_field(view, "Code", texts::CODE)))
            } @else {
                @if self.signed_in.must_bind_device() { p { (view.text(texts::MFA_DEVICE_DUE)) } }
                p { (view.text(texts::MFA_DEVICE_ABOUT)) }
                (form(view, "new", texts::MFA_DEVICE_NEW, &html! {}))
            }
        };
        answer(view, status(problem), texts::MFA_DEVICE, &content)
    }

    /// Shows the seed of a device and the form for its first codes.
    fn codes_page(&self, offered: &OfferedDevice, problem: Option<Text>) -> Answer {
        let view = &self.view;
        let Ok(enrolment) = self.visit.kms.enrolment_of(offered) else {
            return self.page(Some(texts::SIGN_IN_FAILED));
        };
        let fields = html! {
            (code_field(view, "Code1", texts::CODE_FIRST))
            (code_field(view, "Code2", texts::CODE_SECOND))
            @if !self.signed_in.must_bind_device() {
                div.field {
                    label for="Password" { (view.text(texts::OLD_PASSWORD)) }
                    input id="Password" name="Password" type="password" autocomplete="current-password" required;
                }
            }
        };
        let content = html! {
            @if let Some(problem) = problem { (notice(view, problem)) }
            p { (view.text(texts::MFA_DEVICE_SCAN)) }
            (qr::picture(view, &enrolment.qr_code, texts::MFA_DEVICE_QR))
            p { (view.text(texts::MFA_DEVICE_SEED)) (view.text(texts::COLON)) code { (view.secret(enrolment.seed.expose())) } }
            (form(view, "bind", texts::MFA_DEVICE_BIND, &fields))
        };
        answer(view, status(problem), texts::MFA_DEVICE, &content)
    }
}

fn form(view: &View, step: &str, title: Text, fields: &Markup) -> Markup {
    html! {
        form.fields method="post" action=(path("device", &[step])) autocomplete="off" {
            (token(view))
            (fields)
            div.buttons { button { (view.text(title)) } }
        }
    }
}

fn status(problem: Option<Text>) -> StatusCode {
    if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK }
}

fn secret(fields: &Parameters, name: &str) -> SecretText {
    fields.get(name).unwrap_or_default().to_owned().into()
}

fn words(refusal: &DeviceRefusal) -> Text {
    match refusal {
        DeviceRefusal::Ended | DeviceRefusal::NotNow => texts::FORM_IS_OLD,
        DeviceRefusal::LimitExceeded => texts::MFA_DEVICE_LIMIT,
        DeviceRefusal::WrongPassword => texts::PASSWORD_WRONG,
        DeviceRefusal::WrongCode => texts::CODE_WRONG,
        DeviceRefusal::TooManyCodes => texts::CODES_TOO_MANY,
        DeviceRefusal::Busy => texts::SIGN_IN_BUSY,
        DeviceRefusal::Store(_) => texts::SIGN_IN_FAILED,
    }
}
