"""How the source is arranged: files import downward, a type name stands once, no crate outgrows the others, unsafe code has a
home. And the reader of Rust that says so, on small trees where the answer is plain."""

import subprocess
import textwrap

import pytest
from rust_source import Source, Tree, lex

from harness.machine import ROOT

LARGEST_SHARE = 0.40
UNSAFE_FILES = ("pam_otp/src/libpam.rs", "pam_otp/src/unwinder.rs", "otp-system/src/kernel.rs", "otp-system/src/pam_client.rs")


@pytest.fixture(scope="module")
def tree():
    return Tree(ROOT)


@pytest.fixture
def crate(tmp_path):
    """Makes a crate of the files that are named: `crate(lib="...", a="...", a__b="...")` is src/lib.rs, src/a.rs, src/a/b.rs."""

    def make(**files):
        return write_tree(tmp_path, one={f"src/{name.replace('__', '/')}.rs": text for name, text in files.items()}).crates[0]

    return make


def write_tree(base, **packages):
    (base / "Cargo.toml").write_text(f"[workspace]\nmembers = {list(packages)}\n")
    for package, files in packages.items():
        for name, text in {"Cargo.toml": "", **files}.items():
            path = base / package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
    return Tree(base)


def imports(crate):
    """`a -> b` for every file that leads to another."""
    return sorted({f"{short(edge.file)} -> {short(edge.target)}" for edge in crate.edges()})


def short(file):
    return file.removeprefix("one/src/").removesuffix(".rs")


# --- the rules


def test_no_two_files_import_each_other_not_even_in_a_circle(tree):
    circles = ["\n".join(["a circle of files:", *map(str, circle)]) for circle in tree.circles()]
    assert circles == [], "\n\n".join(circles)


def test_a_type_name_stands_once_in_the_tree(tree):
    doubled = tree.doubled_types()
    assert doubled == {}, "\n".join(f"{name}: {' '.join(places)}" for name, places in doubled.items())


def test_no_crate_holds_more_than_two_fifths_of_the_lines(tree):
    assert {name: round(share, 3) for name, share in tree.shares().items() if share > LARGEST_SHARE} == {}


def test_unsafe_code_is_in_the_modules_files_for_c_and_the_ones_for_the_kernel_and_libpam_only(tree):
    places = [place for package in tree.packages for place in package.unsafe_places()]
    assert [place for place in places if place.partition(":")[0] not in UNSAFE_FILES] == []
    assert {place.partition(":")[0] for place in places} == set(UNSAFE_FILES), "no unsafe code where there must be some"


def test_no_type_of_ours_goes_by_a_second_name(tree):
    ours = set(tree.types())
    assert [str(alias) for alias in tree.aliases() if alias.path[-1] in ours] == []


def test_the_command_prints_the_figures():
    shown = subprocess.run([ROOT / "tests/house"], check=True, capture_output=True, text=True).stdout
    assert "circles of files: 0" in shown and "of which 0 stand more than once" in shown and "otp-core" in shown


# --- the reader has seen the tree


def test_the_reader_has_seen_every_file_and_hundreds_of_imports_types_and_functions(tree):
    assert [file for package in tree.packages for file in package.unread] == []
    assert len(tree.edges()) >= 100
    assert len(tree.types()) >= 200
    assert len(tree.functions()) >= 500
    for crate in tree.crates:
        assert len(crate.files) < 8 or len(crate.edges()) >= len(crate.files), crate.root_file


def test_every_bracket_of_the_tree_is_closed_by_its_like(tree):
    """A string or a comment that was read wrongly would leave one open."""
    for package in tree.packages:
        for file, source in package.sources.items():
            pairs = {source.text(opening) + source.text(closing) for opening, closing in source.match.items()}
            assert pairs <= {"()", "[]", "{}"}, file
            assert len(source.match) == sum(one.kind == "sign" and one.text in "([{" for one in source.tokens), file


# --- the reader: tokens


@pytest.mark.parametrize(
    "text, kinds",
    [
        ("a /* b /* c */ d */ e", "name name"),
        ("// a\nb /// c", "name"),
        (r'"a \" b" c', "string name"),
        ('r#"a " b"# r"\\" b"c" br##"d"# "## c"e"', "string string string string string"),
        (r"'a' '\'' '\u{1f600}' b'x' '{'", "char char char char char"),
        ("&'a str, 'static", "sign lifetime name sign lifetime"),
        ("f::<'a, 'b>('c')", "name sign sign lifetime sign lifetime sign sign char sign"),
        ("r#type type", "name word"),
        ("0..5 1.5 x.0", "number sign sign number number name sign number"),
    ],
)
def test_text_falls_into_the_tokens_of_rust(text, kinds):
    assert " ".join(token.kind for token in lex(text)) == kinds


def test_a_token_knows_its_line():
    assert [(token.text, token.line) for token in lex('a /* \n */ b "\n" c')] == [("a", 1), ("b", 2), ('"\n"', 2), ("c", 3)]


@pytest.mark.parametrize(
    "text, left",
    [
        ("#[cfg(test)] mod t { fn f() {} } a", "a"),
        ("#[cfg(test)] #[path = \"t.rs\"] mod t; a", "a"),
        ("#[expect(x)] #[cfg(test)] pub(crate) fn f<A, B>(x: [u8; 3]) -> A where A: X, B: Y { } a", "a"),
        ("#[test] fn f() { } a", "a"),
        ("#[cfg(test)] use b::{c, d}; a", "a"),
        ("#[cfg(test)] const X: S = S { y: 1 }; a", "a"),
        ("#[cfg(test)] pub const fn f() { } a", "a"),
        ("#[cfg(test)] impl X for Y { } a", "a"),
        ('#[cfg(test)] unsafe extern "C" { fn f(); } a', "a"),
        ("#[cfg(any(test, feature = \"x\"))] a", "# [ cfg ( any ( test , feature = \"x\" ) ) ] a"),
        ("#[cfg(any(test, all(test, unix)))] struct S(u8); a", "a"),
        ("#[cfg(all(unix, not(test)))] a", "# [ cfg ( all ( unix , not ( test ) ) ) ] a"),
        ("#[cfg(all(unix, test))] proptest! { } a", "a"),
        ("#[cfg_attr(test, derive(Debug))] a", "a"),
        ("{ #[cfg(test)] x: M<A, B>, y }", "{ y }"),
        ("{ #[cfg(test)] X, Y }", "{ Y }"),
        ("{ #[cfg(test)] X => { } Y }", "{ Y }"),
        ("{ #[cfg(test)] X }", "{ }"),
        ("#[cfg(not(test))] a", "# [ cfg ( not ( test ) ) ] a"),
        ("#[cfg(feature = \"test\")] a", "# [ cfg ( feature = \"test\" ) ] a"),
        ("#![cfg(test)] a", ""),
    ],
)
def test_what_is_for_tests_is_left_out(text, left):
    source = Source(text)
    assert " ".join(token.text for token, test in zip(source.tokens, source.is_test, strict=True) if not test) == left


# --- the reader: modules


def test_modules_are_found_where_rust_finds_them(tmp_path):
    tree = write_tree(
        tmp_path,
        one={
            "Cargo.toml": '[[bin]]\nname = "x"\npath = "src/programs/x.rs"\n',
            "src/lib.rs": 'mod a; mod b; #[path = "odd/name.rs"] mod c; mod d { mod e; } mod r#match;',
            "src/a.rs": "mod f;",
            "src/a/f.rs": "",
            "src/b/mod.rs": "mod g;",
            "src/b/g.rs": "",
            "src/odd/name.rs": "mod h;",
            "src/odd/h.rs": "",
            "src/d/e.rs": "",
            "src/match.rs": "",
            "src/programs/x.rs": "",
            "src/bin/y/main.rs": "mod z;",
            "src/bin/y/z.rs": "",
        },
        two={"src/main.rs": "", "src/left_over.rs": ""},
    )
    library = next(crate for crate in tree.crates if crate.root_file.name == "lib.rs")
    assert {module: short(file) for module, file in library.tree().items()} == {
        "crate": "lib",
        "crate::a": "a",
        "crate::a::f": "a/f",
        "crate::b": "b/mod",
        "crate::b::g": "b/g",
        "crate::c": "odd/name",
        "crate::c::h": "odd/h",
        "crate::d": "lib",
        "crate::d::e": "d/e",
        "crate::match": "match",
    }
    assert [len(package.crates) for package in tree.packages] == [3, 1]
    assert [package.unread for package in tree.packages] == [[], ["two/src/left_over.rs"]]


def test_a_file_of_tests_is_read_as_one(crate):
    it = crate(lib="mod a; mod b;", a='use crate::b; #[cfg(test)] #[path = "a_tests.rs"] mod tests;', a_tests="use crate::Root; mod c; struct S;", c="", b="")
    assert imports(it) == ["a -> b"] and it.types == []
    assert [short(file) for file in it.files] == ["a", "b", "lib"]
    assert "one/src/c.rs" in it.sources


# --- the reader: paths. Each time file `a` leads somewhere by one line of source

SHOWN = {
    "lib": "mod a; mod b; mod d; pub mod front; mod r#type; pub struct Root;",
    "b": "pub mod c; pub struct B; pub fn f() {} pub enum E { V }",
    "b__c": "pub struct C; pub fn g() {}",
    "d": "pub struct D; pub struct Other; pub struct Own;",
    "front": """
        pub mod held;
        pub use held::Held;
        pub use crate::d::*;
        pub(crate) use crate::b::E as Renamed;
        use crate::b::B;
        pub struct Own;
        fn f() { struct Other; }
    """,
    "front__held": "pub struct Held;",
    "type": "pub struct T;",
}


@pytest.mark.parametrize(
    "line, targets",
    [
        ("use crate::b::B;", "b"),
        ("use crate::b;", "b"),
        ("use crate::b::c::C;", "b/c"),
        ("use crate::{b::{c::{C, g}, f}, d::D as Other};", "b b/c d"),
        ("use crate::b::{self, c::C};", "b b/c"),
        ("use crate::b::*;", "b"),
        ("use crate::d::D as _;", "d"),
        ("use super::d::D;", "d"),
        ("use crate::Root;", "lib"),
        ("use crate::r#type::T;", "type"),
        ("use crate::b::E::V;", "b"),
        ("pub use crate::d::D;", "d"),
        ("fn f() { use crate::d::D; }", "d"),
        ("mod inner { use super::super::d::D; }", "d"),
        ("mod inner { use super::Mine; } struct Mine;", ""),
        ("use self::inner::X; mod inner { pub struct X; }", ""),
        # re-exports
        ("use crate::front::Held;", "front front/held"),
        ("use crate::front::D;", "d front"),
        ("use crate::front::Renamed;", "b front"),
        ("use crate::front::Own;", "front"),
        ("use crate::front::Other;", "d front"),
        ("use crate::front::*; fn f(x: Held) {}", "front front/held"),
        ("use crate::front::*; struct Held; fn f(x: Held, y: Own) {}", "front"),
        ("use crate::front::*; fn f(x: B) {}", "front"),  # it is private there
        ("use crate::front; fn f(x: front::Held) {}", "front front/held"),
        ("use crate::front::{self}; fn f(x: front::Held) {}", "front front/held"),
        ("use crate::front as other; fn f(x: other::Held) {}", "front front/held"),
        ("use crate::front; fn f() { <X>::front::Held } macro_rules! m { ($front:ident) => { $front::Held } }", "front"),
        ("use crate::front; fn f(x: front::held::Held) {}", "front front/held"),
        # in code
        ("fn f() { crate::b::c::g(); }", "b/c"),
        ("fn f(x: super::d::D) -> Option<crate::b::B> {}", "b d"),
        ("fn f() -> <crate::d::D as Trait>::Out { Vec::<crate::b::B>::new() }", "b d"),
        ("fn f() { vec![crate::d::D]; write!(out, \"{}\", crate::b::f()) }", "b d"),
        ("macro_rules! m { ($x:expr) => { $crate::b::f($x); $x::d::D } }", "b"),
        ("#[arg(value_parser = crate::b::f)] struct S;", "b"),
        ('#[serde(with = "crate::d", default = "crate::b::f")] struct S;', "b d"),
        ("impl crate::b::c::Trait for X {}", "b/c"),
        # no imports
        ("/// [`crate::b::B`]\n//! crate::d::D\n/* crate::d */ struct S;", ""),
        ('const X: &str = "crate::b::B"; const Y: &str = r#"use crate::d::D;"#;', ""),
        ("pub(in crate::b) struct S; pub(crate) fn f() {} struct T(pub(super) u8);", ""),
        ("use std::b::B; use ::d::D; fn f() { ::d::f(); b::f(); x.b::<u8>(); X::b::f() }", ""),
        ("#[cfg(test)] use crate::b; #[cfg(test)] mod tests { use super::*; use crate::d::D; } fn f() { #[cfg(test)] crate::d::g(); }", ""),
        ("#[cfg(test)] mod tests { fn f() {} } use crate::d::D;", "d"),
        ("fn f() -> impl Trait + use<'_> { crate::d::g(); }", "d"),
        ("fn f() { self::g(); Self::new(); Mine::new() }", ""),
    ],
)
def test_a_path_leads_to_the_files_that_it_names(crate, line, targets):
    found = [one for one in imports(crate(**SHOWN, a=line)) if one.startswith("a -> ")]
    assert found == [f"a -> {target}" for target in targets.split()]


def test_a_re_export_is_followed_through_a_chain_of_them(crate):
    it = crate(lib="mod a; mod b; mod c; mod d;", a="use crate::b::D;", b="pub use crate::c::*;", c="pub use crate::d::D;", d="pub struct D;")
    assert [line for line in imports(it) if line.startswith("a")] == ["a -> b", "a -> c", "a -> d"]


def test_a_re_export_that_leads_back_to_itself_ends(crate):
    it = crate(lib="mod a; mod b; mod c;", a="use crate::b::X;", b="pub use crate::c::*;", c="pub use crate::b::*; pub use X as Y;")
    assert imports(it) == ["a -> b", "b -> c", "c -> b"]


def test_a_parent_may_show_what_its_children_hold_and_imports_what_it_uses_itself(crate):
    files = {"p__mod": "mod a; mod b; pub use a::A; pub(crate) use self::b::*; pub struct P;", "p__a": "use super::P; pub struct A;", "p__b": "pub struct B;"}
    assert imports(crate(lib="mod p;", **files)) == ["p/a -> p/mod"]
    files["p__mod"] += "use b::B; fn f() { a::g() }"
    assert imports(crate(lib="mod p;", **files)) == ["p/a -> p/mod", "p/mod -> p/a", "p/mod -> p/b"]


def test_a_child_sees_what_its_parent_imports_for_itself(crate):
    it = crate(lib="mod p; mod q;", p="mod a; use crate::q; use q::Q;", p__a="use super::*; fn f() -> Q { q::g() }", q="pub struct Q;")
    assert imports(it) == ["p -> q", "p/a -> p", "p/a -> q"]


def test_an_import_says_where_it_stands_and_how_it_is_written(crate):
    it = crate(lib="mod a; mod b;", a="\nuse crate::b::{\n    B,\n    C as D,\n};\n", b="")
    assert [str(edge) for edge in it.edges()] == ["one/src/a.rs:3 -> one/src/b.rs (crate::b::B)", "one/src/a.rs:4 -> one/src/b.rs (crate::b::C)"]


# --- the reader: circles, types, lengths


def test_a_circle_is_told_with_the_imports_that_make_it(crate):
    it = crate(lib="mod a; mod b; mod c; mod d;", a="use crate::b;", b="use crate::c; use crate::d;", c="use crate::a; use crate::d;", d="")
    circles = [[(short(edge.file), short(edge.target)) for edge in circle] for circle in it.circles()]
    assert circles == [[("a", "b"), ("b", "c"), ("c", "a")]]


def test_two_circles_are_two_and_a_way_down_is_none(crate):
    text = {"a": "use crate::b;", "b": "use crate::a; use crate::c;", "c": "use crate::d;", "d": "use super::c;"}
    it = crate(lib="mod a; mod b; mod c; mod d;", **text)
    assert [sorted({short(edge.file) for edge in circle}) for circle in it.circles()] == [["a", "b"], ["c", "d"]]
    it = crate(lib="mod a; mod b; mod c; mod d;", **text | {"b": "use crate::c;", "d": ""})
    assert it.circles() == []


def test_a_parent_that_uses_what_it_shows_of_a_child_imports_that_child(crate):
    it = crate(lib="mod p;", p__mod="mod a; pub use a::A; pub struct P(A);", p__a="use super::P; pub struct A;")
    assert [sorted({short(edge.file) for edge in circle}) for circle in it.circles()] == [["p/a", "p/mod"]]
    it = crate(lib="mod p;", p__mod="mod a; pub use a::A; pub trait P { type A; }", p__a="use super::P; pub struct A;")
    assert it.circles() == [], "an associated type is another A"


def test_a_second_name_is_found(tmp_path):
    tree = write_tree(tmp_path, one={"src/lib.rs": "mod a; use a::Thing as Other; use std::fmt::Write as _;", "src/a.rs": "pub struct Thing;"})
    assert [(alias.path[-1], alias.name) for alias in tree.aliases()] == [("Thing", "Other")]


def test_types_are_what_is_defined_and_not_what_is_associated(tmp_path):
    text = """
        pub struct S; enum E<T> { A(T) } union U { x: u8 } pub(crate) trait T { type Inside; fn f() -> impl X { } }
        type Alias = u8;
        impl T for S { type Inside = u8; }
        fn f() -> impl T { struct Local; }
        #[cfg(test)] mod tests { struct Tested; }
        // struct Commented;
        const X: &str = "struct Quoted;";
        fn g(union: u8) { union.x }
    """
    tree = write_tree(tmp_path, one={"src/lib.rs": text}, two={"src/main.rs": "mod a { pub enum S {} }\nstruct Only;"})
    assert sorted(tree.types()) == ["Alias", "E", "Local", "Only", "S", "T", "U"]
    assert tree.doubled_types() == {"S": ["one/src/lib.rs:2", "two/src/main.rs:1"]}


def test_lengths_leave_tests_out(tmp_path):
    text = "fn a() {\n    1\n}\n\ntrait T {\n    fn b();\n}\n\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn c() {}\n}\n"
    tree = write_tree(tmp_path, one={"src/lib.rs": text}, two={"src/main.rs": "fn d() {}\n"})
    assert [(one.name, one.length) for one in tree.functions()] == [("a", 3), ("d", 1)]
    assert tree.code_lengths() == {"one/src/lib.rs": 8, "two/src/main.rs": 1}
    assert tree.shares() == {"one": 13 / 14, "two": 1 / 14}


def test_unsafe_is_found_in_code_and_attributes_but_not_in_words_about_it(tmp_path):
    text = '#![forbid(unsafe_code)]\n// unsafe\nconst X: &str = "unsafe";\n#[unsafe(no_mangle)]\nfn f() { unsafe { } }\n'
    tree = write_tree(tmp_path, one={"src/lib.rs": text})
    assert list(tree.packages[0].unsafe_places()) == ["one/src/lib.rs:4", "one/src/lib.rs:5"]
