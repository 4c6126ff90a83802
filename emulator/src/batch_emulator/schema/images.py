"""Images and node agents of virtual machines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from batch_emulator.schema import containers
from batch_emulator.schema.checks import anything, body, invalid, text

if TYPE_CHECKING:
    from batch_emulator.entity import Doc

# Publisher, offer, SKU, node agent, capabilities.
SUPPORTED = (
    ("canonical", "ubuntu-24_04-lts", "server", "batch.node.ubuntu 24.04", ("Generation2VMImage",)),
    ("canonical", "0001-com-ubuntu-server-jammy", "22_04-lts", "batch.node.ubuntu 22.04", ()),
    ("canonical", "0001-com-ubuntu-server-focal", "20_04-lts", "batch.node.ubuntu 20.04", ()),
    ("debian", "debian-12", "12-gen2", "batch.node.debian 12", ("Generation2VMImage",)),
    ("almalinux", "almalinux", "8-gen2", "batch.node.el 8", ("Generation2VMImage",)),
    ("almalinux", "almalinux-x86_64", "9-gen2", "batch.node.el 9", ("Generation2VMImage",)),
    ("microsoft-dsvm", "ubuntu-hpc", "2404", "batch.node.ubuntu 24.04", ("DockerCompatible", "Generation2VMImage")),
    ("microsoft-dsvm", "ubuntu-hpc", "2204", "batch.node.ubuntu 22.04", ("DockerCompatible", "Generation2VMImage")),
    ("microsoft-azure-batch", "ubuntu-server-container", "20-04-lts", "batch.node.ubuntu 20.04", ("DockerCompatible",)),
    ("microsoftwindowsserver", "windowsserver", "2022-datacenter", "batch.node.windows amd64", ()),
    ("microsoftwindowsserver", "windowsserver", "2019-datacenter", "batch.node.windows amd64", ()),
    (
        "microsoftwindowsserver",
        "windowsserver",
        "2022-datacenter-with-containers",
        "batch.node.windows amd64",
        ("DockerCompatible",),
    ),
)
_AGENTS = frozenset(
    [
        *(agent for _, _, _, agent, _ in SUPPORTED),
        "batch.node.debian 11",
        "batch.node.mariner 2.0",
        # Retired in Batch, but named by clients that use old api-versions.
        "batch.node.centos 7",
        "batch.node.centos 8",
        "batch.node.debian 9",
        "batch.node.debian 10",
        "batch.node.ubuntu 16.04",
        "batch.node.ubuntu 18.04",
    ]
)
_IMAGE_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/"
    r"(images/[^/]+|galleries/[^/]+/images/[^/]+(/versions/[^/]+)?)",
    re.IGNORECASE,
)
_reference = body(
    publisher=text(),
    offer=text(),
    sku=text(),
    version=text(),
    virtualMachineImageId=text(),
    exactVersion=text(),
    sharedGalleryImageId=text(),
    communityGalleryImageId=text(),
)


def image(given: object, path: str) -> Doc:
    """An image reference; from the marketplace, its version is `latest` unless given."""
    value = _reference(given, path)
    custom = value.get("virtualMachineImageId")
    if custom is not None and not _IMAGE_ID.fullmatch(custom):
        raise invalid("virtualMachineImageId", custom, "The id of an image or of an image in a gallery is expected")
    if custom is not None or "sharedGalleryImageId" in value or "communityGalleryImageId" in value:
        return value
    missing = [name for name in ("publisher", "offer", "sku") if name not in value]
    if missing:
        raise invalid(path, value, f"{missing[0]} is missing")
    return {name: value[name] for name in ("publisher", "offer", "sku")} | {"version": value.get("version", "latest")}


def agent(given: object, path: str) -> str:
    """A node agent that Batch has."""
    if not isinstance(given, str) or given.lower() not in _AGENTS:
        raise invalid("nodeAgentSKUId", given, f"{path} is none of the node agents: {', '.join(sorted(_AGENTS))}")
    return given


_machine = body(
    "imageReference nodeAgentSKUId",
    imageReference=image,
    nodeAgentSKUId=agent,
    containerConfiguration=containers.configuration,
    **dict.fromkeys(
        [
            "windowsConfiguration",
            "dataDisks",
            "licenseType",
            "diskEncryptionConfiguration",
            "nodePlacementConfiguration",
            "extensions",
            "osDisk",
            "securityProfile",
            "serviceArtifactReference",
        ],
        anything,
    ),
)


def machine(given: object, path: str) -> Doc:
    """A virtual machine configuration whose node agent fits its image, if the image is a known one."""
    value = _machine(given, path)
    reference, wanted = value["imageReference"], value["nodeAgentSKUId"].lower()
    for publisher, offer, sku, node_agent, _ in SUPPORTED:
        known = tuple(str(reference.get(name, "")).lower() for name in ("publisher", "offer", "sku"))
        if known == (publisher, offer, sku) and wanted != node_agent:
            raise invalid("nodeAgentSKUId", value["nodeAgentSKUId"], f"The image needs {node_agent}")
    return value
