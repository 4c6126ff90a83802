"""Names of images and registries, and the run options of containers."""

from __future__ import annotations

import pytest

from batch_emulator.machine import images, run_options
from batch_emulator.machine.errors import PreparationError

DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36"),
        ("docker.io/busybox", "docker.io/library/busybox:latest"),
        ("biocontainers/samtools:v1.9", "docker.io/biocontainers/samtools:v1.9"),
        ("localhost/mine", "localhost/mine:latest"),
        ("example.azurecr.io/a/b__c-d@" + DIGEST, "example.azurecr.io/a/b__c-d@" + DIGEST),
        ("registry:5000/a:1@" + DIGEST, "registry:5000/a@" + DIGEST),
    ],
)
def test_full_name_of_an_image(given: str, name: str) -> None:
    assert images.full_name(given) == name


@pytest.mark.parametrize(
    "given",
    [
        *("", "--privileged", "-v", "Upper", "a b", "a\nb", "a:", "a@sha256:0", "../x", "a//b", "/a", "a" * 600, "a\0"),
        *("dir:1/etc", "docker-archive:/etc/passwd", "oci:1/x", "https://example.com/a", "example.com/"),
    ],
)
def test_name_that_is_not_of_an_image_is_refused(given: str) -> None:
    with pytest.raises(PreparationError) as refused:
        images.full_name(given)
    assert refused.value.code == "ContainerInvalidImage"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("", "docker.io"),
        ("https://hub.docker.com", "docker.io"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("example.azurecr.io", "example.azurecr.io"),
        ("http://127.0.0.1:5000/", "127.0.0.1:5000"),
    ],
)
def test_server_name_of_a_registry(given: str, name: str) -> None:
    assert images.server_name(given) == name


@pytest.mark.parametrize("given", ["--help", "a b", "https://user@host", "-", "a\0", "host:port"])
def test_name_that_is_not_of_a_registry_is_refused(given: str) -> None:
    with pytest.raises(PreparationError) as refused:
        images.server_name(given)
    assert refused.value.code == "ContainerInvalidRegistry"


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("", []),
        ("--rm --workdir /", ["--rm", "--workdir=/"]),
        ("-w / -e A=1 -eB=2 -e=C=3", ["--workdir=/", "--env=A=1", "--env=B=2", "--env=C=3"]),
        ("-it -itw /", ["--interactive", "--tty", "--interactive", "--tty", "--workdir=/"]),
        ("--gpus=all --entrypoint '' -t=false", ["--gpus=all", "--entrypoint=", "--tty=false"]),
        ("--privileged=false --label 'a b'", ["--privileged=false", "--label=a b"]),
        ("--env --name", ["--env=--name"]),
        ("-v /etc:/host:ro -v named:/a", ["--volume=/etc:/host:ro", "--volume=named:/a"]),
        ("-v /no/such/folder:/a:ro --volume=/no:/b", ["--volume=/a", "--volume=/b"]),
    ],
)
def test_options_of_docker_create_are_passed_on(text: str, passed: list[str]) -> None:
    assert run_options.arguments(run_options.parse(text)) == passed


@pytest.mark.parametrize(
    "text",
    [
        *("busybox", "--rm busybox", "-w / busybox", "--privileged true", "--", "-", "''", "--workdir", "-e", "-itw"),
        *("--name other", "--name=other", "--cidfile=/etc/x", "--pull always", "--restart=always"),
        *("--authfile /x", "--env-host", "--rootfs", "--detach", "-d", "-itd", "--help", "--nothing", "---rm"),
        *("'unbalanced", "--label a\0"),
    ],
)
def test_other_run_options_are_refused(text: str) -> None:
    with pytest.raises(run_options.RunOptionsError, match="containerRunOptions"):
        run_options.parse(text)
