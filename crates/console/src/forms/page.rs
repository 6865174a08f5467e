//! The page of a form: its fields, what is known of them already, and the way back.

use bulla_wire::Parameters;
use maud::{Markup, html};

use super::then::Then;
use super::{Control, Form};
use crate::context::Context;
use crate::layout::{self, foreign, token};
use crate::paths::path;
use crate::texts;

impl Form {
    pub(super) async fn page(
        &self,
        context: &Context<'_>,
        fields: &Parameters,
        problem: Option<&Markup>,
    ) -> Markup {
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
    pub(super) fn way_back(&self, fields: &Parameters) -> String {
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
pub(super) const CONFIRMATION: &str = "confirmation";
