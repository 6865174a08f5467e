//! The second button of a form, which does the same action in another way.

use bulla_wire::kms::GetRandomPassword;
use bulla_wire::{Error, Parameters, Reply, SecretText};
use maud::{Markup, html};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::http::Answer;
use crate::texts::text;

/// What the second button does.
#[derive(Clone, Copy)]
pub(crate) enum Second {
    /// A password that the server generates becomes this parameter. It enters no page.
    Generate(&'static str),
    /// The reply is answered as a file.
    Download(fn(&Reply) -> Option<File>),
}

/// A file made of a reply.
pub(crate) struct File {
    /// A name of ours, or of letters, digits, `.`, `_` and `-`.
    pub(crate) name: String,
    pub(crate) content: Zeroizing<String>,
}

/// The name of the button, which is sent only if it was the one that was pressed.
const BUTTON: &str = "second";

impl Second {
    pub(super) fn is_pressed(fields: &Parameters) -> bool {
        fields.non_empty(BUTTON).is_some()
    }

    /// The button. It sends a form whose secret is empty, too.
    pub(super) fn button(self, context: &Context<'_>) -> Markup {
        let label = match self {
            Self::Generate(_) => text("Generate a password and store it", "生成随机密码并保存"),
            Self::Download(_) => text("Create and download as a file", "创建并下载文件"),
        };
        html! { button.quiet name=(BUTTON) value="yes" formnovalidate { (context.say(label)) } }
    }

    /// What is added to the parameters before the action.
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

    /// The answer to the action, if it is another one than after the first button.
    pub(super) fn answer(self, reply: &Reply) -> Option<Answer> {
        let Self::Download(file) = self else { return None };
        file(reply).map(|file| Answer::download(&file.name, file.content))
    }
}
