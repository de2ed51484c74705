"""docs/examples/enrol_web.py, driven in a real browser: what a person does there, from the letter's code to the recovery codes."""

import re
import socket
import subprocess
import urllib.error
import urllib.request
from contextlib import ExitStack

import pytest
from selenium import webdriver
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import WebDriverWait

from harness.enrolment import invite
from harness.machine import AUTH_ERR, ROOT, SUCCESS, Key, as_user, key_of
from harness.qr_readers import read_image
from harness.wire import Client


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    profile = tmp_path_factory.mktemp("profile")
    for word in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "window-size=900,1200", f"user-data-dir={profile}"):
        options.add_argument(f"--{word}")
    service = webdriver.chrome.service.Service("/usr/bin/chromedriver")
    browser = webdriver.Chrome(service=service, options=options)
    browser.set_page_load_timeout(60)
    yield browser
    browser.quit()


@pytest.fixture
def page_of(machine, hosts):
    """Starts the example as a user; gives its address."""
    program = hosts / "enrol_web.py"
    program.write_bytes((ROOT / "docs/examples/enrol_web.py").read_bytes())
    program.chmod(0o755)
    started = []

    def start(user):
        process = subprocess.Popen([*as_user(user), "/usr/bin/python3", program], stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process.stdout.readline().strip()

    yield start
    for process in started:
        process.terminate()
        process.wait(10)


def types(browser, name, text):
    page = browser.find_element("tag name", "html")
    field = browser.find_element("name", name)
    field.send_keys(text)
    field.submit()
    WebDriverWait(browser, 30).until(staleness_of(page))
    WebDriverWait(browser, 30).until(lambda it: it.execute_script("return document.readyState") == "complete")


def said(browser):
    return browser.find_element("id", "said").text


def test_an_owner_enrols_in_the_browser(machine, user, browser, page_of, tmp_path):
    code = invite(user)
    browser.get(page_of(user))
    types(browser, "registration", code[:-1] + ("0" if code[-1] != "0" else "1"))
    assert "mistyped" in said(browser)
    types(browser, "registration", code.lower())
    picture = tmp_path / "page.png"
    assert browser.save_screenshot(str(picture))
    read = read_image(picture)
    assert len(read) == 1, "the camera must find one QR code"
    key = key_of(read[0])
    assert browser.find_element("id", "letters").text.replace(" ", "") == re.search(r"secret=(\w+)", read[0])[1]
    types(browser, "code", key.code(key.step - 8))
    assert "not the code" in said(browser) and re.search(r"clock is about [45] min slow", said(browser))
    types(browser, "code", key.first)  # a browser takes its time
    assert browser.find_element("id", "done")
    codes = [found.text for found in browser.find_elements("tag name", "code")]
    assert len(codes) == 8 and all(found.startswith("R-") for found in codes)
    assert machine.ask("otp", user, key.second)[0] == SUCCESS
    assert machine.ask("otp", user, codes[0])[0] == SUCCESS


def test_an_owner_says_in_the_browser_that_it_was_somebody_else(machine, user, browser, page_of):
    code = invite(user)
    with Client(uid=user.uid) as thief:
        key = Key(thief.call("Redeem", registration=code, service="web", tty="pts/666")["enrolment"])
        thief.call("ConfirmEnrolment", code=key.confirming)
    browser.get(page_of(user))
    types(browser, "registration", code)
    assert "already" in said(browser) and "pts/666" in said(browser)
    machine.left_alone()  # also on the connection on which it was refused: its owner thinks
    page = browser.find_element("tag name", "html")
    browser.find_element("id", "notme").click()
    WebDriverWait(browser, 30).until(staleness_of(page))
    assert "suspended: 1 of your keys" in browser.find_element("id", "done").text
    assert machine.ask("otp", user, key.first)[0] == AUTH_ERR


def test_the_code_of_somebody_else_is_of_no_use_there(machine, user, browser, page_of):
    browser.get(page_of(user))
    types(browser, "registration", invite(machine.new_user()))
    assert "not good" in said(browser)


def test_who_lacks_the_address_or_the_form_gets_nothing(machine, user, page_of):
    address = page_of(user)
    for wrong in (address.rsplit("/", 1)[0] + "/", address + "x"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(wrong, timeout=10)
        assert refused.value.code == 404
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(address, data=b"registration=" + invite(user).encode(), timeout=10)
    assert refused.value.code == 403


def test_until_it_is_confirmed_nothing_exists(machine, user, browser, page_of):
    address = page_of(user)
    browser.get(address)
    types(browser, "registration", invite(user))
    key = browser.find_element("id", "letters").text
    types(browser, "code", "000000")
    browser.get(address)
    assert key and not machine.status(user)["enrolled"]
    assert machine.ask("otp", user, "123456")[0] == AUTH_ERR


def test_who_connects_and_says_nothing_keeps_the_owner_from_nothing(machine, user, page_of):
    address = page_of(user)
    port = int(re.search(r":(\d+)/", address)[1])
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(socket.create_connection(("127.0.0.1", port)))
        assert "Registration code" in urllib.request.urlopen(address, timeout=10).read().decode()
