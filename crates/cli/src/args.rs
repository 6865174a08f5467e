//! What can be typed: every command and flag, in one table.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use crate::names::{AliasName, KeyName};

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
    /// Encrypt files and directories
    Encrypt(Encrypt),
    /// Decrypt files and directories that were encrypted with this KMS
    Decrypt(Decrypt),
    /// Verify encrypted files as a whole, and keep nothing
    Verify(Verify),
    /// Print the content of an encrypted file, or a part of it
    Cat(Cat),
    /// Tell what a header says, without any key
    Inspect(Inspect),
    /// Wrap the keys of files anew, by the same or other keys of the KMS; the content stays
    Rewrap(Rewrap),
    /// Encrypt files anew under new data keys, in their places
    Rekey(Rekey),
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
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page of bulla, or of a command
    Man {
        /// The command, such as encrypt
        command: Option<String>,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Encrypt {
    /// Files and directories to encrypt; - for standard input
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Output,
    /// Key id, ARN or alias; repeated, any one of the keys opens the file. The embedded KMS uses alias/default if none is
    /// named
    #[arg(short = 'k', long = "key", value_name = "KEY", env = "BULLA_KEY", hide_env_values = true)]
    pub(crate) keys: Vec<KeyName>,
    #[command(flatten)]
    pub(crate) context: Context,
    /// The format of the output
    #[arg(long, value_enum, default_value_t = Format::Bulla)]
    pub(crate) format: Format,
    /// What gets a data key of its own; in the text format it is always a file
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = DataKeyPer::Run)]
    pub(crate) data_key_per: DataKeyPer,
    #[command(flatten)]
    pub(crate) batch: Batch,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Decrypt {
    /// Files and directories to decrypt; - for standard input
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Read a pipe to its end before anything is given out
    #[arg(long)]
    pub(crate) whole: bool,
    #[command(flatten)]
    pub(crate) batch: Batch,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Verify {
    /// Files and directories to verify; - for standard input
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Cat {
    /// The file; - for standard input
    pub(crate) path: PathBuf,
    /// Only the bytes from FROM up to, not including, TO; either may be left out
    #[arg(long, value_name = "FROM..TO", value_parser = range)]
    pub(crate) range: Option<ByteRange>,
    #[command(flatten)]
    pub(crate) reading: Reading,
    /// Read a pipe to its end before anything is given out
    #[arg(long)]
    pub(crate) whole: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Inspect {
    /// Files to look at; - for standard input
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// As JSON, one line for each file
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Rewrap {
    /// Files and directories
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Key id, ARN or alias that shall open the files from now on, instead of those that do; can be repeated. Without it
    /// the same keys, in their current versions
    #[arg(short = 'k', long = "key", value_name = "KEY")]
    pub(crate) keys: Vec<KeyName>,
    /// Give other keys the data key of the whole run, which opens every file of that run
    #[arg(long)]
    pub(crate) whole_set: bool,
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Rekey {
    /// Files and directories
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Key id, ARN or alias that shall open the files from now on, instead of those that do; can be repeated
    #[arg(short = 'k', long = "key", value_name = "KEY")]
    pub(crate) keys: Vec<KeyName>,
    /// Scope of a data key
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = DataKeyPer::Run)]
    pub(crate) data_key_per: DataKeyPer,
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// Where a file goes.
#[derive(Debug, ClapArgs)]
pub(crate) struct Output {
    /// Write here; - for standard output. Without it: PATH with its suffix added or taken away
    #[arg(short = 'o', long = "output", value_name = "OUT")]
    pub(crate) path: Option<PathBuf>,
    /// Replace an output that exists
    #[arg(long)]
    pub(crate) force: bool,
}

/// How many files are gone through.
#[derive(Debug, ClapArgs)]
pub(crate) struct Batch {
    /// Go on with a run that was stopped: outputs that open and belong to their sources are done
    #[arg(long)]
    pub(crate) resume: bool,
    /// Remove each source after its output was read back and verified
    #[arg(long, conflicts_with = "no_sync")]
    pub(crate) remove_source: bool,
    /// Do not wait until the disk has everything
    #[arg(long)]
    pub(crate) no_sync: bool,
    #[command(flatten)]
    pub(crate) telling: Telling,
}

/// Threads, and what is said.
#[derive(Debug, ClapArgs)]
pub(crate) struct Telling {
    /// Threads at once [default: one for each core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) jobs: Option<u16>,
    /// Print an event as JSON on a line of its own for each file
    #[arg(long)]
    pub(crate) json: bool,
}

/// Whose files are opened.
#[derive(Debug, ClapArgs)]
pub(crate) struct Opening {
    #[command(flatten)]
    pub(crate) context: Context,
    /// Open files of this key only: key id, alias or ARN; can be repeated
    #[arg(long = "allow-key", value_name = "KEY")]
    pub(crate) allowed: Vec<KeyName>,
}

/// What is read.
#[derive(Debug, ClapArgs)]
pub(crate) struct Reading {
    #[command(flatten)]
    pub(crate) opening: Opening,
    /// The format that the input must have; without it either, but a .bulla file is not taken for text
    #[arg(long, value_enum)]
    pub(crate) format: Option<Format>,
}

/// What is said about the data.
#[derive(Debug, ClapArgs)]
pub(crate) struct Context {
    /// Encryption context: bound to the data key; it is not secret, and a .bulla file shows it
    #[arg(short = 'c', long = "context", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) pairs: Vec<(String, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// .bulla: fast, holds its context, can be read in part and given other keys
    Bulla,
    /// .cipher: four lines of base64, which twenty lines of Python can read
    Text,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DataKeyPer {
    /// One for all files of this command
    Run,
    /// One for each file
    File,
}

/// Some bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ByteRange {
    pub(crate) from: u64,
    pub(crate) to: u64,
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
        alias: Option<AliasName>,
        /// What it is: Aliyun_AES_256, Aliyun_SM4, RSA_2048, EC_P256, EC_SM2, HMAC_SHA256 ... [default: Aliyun_AES_256]
        #[arg(long)]
        spec: Option<String>,
        /// ENCRYPT/DECRYPT or SIGN/VERIFY, for specs that can do both
        #[arg(long)]
        usage: Option<String>,
        /// Make new versions by itself, such as every 90d; 7d to 730d
        #[arg(long, value_name = "INTERVAL")]
        rotate_every: Option<String>,
    },
    /// List all keys with their aliases
    List,
    /// Show one key
    Show {
        /// Key id, ARN or alias, with or without alias/
        key: KeyName,
    },
    /// Let a key be used again
    Enable {
        /// Key id, ARN or alias, with or without alias/
        key: KeyName,
    },
    /// Stop all use of a key until it is enabled again
    Disable {
        /// Key id, ARN or alias, with or without alias/
        key: KeyName,
    },
    /// Make a new version, which encrypts from now on; what older ones encrypted stays readable
    Rotate {
        /// Key id, ARN or alias, with or without alias/
        key: KeyName,
    },
    /// Stop all use of a key and let it end after some days; what it encrypted is lost then
    ScheduleDeletion {
        /// Key id, ARN or alias, with or without alias/
        key: KeyName,
        /// 7 to 366
        #[arg(long, default_value_t = 30)]
        days: u32,
    },
    /// Let a key stay after all
    CancelDeletion {
        /// Key id, ARN or alias, with or without alias/
        key: KeyName,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Alias {
    /// Give a key a name
    Create {
        /// alias/NAME; alias/ may be left out
        name: AliasName,
        /// Key id, ARN or alias, with or without alias/
        key: KeyName,
    },
    /// List all aliases, or those of one key
    List {
        /// Key id, ARN or alias, with or without alias/
        key: Option<KeyName>,
    },
    /// Point a name at another key
    Update {
        /// alias/NAME; alias/ may be left out
        name: AliasName,
        /// Key id, ARN or alias, with or without alias/
        key: KeyName,
    },
    /// Take a name away; its key stays
    Delete {
        /// alias/NAME; alias/ may be left out
        name: AliasName,
    },
}

#[derive(Debug, ClapArgs)]
#[command(override_usage = "bulla kms [OPTIONS] <ACTION> [--PARAM VALUE]...")]
pub(crate) struct Kms {
    /// Send parameters as typed, also those that the action does not take; goes before the action
    #[arg(long)]
    pub(crate) force: bool,
    /// The action, such as CreateKey, and its parameters: --Name Value or --Name=Value. @FILE is the content of a file, - is
    /// standard input, both in UTF-8 and without one newline at the end; @@text is @text, --Name=- is -
    #[arg(value_name = "ACTION", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) call: Vec<String>, // one list, because clap looks for its own flags between two arguments
}

#[derive(Clone, Debug, Default, ClapArgs, serde::Deserialize)]
#[serde(rename_all = "kebab-case", default, deny_unknown_fields)]
pub(crate) struct Serve {
    /// Where the store, the CA and the first access key lie [default: /var/lib/bulla]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The address or host name to listen on, with its port; port 0 picks one [default: 127.0.0.1:8443]
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) listen: Option<String>,
    /// Plain HTTP, on a loopback address only
    #[arg(long)]
    pub(crate) http: bool,
    /// The root key file; keep it away from the data and from its backup [default: DATA/root-key]
    #[arg(long, value_name = "PATH")]
    pub(crate) root_key: Option<PathBuf>,
    /// Accept a root key and a TLS key that a group of this user may read (mode 640 or 440)
    #[arg(long)]
    pub(crate) group_readable_secrets: bool,
    /// A name or address that the server's certificate shall have; can be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) tls_name: Vec<String>,
    /// A certificate chain of your own (PEM), read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key", conflicts_with = "http")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Maximum number of open connections; a new one then replaces the least active one [default: 4096]
    #[arg(long, value_name = "N")]
    pub(crate) connections: Option<NonZeroU32>,
    /// Maximum number of open connections of one address, or of one IPv6 /64 [default: an eighth of all]
    #[arg(long, value_name = "N")]
    pub(crate) connections_per_address: Option<NonZeroU32>,
    /// Network of proxies or load balancers, whose connections are not counted by address, such as 10.0.0.0/8; can be
    /// repeated
    #[arg(long, value_name = "NETWORK", value_delimiter = ',')]
    pub(crate) trusted_proxies: Vec<String>,
    /// The region that ARNs name [default: cn-hangzhou]
    #[arg(long)]
    pub(crate) region: Option<String>,
    /// The account that owns everything: digits [default: 111122223333]
    #[arg(long)]
    pub(crate) account: Option<String>,
    /// Take the clock as it is, even if it is far behind the last use of the store, or moved on unseen by more than an hour
    #[arg(long)]
    #[serde(skip)]
    pub(crate) accept_clock: bool,
    /// Read these settings from a TOML file, and some of them again on SIGHUP; flags win
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

fn range(text: &str) -> Result<ByteRange, String> {
    let number = |text: &str, default| match text {
        "" => Some(default),
        _ => text.parse().ok(),
    };
    let (from, to) = text.split_once("..").ok_or("write it as FROM..TO")?;
    match (number(from, 0), number(to, u64::MAX)) {
        (Some(from), Some(to)) if from <= to => Ok(ByteRange { from, to }),
        _ => Err("write it as FROM..TO, two numbers of bytes of which the second is not smaller".to_owned()),
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

    #[test]
    fn ranges() {
        assert_eq!(range("1..5"), Ok(ByteRange { from: 1, to: 5 }));
        assert_eq!(range("7.."), Ok(ByteRange { from: 7, to: u64::MAX }));
        assert_eq!(range("..7"), Ok(ByteRange { from: 0, to: 7 }));
        assert_eq!(range("3..3"), Ok(ByteRange { from: 3, to: 3 }));
        for wrong in ["", "5", "5..4", "-1..4", "a..b", "1...5", "1..5..6"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }
}
