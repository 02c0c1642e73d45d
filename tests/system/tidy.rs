//! The promises of the text: what a reader may rely on without looking, held by a test.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, with the place where it could not"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use local::system::TEMPLATE;
use local::template::Template;

const FILE_LINES_MAX: usize = 400;
const MAIN_LINES_MAX: usize = 15;

/// A text file of the repository, by its path from the root.
struct File {
    path: String,
    text: String,
}

/// Every text file that is not ignored, and no sample for a fuzzer (`fuzz/corpus`): those are bytes.
fn files() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let ignored = fs::read_to_string(root.join(".gitignore")).unwrap();
    let ignored: BTreeSet<&str> =
        ignored.lines().map(|line| line.trim_matches('/')).chain([".git", "corpus"]).collect();
    let mut folders = vec![root.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
        for path in entries.filter(|path| !ignored.contains(name(path).as_str())) {
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.push(File { path, text });
            }
        }
    }
    assert!(files.len() > 100, "the repository was not found");
    files.sort_unstable_by(|one, other| one.path.cmp(&other.path));
    files
}

/// Source files below a folder.
fn sources(below: &str) -> Vec<File> {
    let is_source = |file: &File| file.path.starts_with(below) && file.path.ends_with(".rs");
    files().into_iter().filter(is_source).collect()
}

/// A source file's lines of code, each with where it stands. What follows a comment's mark is left out.
fn code(file: &File) -> impl Iterator<Item = (String, &str)> {
    file.text.lines().zip(1..).map(|(line, number)| {
        let code = line.split("//").next().unwrap_or_default();
        (format!("{}:{number}: {line}", file.path), code)
    })
}

/// A member of the workspace: its folder, and the lines of each section of its manifest.
struct Member {
    folder: String,
    sections: BTreeMap<String, Vec<String>>,
}

impl Member {
    /// The names of what it depends on, `[dev-dependencies]` not counted.
    fn dependencies(&self) -> BTreeSet<&str> {
        let lines = self.sections.get("[dependencies]").into_iter().flatten();
        lines.map(|line| line.split(['.', ' ', '=']).next().unwrap()).collect()
    }

    fn name(&self) -> &str {
        self.folder.rsplit('/').next().unwrap()
    }

    fn has(&self, section: &str, line: &str) -> bool {
        self.sections.get(section).is_some_and(|lines| lines.iter().any(|has| has == line))
    }
}

fn members() -> Vec<Member> {
    let manifests = files().into_iter().filter(|file| file.path.ends_with("/Cargo.toml"));
    // A manifest that opens a workspace of its own is of none of ours.
    let manifests = manifests.filter(|file| !file.text.contains("\n[workspace]\n"));
    let read = |file: File| {
        let mut sections: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut section = String::new();
        let lines = file.text.lines().map(|line| line.split('#').next().unwrap().trim());
        for line in lines.filter(|line| !line.is_empty()) {
            if line.starts_with('[') {
                section = line.to_owned();
            } else {
                sections.entry(section.clone()).or_default().push(line.to_owned());
            }
        }
        Member { folder: file.path.strip_suffix("/Cargo.toml").unwrap().to_owned(), sections }
    };
    manifests.map(read).collect()
}

/// Fails with every breach at once.
#[track_caller]
fn none(breaches: impl IntoIterator<Item = String>) {
    let breaches: Vec<String> = breaches.into_iter().collect();
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn every_source_file_begins_with_what_it_is_for() {
    none(
        sources("").into_iter().filter(|file| !file.text.starts_with("//! ")).map(|file| file.path),
    );
}

#[test]
fn no_source_file_is_too_long_to_be_read_at_a_sitting() {
    let too_long = |file: &File| file.text.lines().count() > FILE_LINES_MAX;
    none(sources("").into_iter().filter(too_long).map(|file| file.path));
}

#[test]
fn no_file_is_named_for_having_no_place() {
    let nameless = ["utils", "util", "common", "helpers", "helper", "misc", "manager", "types"];
    let stem = |file: &File| Path::new(&file.path).file_stem().unwrap().to_owned();
    let named_so = |file: &File| nameless.iter().any(|name| stem(file) == **name);
    none(sources("").into_iter().filter(named_so).map(|file| file.path));
}

#[test]
fn no_system_test_is_left_out_of_the_binary() {
    let declared = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/system/main.rs"));
    let declared = declared.unwrap();
    let of_binary = |path: &str| path.matches('/').count() == 2 && !path.ends_with("/main.rs");
    let paths = sources("tests/system/").into_iter().map(|file| file.path);
    none(paths.filter(|path| of_binary(path)).filter(|path| {
        let name = Path::new(path).file_stem().unwrap().to_str().unwrap();
        !declared.contains(&format!("\nmod {name};\n"))
    }));
}

#[test]
fn no_test_is_switched_off_and_no_system_test_waits_for_time_to_pass() {
    let mark = ["#[", "ignore"].concat();
    let off =
        sources("").into_iter().filter(|file| file.text.contains(&mark)).map(|file| file.path);
    let pause = ["sleep", "("].concat();
    let waits = sources("tests/").into_iter().filter(|file| file.text.contains(&pause));
    none(off.chain(waits.map(|file| file.path)));
}

#[test]
fn every_manifest_takes_lints_versions_and_facts_from_the_workspace() {
    let mut breaches = Vec::new();
    for member in members() {
        let mut expect = |section: &str, line: &str| {
            if !member.has(section, line) {
                breaches.push(format!("{}: {section} lacks `{line}`", member.folder));
            }
        };
        expect("[lints]", "workspace = true");
        for field in ["version", "edition", "rust-version", "license", "publish"] {
            expect("[package]", &format!("{field}.workspace = true"));
        }
        let literal = |line: &&String| {
            !line.ends_with(".workspace = true") && !line.contains("{ workspace = true")
        };
        for (section, lines) in &member.sections {
            if section.contains("dependencies") {
                let lines = lines.iter().filter(literal);
                breaches.extend(lines.map(|line| format!("{}: {section} {line}", member.folder)));
            }
        }
    }
    none(breaches);
}

#[test]
fn dependencies_run_one_way() {
    let layer = |name: &str, folder: &str| match (name, folder) {
        ("domain", _) => 0,
        ("store", _) => 1,
        ("api", _) => 2,
        (_, folder) if folder.starts_with("functions/") => 3,
        ("local", _) => 4,
        _ => 5,
    };
    let members = members();
    let mut breaches = Vec::new();
    for member in &members {
        let own = layer(member.name(), &member.folder);
        let names = member.dependencies();
        let others = members.iter().filter(|other| names.contains(other.name()));
        for other in others.filter(|other| layer(other.name(), &other.folder) >= own) {
            breaches.push(format!("{} depends on {}", member.folder, other.folder));
        }
    }
    none(breaches);
}

#[test]
fn the_domain_is_pure_and_only_the_store_and_what_makes_its_client_know_dynamodb() {
    let mut breaches = Vec::new();
    for member in members() {
        let impure =
            ["aws", "axum", "futures", "http", "hyper", "lambda", "tokio", "tower", "tracing"];
        let aws = ["aws-config", "aws-sdk", "aws-smithy"];
        let denied: &[&str] = match member.folder.as_str() {
            "shared/domain" => &impure,
            "shared/store" | "shared/api" | "shared/local" | "scripts" | "tests" => &[],
            _ => &aws,
        };
        let names = member.dependencies();
        let denied = names.iter().filter(|name| denied.iter().any(|start| name.starts_with(start)));
        breaches.extend(denied.map(|name| format!("{} depends on {name}", member.folder)));
    }
    for file in sources("shared/domain/src/") {
        let waits = |line: &str| line.contains("async ") || line.contains(".await");
        breaches.extend(code(&file).filter(|(_, line)| waits(line)).map(|(place, _)| place));
    }
    // The shell makes the client, and does nothing else with it.
    let shell =
        sources("shared/api/src/").into_iter().filter(|file| !file.path.ends_with("/app.rs"));
    for file in shell {
        let knows = |line: &str| line.contains("aws_sdk_dynamodb") || line.contains("\"pk\"");
        breaches.extend(code(&file).filter(|(_, line)| knows(line)).map(|(place, _)| place));
    }
    none(breaches);
}

#[test]
fn keys_are_spelled_in_one_file() {
    let is_of_keys =
        |file: &File| file.path.ends_with("/key.rs") || file.path.contains("/src/key/");
    let (keys, others): (Vec<File>, Vec<File>) =
        sources("shared/store/src/").into_iter().partition(is_of_keys);
    // The words of key.rs that cannot be mistaken for anything else: those with a separator in them.
    let product = |file: &File| file.text.split("#[cfg(test)]").next().unwrap().to_owned();
    let product: String = keys.iter().map(product).collect();
    let product = File { path: String::new(), text: product };
    let literals: BTreeSet<String> = code(&product)
        .flat_map(|(_, line)| {
            line.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
        })
        .filter(|literal| literal.len() > 2 && literal.contains(['/', '-']))
        .collect();
    assert!(literals.contains("entity-name") && literals.contains("member-of/"), "{literals:?}");
    let mut breaches = Vec::new();
    for file in &others {
        for (place, line) in code(file) {
            let spells = line.contains("AttributeValue::S(\"")
                || line.contains("\"pk\"")
                || (line.contains("_PREFIX}") && line.contains('"'))
                || (line.contains("\"sk\"") && !line.contains("text("))
                || literals.iter().any(|literal| line.contains(&format!("\"{literal}")));
            breaches.extend(spells.then_some(place));
        }
    }
    none(breaches);
}

#[test]
fn the_environment_is_read_in_one_place() {
    let reads = ["env", "::", "var"].concat();
    let allowed = ["shared/api/src/app.rs", "shared/api/src/logging.rs"];
    let product = ["shared/", "functions/", "scripts/src/"].into_iter().flat_map(sources);
    none(
        product
            .filter(|file| !allowed.contains(&file.path.as_str()))
            .flat_map(|file| {
                code(&file).map(|(place, line)| (place, line.contains(&reads))).collect::<Vec<_>>()
            })
            .filter(|(_, reads)| *reads)
            .map(|(place, _)| place),
    );
}

#[test]
fn template_and_folders_name_the_same_functions() {
    let members = members();
    let functions = || members.iter().filter(|member| member.folder.starts_with("functions/"));
    let template = Template::parse(TEMPLATE).unwrap();
    let deployed: BTreeSet<&str> =
        template.functions.iter().map(|function| function.folder.as_str()).collect();
    assert_eq!(functions().map(Member::name).collect::<BTreeSet<_>>(), deployed);
    for function in functions() {
        let (folder, name) = (&function.folder, function.name());
        for section in ["[package]", "[[bin]]"] {
            assert!(function.has(section, &format!("name = \"{name}\"")), "{folder}: {section}");
        }
        for said in [format!("CodeUri: {folder}\n"), format!("{{Binary: {name}}}")] {
            assert!(TEMPLATE.contains(&said), "template.yaml lacks `{said}`");
        }
        let main = sources(&format!("{folder}/src/main.rs"));
        assert!(main.iter().all(|file| file.text.lines().count() <= MAIN_LINES_MAX), "{folder}");
    }
}

#[test]
fn no_line_ends_in_white_space_and_every_file_ends_in_a_line() {
    let mut breaches = Vec::new();
    for file in files() {
        let bad = file.text.lines().zip(1..).filter(|(line, _)| line.ends_with([' ', '\t', '\r']));
        breaches.extend(bad.map(|(_, number)| format!("{}:{number}", file.path)));
        if !file.text.ends_with('\n') || file.text.ends_with("\n\n") {
            breaches.push(format!("{}: its end", file.path));
        }
    }
    none(breaches);
}

#[test]
fn nothing_in_the_repository_depends_on_one_machine() {
    // Each in two parts, so that this file does not hold what it looks for.
    let of_one_machine: Vec<String> = [
        ["/ro", "ot/"],
        ["/ho", "me/"],
        ["/tm", "p/"],
        ["/wor", "k/"],
        ["/Use", "rs/"],
        ["replace", "-with"],
        ["index", "-url"],
        ["[sou", "rce."],
        ["[regis", "tries"],
    ]
    .map(|parts| parts.concat())
    .into();
    let mut breaches = Vec::new();
    for file in files() {
        for (line, number) in file.text.lines().zip(1..) {
            // A path begins where no name goes on: `entities/root/archive` is none of a machine.
            let begins = |(before, _): (&str, &str)| !before.ends_with(char::is_alphanumeric);
            let stands = |text: &&String| line.split_once(text.as_str()).is_some_and(begins);
            let found = of_one_machine.iter().find(stands);
            breaches.extend(found.map(|text| format!("{}:{number}: `{text}`", file.path)));
        }
        if file.path.ends_with("Cargo.lock") {
            let sources = file.text.lines().filter(|line| line.starts_with("source = "));
            let public = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
            breaches.extend(sources.filter(|line| *line != public).map(str::to_owned));
        }
    }
    none(breaches);
}
