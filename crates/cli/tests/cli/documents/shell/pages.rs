//! What the blocks of each page need before the first of them runs.

use std::fs;

use super::super::blocks::blocks;
use super::super::root;
use crate::harness::World;

/// A directory with `sales.csv`, and what a page needs beside it.
pub(super) struct SetUp {
    pub(super) page: &'static str,
    /// Names in the blocks, and what they are replaced by: of a path that begins with `./`, the path in the directory.
    pub(super) names: &'static [(&'static str, &'static str)],
    /// The configuration of a server, without its address; its data is in `kms`.
    pub(super) server: Option<&'static str>,
    /// Commands that run first, in the shell of the page.
    pub(super) before: &'static str,
}

impl SetUp {
    pub(super) const NONE: Self = Self { page: "", names: &[], server: None, before: "" };

    /// The names that are replaced in the blocks.
    pub(super) fn places(&self, world: &World) -> Vec<(String, String)> {
        let here = |path: &str| match path.strip_prefix("./") {
            Some(path) => world.path(path).display().to_string(),
            None => path.to_owned(),
        };
        self.names.iter().map(|(name, path)| ((*name).to_owned(), here(path))).collect()
    }

    /// Writes `sales.csv`, and each document that the page shows after a line that begins with its name.
    pub(super) fn prepare(&self, world: &World, page: &str, places: &[(String, String)]) {
        fs::copy(root().join("examples/sales.csv"), world.path("sales.csv")).unwrap();
        for block in blocks(page).iter().filter(|block| block.language == "json") {
            let name = block.introduction.strip_prefix('`').and_then(|line| line.split_once('`'));
            if let Some((name, _)) = name.filter(|(name, _)| name.ends_with(".json")) {
                let text =
                    places.iter().fold(block.text.clone(), |text, (name, here)| text.replace(name, here));
                world.write(name, text);
            }
        }
    }
}

pub(super) const PAGES: &[SetUp] = &[
    SetUp {
        page: "docs/access.md",
        names: &[("ACCOUNT", "111122223333")],
        server: Some(
            "[[oidc]]\nname = 'ci'\nissuer = 'https://token.ci.example'\nclient-ids = ['bulla']\njwks-url = 'https://127.0.0.1:9/keys'",
        ),
        ..SetUp::NONE
    },
    SetUp {
        page: "docs/audit-format.md",
        names: &[("/var/lib/bulla", "./kms"), ("4af1fd83-4719-4c30-9aae-f1b8d9aa6923", "$KEY")],
        server: Some(""),
        before: "KEY=$(bulla key create --alias work); bulla audit verify kms/audit | sed -n 's/^first key *//p' > first-key",
    },
    SetUp {
        page: "docs/ci.md",
        server: Some(""),
        before: "bulla key create --alias work; echo PASSWORD=secret > deploy.env",
        ..SetUp::NONE
    },
    SetUp {
        page: "docs/operations.md",
        names: &[("/srv/kms-root", "./root"), ("/srv/kms", "./kms"), ("/backup/", "./")],
        server: Some("root-key = 'root/root-key'"),
        before: "bulla key create --alias work; export BULLA_KEY=work; echo a database > app.db\n\
                 sqlite3() { case $2 in .backup*) cp app.db app.copy ;; *) cmp app.db $1 ;; esac }; pg_dump() { echo a dump; }",
    },
    SetUp { page: "docs/sdk.md", server: Some(""), before: "bulla key create --alias work", ..SetUp::NONE },
];
