//! What can be typed: every command and flag, in one table.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// Envelope encryption of files with a key management service, and that service.
#[derive(Debug, Parser)]
#[command(name = "bulla", version, propagate_version = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) kms: Place,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which KMS, and whom to trust about it.
#[derive(Debug, ClapArgs)]
pub(crate) struct Place {
    /// The KMS: embedded, embedded:DIR, https://HOST:PORT, http://LOOPBACK:PORT or aliyun:REGION
    /// [env: BULLA_KMS] [default: embedded]
    #[arg(long = "kms", value_name = "WHERE", global = true)]
    pub(crate) location: Option<String>,
    /// Trust the certificates in this PEM file instead of the system's [env: ALIBABA_CLOUD_CA_BUNDLE]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) ca: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Encrypt files with a new data key each
    Encrypt(Encrypt),
    /// Decrypt files that were encrypted with this KMS
    Decrypt(Decrypt),
    /// Create, list and switch keys
    #[command(subcommand)]
    Key(Key),
    /// Give keys names
    #[command(subcommand)]
    Alias(Alias),
    /// Call any action of the API and print the JSON reply, as `aliyun kms` does
    Kms(Kms),
    /// Run the KMS as a server for the Alibaba Cloud KMS API
    Serve(Serve),
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Encrypt {
    /// Files to encrypt; - for standard input
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Key id, alias or ARN; the embedded KMS uses alias/default if none is named
    #[arg(short = 'k', long, value_name = "KEY", env = "BULLA_KEY", hide_env_values = true)]
    pub(crate) key: Option<String>,
    #[command(flatten)]
    pub(crate) context: Context,
    /// The format of the output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Decrypt {
    /// Files to decrypt; - for standard input
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) context: Context,
}

/// Where a file goes.
#[derive(Debug, ClapArgs)]
pub(crate) struct Output {
    /// Write here; - for standard output. Without it: PATH with .cipher added or taken away
    #[arg(short = 'o', long = "output", value_name = "OUT")]
    pub(crate) path: Option<PathBuf>,
    /// Replace an output that exists
    #[arg(long)]
    pub(crate) force: bool,
}

/// What is said about the data.
#[derive(Debug, ClapArgs)]
pub(crate) struct Context {
    /// Encryption context: bound to the data key and needed again to decrypt; it is not secret
    #[arg(short = 'c', long = "context", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) pairs: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// Four lines of base64, which twenty lines of Python can read
    Text,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a key
    Create {
        /// What it is for
        #[arg(long, default_value = "")]
        description: String,
        /// Give it this name at once
        #[arg(long, value_name = "NAME")]
        alias: Option<String>,
    },
    /// List all keys with their aliases
    List,
    /// Show one key
    Show {
        /// Key id, alias or ARN
        key: String,
    },
    /// Let a key be used again
    Enable {
        /// Key id, alias or ARN
        key: String,
    },
    /// Stop all use of a key until it is enabled again
    Disable {
        /// Key id, alias or ARN
        key: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Alias {
    /// Give a key a name
    Create {
        /// alias/NAME; alias/ may be left out
        name: String,
        /// Key id, alias or ARN
        key: String,
    },
    /// List all aliases, or those of one key
    List {
        /// Key id, alias or ARN
        key: Option<String>,
    },
    /// Point a name at another key
    Update {
        /// alias/NAME; alias/ may be left out
        name: String,
        /// Key id, alias or ARN
        key: String,
    },
    /// Take a name away; its key stays
    Delete {
        /// alias/NAME; alias/ may be left out
        name: String,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Kms {
    /// The action, such as CreateKey
    pub(crate) action: String,
    /// Its parameters: --Name Value, or --Name=Value
    #[arg(value_name = "--PARAM VALUE", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) parameters: Vec<String>,
}

#[derive(Debug, Default, ClapArgs, serde::Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub(crate) struct Serve {
    /// Where the store, the CA and the first access key lie [default: /var/lib/bulla]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The address to listen on; port 0 picks one [default: 127.0.0.1:8443]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Plain HTTP, on a loopback address only
    #[arg(long)]
    pub(crate) http: bool,
    /// The root key file; keep it away from the data and from its backup [default: DATA/root-key]
    #[arg(long, value_name = "PATH")]
    pub(crate) root_key: Option<PathBuf>,
    /// A name or address that the server's certificate shall have; can be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) tls_name: Vec<String>,
    /// A certificate chain of your own (PEM), read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "http")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// The region that ARNs name [default: cn-hangzhou]
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// The account that owns everything: digits [default: 111122223333]
    #[arg(long)]
    pub(crate) account: Option<String>,
    /// Take the clock as it is, even if it is far behind the last use of the store
    #[arg(long)]
    #[serde(skip)]
    pub(crate) accept_clock: bool,
    /// Read these settings from a TOML file; flags win
    #[arg(long, value_name = "FILE")]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_table_is_consistent() {
        Args::command().debug_assert();
    }
}
