"""The routes: method, path and operation. Operations have the names of azure-batch's methods."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from batch_emulator.api import account, files, jobs, nodes, pools, schedules, tasks
from batch_emulator.wire.call import Call

Operation = Callable[[Call], Awaitable[web.StreamResponse]]

_POOL = "/pools/{pool}"
_NODE = "/pools/{pool}/nodes/{node}"
_NODE_FILE = "/pools/{pool}/nodes/{node}/files/{path:.+}"
_SCHEDULE = "/jobschedules/{schedule}"
_JOB = "/jobs/{job}"
_TASK = "/jobs/{job}/tasks/{task}"
_TASK_FILE = "/jobs/{job}/tasks/{task}/files/{path:.+}"

ROUTES: list[tuple[str, str, Operation]] = [
    ("GET", "/applications", account.list_applications),
    ("GET", "/applications/{application}", account.get_application),
    ("GET", "/supportedimages", account.list_supported_images),
    ("GET", "/nodeagentskus", account.list_node_agent_skus),
    ("GET", "/poolusagemetrics", account.list_pool_usage_metrics),
    ("GET", "/nodecounts", pools.list_pool_node_counts),
    ("POST", "/pools", pools.create_pool),
    ("GET", "/pools", pools.list_pools),
    ("GET", _POOL, pools.get_pool),
    ("HEAD", _POOL, pools.pool_exists),
    ("DELETE", _POOL, pools.delete_pool),
    ("PATCH", _POOL, pools.update_pool),
    ("POST", f"{_POOL}/updateproperties", pools.replace_pool_properties),
    ("POST", f"{_POOL}/enableautoscale", pools.enable_pool_auto_scale),
    ("POST", f"{_POOL}/disableautoscale", pools.disable_pool_auto_scale),
    ("POST", f"{_POOL}/evaluateautoscale", pools.evaluate_pool_auto_scale),
    ("POST", f"{_POOL}/resize", pools.resize_pool),
    ("POST", f"{_POOL}/stopresize", pools.stop_pool_resize),
    ("POST", f"{_POOL}/removenodes", pools.remove_nodes),
    ("GET", f"{_POOL}/nodes", nodes.list_nodes),
    ("GET", _NODE, nodes.get_node),
    ("POST", f"{_NODE}/reboot", nodes.reboot_node),
    ("POST", f"{_NODE}/reimage", nodes.reimage_node),
    ("POST", f"{_NODE}/deallocate", nodes.deallocate_node),
    ("POST", f"{_NODE}/start", nodes.start_node),
    ("POST", f"{_NODE}/disablescheduling", nodes.disable_node_scheduling),
    ("POST", f"{_NODE}/enablescheduling", nodes.enable_node_scheduling),
    ("GET", f"{_NODE}/remoteloginsettings", nodes.get_node_remote_login_settings),
    ("POST", f"{_NODE}/users", nodes.create_node_user),
    ("PUT", f"{_NODE}/users/{{user}}", nodes.replace_node_user),
    ("DELETE", f"{_NODE}/users/{{user}}", nodes.delete_node_user),
    ("GET", f"{_NODE}/extensions", nodes.list_node_extensions),
    ("GET", f"{_NODE}/extensions/{{extension}}", nodes.get_node_extension),
    ("GET", f"{_NODE}/files", files.list_node_files),
    ("GET", _NODE_FILE, files.download_node_file),
    ("HEAD", _NODE_FILE, files.get_node_file_properties),
    ("DELETE", _NODE_FILE, files.delete_node_file),
    ("POST", "/jobs", jobs.create_job),
    ("GET", "/jobs", jobs.list_jobs),
    ("GET", _JOB, jobs.get_job),
    ("PATCH", _JOB, jobs.update_job),
    ("PUT", _JOB, jobs.replace_job),
    ("DELETE", _JOB, jobs.delete_job),
    ("POST", f"{_JOB}/disable", jobs.disable_job),
    ("POST", f"{_JOB}/enable", jobs.enable_job),
    ("POST", f"{_JOB}/terminate", jobs.terminate_job),
    ("GET", f"{_JOB}/taskcounts", jobs.get_job_task_counts),
    (
        "GET",
        f"{_JOB}/jobpreparationandreleasetaskstatus",
        jobs.list_job_preparation_and_release_task_status,
    ),
    ("POST", f"{_JOB}/tasks", tasks.create_task),
    ("GET", f"{_JOB}/tasks", tasks.list_tasks),
    ("POST", f"{_JOB}/addtaskcollection", tasks.create_task_collection),
    ("GET", _TASK, tasks.get_task),
    ("PUT", _TASK, tasks.replace_task),
    ("DELETE", _TASK, tasks.delete_task),
    ("POST", f"{_TASK}/terminate", tasks.terminate_task),
    ("POST", f"{_TASK}/reactivate", tasks.reactivate_task),
    ("GET", f"{_TASK}/subtasksinfo", tasks.list_subtasks),
    ("GET", f"{_TASK}/files", files.list_task_files),
    ("GET", _TASK_FILE, files.download_task_file),
    ("HEAD", _TASK_FILE, files.get_task_file_properties),
    ("DELETE", _TASK_FILE, files.delete_task_file),
    ("POST", "/jobschedules", schedules.create_job_schedule),
    ("GET", "/jobschedules", schedules.list_job_schedules),
    ("GET", _SCHEDULE, schedules.get_job_schedule),
    ("HEAD", _SCHEDULE, schedules.job_schedule_exists),
    ("PATCH", _SCHEDULE, schedules.update_job_schedule),
    ("PUT", _SCHEDULE, schedules.replace_job_schedule),
    ("DELETE", _SCHEDULE, schedules.delete_job_schedule),
    ("POST", f"{_SCHEDULE}/disable", schedules.disable_job_schedule),
    ("POST", f"{_SCHEDULE}/enable", schedules.enable_job_schedule),
    ("POST", f"{_SCHEDULE}/terminate", schedules.terminate_job_schedule),
    ("GET", f"{_SCHEDULE}/jobs", schedules.list_jobs_from_schedule),
    ("POST", f"{_NODE}/uploadbatchservicelogs", nodes.upload_node_logs),
    ("*", "/certificates{rest:.*}", account.retired),
    ("GET", "/lifetimepoolstats", account.retired),
    ("GET", "/lifetimejobstats", account.retired),
    ("GET", f"{_NODE}/rdp", account.retired),
]
