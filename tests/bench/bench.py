"""The benchmark itself, inside packaging/private-root: lays out accounts, vaults and services, lets login.c measure, checks
that every answer was the right one, and prints tables. Nothing here passes or fails by time."""

import argparse
import json
import os
import re
import shutil
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/bench")]

from daemon_way import evenness, first_through_daemon, processor_time, raw_costs, through_daemon  # noqa: E402
from imports import imports  # noqa: E402
from lists import lists  # noqa: E402
from stopwatch import LOGIN, SERVICES, WORK, Code, Service, cold, instructions, login, measure, system_calls, table  # noqa: E402

from harness.journal import Journal  # noqa: E402
from harness.machine import ACCOUNT, AUTH_ERR, DAEMON, HOST_KEY, MODULE, SHIFT, SUCCESS, VAULT, Machine, User, run, write  # noqa: E402
from harness.wire import INTERFACE, Client  # noqa: E402

GOOGLE = Path("/var/lib/bench-google")
OATH = Path("/var/lib/bench-oath")
CROWD = 32
CROWDS = (1, 2, 4, 8, 16, 32)
REPEATS = 3
LONG = Path("/etc/otp/long.toml")
# A policy as the admin of a large host may write it, in 42 lines.
LONG_POLICY = "version = 1\nissuer = \"example.org\"\n" + "".join(
    f'[service.{name}]\nprompt = "Code: "\ndigits = [6, 8]\nunenrolled = "deny"\nreport_only = false\n'
    for name in ("sudo", "sudo-i", "su", "sshd", "login", "polkit-1", "xrdp", "otp-42")
)


class Site:
    """Vault and files of the other modules on one medium, with CROWD users in each."""

    def __init__(self, machine, medium, modules):
        self.machine, self.medium = machine, medium
        users = [machine.new_user() for _ in range(max(CROWD, len(modules) + 1))]
        first_in_passwd(users)
        write(SERVICES / "other", "auth required pam_deny.so\n", 0o644)
        HOST_KEY.unlink(missing_ok=True)
        run(DAEMON, "init")
        machine.start()
        self.members = [(user, Code(machine.enrol(user))) for user in users]
        suspended, without_key = machine.new_user(), machine.new_user()
        codes = Code(machine.enrol(suspended))
        with Client() as client:
            client.call("Suspend", user=suspended.name)
        self.idle = resident(machine.process.pid)["VmRSS"]
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
        self.services += [Service(name, str(path), *member) for (name, path), member in zip(modules, self.members, strict=False)]
        write(LONG, LONG_POLICY, 0o644)
        self.long = Service("otp-42", f"{MODULE} config={LONG}", *self.members[len(modules)])
        causes = ("suspended", suspended), ("no-key", without_key), ("unknown", User("nobody-at-all", None))
        self.refused = [Service(name, str(MODULE), user, codes, right=AUTH_ERR) for name, user in causes]


def first_in_passwd(users):
    """The accounts that are looked up stand first, so that this costs the same whatever else is in the file."""
    passwd, names = Path("/etc/passwd"), ["root", ACCOUNT, *(user.name for user in users)]
    lines = passwd.read_text().splitlines(keepends=True)
    lines.sort(key=lambda line: names.index(line.split(":")[0]) if line.split(":")[0] in names else len(names))
    passwd.write_text("".join(lines))


def resident(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return {name: int(re.search(rf"{name}:\s+(\d+) kB", status)[1]) for name in ("VmRSS", "RssAnon")}


# measuring

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


def verifications(site, connections, bursts):
    """Verify calls a second: bursts of a code for every user, spread over so many connections, each in a step of its own."""
    library = WORK / "clockshift.so"
    run("gcc", "-shared", "-fPIC", "-O1", "-o", library, ROOT / "tests/hosts/clockshift.c")
    first = 2 + max(codes.step for _, codes in site.members)
    move_clock(first)
    site.machine.start("env", f"LD_PRELOAD={library}")
    spent = 0
    with ExitStack() as stack:
        clients = [stack.enter_context(Client()) for _ in range(connections)]
        for step in range(first, first + bursts):
            move_clock(step)
            batches = [b"".join(verify_call(user, codes.right(step)) for user, codes in site.members[number::connections]) for number in range(connections)]
            begun = time.perf_counter()
            for client, batch in zip(clients, batches, strict=True):
                client.send(batch)
            replies = [client.receive() for client, batch in zip(clients, batches, strict=True) for _ in range(batch.count(b"\0"))]
            spent += time.perf_counter() - begun
            refused = [reply for reply in replies if b'"accepted":true' not in reply]
            assert not refused, refused
    site.machine.stop()
    SHIFT.write_text("0")
    for _, codes in site.members:
        codes.step = first + bursts
    return bursts * len(site.members) / spent


def move_clock(step):
    SHIFT.write_text(str(step * 30 + 15 - int(time.time())))


def verify_call(user, code):
    return json.dumps({"method": f"{INTERFACE}.Verify", "parameters": {"user": user.name, "code": code}}).encode() + b"\0"


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
    """/etc, vault and the other modules' files on a medium of their own, and all modules on the disk; not on the overlay
    of the private root."""
    base = Path(disk) if name == "disk" else WORK / "tmpfs"
    base.mkdir(exist_ok=True)
    mounted = []
    modules = MODULE.parent
    for place, above in ((modules, Path(disk)), (Path("/etc"), base), (VAULT, base), (GOOGLE, base), (OATH, base)):
        source = above / place.name
        shutil.rmtree(source, ignore_errors=True)
        place.mkdir(exist_ok=True)
        run("cp", "-a", place, source)
        run("mount", "--bind", source, place)
        mounted.append((place, source))
    VAULT.chmod(0o700)
    shutil.chown(VAULT, ACCOUNT, ACCOUNT)
    try:
        yield
    finally:
        for place, source in reversed(mounted):
            run("umount", place)
            shutil.rmtree(source)


def prepare(artefacts):
    """The same on every medium: programs, accounts, a logger that listens."""
    WORK.mkdir()
    SHIFT.write_text("0")
    run("gcc", "-Wall", "-Wextra", "-Werror", "-O1", "-rdynamic", "-o", LOGIN, Path(__file__).with_name("login.c"), "-lpam")
    global JOURNAL
    JOURNAL = Journal()
    machine = Machine(artefacts, "/nonexistent")
    machine.install()
    shutil.rmtree(VAULT)
    return machine


def main():
    parser = argparse.ArgumentParser(prog="tests/bench/run --", description=__doc__)
    parser.add_argument("--disk", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--artefacts", default=ROOT / "target/release", help="directory of what was built")
    parser.add_argument("--rounds", type=int, default=1000, help="authentications of each kind (default: 1000)")
    parser.add_argument("--users", type=int, default=100_000, help="enrolled users at the end of the growth (default: 100000)")
    parser.add_argument("--module", action="append", default=[], metavar="name=FILE", help="measure this build of the module, too; then nothing but one authentication is measured")
    parser.add_argument("--imports", type=int, metavar="N", help="measure nothing but an import of N keys, its repetition, and one token added to N users")
    parser.add_argument("--lists", action="store_true", help="measure nothing but lists, doctor and a start, with 1000, 10000 and 100000 users")
    options = parser.parse_args()
    machine = prepare(options.artefacts)
    if options.imports:
        return on_imports(machine, options)
    if options.lists:
        return on_lists(machine, options)
    modules = [("otp", MODULE), *(word.split("=", 1) for word in options.module)]
    found = {}
    for name in ("tmpfs", "disk"):
        with medium(name, options.disk):
            on_medium(found, name, Site(machine, name, modules), options)
    if not options.module:
        print_headline(found)
    print_authentication(found, modules)
    if not options.module:
        print_rest(found, options)


def on_lists(machine, options):
    with medium("disk", options.disk):
        HOST_KEY.unlink(missing_ok=True)
        run(DAEMON, "init")
        machine.start()
        lists(machine, (1000, 10_000, 100_000), table)
        machine.stop()


def on_imports(machine, options):
    for name in ("tmpfs", "disk"):
        with medium(name, options.disk):
            HOST_KEY.unlink(missing_ok=True)
            run(DAEMON, "init")
            machine.start()
            imports(machine, options.imports, table)
            machine.stop()


def on_medium(found, name, site, options):
    """Everything that is measured on one medium."""
    services = [*site.services, site.long]
    by_name = {service.name: service for service in services}
    otp, google = by_name["otp"], by_name["google"]
    runs = [measure(services, options.rounds) for _ in range(REPEATS)]
    found["runs", name] = [times for times, _ in runs]
    found["time", name] = {key: median(times[key] for times, _ in runs) for key in runs[0][0]}
    found["faults", name] = runs[0][1]
    if name == "tmpfs":
        for service in services:
            counts = instructions(service, False), instructions(service, True), system_calls(service, False)
            found["counts", service.name] = counts
    if options.module:
        return
    firsts = [cold(services, max(20, options.rounds // 5)) for _ in range(REPEATS)]
    found["firsts", name] = [times for times, _ in firsts]
    found["cold", name] = {key: median(times[key] for times, _ in firsts) for key in firsts[0][0]}, firsts[0][1]
    found["daemon", name] = [through_daemon(site, [otp, google], options.rounds) for _ in range(REPEATS)]
    found["first through daemon", name] = [first_through_daemon(site, [otp, google], max(20, options.rounds // 10)) for _ in range(REPEATS)]
    if name == "tmpfs":
        found["cpu"] = {word: processor_time(site, by_name[service], options.rounds, su) for word, service, su in (
            ("google", "google", False), ("otp", "otp", False), ("google, su", "google", True), ("otp, su", "otp", True))}
        found["evenness"] = evenness(site)
    else:
        found["alone"] = {service.name: measure([service], options.rounds, wrong=False)[0][service.name, "right"] for service in (otp, google)}
        found["raw"] = raw_costs(GOOGLE)
    found["refused", name], _ = measure([otp, *site.refused], options.rounds)
    for count in CROWDS:
        for service in (otp, google):
            members = [(user, codes if service is otp else Code(codes.key, codes.step)) for user, codes in site.members]
            tries = [crowd(service, members, count) for _ in range(max(5, options.rounds // 50))]
            found["crowd", name, service.name, count] = median(tries)
    if name == "tmpfs":
        found["idle"] = site.idle
        for connections in (1, 4):
            found["verify", connections] = verifications(site, connections, max(20, options.rounds // 20))
    before, _ = measure([otp, google], options.rounds, wrong=False)
    fill(site, options.users)
    after, _ = measure([otp, google], options.rounds, wrong=False)
    found["growth", name] = {which: (before[which, "right"], after[which, "right"]) for which in ("otp", "google")}


def spread(runs, of, to):
    """The ratio of two services in each run: its median, and from least to most."""
    ratios = sorted(run[of] / run[to] for run in runs)
    return f"{median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"


def print_headline(found):
    """The first authentication of a process is what sudo, su and sshd are."""
    right, rows = (lambda name: (name, "right")), []
    for where in ("tmpfs", "disk"):
        rows += [
            [f"first of a process, {where}", spread(found["firsts", where], "otp", "google")],
            [f"first of a process, {where}, policy of 42 lines", spread(found["firsts", where], "otp-42", "google")],
            [f"third and later, {where}", spread(found["runs", where], right("otp"), right("google"))],
            [f"third and later, {where}, policy of 42 lines", spread(found["runs", where], right("otp-42"), right("google"))],
            [f"first of a process through the daemon, {where}", spread(found["first through daemon", where], "otp", "google")],
            [f"through the daemon, {where}", spread(found["daemon", where], "otp", "google")],
        ]
    rows.append(["alone on disk", f"{found['alone']['otp'] / found['alone']['google']:.2f}"])
    table([f"google-authenticator = 1, {REPEATS} runs", "ratio (spread)"], rows)
    rows = [[word, *(f"{value:.0f}" for value in both), f"{sum(both):.0f}"] for word, both in found["cpu"].items()]
    table(["processor time, tmpfs", "process, µs", "daemon, µs", "together"], rows)
    in_place, replaced = found["raw"]
    rows = [
        ["google-authenticator alone, µs", f"{found['alone']['google']:.0f}"],
        ["otp alone, µs", f"{found['alone']['otp']:.0f}"],
        ["one fdatasync in place, µs", f"{in_place:.0f}"],
        ["new file, fsync, rename, µs", f"{replaced:.0f}"],
    ]
    table(["on disk", ""], rows)
    half, most = found["evenness"]
    table(["64 connections of 8 users to the daemon", "µs"], [["p50", f"{half:.0f}"], ["p99", f"{most:.0f}"], ["p99 beside p50", f"{most / half:.1f}"]])


def print_authentication(found, modules):
    names = ["permit", "google", "oath", *(name for name, _ in modules), "otp-42"]
    heading = ["", "bytes", "relocations", "instructions", "wrong code", "system calls", "page faults", "tmpfs µs", "wrong code", "disk µs", "wrong code"]
    files = {name: MODULE.with_name(f"pam_{file}.so") for name, file in (("permit", "permit"), ("google", "google_authenticator"), ("oath", "oath"))}
    files |= {name: Path(path) for name, path in modules} | {"otp-42": MODULE}
    rows = []
    for name in names:
        size, relocations, _ = built(files[name])
        right, wrong, calls = found["counts", name]
        times = [f"{found['time', where][name, kind]:.0f}" for where in ("tmpfs", "disk") for kind in ("right", "wrong")]
        rows.append([name, size, relocations, right, wrong, len(calls), f"{found['faults', 'disk'][name, 'right']:.0f}", *times])
    table(heading, rows)


def print_rest(found, options):
    def ratio(where, kind="right", to="google"):
        return found["time", where]["otp", kind] / found["time", where][to, kind]

    time = {where: found["time", where] for where in ("tmpfs", "disk")}
    size, _, libraries = built(MODULE)
    wrong = max(time[where]["otp", "wrong"] / time[where]["otp", "right"] for where in time)
    growth = max(after / before for where in time for before, after in [found["growth", where]["otp"]])
    verified = max(found["verify", connections] for connections in (1, 4))
    budgets = [
        ["disk, beside google-authenticator", "0.75", f"{ratio('disk'):.2f}"],
        ["tmpfs, beside google-authenticator", "1.1", f"{ratio('tmpfs'):.2f}"],
        ["wrong code, beside a right one", "1", f"{wrong:.2f}"],
        [f"{options.users} users, beside {CROWD}", "1.1", f"{growth:.2f}"],
        [f"valid codes accepted, {CROWD} at once", f"{CROWD}", f"{CROWD}"],  # crowd() has asserted it
        ["daemon idle, kB", "4096", found["idle"]],
        ["verifications a second over the socket", "5000", f"{verified:.0f}"],
        ["bytes of the module", "650000", size],
    ]
    table(["what", "budget", "measured"], budgets)
    causes = [name for name, kind in found["refused", "tmpfs"] if kind == "wrong"]
    rows = [["wrong code" if cause == "otp" else cause, *(f"{found['refused', where][cause, 'wrong']:.0f}" for where in ("tmpfs", "disk"))] for cause in causes]
    table(["work of a refusal, before the pause", "tmpfs µs", "disk µs"], rows)
    rows = []
    for where in ("tmpfs", "disk"):
        first, peaks = found["cold", where]
        rows += [[name, where, f"{first[name]:.0f}", f"{peaks[name]:.0f}"] for name in first]
    table(["first authentication of a process", "medium", "µs", "peak kB"], rows)
    rows = [[count, *(f"{found['crowd', where, name, count]:.0f}" for where in ("tmpfs", "disk") for name in ("otp", "google"))] for count in CROWDS]
    table(["users at once, until the last is in", "tmpfs µs", "google", "disk µs", "google"], rows)
    rows = [[where, name, *(f"{value:.0f}" for value in pair), f"{pair[1] / pair[0]:.2f}"] for where in ("tmpfs", "disk") for name, pair in found["growth", where].items()]
    table(["growth", "", f"{CROWD} users, µs", f"{options.users} users, µs", "ratio"], rows)
    table(["connections", "verifications a second"], [[connections, f"{found['verify', connections]:.0f}"] for connections in (1, 4)])
    print(f"libraries of the module: {', '.join(libraries)}")


if __name__ == "__main__":
    main()
