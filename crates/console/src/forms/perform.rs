//! Performs a posted form: its fields become a request, and the reply becomes a page.

use bulla_wire::{Error, Parameters, Reply, ReplyFormat, render_reply};
use http::StatusCode;
use maud::{Markup, html};

use super::page::CONFIRMATION;
use super::second::Second;
use super::then::Then;
use super::{Form, cryptography, digest, document, result};
use crate::context::Context;
use crate::http::Answer;
use crate::layout::problem;
use crate::paths::with_query;
use crate::texts;

impl Form {
    pub(super) async fn perform(&self, context: &Context<'_>, fields: &Parameters) -> Answer {
        if !self.is_confirmed(fields) {
            let words = html! { div.problem role="alert" { p { (context.text(texts::TYPE_TO_CONFIRM)) } } };
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

    /// Shows the form again, with the input and the problem.
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
        digest::prepare(self, context, fields, &mut parameters).await?;
        if let Some(second) = second {
            second.prepare(context, &mut parameters).await?;
        }
        let reply = context.call(self.product, self.action, &parameters).await?;
        Ok((parameters, reply))
    }

    /// Returns the parameters of the request: those of the form's fields only. Other posted fields are ignored.
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
        let json = || render_reply(ReplyFormat::Json, reply, context.request_id());
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
}
