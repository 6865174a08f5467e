//! The address of this KMS in the printed command lines and examples.

use std::path::{self, Path};

use http::header::HOST;

use crate::context::Context;
use crate::shell::quoted;
use crate::texts::{Text, text};

/// Where command lines and programs find this KMS.
#[derive(Clone, Copy)]
pub(crate) enum Address<'a> {
    /// The store of the user who runs `bulla console`. Only `bulla` can use it.
    Store(&'a Path),
    Server(Server<'a>),
}

/// A server, as the browser reached it.
#[derive(Clone, Copy)]
pub(crate) struct Server<'a> {
    /// The name or IP address, with the port.
    pub(crate) host: &'a str,
    pub(crate) tls: bool,
    pub(crate) region: &'a str,
}

impl<'a> Address<'a> {
    pub(crate) fn of(context: &Context<'a>) -> Self {
        if context.is_embedded() {
            return Self::Store(context.kms.data());
        }
        Self::Server(Server::of(context))
    }

    /// Returns the line for a shell after which `bulla` calls this KMS.
    pub(crate) fn export(self) -> String {
        let location = match self {
            Self::Store(data) => {
                let data = path::absolute(data).unwrap_or_else(|_| data.to_owned());
                format!("embedded:{}", data.display())
            }
            Self::Server(server) => format!("{}://{}", server.scheme(), server.host),
        };
        format!("export BULLA_KMS={}", quoted(&location))
    }
}

impl<'a> Server<'a> {
    pub(crate) fn of(context: &Context<'a>) -> Self {
        Self {
            host: context.request.header(&HOST).unwrap_or("localhost"),
            tls: context.request.connection.tls,
            region: context.kms.region(),
        }
    }

    pub(crate) fn scheme(self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// Returns the flags, each after a space, with which the command line of the cloud calls this server.
    pub(crate) fn flags(self) -> String {
        let insecure = if self.tls { "" } else { " --insecure" };
        format!(" --endpoint {} --region {}{insecure}", quoted(self.host), quoted(self.region))
    }
}

/// What programs that call a server need besides its address.
pub(crate) const CREDENTIALS: Text = text(
    "Each program has an access key of its own in ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, and trusts the certificate authority in ALIBABA_CLOUD_CA_BUNDLE.",
    "请为每个程序分别设置环境变量 ALIBABA_CLOUD_ACCESS_KEY_ID 和 ALIBABA_CLOUD_ACCESS_KEY_SECRET（各用自己的访问密钥），并用 ALIBABA_CLOUD_CA_BUNDLE 指定受信任的 CA 证书。",
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_words_of_a_shell() {
        let server = |host, tls| Server { host, tls, region: "cn-hangzhou" };
        let export = |address: Address<'_>| address.export();
        assert_eq!(export(Address::Server(server("kms:8443", true))), "export BULLA_KMS=https://kms:8443");
        assert_eq!(export(Address::Server(server("[::1]:80", false))), "export BULLA_KMS='http://[::1]:80'");
        let store = Address::Store(Path::new("/home/ann lee/it's"));
        assert_eq!(export(store), r"export BULLA_KMS='embedded:/home/ann lee/it'\''s'");
        assert!(!export(Address::Store(Path::new("data"))).contains("embedded:data"));
        let flags = " --endpoint '[::1]:80' --region cn-hangzhou --insecure";
        assert_eq!(server("[::1]:80", false).flags(), flags);
        assert_eq!(server("kms:8443", true).flags(), " --endpoint kms:8443 --region cn-hangzhou");
    }
}
