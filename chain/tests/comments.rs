//! Doc comments are sentences: one of a word or two says nothing that the name below it does not (`docs/design/style.md`).

use std::{fs, path::Path, process::Command};

/// How doc comments begin.
const SIGNS: [&str; 2] = ["///", "//!"];

/// The fewest words of a comment that can say something.
const WORDS_MIN: usize = 3;

/// Whether a comment names the rule that a test guards, and needs no more.
fn names_a_rule(paragraph: &str) -> bool {
    paragraph.starts_with("Tests ")
}

/// The first paragraph of each doc comment, by the number of its first line.
fn paragraphs(text: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    // How the line before begins, and whether it belongs to a first paragraph.
    let (mut before, mut is_first) = ("", false);
    for (index, line) in text.lines().map(str::trim_start).enumerate() {
        let sign = SIGNS.into_iter().find(|sign| line.starts_with(sign)).unwrap_or_default();
        let said = line[sign.len()..].trim();
        if sign.is_empty() {
            is_first = false;
        } else if sign != before {
            is_first = !said.is_empty();
            found.push((index + 1, said.to_owned()));
        } else if said.is_empty() {
            is_first = false;
        } else if let Some((_, paragraph)) = found.last_mut().filter(|_| is_first) {
            paragraph.push(' ');
            paragraph.push_str(said);
        }
        before = sign;
    }
    found
}

#[test]
fn first_paragraphs_are_found() {
    let text = "//! Of a\n//! module.\n\n/// Does it.\n///\n/// # Errors\n/// Never.\n\
        fn f() {}\n    /// Which.\n    x: u8,\n// no doc\n";
    let found: Vec<(usize, String)> =
        [(1, "Of a module."), (4, "Does it."), (9, "Which.")].map(|(line, said)| (line, said.to_owned())).into();
    assert_eq!(paragraphs(text), found);
    assert!(names_a_rule("Tests VM-2.") && !names_a_rule("Which."));
}

#[test]
fn no_doc_comment_is_a_word_or_two() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new("git").args(["ls-files", "*.rs"]).current_dir(&root).output().unwrap();
    assert!(output.status.success());
    let files = String::from_utf8(output.stdout).unwrap();
    let (mut seen, mut short) = (0, Vec::new());
    for file in files.lines() {
        let text = fs::read_to_string(root.join(file)).unwrap();
        for (line, paragraph) in paragraphs(&text) {
            seen += 1;
            if paragraph.split_whitespace().count() < WORDS_MIN && !names_a_rule(&paragraph) {
                short.push(format!("{file}:{line}: {paragraph}"));
            }
        }
    }
    assert!(seen > 5_000, "only {seen} comments were found");
    assert!(short.is_empty(), "{short:#?}");
}
