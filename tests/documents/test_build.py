"""What was built: the crates of the module, its symbols, the libraries it needs, how it is hardened, and that nothing of
the product can reach a network."""

import json
import os
import re
import shutil
from pathlib import Path

from harness.machine import DAEMON, MODULE, OTPCTL, PANICKING, ROOT, run

MOST_CRATES = 52
# Every crate that is linked into the module or runs while it is built. A new one is a decision: add it here, with its reason
# in the table of Cargo.toml. (memoffset and its autocfg come with nix's sockets, by which the module asks the daemon.)
CRATES = """
aead autocfg base32 bitflags block-buffer cfg-if cfg_aliases chacha20 chacha20poly1305 cipher cmov constant_time_eq cpufeatures
crypto-common ctutils data-encoding digest hmac hybrid-array inout libc memoffset nix otp-core pam-bindings pam_otp poly1305
proc-macro2 quote serde_spanned sha1 sha2 subtle syn toml toml_datetime toml_parser totp-rs typenum unicode-ident
universal-hash winnow zeroize zeroize_derive
""".split()
HOOKS = ["pam_sm_acct_mgmt", "pam_sm_authenticate", "pam_sm_chauthtok", "pam_sm_close_session", "pam_sm_open_session", "pam_sm_setcred"]
# what a program needs to speak to another machine, and a program on a Unix socket does not
NETWORK = re.compile(r"^(getaddrinfo|getnameinfo|gethostbyname.*|gethostbyaddr.*|getservby.*|inet_.*|in6addr_.*|if_nameto.*|res_.*|ns_.*|__res.*|__inet.*)$")
INTERNET = re.compile(r"\bAF_INET6?\b|\bTcp(Stream|Listener)\b|\bUdpSocket\b|\bToSocketAddrs\b|\bAddressFamily::Inet|\bSockaddrIn6?\b")


def cargo(*words):
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    program = shutil.which("cargo", path=f"{home / 'bin'}:{os.environ['PATH']}")
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
