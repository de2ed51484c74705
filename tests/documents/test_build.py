"""The build: the crates of the module, its symbols, the libraries it needs, how it is hardened, and that no part of the
product can reach a network."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from harness.machine import AUTH_ERR, DAEMON, MODULE, OTPCTL, PANICKING, ROOT, SUCCESS, run

MOST_CRATES = 52
# Every crate that is linked into the module or runs while it is built. A new one is a decision: add it here, with its reason
# in the table of Cargo.toml. (memoffset and its autocfg come with nix's sockets, by which the module asks the daemon.)
CRATES = """
aead autocfg base32 bitflags block-buffer cfg-if cfg_aliases chacha20 chacha20poly1305 cipher cmov constant_time_eq cpufeatures
crypto-common ctutils data-encoding digest hmac hybrid-array inout libc memoffset nix otp-core pam-bindings pam_otp poly1305
proc-macro2 quote serde_spanned sha1 sha2 subtle syn toml toml_datetime toml_parser totp-rs typenum unicode-ident
universal-hash winnow zeroize zeroize_derive
""".split()
OLDEST_GLIBC = [2, 34]  # EL 9
HOOKS = ["pam_sm_acct_mgmt", "pam_sm_authenticate", "pam_sm_chauthtok", "pam_sm_close_session", "pam_sm_open_session", "pam_sm_setcred"]
# what a program needs to speak to another machine, and a program on a Unix socket does not
NETWORK = re.compile(r"^(getaddrinfo|getnameinfo|gethostbyname.*|gethostbyaddr.*|getservby.*|inet_.*|in6addr_.*|if_nameto.*|res_.*|ns_.*|__res.*|__inet.*)$")
INTERNET = re.compile(r"\bAF_INET6?\b|\bTcp(Stream|Listener)\b|\bUdpSocket\b|\bToSocketAddrs\b|\bAddressFamily::Inet|\bSockaddrIn6?\b")


def with_cargo():
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    return os.environ | {"PATH": f"{home / 'bin'}:{os.environ['PATH']}"}


def cargo(*words):
    program = shutil.which("cargo", path=with_cargo()["PATH"])
    assert program, "no cargo: these tests need the toolchain that built the product"
    return run(program, *words, "--manifest-path", ROOT / "Cargo.toml", "--locked", "--offline")


def target():
    return "x86_64-unknown-linux-gnu" if os.uname().machine == "x86_64" else f"{os.uname().machine}-unknown-linux-gnu"


def crates(package):
    """Names of everything that `package` links or needs to be built, itself included."""
    tree = cargo("tree", "--package", package, "--edges", "normal,build", "--prefix", "none", "--target", target())
    return {line.split()[0] for line in tree.splitlines() if line}


def dynamic(path):
    return run("readelf", "--dynamic", "--wide", path)


def needed(path):
    return set(re.findall(r"NEEDED.*\[(.*)\]", dynamic(path)))


def dynamic_symbols(path, which):
    lines = run("nm", "--dynamic", which, path).splitlines()
    return [line.split()[-1].split("@")[0] for line in lines]


def test_the_module_is_built_of_the_crates_that_were_agreed():
    assert crates("pam_otp") == set(CRATES)
    assert len(CRATES) <= MOST_CRATES


def test_no_dependency_needs_a_newer_compiler_than_we_promise():
    about = json.loads(cargo("metadata", "--format-version", "1", "--filter-platform", target()))
    ours = {package["rust_version"] for package in about["packages"] if package["source"] is None}
    assert len(ours) == 1, ours
    promised = version(ours.pop())
    product = set().union(*(crates(package["name"]) for package in about["packages"] if package["source"] is None))
    wanted = {package["name"]: package["rust_version"] or "0" for package in about["packages"] if package["name"] in product}
    assert {name: wanted[name] for name in product if version(wanted[name]) > promised} == {}


def version(text):
    return [int(number) for number in text.split(".")][:2]


def test_the_module_exports_the_six_hooks_and_nothing_else(machine):
    assert sorted(dynamic_symbols(MODULE, "--defined-only")) == HOOKS


def test_no_login_loads_more_than_libpam_and_the_c_library(machine):
    for library in (MODULE, PANICKING):  # the second is what the tests of panics run on
        rest = {name for name in needed(library) if not re.fullmatch(r"libpam\.so\.0|libc\.so\.6|ld-linux.*\.so\.\d", name)}
        assert rest == set(), f"{library}: {rest}"


def test_the_module_loads_where_the_c_library_is_that_of_el_9(machine):
    for library in (MODULE, PANICKING):
        versions = [version(text) for text in re.findall(r"\bGLIBC_([0-9.]+)", run("objdump", "--dynamic-syms", library))]
        assert len(versions) > 20 and max(versions) <= OLDEST_GLIBC, f"{library}: {max(versions)}"
        assert "GLIBC_ABI_DT_RELR" not in run("readelf", "--version-info", "--wide", library), f"{library}: packed relocations, of glibc 2.36"


def test_no_path_of_the_machine_that_built_it_is_in_a_binary(machine, request):
    if Path(request.config.getoption("--artefacts")).name != "release":
        pytest.skip("only packaging/build takes them out, and it builds the release")
    home = os.environ.get("CARGO_HOME", str(Path.home() / ".cargo"))
    for path in (MODULE, DAEMON, OTPCTL):
        data = path.read_bytes()
        assert b"/pam_otp/" in data or b"/cargo/registry/" in data, f"{path}: no path of a source at all"
        assert str(ROOT).encode() not in data and home.encode() not in data, path


def test_gnu_ld_links_the_module_too_and_it_loads_and_works(machine, tmp_path):
    """The default is lld where rustc brings it; Debian's own compiler takes GNU ld, which does not know all flags of build.rs."""
    linker = tmp_path / "gnu-cc"
    linker.write_text('#!/bin/sh\nexec cc "$@" -fuse-ld=bfd\n')
    linker.chmod(0o755)
    quickly = ("--config", "profile.dev.opt-level=0", "--config", "profile.dev.debug=false", "--config", f"target.{target()}.linker='{linker}'")
    words = ["cargo", "build", "--package", "pam_otp", "--target-dir", tmp_path / "target", "--locked", "--offline", *quickly]
    done = subprocess.run(words, cwd=ROOT, env=with_cargo(), capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    module = tmp_path / "target/debug/libpam_otp.so"
    assert "Linker: LLD" not in run("readelf", "--string-dump=.comment", module)
    assert sorted(dynamic_symbols(module, "--defined-only")) == HOOKS
    assert "libgcc_s.so.1" not in needed(module)
    shutil.copy(module, MODULE.with_name("pam_otp_of_gnu_ld.so"))
    machine.service("gnu-ld", "required pam_otp_of_gnu_ld.so")
    user, key = machine.enrolled_user()
    assert [machine.ask("gnu-ld", user, code)[0] for code in (key.wrong(), key.first, key.first)] == [AUTH_ERR, SUCCESS, AUTH_ERR]


def test_the_list_of_crates_is_cyclonedx_and_complete():
    text = listed_crates()
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(text) is None
    document = json.loads(text)
    listed = {one["name"]: one for one in document["components"]}
    macros = {"autocfg", "cfg_aliases", "pam_otp", "proc-macro2", "quote", "syn", "unicode-ident", "zeroize_derive"}  # part of the build, not of what is linked
    assert set(CRATES) - macros <= set(listed) and {"clap", "qrcode", "syslog"} <= set(listed) and "proptest" not in listed
    assert all(one.get("hashes") or one["name"].replace("_", "-").startswith(("otp", "pam-otp")) for one in listed.values())
    assert listed_crates() == text


def listed_crates():
    return subprocess.run([ROOT / "packaging/sbom"], env=with_cargo(), check=True, capture_output=True, text=True).stdout


def test_no_login_asks_the_processor_what_it_can(machine):
    """In a virtual machine every CPUID goes to the host: microseconds each, a dozen at each load (.cargo/config.toml)."""
    if os.uname().machine == "x86_64":
        assert not re.search(r"\tcpuid", run("objdump", "--disassemble", "--no-show-raw-insn", MODULE))


def test_everything_is_hardened(machine):
    for path in (MODULE, DAEMON, OTPCTL):
        about, headers = dynamic(path), run("readelf", "--program-headers", "--wide", path)
        assert "TEXTREL" not in about, f"{path}: code that is written to when it is loaded"
        assert re.search(r"FLAGS_1.*\bNOW\b", about) and "GNU_RELRO" in headers, f"{path}: not full RELRO"
        assert re.search(r"GNU_STACK.*\sRW\s", headers), f"{path}: a stack that can be executed"
        assert not re.search(r"LOAD.*\sRWE\s", headers), f"{path}: memory that is written to and executed"
        assert "DYN (" in run("readelf", "--file-header", path), f"{path}: at a fixed address"
        assert "RPATH" not in about and "RUNPATH" not in about, f"{path}: its own idea of where libraries are"


def test_nothing_has_network_code(machine):
    for path in (MODULE, DAEMON, OTPCTL):
        assert [name for name in dynamic_symbols(path, "--undefined-only") if NETWORK.match(name)] == [], path
        assert not {name for name in needed(path) if re.match(r"lib(resolv|anl|curl|ssl)", name)}
    found = [f"{path}: {hit[0]}" for path in sources() for hit in INTERNET.finditer(path.read_text())]
    assert found == []


def sources():
    return ROOT.glob("*/src/**/*.rs")
