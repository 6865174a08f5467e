//! The command lines that make the same request as a form.

use bulla_wire::{Parameters, Product};
use maud::{Markup, html};

use super::{Control, Form, digest};
use crate::address::{Address, CREDENTIALS};
use crate::context::Context;
use crate::layout::foreign;
use crate::shell::quoted;

/// A command line tool, which differs in how it reads the value of a parameter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tool {
    /// `bulla`: `-` is standard input, `@x` the content of a file, and `@@x` the text `@x`.
    Own,
    /// `aliyun`, the tool of the cloud, which takes each value as text.
    Cloud,
}

/// Shows the commands that make the request of a form to this KMS; `None` if there are none.
pub(crate) fn show(context: &Context<'_>, form: &Form, parameters: &Parameters) -> Option<Markup> {
    let commands = commands(form, parameters, Address::of(context));
    (!commands.is_empty()).then(|| {
        html! {
            @for lines in &commands {
                pre tabindex="0" {
                    code { @for (at, line) in lines.iter().enumerate() { @if at > 0 { "\n" } (foreign(line)) } }
                }
            }
            @if !context.is_embedded() { p.fine { (context.text(CREDENTIALS)) } }
        }
    })
}

/// Returns commands for a POSIX shell, each with the lines that it consists of. None for an action of users, roles and policies
/// on an embedded store, which has no command for it.
fn commands(form: &Form, parameters: &Parameters, address: Address<'_>) -> Vec<Vec<String>> {
    let own = |calls| vec![address.export(), calls];
    match address {
        Address::Store(_) if form.product != Product::Kms => Vec::new(),
        Address::Store(_) => vec![own(call(Tool::Own, form, parameters))],
        Address::Server(server) => {
            let cloud = call(Tool::Cloud, form, parameters) + &server.flags();
            vec![own(call(Tool::Own, form, parameters)), vec![cloud]]
        }
    }
}

/// Returns a call such as `bulla kms CreateKey --KeySpec=…`.
fn call(tool: Tool, form: &Form, parameters: &Parameters) -> String {
    let program = match tool {
        Tool::Own => "bulla",
        Tool::Cloud => "aliyun",
    };
    let product = match form.product {
        Product::Kms => "kms",
        Product::Ram => "ram",
        _ => "sts",
    };
    let mut line = format!("{program} {product} {}", form.action);
    for (name, value) in parameters.iter() {
        let control = form.fields.iter().find(|field| field.parameter == name).map(|field| field.control);
        line.push_str(&format!(" --{name}"));
        line.push_str(&match control {
            Some(Control::Secret | Control::SecretArea) => tool.secret().to_owned(),
            Some(Control::Base64) => r#"="$(openssl base64 -A < FILE)""#.to_owned(),
            Some(Control::Digest) if !digest::is_of_sm2(parameters) => {
                r#"="$(openssl dgst -sha256 -binary FILE | openssl base64 -A)""#.to_owned()
            }
            _ => tool.text(value),
        });
    }
    line
}

impl Tool {
    /// Returns what follows the name of a parameter with this text, which a page may show.
    ///
    /// The name and the value are one word, because both tools read a word that begins with `-` as something else.
    fn text(self, value: &str) -> String {
        let escape = if self == Self::Own && value.starts_with('@') { "@" } else { "" };
        format!("={}", quoted(&format!("{escape}{value}")))
    }

    /// Returns what follows the name of a parameter with a secret, which the line does not contain: standard input, or a file if
    /// the tool reads no value from there.
    fn secret(self) -> &'static str {
        match self {
            Self::Own => " -",
            Self::Cloud => r#"="$(cat FILE)""#,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::address::Server;
    use crate::forms::find;

    const SERVER: Address<'_> =
        Address::Server(Server { host: "kms:8443", tls: true, region: "cn-hangzhou" });

    fn of(product: Product, action: &str, parameters: &[(&str, &str)], address: Address<'_>) -> Vec<String> {
        let pairs = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let parameters = Parameters::from_pairs(pairs).unwrap();
        let commands = commands(find(product, action).unwrap(), &parameters, address);
        commands.into_iter().map(|lines| lines.join("\n")).collect()
    }

    #[test]
    fn each_tool_gets_the_address_and_the_text_in_its_own_way() {
        for (text, own, cloud) in [
            ("-", "'-'", "'-'"),
            ("@a", "'@@a'", "'@a'"),
            ("@@a", "'@@@a'", "'@@a'"),
            ("a@b", "'a@b'", "'a@b'"),
            ("--help", "'--help'", "'--help'"),
            ("a=b:c", "a=b:c", "a=b:c"),
            ("$(id)", "'$(id)'", "'$(id)'"),
        ] {
            let lines = of(Product::Kms, "GetRandomPassword", &[("ExcludeCharacters", text)], SERVER);
            let expected = [
                format!(
                    "export BULLA_KMS=https://kms:8443\nbulla kms GetRandomPassword --ExcludeCharacters={own}"
                ),
                format!(
                    "aliyun kms GetRandomPassword --ExcludeCharacters={cloud} --endpoint kms:8443 --region cn-hangzhou"
                ),
            ];
            assert_eq!(lines, expected);
        }
    }

    #[test]
    fn a_secret_is_read_by_each_tool_and_not_in_the_line() {
        let fields = [("UserName", "ann"), ("Password", "swordfish")];
        let [own, cloud] = &of(Product::Ram, "CreateLoginProfile", &fields, SERVER)[..] else { panic!() };
        assert!(own.ends_with("bulla ram CreateLoginProfile --Password - --UserName=ann"), "{own}");
        assert!(
            cloud.starts_with(r#"aliyun ram CreateLoginProfile --Password="$(cat FILE)" --UserName=ann "#)
        );
    }

    #[test]
    fn an_embedded_store_has_commands_for_its_keys_only() {
        let store = Address::Store(Path::new("/data"));
        let own = "export BULLA_KMS=embedded:/data\nbulla kms GetRandomPassword";
        assert_eq!(of(Product::Kms, "GetRandomPassword", &[], store), [own]);
        assert!(of(Product::Ram, "CreateAccessKey", &[], store).is_empty());
    }
}
