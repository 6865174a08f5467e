//! Forms: each is one action of the API, and its fields are the parameters.
//!
//! The table says how people see a parameter; what it means and whether it is right, the API says. So a form is posted as a
//! request of the API is, and an error is the API's.

mod aliases;
mod also;
mod command;
mod control;
mod cryptography;
mod document;
mod import;
pub(crate) mod keys;
mod now;
mod people;
mod policies;
mod result;
mod second;
mod secrets;
mod suggest;
mod tags;
mod then;

use bulla_wire::{Error, Format, Parameters, Product, Reply, render_reply};
use http::StatusCode;
use maud::{Markup, html};

use self::also::Also;
pub(crate) use self::command::quoted;
use self::control::Control;
use self::now::Now;
use self::second::Second;
pub(crate) use self::then::Then;
use crate::context::Context;
use crate::http::Answer;
use crate::layout::{self, TOKEN, foreign, problem, token};
use crate::paths::{path, with_query};
use crate::texts::{self, Text, text};

/// One action as a form.
pub(crate) struct Form {
    pub(crate) product: Product,
    pub(crate) action: &'static str,
    pub(crate) title: Text,
    /// What happens, in a sentence or two; empty if the title says it.
    pub(crate) about: Text,
    pub(crate) fields: &'static [Field],
    /// The parameter that has to be typed once more before the form does anything.
    pub(crate) confirmed: Option<&'static str>,
    /// Where the fields get what they hold now.
    now: Option<Now>,
    second: Option<Second>,
    also: Option<Also>,
    pub(crate) then: Then,
}

/// One parameter as a field.
#[derive(Clone, Copy)]
pub(crate) struct Field {
    pub(crate) parameter: &'static str,
    pub(crate) label: Text,
    pub(crate) control: Control,
    pub(crate) needed: bool,
}

impl Form {
    /// A form of the KMS without fields, which shows the reply.
    pub(crate) const fn kms(action: &'static str, title: Text) -> Self {
        Self::new(Product::Kms, action, title)
    }

    /// A form of RAM without fields, which shows the reply.
    pub(crate) const fn ram(action: &'static str, title: Text) -> Self {
        Self::new(Product::Ram, action, title)
    }

    const fn new(product: Product, action: &'static str, title: Text) -> Self {
        let about = text("", "");
        Self {
            product,
            action,
            title,
            about,
            fields: &[],
            confirmed: None,
            now: None,
            second: None,
            also: None,
            then: Then::Reply,
        }
    }

    const fn about(self, english: &'static str, chinese: &'static str) -> Self {
        Self { about: text(english, chinese), ..self }
    }

    const fn fields(self, fields: &'static [Field]) -> Self {
        Self { fields, ..self }
    }

    const fn confirmed(self, parameter: &'static str) -> Self {
        Self { confirmed: Some(parameter), ..self }
    }

    /// The fields hold what this action tells, each at its place in the reply.
    const fn now(self, action: &'static str, places: &'static [(&'static str, &'static str)]) -> Self {
        Self { now: Some(Now { action, places }), ..self }
    }

    const fn second(self, second: Second) -> Self {
        Self { second: Some(second), ..self }
    }

    const fn also(self, also: Also) -> Self {
        Self { also: Some(also), ..self }
    }

    const fn then(self, then: Then) -> Self {
        Self { then, ..self }
    }
}

impl Field {
    const fn needed(parameter: &'static str, label: Text, control: Control) -> Self {
        Self { parameter, label, control, needed: true }
    }

    const fn optional(parameter: &'static str, label: Text, control: Control) -> Self {
        Self { parameter, label, control, needed: false }
    }

    /// What the page that leads here may know already.
    const fn hidden_optional(parameter: &'static str) -> Self {
        Self { needed: false, ..Self::hidden(parameter) }
    }

    /// What the page that leads here knows already.
    const fn hidden(parameter: &'static str) -> Self {
        Self { parameter, label: text("", ""), control: Control::Hidden, needed: true }
    }
}

/// All forms.
static FORMS: [&[Form]; 8] = [
    keys::FORMS,
    aliases::FORMS,
    import::FORMS,
    cryptography::FORMS,
    people::FORMS,
    policies::FORMS,
    secrets::FORMS,
    tags::FORMS,
];

/// The collections, with the action that a POST to each is.
const COLLECTIONS: [(&str, Product, &str); 8] = [
    ("keys", Product::Kms, "CreateKey"),
    ("aliases", Product::Kms, "CreateAlias"),
    ("secrets", Product::Kms, "CreateSecret"),
    ("users", Product::Ram, "CreateUser"),
    ("groups", Product::Ram, "CreateGroup"),
    ("roles", Product::Ram, "CreateRole"),
    ("policies", Product::Ram, "CreatePolicy"),
    ("access-keys", Product::Ram, "CreateAccessKey"),
];

/// The form of an action.
pub(crate) fn find(product: Product, action: &str) -> Option<&'static Form> {
    FORMS.iter().copied().flatten().find(|form| form.product == product && form.action == action)
}

/// A link to the form of an action, filled with what is known already.
pub(crate) fn link(context: &Context<'_>, product: Product, action: &str, known: &[(&str, &str)]) -> Markup {
    let form = find(product, action).expect("a page links to forms of the table");
    link_as(context, product, action, form.title, known)
}

/// As [`link`], with words of its own.
pub(crate) fn link_as(
    context: &Context<'_>,
    product: Product,
    action: &str,
    label: Text,
    known: &[(&str, &str)],
) -> Markup {
    let form = find(product, action).expect("a page links to forms of the table");
    let to = with_query(&form.path(), known);
    html! { a.action href=(to) { (context.say(label)) } }
}

/// A button that does an action at once, with what is known already.
pub(crate) fn button(
    context: &Context<'_>,
    product: Product,
    action: &str,
    label: Text,
    known: &[(&str, &str)],
) -> Markup {
    let form = find(product, action).expect("a page has buttons for forms of the table");
    html! {
        form.inline method="post" action=(form.path()) {
            (token(&context.view))
            @for (name, value) in known { input type="hidden" name=(name) value=(value); }
            button.quiet { (context.say(label)) }
        }
    }
}

/// The page of a form that was not sent yet.
pub(crate) async fn show(context: &Context<'_>, product: &str, action: &str) -> Option<Answer> {
    let form = named(product, action)?;
    let mut fields = context.request.queried();
    if let Some(now) = form.now {
        now.fill(form, context, &mut fields).await;
    }
    let page = form.page(context, &fields, None).await;
    Some(Answer::page(StatusCode::OK, context.view.finish(page)))
}

/// Does what a form that was sent asks for.
pub(crate) async fn perform(
    context: &Context<'_>,
    segments: &[&str],
    mut fields: Parameters,
) -> Option<Answer> {
    let form = match segments {
        ["do", product, action] => named(product, action)?,
        [collection] => {
            let (_, product, action) = COLLECTIONS.iter().find(|(name, ..)| name == collection)?;
            find(*product, action)?
        }
        _ => return None,
    };
    fields.set(TOKEN, ""); // no part of the request
    let mut answer = form.perform(context, &fields).await;
    answer.action = Some(form.action);
    Some(answer)
}

fn named(product: &str, action: &str) -> Option<&'static Form> {
    let product = Product::ALL.iter().find(|known| known.name().eq_ignore_ascii_case(product))?;
    find(*product, action)
}

impl Form {
    pub(crate) fn path(&self) -> String {
        path("do", &[&self.product.name().to_ascii_lowercase(), self.action])
    }

    async fn perform(&self, context: &Context<'_>, fields: &Parameters) -> Answer {
        if !self.is_confirmed(fields) {
            let words = html! { div.problem role="alert" { (context.say(texts::TYPE_TO_CONFIRM)) } };
            return self.again(context, fields, StatusCode::BAD_REQUEST, &words).await;
        }
        let second = self.second.filter(|_| Second::is_pressed(fields));
        match self.call(context, fields, second).await {
            Ok((parameters, reply)) => match self.also.and_then(|also| also.fields(fields, &reply)) {
                Some((form, fields)) => Box::pin(form.perform(context, &fields)).await,
                None => self.answer(context, fields, second, &parameters, &reply),
            },
            Err(error) => {
                let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
                let message = error.message();
                let words = html! {
                    (problem(&context.view, &error, context.request_id()))
                    @for field in self.fields { (document::excerpt(context, field, fields, &message)) }
                };
                let mut answer = self.again(context, fields, status, &words).await;
                answer.code = Some(error.code_text());
                answer
            }
        }
    }

    /// The form once more, with what was typed and what was wrong.
    async fn again(
        &self,
        context: &Context<'_>,
        fields: &Parameters,
        status: StatusCode,
        problem: &Markup,
    ) -> Answer {
        let page = self.page(context, fields, Some(problem)).await;
        Answer::page(status, context.view.finish(page))
    }

    fn is_confirmed(&self, fields: &Parameters) -> bool {
        self.confirmed.is_none_or(|parameter| {
            fields.non_empty(parameter).is_some_and(|value| fields.get(CONFIRMATION) == Some(value))
        })
    }

    async fn call(
        &self,
        context: &Context<'_>,
        fields: &Parameters,
        second: Option<Second>,
    ) -> Result<(Parameters, Reply), Error> {
        let mut parameters = self.parameters(fields)?;
        if let Some(second) = second {
            second.prepare(context, &mut parameters).await?;
        }
        let reply = context.call(self.product, self.action, &parameters).await?;
        Ok((parameters, reply))
    }

    /// The parameters of the request. Only those of the form's fields are taken: what else a form carries is no part of it.
    fn parameters(&self, fields: &Parameters) -> Result<Parameters, Error> {
        let mut parameters = Parameters::default();
        for field in self.fields {
            if let Some(value) = field.control.value(field.parameter, fields)? {
                parameters.set(field.parameter, value);
            }
        }
        Ok(parameters)
    }

    fn answer(
        &self,
        context: &Context<'_>,
        fields: &Parameters,
        second: Option<Second>,
        parameters: &Parameters,
        reply: &Reply,
    ) -> Answer {
        if let Some(answer) = second.and_then(|second| second.answer(reply)) {
            return answer;
        }
        let json = || render_reply(Format::Json, reply, context.request_id());
        match self.then.page(fields, || serde_json::from_str(&json()).ok()) {
            Some(to) => {
                let done = [("done", self.action), ("of", self.product.name())];
                Answer::redirect(&with_query(&to, &done))
            }
            None => {
                let shown = match self.then {
                    Then::Shown(show) => show(context, reply),
                    _ => cryptography::plaintext(context, reply),
                };
                let page = result::page(self, context, shown.as_ref(), parameters, &json());
                Answer::page(StatusCode::OK, context.view.finish(page))
            }
        }
    }

    async fn page(&self, context: &Context<'_>, fields: &Parameters, problem: Option<&Markup>) -> Markup {
        let title = context.say(self.title);
        let mut shown = Vec::new();
        for field in self.also.iter().map(|also| &also.field).chain(self.fields) {
            shown.push(field.control.show(context, field, fields));
            if let Control::Known(names) = field.control {
                shown.push(names.show(context, field).await);
            }
        }
        let content = html! {
            @if let Some(problem) = problem { (problem) }
            (self.subject(fields))
            @if !self.about.english.is_empty() { p { (context.say(self.about)) } }
            form.fields method="post" action=(self.path()) autocomplete="off" {
                (token(&context.view))
                @if let Some(user) = self.user_of_password(fields) {
                    input type="text" value=(user) autocomplete="username" readonly hidden;
                }
                @for field in &shown { (field) }
                @if let Some(parameter) = self.confirmed { (confirmation(context, fields, parameter)) }
                div.buttons {
                    button class=[self.confirmed.map(|_| "danger")] { (title) }
                    @if let Some(second) = self.second { (second.button(context)) }
                    a href=(self.way_back(fields)) { (context.say(texts::CANCEL)) }
                }
            }
        };
        layout::page(&context.view, title, &content)
    }

    /// What the form is about: what the page that led here has named.
    fn subject(&self, fields: &Parameters) -> Markup {
        let hidden = self.fields.iter().filter(|field| matches!(field.control, Control::Hidden));
        let names = hidden.filter_map(|field| fields.non_empty(field.parameter));
        html! { p.subject { @for name in names { code { (foreign(name)) } " " } } }
    }

    /// For managers of passwords: whose password the form is about. It is not posted.
    fn user_of_password<'f>(&self, fields: &'f Parameters) -> Option<&'f str> {
        let is_about_one = self.fields.iter().any(|field| matches!(field.control, Control::Secret));
        if is_about_one { fields.non_empty("UserName") } else { None }
    }

    /// The page of what the form is about, else that of its collection.
    fn way_back(&self, fields: &Parameters) -> String {
        let made = |collection: &'static str| {
            let subject = self.fields.iter().find(|field| matches!(field.control, Control::Hidden))?;
            Then::Of(collection, subject.parameter).thing(fields)
        };
        let thing = match self.then {
            Then::Made(collection, _) => made(collection),
            then => then.thing(fields),
        };
        thing.unwrap_or_else(|| path(self.then.collection(), &[]))
    }
}

/// The field that has to hold the same as the parameter.
fn confirmation(context: &Context<'_>, fields: &Parameters, parameter: &str) -> Markup {
    html! {
        div.field {
            label for=(CONFIRMATION) {
                (context.say(texts::TYPE_TO_CONFIRM)) ": "
                code { (foreign(fields.get(parameter).unwrap_or_default())) }
            }
            input id=(CONFIRMATION) name=(CONFIRMATION) required spellcheck="false";
        }
    }
}

/// The name of the field that confirms.
const CONFIRMATION: &str = "confirmation";

/// What a redirect after an action says that was done.
pub(crate) fn done(context: &Context<'_>) -> Markup {
    let fields = context.request.queried();
    let form = fields.get("done").and_then(|action| named(fields.get("of")?, action));
    html! {
        @if let Some(form) = form {
            p.done role="status" { (context.say(texts::DONE)) " " (context.say(form.title)) }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_form_is_an_action_and_every_field_one_of_its_parameters() {
        for form in FORMS.iter().copied().flatten() {
            let parameters = form.product.parameters(form.action).expect(form.action);
            for field in form.fields {
                assert!(parameters.contains(&field.parameter), "{} of {}", field.parameter, form.action);
            }
            let has = |name: &str| form.fields.iter().any(|field| field.parameter == name);
            assert!(form.confirmed.is_none_or(has), "{}", form.action);
            let named = match form.then {
                Then::Of(_, parameter) => vec![parameter],
                Then::OneOf(places) => places.iter().map(|(_, parameter)| *parameter).collect(),
                Then::Typed { name, kind, .. } => vec![name, kind],
                _ => Vec::new(),
            };
            assert!(named.iter().all(|name| name.is_empty() || has(name)), "{}", form.action);
            let now = form.now.iter().flat_map(|now| now.places);
            assert!(now.into_iter().all(|(parameter, _)| has(parameter)), "{}", form.action);
            if let Some(also) = form.also {
                let second = find(form.product, also.action).expect(also.action);
                let has = |name: &str| second.fields.iter().any(|field| field.parameter == name);
                assert!(has(also.field.parameter) && has(also.subject.0), "{}", form.action);
            }
            if let Some(Second::Generate(parameter)) = form.second {
                assert!(has(parameter), "{}", form.action);
            }
        }
        let names = FORMS.iter().copied().flatten().map(|form| (form.product.name(), form.action));
        assert_eq!(names.clone().collect::<BTreeSet<_>>().len(), names.count(), "a form is there twice");
        for (collection, product, action) in COLLECTIONS {
            assert!(find(product, action).is_some(), "{collection}");
        }
    }
}
