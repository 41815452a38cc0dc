"""In plain Python: ``pytest``. In the sandbox, built and run by a real runtime: ``pytest --perdure-sandbox``."""

from typing import Any

import pytest
from fake_vault import FakeVault
from vault.importing import import_file

from perdure_sdk.testing import Called, Result, run_job

CHROME = "name,url,username,password,note\nMail,https://mail.example.com/,ann,s3cret-1,\n,https://bank.example/x,,s3cret-2,\n"
FIREFOX = '"url","username","password","httpRealm","guid"\n"https://mail.example.com","ann","s3cret-1","","{1}"\n'
BITWARDEN = (
    "folder,favorite,type,name,notes,fields,reprompt,login_uri,login_username,login_password,login_totp\n"
    'work,,login,Mail,a note,"PIN: 1234",0,"https://a.example,https://b.example",ann,s3cret-1,JBSWY3DP\n'
)
KEEPASSXC = (
    '"Group","Title","Username","Password","URL","Notes","TOTP","Icon"\n'
    '"Root","Mail","ann","s3cret-1","https://mail.example.com","two\nlines","otpauth://totp/x?secret=JBSWY3DP","0"\n'
)
KEEPASS = """<?xml version="1.0" encoding="utf-8" standalone="yes"?>
<KeePassFile><Meta><RecycleBinUUID>bin=</RecycleBinUUID></Meta><Root><Group><UUID>top=</UUID><Name>All</Name>
<Entry><String><Key>Title</Key><Value>Mail</Value></String><String><Key>UserName</Key><Value>ann</Value></String>
<String><Key>Password</Key><Value ProtectInMemory="True">s3cret-1</Value></String>
<String><Key>PIN</Key><Value>1234</Value></String>
<History><Entry><String><Key>Password</Key><Value>older</Value></String></Entry></History></Entry>
<Group><UUID>bin=</UUID><Entry><String><Key>Title</Key><Value>thrown away</Value></String></Entry></Group>
<Group><UUID>work=</UUID><Entry><String><Key>Title</Key><Value>Work</Value></String></Entry></Group>
</Group></Root></KeePassFile>"""


def run(vault: FakeVault, state: dict[str, Any] | None = None, **options: Any) -> Result:
    given = {"file": "exports/x", **(state or {})}
    return run_job(import_file, given, operations=vault.operations, **options)


def counts(result: Result) -> tuple[int, int, int]:
    assert result.completed, result.error
    return result.state["stored"], result.state["there_already"], result.state["unreadable"]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        (CHROME, "Mail", {"username": "ann", "urls": ["https://mail.example.com/"]}),
        (CHROME, "bank.example", {"password": "s3cret-2"}),
        (FIREFOX, "mail.example.com", {"username": "ann", "fields": {}}),
        (
            BITWARDEN,
            "Mail",
            {"totp": "JBSWY3DP", "urls": ["https://a.example", "https://b.example"], "notes": "a note"},
        ),
        (BITWARDEN, "Mail", {"fields": {"fields": "PIN: 1234"}}),
        (KEEPASSXC, "Mail", {"notes": "two\nlines", "totp": "otpauth://totp/x?secret=JBSWY3DP"}),
        (KEEPASSXC.replace(",", ";"), "Mail", {"username": "ann"}),
        (KEEPASS, "Mail", {"username": "ann", "fields": {"PIN": "1234"}}),
    ],
)
def test_what_others_export(text: str, name: str, expected: dict[str, Any]) -> None:
    for data in (text.encode(), text.encode("utf-8-sig"), text.encode("utf-16")):
        vault = FakeVault(data)
        assert counts(run(vault))[2] == 0
        login = vault.credentials[name]
        assert {part: login.get(part, {}) for part in expected} == expected
        assert login["password"].startswith("s3cret")


def test_an_old_password_and_the_recycle_bin_are_left_out() -> None:
    vault = FakeVault(KEEPASS.encode())
    run(vault)
    assert sorted(vault.credentials) == ["Mail", "Work"]


def test_the_same_file_twice_changes_nothing() -> None:
    vault = FakeVault(CHROME.encode())
    assert counts(run(vault)) == (2, 0, 0)
    assert counts(run(vault)) == (0, 2, 0)
    assert len(vault.credentials) == 2


def test_names_that_are_taken_get_numbers() -> None:
    rows = "name,username,password\n" + "".join(f"Mail,user{n % 3},p\n" for n in range(6))
    vault = FakeVault(rows.encode())
    vault.put("Mail", password="of somebody else")
    assert counts(run(vault)) == (3, 3, 0)
    assert sorted(vault.credentials) == ["Mail", "Mail (2)", "Mail (3)", "Mail (4)"]
    assert vault.credentials["Mail"]["password"] == "of somebody else"


def test_it_goes_on_where_it_was_stopped_and_nothing_comes_twice() -> None:
    rows = "name,username,password\n" + "".join(f"n{n},ann,p{n}\n" for n in range(60))
    vault = FakeVault(rows.encode(), part=100)
    first = run(vault, interrupt_at=2)
    assert first.interrupted
    assert first.state["done"] == 25
    for name in ("n26", "n27"):  # as if the process had died behind the checkpoint
        vault.put(name, username="ann", password=f"p{name[1:]}")
    assert counts(run(vault, first.state)) == (58, 2, 0)
    assert len(vault.credentials) == 60


def test_a_file_that_changed_is_read_anew() -> None:
    vault = FakeVault(CHROME.encode())
    assert counts(run(vault, {"modified": 7, "done": 1, "stored": 1})) == (2, 0, 0)


def test_what_cannot_be_read_is_named_by_its_place_only() -> None:
    rows = "name,username,password\nok,ann,s3cret\nmany,ann,s3cret,s3cret\nlong,ann,s3cret too long\nlast,ann,s3cret\n"
    vault = FakeVault(rows.encode())
    result = run(vault)
    assert counts(result) == (2, 0, 2)
    assert result.warnings == [
        "row 3: it has more columns than headings",
        "row 4: it has a part that is too long for a login",
    ]
    assert "s3cret" not in str([event for event in result.events if not isinstance(event, Called)])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no,headings\ns3cret,s3cret\n",
        "<KeePassFile><s3cret>",
        "<s3cret/>",
        '<!DOCTYPE x [<!ENTITY a "s3cret">' + "".join(
            f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 50}">' for n in range(9)
        ) + "]><KeePassFile><Root><Group>&j;</Group></Root></KeePassFile>",
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><KeePassFile>&a;</KeePassFile>',
        '"name,password\ns3cret' + "x" * 200_000,
    ],
    ids=["empty", "headings", "cut off", "another root", "billion laughs", "external entity", "one long cell"],
)  # fmt: skip
def test_files_that_are_none(text: str) -> None:
    vault = FakeVault(text.encode())
    result = run(vault)
    assert result.error is not None
    assert result.error.kind == "Unreadable"
    assert "s3cret" not in f"{result.error} {result.logs} {result.warnings} {result.state}"
    assert vault.credentials == {}


def test_one_bad_row_among_many_is_no_end_but_a_thousand_are() -> None:
    rows = "name,password\n" + "a,b,c\n" * 1_000 + "last,s3cret\n"
    vault = FakeVault(rows.encode())
    assert counts(run(vault)) == (0, 0, 101)


def test_a_file_that_is_not_shared() -> None:
    result = run_job(import_file, {"file": "elsewhere/x"}, operations=FakeVault().operations)
    assert result.error is not None
    assert result.error.kind == "PermissionDenied"
