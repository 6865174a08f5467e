//! The commands on keys and aliases, and any action of an API.

use clap::{Args as ClapArgs, Subcommand};

use crate::dates::Date;
use crate::names::{AliasName, KeyName};

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
    List {
        /// Only keys that were made before this day or time (UTC) and not used since; for the embedded KMS, because the API
        /// of a server does not tell uses
        #[arg(long, value_name = "DATE")]
        unused_since: Option<Date>,
    },
    /// Show one key; of the embedded KMS also how often each version was used, which the API of a server does not tell
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
pub(crate) struct Api {
    /// Send parameters as typed, also those that the action does not take; goes before the action
    #[arg(long)]
    pub(crate) force: bool,
    /// The action, such as CreateKey, and its parameters: --Name Value or --Name=Value. @FILE is the content of a file, - is
    /// standard input, both in UTF-8 and without one newline at the end; @@text is @text, --Name=- is -
    #[arg(value_name = "ACTION", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) call: Vec<String>, // one list, because clap looks for its own flags between two arguments
}
