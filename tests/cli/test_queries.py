"""`gifdrop` with a deployed app: one that is known by GIFDROP_URL and GIFDROP_KEY only."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from local.ports import free_ports
from local.stack import Stack
from tests.cli.commands import Ended, run
from tests.support.stack_client import StackClient
from tests.support.videos import make_video

FOLDER = "queries"


@pytest.fixture(scope="module")
async def deployed(stack: Stack) -> dict[str, str]:
    """The variables of a user of a deployed app, signed in to Azure."""
    return {
        "GIFDROP_URL": f"{stack.endpoints['functions']}/api/",
        "GIFDROP_KEY": stack.endpoints["function_key"],
        "GIFDROP_STORAGE_URL": stack.endpoints["storage"],
        **{name: stack.env[name] for name in ("SSL_CERT_FILE", "IDENTITY_ENDPOINT", "IDENTITY_HEADER")},
        "AZURE_CLIENT_ID": stack.env["AZURE_CLIENT_ID"],
    }


@pytest.fixture(scope="module")
async def videos(deployed: dict[str, str], client: StackClient, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What `drop --json` printed of one video that is converted and one that is not."""
    cwd = tmp_path_factory.mktemp("drop")
    (cwd / FOLDER).mkdir()
    make_video(cwd / FOLDER / "good.mp4", seconds=1)
    (cwd / FOLDER / "bad.mp4").write_text("no video")
    (cwd / "clips").mkdir()
    (cwd / FOLDER).rename(cwd / "clips" / FOLDER)
    done = await called("drop", "clips", "--width", "64", "--json", cwd=cwd, **deployed)
    assert done.code == 1, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert (cwd / "out" / FOLDER / "good.gif").exists(), results
    return sorted(results, key=lambda result: str(result["video"]))


async def called(*arguments: str, cwd: Path, **variables: str) -> Ended:
    """Run `gifdrop` while the stack of this process goes on."""
    return await asyncio.to_thread(run, *arguments, cwd=cwd, **variables)


def test_drop_with_json_prints_a_line_for_each_video(videos: list[Any]) -> None:
    bad, good = videos
    assert (bad["state"], bad["saved"], bad["error"]["code"]) == ("failed", None, "NotAVideo")
    assert (good["state"], good["saved"]) == ("succeeded", f"out/{FOLDER}/good.gif")
    assert good["gif"]["width"] == 64


async def test_drop_uploads_by_links_where_the_storage_account_is_not_known(
    deployed: dict[str, str], client: StackClient, tmp_path: Path
) -> None:
    """The key is enough: nobody is signed in to Azure."""
    (tmp_path / "clips" / "linked").mkdir(parents=True)
    make_video(tmp_path / "clips" / "linked" / "one ☃ #1.mp4", seconds=1)
    (tmp_path / "clips" / "linked" / "empty.mp4").touch()
    with (tmp_path / "clips" / "linked" / "large.mp4").open("wb") as file:
        file.truncate(20_000_000)
    only_key = {name: deployed[name] for name in ("GIFDROP_URL", "GIFDROP_KEY")}
    for preset in ("small", "balanced"):  # the second time over the first
        done = await called("drop", "clips", "--preset", preset, "--also", "poster", "--json", cwd=tmp_path, **only_key)
        results = {result["video"]: result for line in done.stdout.splitlines() for result in [json.loads(line)]}
        linked = results["linked/one ☃ #1.mp4"]
        assert (linked["state"], linked["options"]["preset"]) == ("succeeded", preset), done.stderr
        assert results["linked/empty.mp4"]["error"]["message"] == "the file is empty"
        # Its blocks arrived: the converter has judged it.
        assert results["linked/large.mp4"]["error"]["code"] == "NotAVideo"
    assert (tmp_path / "out" / "linked" / "one ☃ #1.gif").exists()
    assert len(list((tmp_path / "out" / "linked").iterdir())) == 2  # and its poster


async def test_list_shows_words_and_with_json_the_values_of_the_api(
    deployed: dict[str, str], videos: list[Any], tmp_path: Path
) -> None:
    shown = await called("list", "--prefix", f"{FOLDER}/", cwd=tmp_path, **deployed)
    assert (shown.code, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    assert any(line.startswith("Failed") and "bad.mp4" in line and "(NotAVideo)" in line for line in lines)
    assert any(line.startswith("Done") and "good.mp4" in line and "64x36" in line for line in lines)
    assert lines[-1] == "2 videos: 1 Done, 1 Failed"
    page = await called(
        "list", "--prefix", f"{FOLDER}/", "--sort", "name", "--limit", "1", "--json", cwd=tmp_path, **deployed
    )
    found = json.loads(page.stdout)
    assert [(video["video"], video["state"]) for video in found["videos"]] == [(f"{FOLDER}/bad.mp4", "failed")]
    assert found["more"]


async def test_show_prints_everything_about_a_video(
    deployed: dict[str, str], videos: list[Any], tmp_path: Path
) -> None:
    done = await called("show", f"{FOLDER}/good.mp4", cwd=tmp_path, **deployed)
    assert done.code == 0
    for text in ("Done", f"{FOLDER}/good.gif", "64x36", "attempt"):
        assert text in done.stdout
    failed = await called("show", f"{FOLDER}/bad.mp4", cwd=tmp_path, **deployed)
    assert failed.code == 1
    assert "(NotAVideo)" in failed.stdout
    unknown = await called("show", "never.mp4", cwd=tmp_path, **deployed)
    assert (unknown.code, unknown.stdout, unknown.stderr.count("\n")) == (1, "", 1)


async def test_retry_queues_a_failed_video_and_reports_a_refusal(
    deployed: dict[str, str], videos: list[Any], client: StackClient, tmp_path: Path
) -> None:
    done = await called("retry", f"{FOLDER}/bad.mp4", f"{FOLDER}/good.mp4", cwd=tmp_path, **deployed)
    assert done.code == 1
    assert f"{FOLDER}/bad.mp4: Waiting, attempt 2" in done.stdout
    assert "(NotFailed)" in done.stdout
    assert (await client.final_status(f"{FOLDER}/bad.mp4"))["attempt"] == 2


async def test_open_with_json_prints_an_address(
    stack: Stack, deployed: dict[str, str], videos: list[Any], tmp_path: Path
) -> None:
    page = await called("open", "--json", cwd=tmp_path, **deployed)
    url = deployed["GIFDROP_URL"].removesuffix("/api/")
    assert json.loads(page.stdout)["url"] == f"{url}/api/dashboard#code={deployed['GIFDROP_KEY']}"
    gif = await called("open", f"{FOLDER}/good.mp4", "--json", cwd=tmp_path, **deployed)
    assert deployed["GIFDROP_KEY"] not in gif.stdout
    assert json.loads(gif.stdout)["url"].startswith(stack.endpoints["links"])
    none = await called("open", f"{FOLDER}/bad.mp4", cwd=tmp_path, **deployed)
    assert (none.code, none.stderr.count("\n")) == (2, 1)


async def test_doctor_shows_the_checks_of_the_app(deployed: dict[str, str], tmp_path: Path) -> None:
    done = await called("doctor", "--json", cwd=tmp_path, **deployed)
    found = json.loads(done.stdout)
    assert done.code == (0 if found["ok"] else 1)
    assert {"connection", "identity", "pool"} <= {check["name"] for check in found["checks"]}
    rejected = await called("doctor", cwd=tmp_path, **deployed | {"GIFDROP_KEY": "wrong"})
    assert rejected.code == 1
    assert "Set GIFDROP_KEY to one of its function keys." in rejected.stdout


async def test_errors_are_one_sentence_that_says_what_to_do(deployed: dict[str, str], tmp_path: Path) -> None:
    closed = f"http://127.0.0.1:{free_ports(1)[0]}"
    for variables, code, text in (
        ({"GIFDROP_KEY": "wrong"}, 4, "rejects the key. Set GIFDROP_KEY"),
        ({"GIFDROP_KEY": ""}, 4, "needs a key. Set GIFDROP_KEY"),
        ({"GIFDROP_URL": closed}, 3, "Check the address and the network."),
        ({"GIFDROP_URL": "http://app.example"}, 2, "Use https://."),
        ({"GIFDROP_URL": "app.example"}, 2, "must be an address such as https://"),
        ({"GIFDROP_URL": "https://user:secret@app.example"}, 2, "must be an address such as https://"),
        ({"GIFDROP_URL": deployed["IDENTITY_ENDPOINT"]}, 3, "not an answer of gifdrop"),
    ):
        done = await called("list", cwd=tmp_path, **deployed | variables)
        assert (done.code, done.stdout) == (code, "")
        assert text in done.stderr
        assert done.stderr.count("\n") == 1


async def test_drop_says_what_is_wrong_with_the_storage_account(
    deployed: dict[str, str], videos: list[Any], tmp_path: Path
) -> None:
    make_video(tmp_path / "one.mp4", seconds=0.2)
    for variables, code, text in (
        ({"GIFDROP_INPUT_CONTAINER": "missing"}, 2, "has no container missing"),
        # Nobody is signed in to the Azure CLI here.
        ({"AZURE_TOKEN_CREDENTIALS": "AzureCliCredential"}, 4, "az login"),
    ):
        done = await called("drop", "one.mp4", cwd=tmp_path, **deployed | variables)
        assert done.code == code, done.stderr
        assert text in done.stderr
        assert done.stderr.count("\n") == 1
