//! A page and its translation, `NAME.md` and `NAME.zh-CN.md`, have the same shape, and the first page is short.

use std::fs;
use std::path::{Path, PathBuf};

use super::{pages_in, root};

/// The lines that README.md may have.
const FIRST_PAGE: usize = 149;

/// Words for which Chinese uses the name, and English often another word.
const USUAL_IN_CHINESE: [&str; 2] = ["AccessKey", "ClientKey"];

#[test]
fn the_first_page_is_short() {
    for readme in ["README.md", "README.zh-CN.md"] {
        let lines = fs::read_to_string(root().join(readme)).unwrap().lines().count();
        assert!(lines <= FIRST_PAGE, "{readme} has {lines} lines: move what not every reader needs to docs/");
    }
}

#[test]
fn a_translation_has_the_sections_of_its_page() {
    let pages = [pages_in(&root()), pages_in(&root().join("docs"))].concat();
    let pairs: Vec<_> = pages.iter().filter_map(|page| Some((page, translation_of(page)?))).collect();
    assert!(pairs.len() >= 4, "{pairs:?}");
    for (page, translation) in pairs {
        let outlines = [page, &translation].map(|path| outline(&fs::read_to_string(path).unwrap()));
        if let Some((line, other)) = first_difference(&outlines) {
            panic!(
                "{}:{line} and {}:{other} differ in headings, code blocks, or in the rows of tables or their names",
                page.display(),
                translation.display()
            );
        }
    }
}

fn translation_of(page: &Path) -> Option<PathBuf> {
    let translation = page.with_extension("zh-CN.md");
    translation.exists().then_some(translation)
}

/// The shape of a page: the marks of headings, the info strings of code blocks and the rows of tables with the names that a
/// translation keeps, with their lines.
fn outline(markdown: &str) -> Vec<(usize, String)> {
    let mut shape = Vec::new();
    let mut is_code = false;
    for (number, line) in markdown.lines().enumerate() {
        let line = line.trim_start();
        let mark = match line {
            _ if line.starts_with("```") => {
                is_code = !is_code;
                is_code.then(|| line.to_owned())
            }
            _ if is_code => None,
            _ if line.starts_with('|') => Some(format!("| {}", names(line).join(" "))),
            _ if line.starts_with('#') => line.split(' ').next().map(str::to_owned),
            _ => None,
        };
        shape.extend(mark.map(|mark| (number + 1, mark)));
    }
    shape
}

/// The names in a row that no language translates: code, and words like `KeyId` outside of links.
fn names(row: &str) -> Vec<&str> {
    let is_name = |word: &&str| {
        let is_inner_capital = |pair: &[u8]| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase();
        word.as_bytes().windows(2).any(is_inner_capital) && !USUAL_IN_CHINESE.contains(word)
    };
    let (mut code, mut words) = (Vec::new(), Vec::new());
    for (number, part) in row.split('`').enumerate() {
        match number % 2 {
            1 => code.push(part),
            _ => words.extend(part.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(is_name)),
        }
    }
    code.append(&mut words);
    code.sort_unstable();
    code.dedup();
    code
}

/// The lines at which two outlines part; the last line, where one is shorter.
fn first_difference([left, right]: &[Vec<(usize, String)>; 2]) -> Option<(usize, usize)> {
    let equal = left.iter().zip(right).take_while(|(a, b)| a.1 == b.1).count();
    let line = |outline: &[(usize, String)]| outline.get(equal).or(outline.last()).map_or(0, |mark| mark.0);
    (equal < left.len().max(right.len())).then(|| (line(left), line(right)))
}

#[test]
fn a_difference_of_two_pages_is_found() {
    let page = "# A\n\n| a |\n|---|\n| b |\n\n```sh\n# no heading\n```\n\n## B\n";
    let same = "# 甲\n| 一 |\n|---|\n| 二 |\n```sh\n```\n## 乙\n";
    let difference = |other: &str| first_difference(&[outline(page), outline(other)]);
    assert_eq!(difference(same), None);
    assert_eq!(difference(&same.replace("## 乙", "### 乙")), Some((11, 7)));
    assert_eq!(difference(&same.replace("sh", "console")), Some((7, 5)));
    assert_eq!(difference(&same.replace("| 二 |\n", "")), Some((5, 4)));
    assert_eq!(difference(&same.replace("## 乙\n", "")), Some((11, 5)));
    let row = |row: &str| [outline("| `a --b` of **KeyId** and an access key |"), outline(row)];
    assert_eq!(first_difference(&row("| AccessKey 与 **KeyId** 的 `a --b` |")), None);
    assert!(first_difference(&row("| **KeySpec** 的 `a --b` |")).is_some());
    assert!(first_difference(&row("| **KeyId** 的 `a` |")).is_some());
}
