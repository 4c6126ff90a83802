"""Pools through Azure Resource Manager, with azure-mgmt-batch."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import pytest
import requests
from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceModifiedError, ResourceNotFoundError
from azure.mgmt.batch import BatchManagementClient
from azure.mgmt.batch import models as arm

from support.emulators import ACCOUNT
from support.resources import add_task, make_job, wait_for_task
from support.tokens import Bearer, make_token
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.secure import SecureEmulator

SUBSCRIPTION = "00000000-1111-2222-3333-444444444444"
ACCOUNT_PATH = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.Batch/batchAccounts/{ACCOUNT}"
NODES = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/n"


@pytest.fixture
def management(secure: SecureEmulator) -> Iterator[BatchManagementClient]:
    with BatchManagementClient(
        Bearer(), SUBSCRIPTION, base_url=secure.url, connection_verify=str(secure.ca), polling_interval=0
    ) as client:
        yield client


def pool_with(**properties: object) -> arm.Pool:
    machine = arm.VirtualMachineConfiguration(
        image_reference=arm.ImageReference(publisher="canonical", offer="ubuntu-24_04-lts", sku="server"),
        node_agent_sku_id="batch.node.ubuntu 24.04",
    )
    given: dict[str, Any] = {
        "vm_size": "STANDARD_D2S_V3",
        "deployment_configuration": arm.DeploymentConfiguration(virtual_machine_configuration=machine),
        "scale_settings": arm.ScaleSettings(fixed_scale=arm.FixedScaleSettings(target_dedicated_nodes=1)),
    }
    return arm.Pool(properties=arm.PoolProperties(**(given | properties)))


def code_of(error: HttpResponseError) -> str | None:
    assert error.error is not None
    return error.error.code


def test_account_and_its_keys(management: BatchManagementClient, secure: SecureEmulator) -> None:
    account = management.batch_account.get("g", ACCOUNT)
    assert account.properties is not None
    assert f"https://{account.properties.account_endpoint}" == secure.url
    assert (account.id, account.properties.provisioning_state) == (ACCOUNT_PATH, "Succeeded")
    families = {each.name: each.core_quota for each in account.properties.dedicated_core_quota_per_vm_family or []}
    assert families["standardDADSv5Family"] == account.properties.dedicated_core_quota
    keys = management.batch_account.get_keys("g", ACCOUNT)
    assert keys.account_name == ACCOUNT
    assert keys.primary
    assert [each.name for each in management.batch_account.list_by_resource_group("g")] == [ACCOUNT]


def test_another_account_is_not_found(management: BatchManagementClient) -> None:
    with pytest.raises(ResourceNotFoundError) as found:
        management.pool.list_by_batch_account("g", "another").next()
    assert code_of(found.value) == "ResourceNotFound"


def test_pool_with_an_identity_is_created_runs_tasks_and_is_deleted(
    management: BatchManagementClient, secure: SecureEmulator, name: str
) -> None:
    start = arm.StartTask(
        command_line="/bin/true",
        wait_for_success=True,
        user_identity=arm.UserIdentity(
            auto_user=arm.AutoUserSpecification(scope=arm.AutoUserScope.POOL, elevation_level=arm.ElevationLevel.ADMIN)
        ),
    )
    network = arm.NetworkConfiguration(
        endpoint_configuration=arm.PoolEndpointConfiguration(
            inbound_nat_pools=[
                arm.InboundNatPool(
                    name="web",
                    protocol=arm.InboundEndpointProtocol.TCP,
                    backend_port=80,
                    frontend_port_range_start=15000,
                    frontend_port_range_end=15100,
                )
            ]
        )
    )
    application = f"{ACCOUNT_PATH}/applications/hello"
    pool = pool_with(
        display_name="by ARM",
        task_slots_per_node=2,
        inter_node_communication=arm.InterNodeCommunicationState.ENABLED,
        start_task=start,
        network_configuration=network,
        application_packages=[arm.ApplicationPackageReference(id=application)],
        metadata=[arm.MetadataItem(name="a", value="b")],
    )
    pool.identity = arm.BatchPoolIdentity(
        type=arm.PoolIdentityType.USER_ASSIGNED, user_assigned_identities={NODES: arm.UserAssignedIdentities()}
    )
    made = management.pool.create("g", ACCOUNT, name, pool)
    assert (made.id, made.name) == (f"{ACCOUNT_PATH}/pools/{name}", name)
    assert made.identity is not None
    assert set(made.identity.user_assigned_identities or {}) == {NODES}
    found = management.pool.get("g", ACCOUNT, name).properties
    assert found is not None
    assert (found.provisioning_state, found.inter_node_communication) == ("Succeeded", "Enabled")
    assert found.start_task is not None
    assert found.start_task.user_identity is not None
    assert found.start_task.user_identity.auto_user is not None
    assert found.start_task.user_identity.auto_user.elevation_level == "Admin"
    assert found.network_configuration is not None
    assert found.network_configuration.endpoint_configuration is not None
    assert found.network_configuration.endpoint_configuration.inbound_nat_pools[0].protocol == "TCP"
    assert found.application_packages == [arm.ApplicationPackageReference(id=application)]
    assert name in {each.name for each in management.pool.list_by_batch_account("g", ACCOUNT)}
    with secure.client() as client:
        seen = client.get_pool(name)
        assert seen.identity is not None
        assert [each.resource_id for each in seen.identity.user_assigned_identities or []] == [NODES]
        make_job(client, name, name)
        add_task(client, name, "t", "/bin/true")
        assert wait_for_task(client, name, "t").execution_info.exit_code == 0  # type: ignore[union-attr]
    management.pool.begin_delete("g", ACCOUNT, name).result()
    with pytest.raises(ResourceNotFoundError) as gone:
        management.pool.get("g", ACCOUNT, name)
    assert code_of(gone.value) == "PoolNotFound"
    management.pool.begin_delete("g", ACCOUNT, name).result()


def test_pool_with_a_container_registry_does_not_show_its_password(
    management: BatchManagementClient, name: str
) -> None:
    password = "secret-word"  # noqa: S105 - of no registry
    registry = arm.ContainerRegistry(registry_server="registry.example", user_name="reader", password=password)
    pool = pool_with(scale_settings=arm.ScaleSettings(fixed_scale=arm.FixedScaleSettings(target_dedicated_nodes=0)))
    assert pool.properties is not None
    machine = pool.properties.deployment_configuration.virtual_machine_configuration  # type: ignore[union-attr]
    assert machine is not None
    machine.container_configuration = arm.ContainerConfiguration(
        type="DockerCompatible", container_image_names=["busybox"], container_registries=[registry]
    )
    for answer in (management.pool.create("g", ACCOUNT, name, pool), management.pool.get("g", ACCOUNT, name)):
        assert password not in str(answer.as_dict())
        found = answer.properties.deployment_configuration.virtual_machine_configuration  # type: ignore[union-attr]
        assert found is not None
        assert found.container_configuration is not None
        assert found.container_configuration.type == "DockerCompatible"
        (shown,) = found.container_configuration.container_registries or []
        assert (shown.registry_server, shown.user_name, shown.password) == ("registry.example", "reader", None)


def test_patch_changes_size_formula_and_metadata(management: BatchManagementClient, name: str) -> None:
    management.pool.create("g", ACCOUNT, name, pool_with())
    fixed = arm.FixedScaleSettings(target_dedicated_nodes=2, target_low_priority_nodes=1)
    changed = management.pool.update(
        "g",
        ACCOUNT,
        name,
        arm.Pool(
            properties=arm.PoolProperties(
                scale_settings=arm.ScaleSettings(fixed_scale=fixed), metadata=[arm.MetadataItem(name="x", value="y")]
            )
        ),
    )
    assert changed.properties is not None
    assert changed.properties.vm_size == "STANDARD_D2S_V3"

    def size() -> tuple[int | None, int | None, object]:
        properties = management.pool.get("g", ACCOUNT, name).properties
        assert properties is not None
        return (
            properties.current_dedicated_nodes,
            properties.current_low_priority_nodes,
            properties.allocation_state,
        )

    wait_until(lambda: size() == (2, 1, "Steady"))
    auto = arm.AutoScaleSettings(formula="$TargetDedicatedNodes=0", evaluation_interval=dt.timedelta(minutes=5))
    scaled = management.pool.update(
        "g",
        ACCOUNT,
        name,
        arm.Pool(properties=arm.PoolProperties(scale_settings=arm.ScaleSettings(auto_scale=auto))),
    )
    assert scaled.properties is not None
    assert scaled.properties.scale_settings is not None
    assert scaled.properties.scale_settings.auto_scale is not None
    assert scaled.properties.scale_settings.auto_scale.evaluation_interval == dt.timedelta(minutes=5)
    assert scaled.properties.auto_scale_run is not None
    stopped = management.pool.disable_auto_scale("g", ACCOUNT, name)
    assert stopped.properties is not None
    assert stopped.properties.scale_settings is not None
    assert stopped.properties.scale_settings.auto_scale is None
    management.pool.begin_delete("g", ACCOUNT, name).result()


def test_pool_sent_back_unchanged_is_accepted_and_another_vm_size_is_refused(
    management: BatchManagementClient, name: str
) -> None:
    management.pool.create("g", ACCOUNT, name, pool_with(display_name="one"))
    found = management.pool.get("g", ACCOUNT, name)
    again = management.pool.create("g", ACCOUNT, name, found)
    assert again.properties is not None
    assert again.properties.display_name == "one"
    with pytest.raises(HttpResponseError) as refused:
        management.pool.create("g", ACCOUNT, name, pool_with(vm_size="STANDARD_D4S_V3"))
    assert (refused.value.status_code, code_of(refused.value)) == (409, "PropertyCannotBeUpdated")
    management.pool.begin_delete("g", ACCOUNT, name).result()


def test_preconditions_hold(management: BatchManagementClient, name: str) -> None:
    made = management.pool.create("g", ACCOUNT, name, pool_with(), match_condition=MatchConditions.IfMissing)
    with pytest.raises(HttpResponseError) as exists:
        management.pool.create("g", ACCOUNT, name, pool_with(), match_condition=MatchConditions.IfMissing)
    assert exists.value.status_code == 412
    changed = arm.Pool(properties=arm.PoolProperties(display_name="two"))
    management.pool.update("g", ACCOUNT, name, changed)
    with pytest.raises(ResourceModifiedError):
        management.pool.update(
            "g", ACCOUNT, name, changed, etag=made.etag, match_condition=MatchConditions.IfNotModified
        )
    management.pool.begin_delete("g", ACCOUNT, name).result()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"no JSON", "InvalidRequestBody"),
        (b"[]", "InvalidRequestBody"),
        (b'{"properties": {"vmSize": "s"}}', "MissingRequiredProperty"),
        (b'{"properties": {"colour": "red"}}', "InvalidRequestBody"),
        (b'{"properties": {"scaleSettings": {"fixedScale": {}, "autoScale": {}}}}', "MutuallyExclusiveProperties"),
        (b'{"identity": {"type": "SystemAssigned"}}', "InvalidPropertyValue"),
        (b'{"identity": {"type": "UserAssigned"}}', "MissingRequiredProperty"),
        (b'{"properties": {"deploymentConfiguration": 7}}', "InvalidRequestBody"),
        (b'{"properties": {"scaleSettings": {"autoScale": []}}}', "InvalidRequestBody"),
        (b'{"properties": {"applicationPackages": {}}}', "InvalidRequestBody"),
    ],
)
def test_invalid_pools_are_refused_with_a_code(secure: SecureEmulator, body: bytes, code: str) -> None:
    response = request(secure, "PUT", f"{ACCOUNT_PATH}/pools/p", data=body)
    assert (response.status_code, response.json()["error"]["code"]) == (400, code)


def request(
    secure: SecureEmulator,
    method: str,
    path: str,
    *,
    audience: str = "https://management.azure.com/",
    data: bytes = b"",
) -> requests.Response:
    return requests.request(
        method,
        f"{secure.url}{path}?api-version=2024-07-01",
        data=data,
        headers={"Authorization": f"Bearer {make_token(audience)}"},
        verify=str(secure.ca),
        timeout=30,
    )


def test_tokens_of_the_batch_service_and_of_resource_manager_are_not_interchangeable(secure: SecureEmulator) -> None:
    batch = "https://batch.core.windows.net/"
    assert request(secure, "GET", ACCOUNT_PATH, audience=batch).status_code == 401
    assert request(secure, "GET", "/pools").status_code == 401
    assert request(secure, "GET", ACCOUNT_PATH).status_code == 200
    assert request(secure, "GET", re.sub("resourceGroups", "RESOURCEGROUPS", ACCOUNT_PATH)).status_code == 200
