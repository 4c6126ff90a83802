"""The data directory of a stack."""

import json
from pathlib import Path

from local.layout import Layout, read_endpoints, read_env, read_keys, write_connection_files


def test_connection_files_round_trip_and_are_private(tmp_path: Path) -> None:
    env = {"GIFDROP_COMPLETE_SCHEDULE": "*/2 * * * * *", "A": "it's $HOME", "B": ""}
    write_connection_files(Layout(tmp_path), endpoints={"functions": "http://x"}, env=env)
    assert read_env(Layout(tmp_path)) == env
    assert read_endpoints(Layout(tmp_path)) == {"functions": "http://x"}
    assert (tmp_path / "env").stat().st_mode & 0o777 == 0o600
    assert json.loads((tmp_path / "endpoints.json").read_text()) == {"functions": "http://x"}


def test_keys_are_random_private_and_kept(tmp_path: Path) -> None:
    first, other = Layout(tmp_path / "first"), Layout(tmp_path / "other")
    for layout in (first, other):
        layout.directory.mkdir()
    keys = read_keys(first)
    assert read_keys(first) == keys
    assert len({*keys.values(), *read_keys(other).values()}) == 2 * len(keys)
    assert first.keys.stat().st_mode & 0o777 == 0o600


def test_keys_missing_from_an_older_stacks_file_are_added(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    layout.keys.write_text(json.dumps({"function": "kept"}))
    keys = read_keys(layout)
    assert keys["function"] == "kept"
    assert len(keys["token_key"]) == 64
    assert read_keys(layout) == keys


def test_layout_clear_deletes_only_what_a_stack_created(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for path in (layout.storage / "blob", layout.nodes / "node", tmp_path / "thesis" / "chapter"):
        path.parent.mkdir(parents=True)
        path.touch()
    layout.clear()
    assert (layout.storage / "blob").exists()
    layout.keys.touch()
    layout.clear()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis"]
    assert (tmp_path / "thesis" / "chapter").exists()
