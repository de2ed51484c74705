"""The Python files of this project: the linter has no complaint, no test imports another one, no name is defined in two files,
and only `harness/wait.py` sleeps. Each check is tried on a made-up tree, where it has something to find."""

import ast
import shutil
import subprocess
import textwrap
from collections import defaultdict

import pytest

from harness.machine import ROOT

LINTED = ("tests", "docs", "packaging")
LEFT_OUT = {"bench", "first-release", "target"}
THE_ONE_THAT_SLEEPS = "harness/wait.py"


class PythonFiles:
    """The Python files below a directory."""

    def __init__(self, root):
        paths = [path.relative_to(root) for path in root.rglob("*.py")]
        self.files = {str(path): ast.parse((root / path).read_text()) for path in sorted(paths) if not LEFT_OUT & set(path.parts)}

    def imports_of_tests(self):
        """`file: test` for each import of a test file, as a whole or in part."""
        tests = {stem(file) for file in self.files if stem(file).startswith("test_")}
        return [f"{file}: {name}" for file, top in self.files.items() for name in sorted(imported(top) & tests)]

    def doubled_names(self):
        """The files of each function, class and fixture that is defined in more than one; tests are known by their file, too."""
        found = defaultdict(list)
        for file, top in self.files.items():
            for name in sorted(set(defined(top))):
                found[name].append(file)
        return {name: files for name, files in found.items() if len(files) > 1}

    def sleeps(self):
        """`file:line` wherever the name of a function that sleeps is used or imported."""
        others = {file: top for file, top in self.files.items() if file != THE_ONE_THAT_SLEEPS}
        return [f"{file}:{node.lineno}" for file, top in others.items() for node in ast.walk(top) if "sleep" in names_in(node)]


def stem(file):
    return file.rpartition("/")[2].removesuffix(".py")


def imported(top):
    """Every part of every name that is imported, wherever in the file."""
    names = set()
    for node in ast.walk(top):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for name in [getattr(node, "module", None) or "", *(one.name for one in node.names)]:
                names |= set(name.split("."))
    return names


def defined(top):
    """Names of a file's own functions and classes that are no tests, and names that fixtures are given."""
    for node in top.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if not node.name.startswith("test_"):
                yield node.name
            yield from given_names(node)


def given_names(node):
    """`@pytest.fixture(name="this")`"""
    for call in node.decorator_list:
        for word in getattr(call, "keywords", ()):
            if word.arg == "name" and isinstance(word.value, ast.Constant):
                yield word.value.value


def names_in(node):
    """Names in this node alone, without those in the nodes below it."""
    if isinstance(node, ast.ImportFrom):
        return {one.name for one in node.names}
    return {getattr(node, "attr", None), getattr(node, "id", None)}


def linter(config, *words):
    program = shutil.which("ruff")
    assert program, "no ruff: tests/run installs it, see PYTHON_PACKAGES there"
    return subprocess.run([program, "check", "--no-cache", "--config", config, *words], cwd=ROOT, capture_output=True, text=True)


# --- the rules


@pytest.fixture(scope="module")
def tests():
    return PythonFiles(ROOT / "tests")


def test_the_linter_has_no_complaint():
    done = linter("tests/ruff.toml", *LINTED)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_file_imports_a_test(tests):
    assert tests.imports_of_tests() == []


def test_no_name_is_defined_in_two_files(tests):
    doubled = tests.doubled_names()
    assert doubled == {}, "\n".join(f"{name}: {' '.join(files)}" for name, files in doubled.items())


def test_only_the_wait_with_a_deadline_sleeps(tests):
    assert tests.sleeps() == []


# --- the checks themselves


def made_up(tmp_path, **files):
    """A tree of these files: `a__b="..."` is a/b.py."""
    for name, text in files.items():
        path = tmp_path / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return PythonFiles(tmp_path)


def test_the_linter_sees_every_file_and_complains_of_a_bad_one(tests, tmp_path):
    seen = linter("tests/ruff.toml", "--show-files", *LINTED).stdout.splitlines()
    assert {str(ROOT / "tests" / file) for file in tests.files} <= set(seen)
    assert any(file.startswith(f"{ROOT}/docs/") for file in seen)
    bad = tmp_path / "bad.py"
    bad.write_text("import os\n")
    done = linter("tests/ruff.toml", bad)
    assert done.returncode == 1 and "F401" in done.stdout


def test_the_tree_has_all_of_the_tests_and_nothing_that_is_left_out(tests, tmp_path):
    assert {"conftest.py", "harness/machine.py", "harness/test_harness.py", "documents/test_python.py"} <= set(tests.files)
    assert len(tests.files) > 60
    tree = made_up(tmp_path, conftest="", a__b="", bench__bench="", panicking__target__c="")
    assert set(tree.files) == {"conftest.py", "a/b.py"}


def test_an_import_of_a_test_is_found_in_any_form(tmp_path):
    files = {
        "login__test_a": "",
        "login__test_b": "import test_a",
        "login__test_c": "from test_a import helper",
        "login__test_d": "def test():\n    from login.test_a import helper",
        "login__test_e": "from . import test_a as other",
        "login__test_f": "import login.test_a",
        "harness__places": "from ..login.test_a import helper",
        "harness__fine": "import test_of_a_library\nfrom harness import places",
    }
    found = ["harness/places.py", *(f"login/test_{letter}.py" for letter in "bcdef")]
    assert made_up(tmp_path, **files).imports_of_tests() == [f"{file}: test_a" for file in found]


def test_a_name_of_two_files_is_found_whatever_it_names(tmp_path):
    files = {
        "a": "def helper(): pass\nclass Kind: pass\ndef test_it(): pass\nCONSTANT = 1",
        "b": "async def helper(): pass\ndef other():\n    def inner(): pass",
        "c": "import pytest\n@pytest.fixture\ndef Kind(): pass\ndef test_it(): pass\nCONSTANT = 1\ndef inner(): pass",
        "d": "import pytest\n@pytest.fixture(scope='module', name='other')\ndef made(): pass",
    }
    assert made_up(tmp_path, **files).doubled_names() == {"helper": ["a.py", "b.py"], "Kind": ["a.py", "c.py"], "other": ["b.py", "d.py"]}


def test_a_sleep_is_found_by_any_name_and_allowed_in_one_place(tmp_path):
    files = {
        "harness__wait": "import time\ntime.sleep(1)",
        "a": "import time\ntime.sleep(1)",
        "b": "from time import sleep as nap\nnap(1)",
        "c": "import time\npause = time.sleep",
        "d": "def run(*words): pass\ndef sleeps(): pass\nrun('sleep', 300)\nsleeps()",
    }
    assert made_up(tmp_path, **files).sleeps() == ["a.py:2", "b.py:1", "c.py:2"]
