//! The pages of the sign-in with an access key, a password or the link of an embedded store, and of a change of the password.

use bulla_kms::{
    CodeRefusal, Connection, FirstFactor, Kms, PasswordRefusal, PrincipalId, SignInRefusal, SignedIn,
};
use bulla_wire::{Parameters, SecretText};
use http::StatusCode;
use maud::{Markup, html};

use crate::context::View;
use crate::http::Answer;
use crate::layout::{self, token};
use crate::paths::path;
use crate::texts::{self, Text};

/// Shows the sign-in page.
pub(crate) fn page(view: &View, kms: &Kms, then: &str, problem: Option<Text>) -> Answer {
    let status = if problem.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
    let content = html! {
        @if let Some(problem) = problem { (notice(view, problem)) }
        div.columns {
            (form(view, "sign-in", texts::BY_USER, &[
                ("UserName", texts::USER_NAME, "text", "username"),
                ("Password", texts::PASSWORD, "password", "current-password"),
            ], then))
            @if kms.takes_secrets() {
                (form(view, "sign-in", texts::BY_ACCESS_KEY, &[
                    ("AccessKeyId", texts::ACCESS_KEY_ID, "text", "off"),
                    ("AccessKeySecret", texts::ACCESS_KEY_SECRET, "password", "off"),
                ], then))
            }
        }
    };
    answer(view, status, texts::SIGN_IN, &content)
}

/// Shows the page for a code of the user's MFA device.
pub(crate) fn code_page(view: &View, problem: Option<Text>) -> Answer {
    let status = if problem.is_some() { StatusCode::FORBIDDEN } else { StatusCode::OK };
    let content = html! {
        @if let Some(problem) = problem { (notice(view, problem)) }
        form.fields method="post" action=(path("code", &[])) {
            (token(view))
            (code_field(view, "Code", texts::CODE))
            div.buttons {
                button { (view.text(texts::SIGN_IN)) }
                a href=(path("sign-in", &[])) { (view.text(texts::CANCEL)) }
            }
        }
    };
    answer(view, status, texts::SECOND_STEP, &content)
}

/// Shows a field for six digits. Browsers can fill in the code of an authenticator, and phones show a numeric keyboard.
pub(crate) fn code_field(view: &View, name: &str, label: Text) -> Markup {
    html! {
        div.field {
            label for=(name) { (view.text(label)) }
            input id=(name) name=(name) type="text" inputmode="numeric" autocomplete="one-time-code" required
                pattern="[0-9 ]*" maxlength="9" spellcheck="false";
        }
    }
}

/// Shows the page on which a user chooses another password.
pub(crate) fn password_page(view: &View, is_due: bool, problem: Option<Text>) -> Answer {
    let status = if problem.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let old = ("OldPassword", texts::OLD_PASSWORD, "password", "current-password");
    let new = [
        ("NewPassword", texts::NEW_PASSWORD, "password", "new-password"),
        ("NewPasswordAgain", texts::NEW_PASSWORD_AGAIN, "password", "new-password"),
    ];
    let fields: Vec<_> = (!is_due).then_some(old).into_iter().chain(new).collect();
    let content = html! {
        @if let Some(problem) = problem { (notice(view, problem)) }
        @if is_due { p { (view.text(texts::PASSWORD_DUE)) } }
        p { (view.text(texts::PASSWORD_RULE)) }
        (form(view, "password", texts::CHOOSE_PASSWORD, &fields, ""))
    };
    answer(view, status, texts::CHOOSE_PASSWORD, &content)
}

/// Shows the page that posts the token of a link. A GET alone, such as a browser's prefetch, does not use the link.
pub(crate) fn link_page(view: &View, link: &str) -> Answer {
    let content = html! {
        form method="post" action=(path("enter", &[])) data-send {
            (token(view))
            input type="hidden" name="link" value=(link);
            button { (view.text(texts::OPEN_CONSOLE)) }
        }
    };
    answer(view, StatusCode::OK, texts::OPEN_CONSOLE, &content)
}

/// Shows the page for a visitor without a valid link.
pub(crate) fn no_link_page(view: &View, why: Text) -> Answer {
    answer(view, StatusCode::FORBIDDEN, texts::SIGN_IN, &html! { p { (view.text(why)) } })
}

pub(crate) fn answer(view: &View, status: StatusCode, title: Text, content: &Markup) -> Answer {
    Answer::page(status, view.finish(layout::page(view, view.text(title), content)))
}

/// Shows why a form was refused. The log has more about an error of the engine, under the id of the request.
pub(crate) fn notice(view: &View, problem: Text) -> Markup {
    html! {
        div.problem role="alert" {
            p { (view.text(problem)) }
            @if problem == texts::SIGN_IN_FAILED {
                p.fine { (view.text(texts::REQUEST_ID)) " " code { (view.request_id) } }
            }
        }
    }
}

/// Shows a form with text fields: name, label, type and `autocomplete` of each.
fn form(view: &View, to: &str, title: Text, fields: &[(&str, Text, &str, &str)], then: &str) -> Markup {
    html! {
        form.fields method="post" action=(path(to, &[])) {
            (token(view))
            input type="hidden" name="then" value=(then);
            h2 { (view.text(title)) }
            @for (name, label, kind, filled) in fields {
                div.field {
                    label for=(name) { (view.text(*label)) }
                    input id=(name) name=(name) type=(kind) autocomplete=(filled) required spellcheck="false" autocapitalize="none";
                }
            }
            div.buttons { button { (view.text(title)) } }
        }
    }
}

/// Returns the access key id or user name of a form.
pub(crate) fn tried_name(fields: &Parameters) -> &str {
    fields.non_empty("AccessKeyId").or(fields.get("UserName")).unwrap_or_default()
}

/// Checks the access key or the password of a form. `returning_user` is the user who signed in before in this browser.
///
/// # Errors
/// As the engine's.
pub(crate) async fn check(
    kms: &Kms,
    fields: &Parameters,
    from: &Connection,
    returning_user: Option<PrincipalId>,
) -> Result<FirstFactor, SignInRefusal> {
    let secret = |name: &str| SecretText::from(fields.get(name).unwrap_or_default().to_owned());
    match fields.non_empty("AccessKeyId") {
        Some(id) => kms.sign_in_by_access_key(id, &secret("AccessKeySecret")).map(FirstFactor::Enough),
        None => {
            let name = fields.get("UserName").unwrap_or_default();
            kms.sign_in_by_password(name, &secret("Password"), from.source, returning_user).await
        }
    }
}

/// Replaces the password of a user with that of a form.
///
/// # Errors
/// The message for the user.
pub(crate) async fn choose_password(
    kms: &Kms,
    signed_in: &SignedIn,
    fields: &Parameters,
) -> Result<SignedIn, Text> {
    let secret = |name: &str| SecretText::from(fields.get(name).unwrap_or_default().to_owned());
    let new = secret("NewPassword");
    if new != secret("NewPasswordAgain") {
        return Err(texts::PASSWORDS_DIFFER);
    }
    let old = fields.non_empty("OldPassword").map(|_| secret("OldPassword"));
    kms.choose_password(signed_in, old.as_ref(), &new).await.map_err(|refusal| match refusal {
        PasswordRefusal::Ended => texts::FORM_IS_OLD,
        PasswordRefusal::WrongOld => texts::PASSWORD_WRONG,
        PasswordRefusal::Same => texts::PASSWORD_SAME,
        PasswordRefusal::Unfit(_) => texts::PASSWORD_UNFIT,
        PasswordRefusal::Busy => texts::SIGN_IN_BUSY,
        PasswordRefusal::Store(_) => texts::SIGN_IN_FAILED,
    })
}

/// Returns the message for a failed sign-in.
pub(crate) fn words(refusal: &SignInRefusal) -> Text {
    match refusal {
        SignInRefusal::Wrong => texts::SIGN_IN_WRONG,
        SignInRefusal::NoSecretsHere => texts::SIGN_IN_NO_SECRETS,
        SignInRefusal::Busy => texts::SIGN_IN_BUSY,
        SignInRefusal::Store(_) => texts::SIGN_IN_FAILED,
    }
}

/// Returns the message for a refused code.
pub(crate) fn code_words(refusal: &CodeRefusal) -> Text {
    match refusal {
        CodeRefusal::Ended => texts::CODE_TOO_LATE,
        CodeRefusal::Wrong => texts::CODE_WRONG,
        CodeRefusal::TooMany => texts::CODES_TOO_MANY,
        CodeRefusal::Store(_) => texts::SIGN_IN_FAILED,
    }
}
