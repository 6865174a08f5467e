//! The second button of a form, which calls the same action in another way.

use bulla_wire::kms::GetRandomPassword;
use bulla_wire::{Error, Parameters, Reply, SecretText};
use maud::{Markup, html};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::http::Answer;
use crate::texts::text;

/// The effect of the second button.
#[derive(Clone, Copy)]
pub(crate) enum Second {
    /// Sets this parameter to a password that the server generates. No page contains it.
    Generate(&'static str),
    /// Returns the reply as a file.
    Download(fn(&Reply) -> Option<File>),
}

/// A file made of a reply.
pub(crate) struct File {
    /// The name. [`Answer::download`] drops unsafe characters.
    pub(crate) name: String,
    pub(crate) content: Zeroizing<String>,
}

/// The name of the button. Browsers post it only if this button was pressed.
const BUTTON: &str = "second";

impl Second {
    pub(super) fn is_pressed(fields: &Parameters) -> bool {
        fields.non_empty(BUTTON).is_some()
    }

    /// Shows the button, which posts the form even if a required field is empty.
    pub(super) fn button(self, context: &Context<'_>) -> Markup {
        let label = match self {
            Self::Generate(_) => text("Generate a password and store it", "生成随机密码并保存"),
            Self::Download(_) => text("Create and download as a file", "创建并下载文件"),
        };
        html! { button.quiet name=(BUTTON) value="yes" formnovalidate { (context.text(label)) } }
    }

    /// Adds the generated password to the parameters.
    pub(super) async fn prepare(
        self,
        context: &Context<'_>,
        parameters: &mut Parameters,
    ) -> Result<(), Error> {
        if let Self::Generate(parameter) = self {
            let generated: SecretText = context.ask(GetRandomPassword::default()).await?.random_password;
            parameters.set(parameter, generated.expose());
        }
        Ok(())
    }

    /// Returns the response, if it differs from that of the first button.
    pub(super) fn answer(self, reply: &Reply) -> Option<Answer> {
        let Self::Download(file) = self else { return None };
        file(reply).map(|file| Answer::download(&file.name, file.content))
    }
}
