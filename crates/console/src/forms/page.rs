//! The page of a form: its fields with the known values, and the link back.

use bulla_wire::Parameters;
use maud::{Markup, html};

use super::then::Then;
use super::{Control, Denied, Form};
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
        let title = context.text(self.title);
        let mut shown = Vec::new();
        for field in self.also.iter().map(|also| &also.field).chain(self.fields) {
            shown.push(field.control.show(context, field, fields));
            if let Control::Known(names) = field.control {
                shown.push(names.show(context, field).await);
            }
        }
        let warning = match self.warning {
            Some(warning) => Some(warning.show(context, fields).await),
            None => None,
        };
        let denied = Denied::of(context, self, fields);
        let content = html! {
            @if let Some(problem) = problem { (problem) }
            (self.subject(fields))
            @if !self.about.english.is_empty() { p { (context.text(self.about)) } }
            @if let Some(warning) = &warning { (warning) }
            form.fields method="post" action=(self.path()) autocomplete="off" {
                (token(&context.view))
                @if let Some(user) = self.user_of_password(fields) {
                    input type="text" value=(user) autocomplete="username" readonly hidden;
                }
                @for field in &shown { (field) }
                @if let Some(parameter) = self.confirmed { (confirmation(context, fields, parameter)) }
                div.buttons {
                    button class=[self.confirmed.map(|_| "danger")] aria-describedby=[denied.described_by()] { (title) }
                    (denied.mark(context))
                    @if let Some(second) = self.second { (second.button(context)) }
                    a href=(self.way_back(fields)) { (context.text(texts::CANCEL)) }
                }
            }
        };
        layout::page(&context.view, title, &content)
    }

    /// Shows the resource of the form: the hidden fields, which the linking page filled in.
    fn subject(&self, fields: &Parameters) -> Markup {
        let hidden = self.fields.iter().filter(|field| matches!(field.control, Control::Hidden));
        let names = hidden.filter_map(|field| fields.non_empty(field.parameter));
        html! { p.subject { @for name in names { code { (foreign(name)) } " " } } }
    }

    /// Returns the user whose password the form sets, for password managers. The field is not posted.
    fn user_of_password<'f>(&self, fields: &'f Parameters) -> Option<&'f str> {
        let is_about_one = self.fields.iter().any(|field| matches!(field.control, Control::Secret));
        if is_about_one { fields.non_empty("UserName") } else { None }
    }

    /// Returns the path of the resource's page, else of its collection.
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

/// Shows the field in which the caller types the parameter again.
fn confirmation(context: &Context<'_>, fields: &Parameters, parameter: &str) -> Markup {
    html! {
        div.field {
            label for=(CONFIRMATION) {
                (context.text(texts::TYPE_TO_CONFIRM)) (context.text(texts::COLON))
                code { (foreign(fields.get(parameter).unwrap_or_default())) }
            }
            input id=(CONFIRMATION) name=(CONFIRMATION) required spellcheck="false";
        }
    }
}

/// The name of the confirmation field.
pub(super) const CONFIRMATION: &str = "confirmation";
