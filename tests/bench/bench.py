"""The benchmark itself, inside packaging/private-root: lays out accounts, vaults and services, lets login.c measure, checks
that every answer was the right one, and prints tables. Nothing here passes or fails by time."""

import argparse
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/e2e"))

from journal import Journal  # noqa: E402
from machine import ACCOUNT, AUTH_ERR, DAEMON, HOST_KEY, MODULE, SHIFT, SUCCESS, VAULT, Machine, run, write  # noqa: E402
from totp import totp  # noqa: E402

LOGIN = Path("/usr/local/bin/bench-login")
SERVICES = Path("/etc/bench.d")
GOOGLE = Path("/var/lib/bench-google")
OATH = Path("/var/lib/bench-oath")
WORK = Path("/run/bench")
CROWD = 32
VALGRIND = ["valgrind", "--tool=callgrind", "--collect-atstart=no"]


class Code:
    """The codes of one key, a fresh step at every call: the clock of login.c follows."""

    def __init__(self, key):
        self.key = key
        self.step = key.step + 2

    def rounds(self, count):
        self.step += count
        return range(self.step - count, self.step)

    def right(self, step):
        return self.key.code(step)

    def wrong(self, step):
        near = {self.key.code(step + offset) for offset in range(-4, 5)}
        return next(code for code in ("000000", "000001", "000002", "000003", "000004", "000005", "000006", "000007", "000008", "000009") if code not in near)


class Service:
    """A PAM service, and whose codes it is asked with."""

    def __init__(self, name, line, user, codes, wrong=AUTH_ERR):
        self.name, self.user, self.codes = name, user.name, codes
        self.results = {"right": SUCCESS, "wrong": wrong}
        write(SERVICES / name, f"auth required {line}\n", 0o644)

    def words(self, count, wrong):
        """Arguments of login.c for so many rounds."""
        lines = [f"{step} {self.codes.right(step)} {self.codes.wrong(step) if wrong else '-'}" for step in self.codes.rounds(count)]
        file = WORK / f"{self.name}.codes"
        file.write_text("\n".join(lines) + "\n")
        return [self.name, self.user, file]


class Site:
    """Vault and files of the other modules on one medium, with CROWD users in each."""

    def __init__(self, machine, medium, modules):
        self.machine, self.medium = machine, medium
        users = [machine.new_user() for _ in range(max(CROWD, len(modules)))]
        first_in_passwd(users)
        write(SERVICES / "other", "auth required pam_deny.so\n", 0o644)
        HOST_KEY.unlink(missing_ok=True)
        run(DAEMON, "init")
        machine.start()
        self.members = [(user, Code(machine.enrol(user))) for user in users]
        self.idle = resident(machine.process.pid)
        machine.stop()
        for user, codes in self.members:
            write(GOOGLE / user.name, f'{codes.key.base32}\n" RATE_LIMIT 20 30\n" WINDOW_SIZE 3\n" DISALLOW_REUSE\n" TOTP_AUTH\n', 0o400)
        user, codes = self.members[0]
        write(OATH / "users", f"HOTP/T30/6 {user.name} - {codes.key.secret.hex()}\n", 0o600)
        google = f"pam_google_authenticator.so secret={GOOGLE}/${{USER}} user=root noskewadj"
        self.services = [
            Service("permit", "pam_permit.so", user, codes, wrong=SUCCESS),
            Service("google", google, user, Code(codes.key)),
            Service("oath", f"pam_oath.so usersfile={OATH}/users window=1 digits=6", user, Code(codes.key)),
        ]
        self.services += [Service(name, str(path), *member) for (name, path), member in zip(modules, self.members)]


def first_in_passwd(users):
    """The tested users stand first, so that what a look-up costs does not depend on how many others there are."""
    passwd, names = Path("/etc/passwd"), {user.name for user in users}
    lines = passwd.read_text().splitlines(keepends=True)
    lines.sort(key=lambda line: line.split(":")[0] not in names)
    passwd.write_text("".join(lines))


def resident(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return {name: int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) for name in ("VmRSS", "RssAnon")}


# measuring

def measure(services, rounds, wrong=True):
    """Median microseconds by (service, right or wrong), all services in turn in one process."""
    words = [word for service in services for word in service.words(rounds, wrong)]
    return medians(services, login("rounds", SERVICES, *words))


def medians(services, lines):
    times, faults = {}, {}
    expected = {service.name: service.results for service in services}
    for name, kind, result, nanoseconds, faulted in lines:
        if name == "rss":
            continue
        assert int(result) == expected[name][kind], f"{name}: a {kind} code was answered with {result}"
        if nanoseconds != "0":
            times.setdefault((name, kind), []).append(int(nanoseconds) / 1000)
            faults.setdefault((name, kind), []).append(int(faulted))
    global FAULTS
    FAULTS = {name: median(all_of_it) for name, all_of_it in faults.items()}
    return {name: median(all_of_it) for name, all_of_it in times.items()}


def login(*words, prefix=(), stdin=None):
    done = subprocess.run([str(word) for word in [*prefix, LOGIN, *words]], input=stdin, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return [line.split() for line in done.stdout.splitlines()]


def instructions(service, wrong):
    """Instructions of one authentication, the third of its process, as callgrind counts them."""
    out = WORK / "callgrind.out"
    lines = login("rounds", SERVICES, *counted_words(service, wrong), prefix=[*VALGRIND, f"--callgrind-out-file={out}"])
    medians([service], lines)
    return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.M)[1])


def system_calls(service, wrong):
    """System calls of one authentication, the third of its process."""
    out = WORK / "strace.out"
    medians([service], login("rounds", SERVICES, *counted_words(service, wrong), prefix=["strace", "-o", out]))
    between = out.read_text().split("getppid()")[-2]
    return [line for line in between.splitlines()[1:] if re.match(r"\w+\(", line)]


def counted_words(service, wrong):
    words = service.words(3, wrong)
    if wrong: # the last one, which is counted, is to be the wrong one
        lines = words[2].read_text().splitlines()
        step, _, code = lines[-1].split()
        words[2].write_text("\n".join([*lines[:-1], f"{step} - {code}"]) + "\n")
    return words


def cold(services, rounds):
    """Median microseconds of the first authentication of a process, and its median peak memory in kB."""
    times, peaks = {}, {}
    for number in range(rounds):
        for service in services[number % len(services):] + services[:number % len(services)]:
            lines = login("rounds", SERVICES, *service.words(1, False))
            times.setdefault(service.name, []).append(medians([service], lines)[service.name, "right"])
            peaks.setdefault(service.name, []).append(int(lines[-1][3]))
    return {name: median(all_of_it) for name, all_of_it in times.items()}, {name: median(all_of_it) for name, all_of_it in peaks.items()}


def crowd(service, members, count):
    """Microseconds until the last of `count` different users, who all begin at the same moment, has been let in."""
    step = 1 + max(codes.step for _, codes in members)
    lines = []
    for user, codes in members[:count]:
        codes.step = step + 1
        lines.append(f"{user.name} {codes.right(step)}\n")
    answers = login("crowd", SERVICES, service.name, step, stdin="".join(lines))
    accepted = [line for line in answers if line[1:3] == ["right", "0"]]
    assert len(accepted) == count, f"{service.name}: {len(accepted)} of {count} valid codes were accepted"
    return int(answers[-1][3]) / 1000


def fill(site, count):
    """Key and state files of `count` more users, written directly: never opened, but there."""
    owner = shutil._get_uid(ACCOUNT), shutil._get_gid(ACCOUNT)
    user = site.members[-1][0]
    for directory, name, content in (("keys", "{}.toml", user.key_file.read_bytes()), ("state", "{}", user.state_file.read_bytes())):
        for uid in range(1_000_000, 1_000_000 + count):
            path = VAULT / directory / name.format(uid)
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.write(file, content.replace(b"uid = %d\n" % user.uid, b"uid = %d\n" % uid))
            os.fchown(file, *owner)
            os.close(file)
    os.sync()


def built(path):
    """Size, relocations and needed libraries of a shared object."""
    dynamic = run("readelf", "--dynamic", "--wide", path)
    relocations = sum(int(number) for number in re.findall(r"contains (\d+) entr", run("readelf", "--relocs", "--wide", path)))
    return path.stat().st_size, relocations, re.findall(r"NEEDED.*\[(.*)\]", dynamic)


# laying out

@contextmanager
def medium(name, disk):
    """/etc, vault and the other modules' files on a medium of their own, not on the overlay of the private root."""
    base = Path(disk) if name == "disk" else WORK / "tmpfs"
    base.mkdir(exist_ok=True)
    mounted = []
    for place in (Path("/etc"), VAULT, GOOGLE, OATH):
        source = base / place.name
        shutil.rmtree(source, ignore_errors=True)
        place.mkdir(exist_ok=True)
        run("cp", "-a", place, source)
        run("mount", "--bind", source, place)
        mounted.append(place)
    VAULT.chmod(0o700)
    shutil.chown(VAULT, ACCOUNT, ACCOUNT)
    try:
        yield
    finally:
        for place in reversed(mounted):
            run("umount", place)
        for place in mounted:
            shutil.rmtree(base / place.name)


def prepare(artefacts):
    """What is the same on every medium: programs, accounts, a logger that listens."""
    WORK.mkdir()
    SHIFT.write_text("0")
    run("gcc", "-Wall", "-Wextra", "-Werror", "-O1", "-rdynamic", "-o", LOGIN, Path(__file__).with_name("login.c"), "-lpam")
    Journal()
    machine = Machine(artefacts, "/nonexistent")
    machine.install()
    shutil.rmtree(VAULT)
    return machine


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    parser.add_argument("--disk", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--artefacts", default=ROOT / "target/release", help="directory of what was built")
    parser.add_argument("--rounds", type=int, default=1000, help="authentications of each kind (default: 1000)")
    parser.add_argument("--users", type=int, default=100_000, help="enrolled users at the end of the growth (default: 100000)")
    parser.add_argument("--module", action="append", default=[], metavar="NAME=FILE", help="measure this build of the module, too; nothing but the table of builds is then made")
    options = parser.parse_args()
    machine = prepare(options.artefacts)
    modules = [("otp", MODULE), *(word.split("=", 1) for word in options.module)]
    if options.module:
        return builds(machine, modules, options)
    raise SystemExit("not yet")


def builds(machine, modules, options):
    """Several builds of the module side by side."""
    columns = {}
    for name in ("tmpfs", "disk"):
        with medium(name, options.disk):
            site = Site(machine, name, modules)
            found = measure(site.services, options.rounds)
            print(FAULTS)
            for service in site.services:
                columns.setdefault(service.name, []).extend([found[service.name, "right"], found[service.name, "wrong"]])
            if name == "tmpfs":
                for service in site.services:
                    columns[service.name][:0] = [instructions(service, False), instructions(service, True), len(system_calls(service, False))]
    paths = {name: Path(path) for name, path in modules}
    print(f"{'build':14} {'bytes':>8} {'relocs':>7} {'instr':>8} {'wrong':>8} {'calls':>6} {'tmpfs us':>9} {'wrong':>8} {'disk us':>9} {'wrong':>8}")
    for name, (right, wrong, calls, *times) in columns.items():
        size, relocations, _ = built(paths[name]) if name in paths else (0, 0, None)
        print(f"{name:14} {size:8} {relocations:7} {right:8} {wrong:8} {calls:6} {times[0]:9.1f} {times[1]:8.1f} {times[2]:9.1f} {times[3]:8.1f}")


if __name__ == "__main__":
    main()
