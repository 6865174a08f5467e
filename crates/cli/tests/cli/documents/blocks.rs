//! The fenced blocks of a page.

/// A block between two lines of three backquotes.
#[derive(Debug, PartialEq)]
pub(super) struct Block<'a> {
    /// The line of the first fence.
    pub(super) line: usize,
    /// The title of the section that holds the block.
    pub(super) heading: &'a str,
    /// The title of the section of the second level that holds this section, or is it.
    pub(super) part: &'a str,
    /// The number of the block in its section, from 1.
    pub(super) number: usize,
    /// The first word after the fence, such as `console`.
    pub(super) language: &'a str,
    /// The number of the block among those of its language in the page, from 1.
    pub(super) number_of_language: usize,
    /// The words after the language.
    pub(super) notes: &'a str,
    /// The last line of text before the block.
    pub(super) introduction: &'a str,
    /// The content, without the indentation of the fence.
    pub(super) text: String,
}

impl Block<'_> {
    /// Whether the block holds commands for a shell.
    pub(super) fn has_commands(&self) -> bool {
        ["console", "sh", "bash", "shell"].contains(&self.language)
    }

    /// Whether the words after the language begin with `note`.
    pub(super) fn has_note(&self, note: &str) -> bool {
        self.notes.split(' ').next() == Some(note)
    }
}

/// All fenced blocks of a page, in order.
pub(super) fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::<Block<'_>>::new();
    let (mut heading, mut part, mut number, mut introduction) = ("", "", 0, "");
    // The indentation of the block that is being read.
    let mut open = None;
    for (index, line) in page.lines().enumerate() {
        let bare = line.trim_start();
        let indentation = line.len() - bare.len();
        match (open, bare.strip_prefix("```")) {
            (Some(_), Some("")) => open = None,
            (Some(indentation), _) => {
                let block = blocks.last_mut().unwrap();
                block.text.push_str(line.get(indentation..).unwrap_or_default());
                block.text.push('\n');
            }
            (None, Some(words)) => {
                let (language, notes) = words.split_once(' ').unwrap_or((words, ""));
                number += 1;
                open = Some(indentation);
                let number_of_language = blocks.iter().filter(|block| block.language == language).count() + 1;
                let text = String::new();
                blocks.push(Block {
                    line: index + 1,
                    heading,
                    part,
                    number,
                    language,
                    number_of_language,
                    notes,
                    introduction,
                    text,
                });
            }
            (None, None) if line.starts_with('#') => {
                (heading, number) = (line.trim_start_matches('#').trim(), 0);
                if !line.starts_with("###") {
                    part = heading;
                }
            }
            (None, None) if !bare.is_empty() => introduction = bare,
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block does not end");
    blocks
}

/// The lines of blocks that are marked by indentation and begin with a command: such a block is never run.
pub(super) fn indented_commands(page: &str) -> Vec<(usize, &str)> {
    const COMMANDS: [&str; 14] = [
        "$",
        "aliyun",
        "bulla",
        "cargo",
        "curl",
        "echo",
        "export",
        "install",
        "kill",
        "npm",
        "openssl",
        "pip",
        "runuser",
        "systemctl",
    ];
    let (mut is_code, mut is_fenced, mut before) = (false, false, "");
    let mut found = Vec::new();
    for (index, line) in page.lines().enumerate() {
        is_fenced ^= line.trim_start().starts_with("```");
        let begins = !is_code && before.trim().is_empty();
        is_code = line.starts_with("    ") && (is_code || begins) && !is_fenced;
        if is_code && line.split_whitespace().next().is_some_and(|word| COMMANDS.contains(&word)) {
            found.push((index + 1, line.trim()));
        }
        before = line;
    }
    found
}

#[test]
fn blocks_are_found_with_their_place_and_notes() {
    let page = "# A\n\nIt prints:\n\n```console norun it needs root\n$ a\n\n# no heading\n```\n\n1. x\n\n   ```sh\n   b\n     c\n   ```\n\n## B\n```json\n{}\n```\n\n### C\n```sh\nc\n```\n";
    let found = blocks(page);
    let places: Vec<_> = found
        .iter()
        .map(|block| (block.line, block.heading, block.number, block.language, &*block.text))
        .collect();
    assert_eq!(
        places,
        [
            (5, "A", 1, "console", "$ a\n\n# no heading\n"),
            (13, "A", 2, "sh", "b\n  c\n"),
            (19, "B", 1, "json", "{}\n"),
            (24, "C", 1, "sh", "c\n")
        ]
    );
    assert_eq!(found.iter().map(|block| block.part).collect::<Vec<_>>(), ["A", "A", "B", "B"]);
    assert_eq!((found[0].introduction, found[0].notes), ("It prints:", "norun it needs root"));
    assert!(found[0].has_note("norun") && !found[1].has_note("norun"));
    assert!(found[1].has_commands() && !found[2].has_commands());
}

#[test]
fn commands_that_are_only_indented_are_found() {
    let page = "Run:\n\n    $ bulla status\n    ready\n\n    bulla key list\n\n- an item\n    bulla key list\n\n```sh\n\n    bulla x\n```\n\n    key = 3\n";
    assert_eq!(indented_commands(page), [(3, "$ bulla status"), (6, "bulla key list")]);
}
