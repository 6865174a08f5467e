//! Advice for errors of credentials: none found, unusable, or refused by the server that issues them.

use bulla_client::{
    CertificateProblem, CredentialsError, ProcessProblem, ServerProblem, TransportError, Writer,
};

use super::kms::{hint_of_code, hint_of_setup};
use super::{Exit, Failure, with_causes};

impl From<&CredentialsError> for Failure {
    fn from(error: &CredentialsError) -> Self {
        if let CredentialsError::Base { source, .. } = error {
            let base = Self::from(&**source);
            return Self::new(base.exit, with_causes(error), base.hint);
        }
        let exit = match error {
            CredentialsError::Server { .. } | CredentialsError::Process { .. } => Exit::Kms,
            _ => Exit::Usage,
        };
        Self::new(exit, with_causes(error), hint(error))
    }
}

fn hint(error: &CredentialsError) -> &'static str {
    match error {
        CredentialsError::NotFound { .. } => ACCESS_KEY,
        CredentialsError::HalfSet { set, .. } if set.contains("ACCESS_KEY_") => ACCESS_KEY,
        CredentialsError::HalfSet { .. } => "set the variables that belong together, or none of them",
        CredentialsError::Unprintable { .. } => "copy the access key again, without blanks or line ends",
        CredentialsError::Read { .. } => "check the name and the permissions of the file",
        CredentialsError::NotPrivate { writer: Writer::Owner(_), .. } => {
            "its owner can choose your credentials: make it yours with `chown $(id -u) FILE`"
        }
        CredentialsError::NotPrivate { .. } => {
            "other users can choose your credentials: remove their permission with `chmod go-w FILE`"
        }
        CredentialsError::Malformed { .. } => {
            "repair the file; with ALIBABA_CLOUD_CLI_PROFILE_DISABLED=true bulla does not read config.json"
        }
        CredentialsError::NoProfile { .. } => {
            "name an existing profile in ALIBABA_CLOUD_PROFILE, `current` or source_profile"
        }
        CredentialsError::Mode { .. } => {
            "use a profile of another mode, or set ALIBABA_CLOUD_ACCESS_KEY_ID and _SECRET"
        }
        CredentialsError::Incomplete { .. } | CredentialsError::Invalid { .. } => "correct the value there",
        CredentialsError::Loop { .. } => {
            "let its source_profile end at a profile with credentials of its own"
        }
        CredentialsError::LoginExpired { .. } => "log in again with `aliyun configure` or `aliyun sso login`",
        CredentialsError::Setup { source, .. } => hint_of_setup(source),
        CredentialsError::Server { problem, .. } => hint_of_server(problem),
        CredentialsError::Process { problem: ProcessProblem::Disabled, .. } => {
            "unset the variable, or use another profile"
        }
        CredentialsError::Process { .. } => {
            "run process_command of the profile by hand to see what it prints"
        }
        _ => "",
    }
}

fn hint_of_server(problem: &ServerProblem) -> &'static str {
    match problem {
        ServerProblem::Refused(refusal) => match refusal.code.as_str() {
            "NoPermission" => {
                "ask for the permission sts:AssumeRole, and for a trust policy of the role that names you; root cannot assume roles"
            }
            code => hint_of_code(code).unwrap_or("check the role, its trust policy and the credentials"),
        },
        ServerProblem::Unreachable(TransportError::Certificate {
            problem: CertificateProblem::Untrusted,
            ..
        }) => {
            "name the CA certificate: --ca or ALIBABA_CLOUD_CA_BUNDLE for servers that you named, SSL_CERT_FILE for the cloud's"
        }
        ServerProblem::NoRole => "give the instance a role in the console",
        ServerProblem::NoToken(_) => "if this metadata service has no tokens, allow it with --imdsv1",
        _ => "check the server, its address and the network",
    }
}

const ACCESS_KEY: &str =
    "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or run `aliyun configure`";
