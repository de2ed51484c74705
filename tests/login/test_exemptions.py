"""Entries of `exempt` as tables: with an end and a reason."""

import datetime
import subprocess

import pytest

from harness.journal import decisions
from harness.machine import AUTH_ERR, SERVICE_ERR, SUCCESS, VAULT, as_user, otpctl, policy, shifted_now
from harness.stacks import of_debian_alone

SERVICE = "otp-exemptions"
DAY = 86_400
YEAR = 365 * DAY


@pytest.fixture(scope="module", autouse=True)
def service(machine):
    return machine.service(SERVICE, "required pam_otp.so", "required pam_permit.so", account="required pam_otp.so")


def day(offset):
    """A date so many days from today, in UTC."""
    return (datetime.datetime.fromtimestamp(shifted_now(), datetime.UTC).date() + datetime.timedelta(days=offset)).isoformat()


def exempt_until(user, date, more=""):
    return f'[service.{SERVICE}]\nexempt = [{{ who = "user:{user.name}", until = {date}{more} }}]\n'


def ask(machine, user):
    return machine.ask(SERVICE, user, "000000")[0]


def test_from_midnight_utc_of_its_day_on_an_exempt_user_is_asked(machine, user, journal):
    midnight = (int(shifted_now()) // DAY + 2) * DAY
    with policy(exempt_until(user, day(2))):
        start = journal.position()
        assert ask(machine, user) == SUCCESS
        with machine.clock(midnight - 60 - int(shifted_now())):
            assert ask(machine, user) == SUCCESS
        assert {(line["outcome"], line["reason"]) for line in decisions(journal.since(start))} == {("ignored", "exempt")}
        with machine.clock(midnight + 1 - int(shifted_now())):
            assert ask(machine, user) == AUTH_ERR


def test_an_exemption_ends_for_its_entry_alone(machine, user, journal):
    other = machine.new_user()
    over, coming = f'{{ who = "user:{user.name}", until = {day(0)}, reason = "on leave" }}', f'{{ who = "uid:{other.uid}", until = {day(1)} }}'
    with policy(f'[service.{SERVICE}]\nexempt = [{over}, {coming}, "net:192.0.2.0/24"]\n'):
        start = journal.position()
        assert (ask(machine, user), ask(machine, other)) == (AUTH_ERR, SUCCESS)
        assert not [line for line in journal.since(start) if "policy=unmatched" in line]
    with policy(f'[service.{SERVICE}]\nexempt = [{over}, "user:{user.name}"]\n'):
        assert ask(machine, user) == SUCCESS, "the other entry has no end"
    with policy(f'[[service.{SERVICE}.exempt]]\nwho = "user:{user.name}"\nuntil = {day(1)}\n'):
        assert ask(machine, user) == SUCCESS
    with policy(f'[service.{SERVICE}]\nrequire = ["user:{user.name}"]\nexempt = [{{ who = "user:{user.name}", until = {day(1)} }}]\n'):
        assert ask(machine, user) == AUTH_ERR, "anyone in both is asked"


def test_the_account_stage_goes_by_the_same_day(machine, user):
    machine.enrol(user)
    assert otpctl("suspend", user.name).returncode == 0
    service = machine.service("otp-exempt-account", "required pam_permit.so", account="required pam_otp.so")
    for date, wanted in ((day(1), "account 0"), (day(0), "account 13")):
        with policy(exempt_until(user, date).replace(SERVICE, service)):
            assert wanted in machine.converse(service, user, "text", "", "-a")[1]


def test_a_clock_that_falls_back_brings_no_exemption_back(machine, user):
    with policy(exempt_until(user, day(-30))):
        assert ask(machine, user) == AUTH_ERR
        for seconds in (-50 * YEAR, -60 * DAY, -int(shifted_now())):
            with machine.synchronised(False), machine.clock(seconds):
                assert ask(machine, user) == AUTH_ERR


def test_where_the_clock_mark_cannot_be_read_no_exemption_with_an_end_counts(machine, user):
    away = VAULT.with_name("otp-away")
    VAULT.rename(away)
    try:
        with policy(exempt_until(user, day(30))):
            assert ask(machine, user) not in (SUCCESS, SERVICE_ERR)
        with policy(f'[service.{SERVICE}]\nexempt = ["user:{user.name}"]\n'):
            assert ask(machine, user) == SUCCESS
    finally:
        away.rename(VAULT)


def test_a_process_without_root_goes_by_the_wall_clock(machine, user):
    host = [*as_user(user), machine.hosts / "oddconv", "--", SERVICE, user.name, "text", "000000"]
    for date, code in ((day(1), SUCCESS), (day(0), AUTH_ERR)):
        with policy(exempt_until(user, date)):
            done = subprocess.run(host, capture_output=True, text=True, timeout=30)
            assert f"authenticate {code}" in done.stdout


@pytest.mark.parametrize(
    "entry, found",
    [
        ("{}", "the field who is missing"),
        ('{ who = "alice" }', 'who is "alice"; wanted user:NAME'),
        ('{ who = "user:EX\\bob" }', "U+0008"),
        ('{ who = "uid:1", until = "2027-01-01" }', "wanted a date like"),
        ('{ who = "uid:1", until = 2027-01-01T10:00:00 }', "wanted a date like"),
        ('{ who = "uid:1", until = 1969-12-31 }', "wanted a date like"),
        ('{ who = "uid:1", reason = "" }', "wanted 1 to 128 characters"),
        ('{ who = "uid:1", reason = "a\\u0007" }', "without control characters"),
        ('{ who = "uid:1", untill = 2027-01-01 }', 'no field "untill"'),
        ("5", "wanted an array of strings and tables"),
    ],
)
def test_a_wrong_exemption_refuses_its_service_alone_and_is_named(machine, user, entry, found):
    other = machine.service("otp-other", "required pam_otp.so nullok", "required pam_permit.so")
    with policy(f"[service.{SERVICE}]\nexempt = [{entry}]\n"):
        assert ask(machine, user) == SERVICE_ERR and machine.ask(other, user, "")[0] == SUCCESS
        done = otpctl("config", "check")
        assert done.returncode == 1 and found in done.stderr and "line 4" in done.stderr


def test_check_shows_exemptions_that_have_ended_or_end_soon(machine, user):
    def told(date, more=""):
        with policy(exempt_until(user, date, more)), of_debian_alone():
            done = otpctl("config", "check")
        assert done.returncode == 0 and "in order" in done.stdout
        return [line for line in done.stderr.splitlines() if user.name in line]

    (ended,) = told(day(-3), ', reason = "lost her phone"')
    assert f"asked since {day(-3)}" in ended and "ended" in ended and "lost her phone" in ended and SERVICE in ended
    assert "ended" in told(day(0))[0] and "within a day" in told(day(1))[0] and f"ends in 30 days: asked from {day(30)}" in told(day(30))[0]
    assert told(day(32)) == []
    with policy(f'[service.{SERVICE}]\nexempt = [{{ who = "user:cral", until = {day(60)} }}]\n'):
        done = otpctl("config", "check")
    assert done.returncode == 1 and '"user:cral": no account has that name' in done.stderr
