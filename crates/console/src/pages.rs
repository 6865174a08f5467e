//! Pages: lists of resources, a page for each resource, and pages about the server.

mod access_keys;
mod account;
mod aliases;
mod attached;
mod audit;
mod files;
mod groups;
mod keys;
mod limits;
mod may;
mod mfa_devices;
mod numbered;
mod overview;
mod parts;
mod policies;
mod recovery;
mod roles;
mod secrets;
mod tags;
mod try_it;
mod users;

use bulla_wire::Error;
use http::StatusCode;
use maud::{Markup, html};

use crate::context::Context;
use crate::http::Answer;
use crate::layout::{self, problem};
use crate::texts;

/// Shows the page at a path; `None` if there is none.
pub(crate) async fn show(context: &Context<'_>, segments: &[&str]) -> Option<Answer> {
    let page = match segments {
        [] => overview::show(context).await,
        ["keys"] => keys::list(context).await,
        ["keys", key] => keys::one(context, key).await,
        ["keys", key, "versions", version, keys::FILE] => {
            let file = keys::download(context, key, version).await;
            return Some(file.unwrap_or_else(|error| refused(context, &error)));
        }
        ["try"] => try_it::show(context).await,
        ["aliases"] => aliases::list(context).await,
        ["recovery"] => recovery::show(context),
        ["audit"] => audit::show(context).await,
        ["limits"] => limits::show(context).await,
        ["users"] => users::list(context).await,
        ["users", user] => users::one(context, user).await,
        ["groups"] => groups::list(context).await,
        ["groups", group] => groups::one(context, group).await,
        ["roles"] => roles::list(context).await,
        ["roles", role] => roles::one(context, role).await,
        ["policies"] => policies::list(context).await,
        ["policies", policy_type, policy] => policies::one(context, policy_type, policy).await,
        ["secrets"] => secrets::list(context).await,
        ["secrets", secret] => secrets::one(context, secret).await,
        ["files"] => Ok(files::show(context)),
        ["may"] => may::show(context).await,
        ["account"] => account::show(context).await,
        _ => return None,
    };
    Some(match page {
        Ok(Page { title, content }) => {
            let page = layout::page(&context.view, &title, &content);
            Answer::page(StatusCode::OK, context.view.finish(page))
        }
        Err(error) => refused(context, &error),
    })
}

/// The title and content of a page.
struct Page {
    title: String,
    content: Markup,
}

/// Shows the error with which the API refused a page.
fn refused(context: &Context<'_>, error: &Error) -> Answer {
    let content = problem(&context.view, error, context.request_id());
    let content = html! { (content) p { a href=(crate::PREFIX) { (context.text(texts::OVERVIEW)) } } };
    let page = layout::page(&context.view, context.text(texts::PROBLEM), &content);
    let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
    let mut answer = Answer::page(status, context.view.finish(page));
    answer.code = Some(error.code_text());
    answer
}
