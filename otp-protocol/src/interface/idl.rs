//! A reader of interface files for the tests: just enough of Varlink's language to compare it with the types.

use std::collections::BTreeMap;

/// Field name -> type as written.
pub(super) type Fields = BTreeMap<String, String>;

/// An interface file, taken apart.
#[derive(Default)]
pub(super) struct Interface {
    pub name: String,
    pub types: BTreeMap<String, Fields>,
    /// Parameters and results.
    pub methods: BTreeMap<String, (Fields, Fields)>,
    pub errors: BTreeMap<String, Fields>,
}

impl Interface {
    /// Panics at what it does not understand.
    pub(super) fn parse(text: &str) -> Self {
        let code: Vec<&str> = text.lines().map(|line| line.split('#').next().unwrap_or_default()).collect();
        let spaced = ["(", ")", ":", ","]
            .iter()
            .fold(code.join(" ").replace("->", " "), |code, mark| code.replace(mark, &format!(" {mark} ")));
        let mut words = spaced.split_whitespace();
        let mut found = Self::default();
        while let Some(keyword) = words.next() {
            let name = words.next().expect("a name").to_owned();
            match keyword {
                "interface" => found.name = name,
                "type" => assert!(found.types.insert(name, fields(&mut words)).is_none()),
                "error" => assert!(found.errors.insert(name, fields(&mut words)).is_none()),
                "method" => {
                    let parts = (fields(&mut words), fields(&mut words));
                    assert!(found.methods.insert(name, parts).is_none());
                }
                other => panic!("unknown keyword {other}"),
            }
        }
        found
    }
}

/// `( name : type , … )`
fn fields<'a>(words: &mut impl Iterator<Item = &'a str>) -> Fields {
    assert_eq!(words.next(), Some("("));
    let mut found = Fields::new();
    loop {
        match words.next().expect("a field or the end") {
            ")" => return found,
            "," => (),
            name => {
                assert_eq!(words.next(), Some(":"));
                let kind = words.next().expect("a type").to_owned();
                assert!(found.insert(name.to_owned(), kind).is_none(), "{name} twice");
            }
        }
    }
}
